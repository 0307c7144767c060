"""Copies of tensors in which a part is replaced."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._explained import explained
from ..tensor import Number, Tensor, TensorLike, array_of, as_tensor
from ._dims import dim_of, integer, integers
from ._writing import fill as _fill
from .masks import where
from .registry import operation

__all__ = [
    "diagonal_scatter", "fill", "renorm", "select_scatter", "slice_scatter", "unravel_index",
    "vander",
]  # fmt: skip


def _replaced(function: str, input: TensorLike, index: Any, src: TensorLike) -> Tensor:
    """A copy with a part replaced, which must have the shape of `src`."""
    copy = as_tensor(input).clone()
    part = copy._array[index]
    if part.shape != array_of(src).shape:
        raise RuntimeError(
            f"{function}: src.shape must equal the shape of the part (got {array_of(src).shape} "
            f"and {part.shape})"
        )
    return _fill(copy, src, index)


@operation(methods=("select_scatter",))
def select_scatter(input: TensorLike, src: TensorLike, dim: int, index: int) -> Tensor:
    """A copy of a tensor in which one position of a dimension is replaced.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    src : Tensor or ndarray, in the shape of `input` without the dimension
    dim, index : int
        The dimension and the position.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    IndexError
        If the dimension or the position is out of range.
    RuntimeError
        If `src` has another shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.select_scatter(cnet.zeros(2, 2), cnet.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    axis = dim_of("select_scatter", dim, input.ndim)
    place = (slice(None),) * axis + (integer("select_scatter", "index", index),)
    return _replaced("select_scatter", input, place, src)


@operation(methods=("slice_scatter",))
def slice_scatter(
    input: TensorLike,
    src: TensorLike,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of a tensor in which a slice of a dimension is replaced.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    src : Tensor or ndarray, in the shape of the slice
    dim : int, default 0
    start, end : int, optional
    step : int, default 1

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    IndexError
        If the dimension is out of range.
    RuntimeError
        If `src` has another shape, or `step` is not positive.

    Examples
    --------
    >>> import cnet
    >>> cnet.slice_scatter(cnet.zeros(4), cnet.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    if step < 1:
        raise RuntimeError(f"slice_scatter: step must be positive (got {step})")
    axis = dim_of("slice_scatter", dim, input.ndim)
    place = (slice(None),) * axis + (slice(start, end, step),)
    return _replaced("slice_scatter", input, place, src)


@operation(methods=("diagonal_scatter",))
def diagonal_scatter(
    input: TensorLike, src: TensorLike, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy of a tensor in which a diagonal, as `diagonal` gives it, is replaced.

    Parameters
    ----------
    input : Tensor or ndarray, at least 2 dimensions
    src : Tensor or ndarray, in the shape of the diagonal
    offset : int, default 0
        The distance from the main diagonal.
    dim1, dim2 : int, default 0 and 1
        The dimensions of the matrices.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    IndexError
        If a dimension is out of range.
    RuntimeError
        If `src` has another shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.diagonal_scatter(cnet.zeros(2, 2), cnet.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    first, second = (dim_of("diagonal_scatter", dim, input.ndim) for dim in (dim1, dim2))
    copy = as_tensor(input).clone()
    part = copy.diagonal(offset, first, second)
    if part.shape != array_of(src).shape:
        raise RuntimeError(
            "diagonal_scatter: src.shape must equal the shape of the diagonal "
            f"(got {array_of(src).shape} and {part.shape})"
        )
    part.copy_(as_tensor(src))
    return copy


@explained
def fill(input: TensorLike, value: Number | TensorLike) -> Tensor:
    """A tensor in the shape and dtype of `input` with this value everywhere.

    Examples
    --------
    >>> import cnet
    >>> cnet.fill(cnet.zeros(2), 3)
    tensor([3., 3.])
    """
    return _fill(as_tensor(input).clone(), value)


@operation(methods=("fill_diagonal_",))
def fill_diagonal_(self: Tensor, fill_value: Number, wrap: bool = False) -> Tensor:
    """Write a value into the main diagonal, which begins again in tall matrices with `wrap`."""
    if self.ndim < 2 or (self.ndim > 2 and len({*self.shape}) > 1):
        raise RuntimeError(
            "fill_diagonal_: the tensor must have 2 dimensions, or more of equal size "
            f"(got shape {self.shape})"
        )
    mask = np.zeros(self.shape, np.bool_)
    np.fill_diagonal(mask, True, wrap)
    return _fill(self, fill_value, mask)


@operation(methods=("renorm",), written=("renorm_",))
def renorm(
    input: TensorLike, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None
) -> Tensor:
    """Scale the parts of a tensor whose norm is greater than a limit down to it.

    Parameters
    ----------
    input : Tensor or ndarray of floats, at least 2 dimensions
    p : float
        The exponent of the norm.
    dim : int
        The dimension along which the parts lie.
    maxnorm : float
        The limit.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    IndexError
        If the dimension is out of range.
    RuntimeError
        If `input` has less than 2 dimensions, `p` is not positive, or `maxnorm` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.renorm(cnet.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6, 0.8],
            [0. , 1. ]])
    """
    x = as_tensor(input)
    if x.ndim < 2 or p <= 0 or maxnorm < 0:
        raise RuntimeError(
            "renorm: input must have at least 2 dimensions, p must be positive, and maxnorm not "
            f"negative (got {x.ndim}, {p} and {maxnorm})"
        )
    axis = dim_of("renorm", dim, x.ndim)
    others = [other for other in range(x.ndim) if other != axis]
    norms = x.norm(p, dim=others, keepdim=True)
    factors = where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
    return x * factors


@explained
def unravel_index(indices: TensorLike, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates of positions in a flattened tensor of this shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.unravel_index(cnet.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    sizes = integers("unravel_index", "shape", (shape,))
    flat = array_of(indices)
    if flat.dtype.kind not in "iu":
        raise TypeError(f"unravel_index: indices must be integers (got {flat.dtype})")
    count = int(np.prod(sizes))
    if flat.size and not -count <= flat.min() <= flat.max() < count:
        raise ValueError(f"unravel_index: indices must be below {count} (got {flat.max()})")
    return tuple([Tensor(np.asarray(part)) for part in np.unravel_index(flat % count, sizes)])


@explained
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix of the powers of a vector, in descending order unless `increasing` is true.

    Examples
    --------
    >>> import cnet
    >>> cnet.vander(cnet.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    base = as_tensor(x)
    if base.ndim != 1:
        raise RuntimeError(f"vander: x must be a vector (got {base.ndim} dimensions)")
    count = len(base) if N is None else integer("vander", "N", N)
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    base = base if base.dtype.kind == "f" else base.long()
    return base.unsqueeze(1) ** powers.copy()
