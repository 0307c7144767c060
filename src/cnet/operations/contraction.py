"""Sums of products over labelled dimensions.

Everything is reduced to permutations, sums and one matrix product for each pair of operands, so
that the gradients are those of these operations.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .._explained import explained
from ..tensor import Tensor, TensorLike, as_tensor
from ._dims import dims_of, integer
from .arithmetic import mul
from .axes import permute
from .products import matmul
from .reductions import sum
from .registry import operation
from .triangles import diagonal

__all__ = ["einsum", "ger", "inner", "kron", "outer", "tensordot"]

Labels = list[str]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def contracted(a: Tensor, b: Tensor, la: Labels, lb: Labels, kept: Labels) -> tuple[Tensor, Labels]:
    """Multiply two tensors with labelled dimensions, and sum over the labels that are not kept."""
    a, la = _summed(a, la, [label for label in la if label in lb or label in kept])
    b, lb = _summed(b, lb, [label for label in lb if label in la or label in kept])
    batch = [label for label in la if label in lb and label in kept]
    inside = [label for label in la if label in lb and label not in kept]
    rows = [label for label in la if label not in lb]
    columns = [label for label in lb if label not in la]
    sizes = {label: _common_size(la, a, lb, b, label) for label in (*batch, *inside)}
    a = _arranged(a, la, [*batch, *rows, *inside], sizes)
    b = _arranged(b, lb, [*batch, *inside, *columns], sizes)
    nb, ni, a_shape, b_shape = len(batch), len(inside), a.shape, b.shape
    shape = a_shape[: nb + len(rows)] + b_shape[nb + ni :]
    front, m = a_shape[:nb], prod(a_shape[nb : nb + len(rows)])
    n, k = prod(b_shape[nb + ni :]), prod([sizes[label] for label in inside])
    left, right = _shaped(a, (*front, m, k)), _shaped(b, (*front, k, n))
    product = matmul(left, right) if inside else mul(left, right)
    return _shaped(product, shape), [*batch, *rows, *columns]


def _shaped(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x.shape == shape else x.reshape(shape)


def _common_size(la: Labels, a: Tensor, lb: Labels, b: Tensor, label: str) -> int:
    """The size of a label that two operands have; one of them may have size 1."""
    first, second = a.shape[la.index(label)], b.shape[lb.index(label)]
    if first != second and 1 not in (first, second):
        raise ValueError(
            f"einsum: a label must have the same size in all operands (got {first} and {second})"
        )
    return second if first == 1 else first


def _summed(x: Tensor, labels: Labels, kept: Labels) -> tuple[Tensor, Labels]:
    if labels == kept:
        return x, labels
    return sum(x, [axis for axis, label in enumerate(labels) if label not in kept]), kept


def _arranged(x: Tensor, labels: Labels, order: Labels, sizes: dict[str, int]) -> Tensor:
    """Reorder labelled dimensions, and repeat those of size 1 to their sizes."""
    if labels != order:
        x = permute(x, [labels.index(label) for label in order])
    own = x.shape
    shape = tuple([sizes.get(label, size) for label, size in zip(order, own, strict=True)])
    return x if shape == own else x.expand(shape)


@explained
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products over the dimensions that an equation labels, as `numpy.einsum`.

    Parameters
    ----------
    equation : str
        The labels of the dimensions of each operand, one letter a dimension, separated by commas;
        then, after "->", the labels of the result. "..." stands for all other dimensions, which
        broadcast. Without "->", the result has the labels that occur once, sorted.
    *operands : Tensor or ndarray; or one sequence of them
        In place of an equation, each operand can also be followed by the list of its labels as
        numbers from 0 to 51, and the last by those of the result.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the equation does not fit the operands.

    Examples
    --------
    >>> import cnet
    >>> a = cnet.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> cnet.einsum("ij,kj->ik", a, a)
    tensor([[ 5., 11.],
            [11., 25.]])
    """
    if not isinstance(equation, str):
        equation, operands = _from_numbers((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [as_tensor(x) for x in operands]
    inputs, output = _parsed(equation, tuple([x.ndim for x in tensors]))
    pairs = [_diagonals(x, labels) for x, labels in zip(tensors, inputs, strict=True)]
    result, labels = pairs[0]
    for position, (x, own) in enumerate(pairs[1:], start=1):
        later = [label for _, others in pairs[position + 1 :] for label in others]
        result, labels = contracted(result, x, labels, own, [*output, *later])
    result, labels = _summed(result, labels, [label for label in labels if label in output])
    if len(tensors) > 1 and labels == output:
        return result
    return permute(result, [labels.index(label) for label in output])


def _from_numbers(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation for operands that are followed by lists of numbers."""
    letters = ["".join(_letter(label) for label in labels) for labels in arguments[1::2]]
    equation = ",".join(letters)
    if len(arguments) % 2:
        equation += "->" + "".join(_letter(label) for label in arguments[-1])
    return equation, arguments[: len(letters) * 2 : 2]


def _letter(label: Any) -> str:
    if label is Ellipsis:
        return "..."
    number = integer("einsum", "labels", label)
    if not 0 <= number < len(_LETTERS):
        raise ValueError(f"einsum: labels must be between 0 and 51 (got {number})")
    return _LETTERS[number]


@lru_cache(maxsize=256)
def _parsed(equation: str, ndims: tuple[int, ...]) -> tuple[list[Labels], Labels]:
    """The labels of the operands and of the result; an ellipsis becomes the labels "0", "1", …

    The lists must not be changed.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not ndims:
        raise ValueError("einsum: at least one operand must be given")
    if len(terms) != len(ndims):
        raise ValueError(
            "einsum: equation must have one term for each operand "
            f"(got {len(terms)} and {len(ndims)})"
        )
    others = [
        ndim - len(term.replace("...", "")) if "..." in term else 0
        for term, ndim in zip(terms, ndims, strict=True)
    ]
    dots = [str(number) for number in range(max(others))]
    inputs = []
    for term, ndim, count in zip(terms, ndims, others, strict=True):
        labels = _labels(term, dots[len(dots) - count :] if count >= 0 else [])
        if len(labels) != ndim:
            raise ValueError(
                "einsum: each term must have one label for each dimension of its operand "
                f"(got {term!r} and {ndim} dimensions)"
            )
        inputs.append(labels)
    given = [label for labels in inputs for label in labels]
    if not arrow:
        once = [label for label in given if given.count(label) == 1 and label not in dots]
        return inputs, [*dots, *sorted(once)]
    output = _labels(right, dots)
    if len(set(output)) < len(output) or not set(output) <= set(given):
        raise ValueError(
            "einsum: each label of the result must occur once there, and in an operand "
            f"(got {right!r})"
        )
    return inputs, output


def _labels(term: str, dots: Labels) -> Labels:
    before, ellipsis, after = term.partition("...")
    if not all(letter in _LETTERS for letter in before + after):
        raise ValueError(f"einsum: labels must be letters (got {term!r})")
    return [*before, *(dots if ellipsis else []), *after]


def _diagonals(x: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Replace dimensions with the same label by their diagonal."""
    if len(set(labels)) == len(labels):
        return x, labels
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ValueError(
                    "einsum: a label that an operand repeats must have the same size "
                    f"(got {x.shape[first]} and {x.shape[second]})"
                )
            x = diagonal(x, 0, first, second)
            rest = [other for axis, other in enumerate(labels) if axis not in (first, second)]
            labels = [*rest, label]
    return x, labels


@operation()
def tensordot(
    a: TensorLike,
    b: TensorLike,
    dims: int | Sequence[Sequence[int]] | Tensor = 2,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Sums of products over dimensions of two tensors, as `numpy.tensordot`.

    Parameters
    ----------
    a, b : Tensor or ndarray
    dims : int, or pair of sequences of int; default 2
        The number of last dimensions of `a` and first dimensions of `b`; or the dimensions of each.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        The other dimensions of `a`, then those of `b`.

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If the sizes of the dimensions differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensordot(cnet.ones(2, 3), cnet.ones(3, 4), dims=1).shape
    (2, 4)
    """
    x, y = as_tensor(a), as_tensor(b)
    if isinstance(dims, (Tensor, np.ndarray)):
        dims = dims.tolist()
    if isinstance(dims, Sequence):
        if len(dims) != 2:
            raise ValueError(
                f"tensordot: dims must be an int or the dims of a and of b (got {len(dims)} items)"
            )
        first, second = [d if isinstance(d, Sequence) else (d,) for d in dims]
        ours, theirs = dims_of("tensordot", first, x.ndim), dims_of("tensordot", second, y.ndim)
    else:
        count = integer("tensordot", "dims", dims)
        if not 0 <= count <= min(x.ndim, y.ndim):
            raise ValueError(
                f"tensordot: dims must be between 0 and {min(x.ndim, y.ndim)} (got {count})"
            )
        ours, theirs = tuple(range(x.ndim - count, x.ndim)), tuple(range(count))
    sizes = [x.shape[dim] for dim in ours], [y.shape[dim] for dim in theirs]
    if len(ours) != len(theirs) or any(
        n != m and 1 not in (n, m) for n, m in zip(*sizes, strict=True)
    ):
        raise ValueError(
            f"tensordot: the sizes of dims must be equal (got {sizes[0]} and {sizes[1]})"
        )
    la, lb = [f"a{dim}" for dim in range(x.ndim)], [f"b{dim}" for dim in range(y.ndim)]
    for dim, other in zip(ours, theirs, strict=True):
        lb[other] = la[dim]
    kept = [label for label in la + lb if (label in la) != (label in lb)]
    return contracted(x, y, la, lb, kept)[0]


@operation(methods=("outer", "ger"), numpy=(np.outer,))
def outer(input: TensorLike, vec2: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The products of all pairs of elements of two vectors.

    Parameters
    ----------
    input, vec2 : Tensor or ndarray, 1 dimension
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, shape (n, m)

    Raises
    ------
    ValueError
        If one has another number of dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.outer(cnet.tensor([1, 2]), cnet.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(
            f"outer: input and vec2 must have 1 dimension (got {input.ndim} and {vec2.ndim})"
        )
    return mul(as_tensor(input).unsqueeze(1), vec2)


ger = outer


@operation(methods=("inner",), numpy=(np.inner,))
def inner(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last dimensions; without dimensions, the product.

    Examples
    --------
    >>> import cnet
    >>> cnet.inner(cnet.tensor([1.0, 2.0]), cnet.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if input.ndim == 0 or other.ndim == 0:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ValueError(
            "inner: the last dimensions must have the same size "
            f"(got {input.shape} and {other.shape})"
        )
    return tensordot(input, other, ([-1], [-1]))


@operation(methods=("kron",), numpy=(np.kron,))
def kron(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: `input` with each element multiplied by the whole of `other`.

    Examples
    --------
    >>> import cnet
    >>> cnet.kron(cnet.tensor([1, 10]), cnet.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    a, b = as_tensor(input), as_tensor(other)
    ndim = max(a.ndim, b.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    product = mul(
        a.reshape([size for n in left for size in (n, 1)]),
        b.reshape([size for n in right for size in (1, n)]),
    )
    return product.reshape([n * m for n, m in zip(left, right, strict=True)])
