"""Distances and similarities of vectors, and vectors divided by their norm."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..operations._dims import broadcast
from ..operations._promotion import common_float, require_float
from ..operations._sums import reduced, total
from ..operations.arithmetic import LARGE, Add, Mul, Sub
from ..operations.division import Div
from ..operations.reductions import times_quotient
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


class Norm(Operation[Tensor]):
    """The p-norm along an axis. The gradient of a norm 0 is 0."""

    @staticmethod
    def forward(ctx: Context, x: Array, *, p: float, axis: int, keepdim: bool) -> Any:
        if p == 2:
            y: Any = _size(x, axis)
        else:
            y = _norm_of(np.abs(x), p, axis)
        ctx.save_for_backward(x, y)
        ctx.p, ctx.axis = p, axis
        return y if keepdim else y.squeeze(axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x, y), p = ctx.saved, ctx.p
        grad = grad.reshape(y.shape)
        if p == 0:
            return np.zeros_like(x)
        if p == 1:
            return grad * np.sign(x)
        if np.isinf(p):
            extreme = np.abs(x) == y
            return grad * np.sign(x) * extreme / extreme.sum(ctx.axis, keepdims=True, dtype=x.dtype)
        if p == 2:
            is_zero = y == 0
            return times_quotient(np.where(is_zero, 0, grad), x, np.where(is_zero, 1, y))
        inverse = np.divide(1, y, out=np.zeros_like(y), where=y != 0)
        # Elements that are 0 do not matter, but a negative power of them is infinite.
        powers = np.power(np.abs(x) * inverse, p - 1, out=np.zeros_like(x), where=x != 0)
        return grad * np.sign(x) * powers


def _norm_of(a: Array, p: float, axis: int) -> Any:
    """The p-norm of numbers that are not negative."""
    if p == 0:
        return (a != 0).sum(axis, keepdims=True, dtype=a.dtype)
    if np.isinf(p):
        return a.max(axis, keepdims=True, initial=0) if p > 0 else a.min(axis, keepdims=True)
    if p == 1:
        return total(a, (axis,), keepdims=True)
    return total(a**p, (axis,), keepdims=True) ** (1 / p)


def _axis(function: str, x: Tensor, dim: int) -> int:
    """Check a tensor and its dimension, which is returned as a non-negative number."""
    require_float(function, x)
    axes = max(x.ndim, 1)
    if not -axes <= dim < axes:
        raise IndexError(
            f"{function}: dim must be between {-axes} and {axes - 1} (got {dim}, shape {x.shape})"
        )
    return dim % axes


def norm(function: str, x: Tensor, p: float, dim: int, keepdim: bool = True) -> Tensor:
    """The p-norm along an axis.

    Raises
    ------
    TypeError
        If `x` has no float dtype.
    IndexError
        If `dim` is out of range.
    """
    axis = _axis(function, x, dim)
    if x.ndim == 0:
        return norm(function, x.reshape(1), p, 0).reshape(())
    return Norm.apply(x, p=float(p), axis=axis, keepdim=keepdim)


class PairwiseDistance(Norm):
    """The norm of the difference ``x1 - x2 + eps`` along the last axis."""

    @classmethod
    def forward(  # type: ignore[override]
        cls, ctx: Context, x1: Array, x2: Array, *, p: float, eps: float, keepdim: bool
    ) -> Any:
        difference: Any = Sub.forward(ctx, x1, x2)
        difference = Add.forward(ctx, difference, eps)  # type: ignore[arg-type]
        if not difference.ndim:
            difference = difference.reshape(1)
        axis = difference.ndim - 1
        return super().forward(ctx, difference, p=p, axis=axis, keepdim=keepdim)

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Any:
        return Sub.backward(ctx, super().backward(ctx, grad))


class Normalize(Operation[Tensor]):
    """Vectors divided by their 2-norm, or by `eps` if it is greater."""

    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Context, x: Array, *, axis: int, eps: float) -> Array:
        size = _size(x, axis)
        divisor = np.maximum(size, x.dtype.type(eps))
        y = _quotient(x, divisor)
        ctx.save_for_backward(y, size, divisor)
        ctx.axis = axis
        return y

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Context, grad: Array) -> Array:
        y, size, divisor = ctx.saved
        along = total(grad * y, (ctx.axis,), keepdims=True)
        # The gradient of a norm that is less than eps is 0.
        return _quotient(grad - np.where(size < divisor, 0, along) * y, divisor)


def _quotient(x: Array, divisor: Array) -> Array:
    if x.dtype.itemsize < 4:
        return x / divisor
    return kernels.arithmetic(x, divisor, "div")


class CosineSimilarity(Operation[Tensor]):
    @staticmethod
    @np.errstate(all="ignore")
    def forward(ctx: Context, x1: Array, x2: Array, *, axis: int, eps: float) -> Array:
        x1, x2 = common_float("cosine_similarity", x1, x2)
        size1, size2 = _size(x1, axis), _size(x2, axis)
        products = _times_quotient(x2, x1, np.maximum(size1, eps))  # does not overflow
        y = total(products, (axis,), keepdims=True) / np.maximum(size2, eps)
        ctx.save_for_backward(x1, x2, size1, size2, y)
        ctx.axis, ctx.eps = axis, eps
        return np.squeeze(y, axis)

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Context, grad: Array) -> Any:
        x1, x2, size1, size2, y = ctx.saved
        divisor1, divisor2 = np.maximum(size1, ctx.eps), np.maximum(size2, ctx.eps)
        first, second = Div.compute(x1, divisor1), Div.compute(x2, divisor2)
        grad = np.expand_dims(grad, ctx.axis)
        found: list[Array | None] = []
        for own, other, size, divisor, edge in (
            (first, second, size1, divisor1, ctx.edges[0]),
            (second, first, size2, divisor2, ctx.edges[1]),
        ):
            if edge is None:
                found.append(None)
                continue
            # The gradient of a norm that is less than eps is 0.
            along = Mul.compute(own, np.where(size >= ctx.eps, y, 0))
            found.append(Mul.compute(Sub.compute(other, along), grad / divisor))
        return tuple(found)


def _times_quotient(a: Array, b: Array, divisor: Array) -> Array:
    y: Array = a * (b / divisor) if a.size < LARGE else times_quotient(a, b, divisor)
    return y


def _size(x: Array, axis: int) -> Array:
    """The norm along an axis, which is kept."""
    if x.itemsize < 4:
        size: Array = np.sqrt(total(x * x, (axis,), keepdims=True))
        return size
    return reduced(x, "squares", (axis,), keepdims=True, root=True)


@operation()
def normalize(
    input: TensorLike,
    p: float = 2.0,
    dim: int | Sequence[int] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    r"""Divide vectors by their norm: :math:`x / \max(\lVert x \rVert_p, \epsilon)`.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    p : float, default 2.0
        The exponent of the norm.
    dim : int or sequence of int, default 1
        The axis of the vectors, or several axes whose elements form a vector.
    eps : float, default 1e-12
        The least divisor :math:`\epsilon`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has no float dtype.
    IndexError
        If `dim` is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.normalize(cnet.tensor([[3.0, 4.0]]))
    tensor([[0.6, 0.8]])
    """
    input = as_tensor(input)
    if isinstance(dim, Sequence):
        return input / input.norm(p, dim, keepdim=True).clamp(min=eps)
    if p == 2 and input.ndim:
        return Normalize.apply(input, axis=_axis("normalize", input, dim), eps=eps)
    return input / norm("normalize", input, p, dim).clamp(min=eps)


@explained
def cosine_similarity(x1: TensorLike, x2: TensorLike, dim: int = 1, eps: float = 1e-8) -> Tensor:
    r"""The cosine of the angle of two vectors.

    .. math::
        \frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert, \epsilon) \max(\lVert x_2 \rVert, \epsilon)}

    Parameters
    ----------
    x1, x2 : Tensor or ndarray of floats
        The vectors; the shapes must broadcast.
    dim : int, default 1
        The axis of the vectors, counted after broadcasting.
    eps : float, default 1e-8
        The least norm :math:`\epsilon` in the divisor.

    Returns
    -------
    Tensor
        In the broadcast shape without the axis `dim`.

    Raises
    ------
    TypeError
        If an argument has no float dtype.
    ValueError
        If shapes do not broadcast.
    IndexError
        If `dim` is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.cosine_similarity(cnet.tensor([[3.0, 4.0]]), cnet.tensor([[0.0, 2.0]]))
    tensor([0.8])
    """
    function = "cosine_similarity"
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if x1._array.shape != x2._array.shape:
        shape = broadcast(function, x1.shape, x2.shape)
        x1, x2 = (x if x.shape == shape else x.expand(shape) for x in (x1, x2))
    axis = _axis(function, x1, dim)
    require_float(function, x2)
    if not x1._array.ndim:
        x1, x2 = x1.reshape(1), x2.reshape(1)
    return CosineSimilarity.apply(x1, x2, axis=axis, eps=eps)


@explained
def pairwise_distance(
    x1: TensorLike, x2: TensorLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    r"""The distance of vectors: :math:`\lVert x_1 - x_2 + \epsilon \rVert_p`.

    Parameters
    ----------
    x1, x2 : Tensor or ndarray of floats, shape (..., d)
        The vectors; the shapes must broadcast.
    p : float, default 2.0
        The exponent of the norm.
    eps : float, default 1e-6
        The number :math:`\epsilon` that is added to each difference, so that the norm has a
        derivative for equal vectors.
    keepdim : bool, default False
        Whether the result has a last axis of size 1.

    Returns
    -------
    Tensor, shape (...) or (..., 1)

    Raises
    ------
    TypeError
        If an argument has no float dtype.
    ValueError
        If shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x1, x2 = cnet.tensor([[1.0, 2.0]]), cnet.tensor([[4.0, 6.0]])
    >>> cnet.functional.pairwise_distance(x1, x2)
    tensor([5.])
    """
    return PairwiseDistance.apply(x1, x2, p=float(p), eps=eps, keepdim=keepdim)


@explained
def pdist(input: TensorLike, p: float = 2.0) -> Tensor:
    """The distances of all pairs of rows.

    Parameters
    ----------
    input : Tensor or ndarray of floats, shape (n, d)
        The rows.
    p : float, default 2.0
        The exponent of the norm; must not be negative.

    Returns
    -------
    Tensor, shape (n * (n - 1) / 2,)
        The distances of rows i and j with i < j: first those with i = 0, then those with i = 1, and
        so on.

    Raises
    ------
    TypeError
        If `input` has no float dtype.
    ValueError
        If `input` is not a matrix, or `p` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.pdist(cnet.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.    , 1.    , 4.2426])
    """
    input = as_tensor(input)
    if input.ndim != 2:
        raise ValueError(f"pdist: input must have 2 dimensions (got {input.ndim})")
    if not p >= 0:
        raise ValueError(f"pdist: p must not be negative (got {p})")
    first, second = np.triu_indices(len(input), 1)
    return norm("pdist", input[first] - input[second], p, 1, keepdim=False)
