"""Norms of vectors and matrices, and distances."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32
from ..autograd import Array, Context, Operation
from ..dtypes import DType
from ..tensor import Axis, Tensor, TensorLike, as_tensor
from ._common import also_dim
from ._dims import dims_of, reduced_axes
from ._promotion import require_float
from ._sums import reduced, total
from .arithmetic import sub
from .extrema import amax, amin
from .reductions import Axes, squeezed, sum, times_quotient
from .registry import operation

__all__ = ["dist", "norm"]

Order = float | str | None


class VectorNorm(Operation[Tensor]):
    """The norm of a number order along axes; its gradient is 0 where it does not exist."""

    @classmethod
    def compute(cls, x: Array, *, order: float, axes: Axes, keepdims: bool) -> Array:
        if order == 2 and x.dtype is FLOAT32:
            return reduced(x, "squares", axes, keepdims, root=True)
        if order == 1 and x.itemsize > 2:
            return reduced(x, "magnitudes", axes, keepdims)
        return cls.forward(Context(cls, (None,)), x, order=order, axes=axes, keepdims=keepdims)

    @staticmethod
    def forward(ctx: Context, x: Array, *, order: float, axes: Axes, keepdims: bool) -> Array:
        by_kernel = order == 1 and x.itemsize > 2
        size = x if order == 2 or by_kernel else np.abs(x)
        if order == 2:
            y = _root(x, axes)
        elif by_kernel:
            y = reduced(x, "magnitudes", axes, keepdims=True)
        elif order == np.inf:
            y = np.max(size, axes, keepdims=True)
        elif order == -np.inf:
            y = np.min(size, axes, keepdims=True)
        elif order == 0:
            y = np.sum(size != 0, axes, x.dtype, keepdims=True)
        elif order == 1:
            y = total(size, axes, keepdims=True)
        else:
            y = total(size**order, axes, keepdims=True) ** (1 / order)
        y = np.asarray(y, x.dtype)
        ctx.save_for_backward(x, y)
        ctx.order, ctx.axes = order, axes
        return squeezed(ctx, y, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        order = ctx.order
        grad = grad.reshape(ctx.kept_shape)
        if order == 0:
            return np.zeros_like(x)
        if order == 1:
            return grad * np.sign(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            if abs(order) == np.inf:
                ties = (np.abs(x) == y) | (np.isnan(x) & np.isnan(y))
                return np.sign(x) * ties * (grad / ties.sum(ctx.axes, keepdims=True))
            if order == 2:
                is_zero = y == 0
                return times_quotient(np.where(is_zero, 0, grad), x, np.where(is_zero, 1, y))
            slope = np.sign(x) * (np.abs(x) / y) ** (order - 1)
            return np.where((y == 0) | (x == 0), 0, grad * slope)


def _root(x: Array, axes: Axes) -> Array:
    """The square root of the sum of squares, without overflow and underflow of squares."""
    if x.dtype is FLOAT32:  # whose squares are normal numbers in float64
        return reduced(x, "squares", axes, keepdims=True, root=True)
    with np.errstate(over="ignore", under="ignore"):
        squares = kernels.reduce(x, "squares", axes) if x.itemsize > 2 else total(x * x, axes, True)
        y: Array = np.sqrt(squares)
    tiny = np.finfo(x.dtype).tiny
    if x.size and not (np.isfinite(y).all() and (y > tiny**0.5).all()):
        scale = np.max(np.abs(x), axes, keepdims=True, initial=0)
        scale = np.where((scale == 0) | ~np.isfinite(scale), 1, scale).astype(x.dtype)
        scaled = x / scale
        y = np.sqrt(total(scaled * scaled, axes, keepdims=True)) * scale
    return y


def vector_norm(
    function: str,
    x: TensorLike,
    order: float,
    dim: Axis,
    keepdim: bool,
    dtype: DType,
) -> Tensor:
    """The norm of vectors along dimensions, all by default."""
    if isinstance(order, str) or order is None:
        raise TypeError(f"{function}: the order must be a number (got {order!r})")
    if dtype is not None:
        x = as_tensor(x, dtype)
    require_float(function, x)
    axes = reduced_axes(function, x, dim)
    shape = x.shape
    if (order < 0 or order == np.inf) and 0 in [shape[axis] for axis in axes]:
        raise ValueError(f"{function}: input must have elements (got shape {shape})")
    return VectorNorm.apply(x, order=float(order), axes=axes, keepdims=keepdim)


class SingularValues(Operation[Tensor]):
    """The singular values of matrices in the last two axes, in descending order."""

    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        ctx.save_for_backward(u, vh)
        return s

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        u, vh = ctx.saved
        return (u * grad[..., np.newaxis, :]) @ vh


def matrix_norm(
    function: str,
    x: TensorLike,
    order: Order,
    dim: Sequence[int],
    keepdim: bool,
    dtype: DType,
) -> Tensor:
    """The norm of matrices in two dimensions."""
    if dtype is not None:
        x = as_tensor(x, dtype)
    require_float(function, x)
    if len(dim) != 2 or x.ndim < 2:
        raise ValueError(
            f"{function}: dim must be two dimensions of input (got {tuple(dim)}, {x.ndim})"
        )
    rows, columns = dims_of(function, dim, x.ndim, "dim")
    if order == "fro":
        return vector_norm(function, x, 2, (rows, columns), keepdim, None)
    if order in (1, -1, np.inf, -np.inf):
        inner, outer = (rows, columns) if abs(order) == 1 else (columns, rows)
        sums = vector_norm(function, x, 1, inner, True, None)
        extremum = (amax if order > 0 else amin)(sums, outer, True)
        return extremum if keepdim else extremum.squeeze((rows, columns))
    if order not in (2, -2, "nuc"):
        raise ValueError(
            f"{function}: the order of matrices must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf "
            f"(got {order!r})"
        )
    if order in (2, -2) and 0 in (x.shape[rows], x.shape[columns]):
        raise ValueError(f"{function}: matrices must have elements (got shape {x.shape})")
    moved = as_tensor(x).movedim((rows, columns), (-2, -1))
    values = SingularValues.apply(moved)
    if order == "nuc":
        result = sum(values, -1)
    else:
        result = amax(values, -1) if order == 2 else amin(values, -1)
    if not keepdim:
        return result
    return result.reshape([1 if d in (rows, columns) else n for d, n in enumerate(x.shape)])


@operation(VectorNorm, methods=("norm",))
@also_dim
def norm(
    input: TensorLike,
    p: Order = "fro",
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of all elements or along dimensions.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    p : number, "fro" or "nuc"; default "fro"
        The order. "fro" is the root of the sum of squares, "nuc" the sum of the singular values of
        matrices.
    dim : int or sequence of int, optional
        The dimensions; all by default.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1.
    dtype : dtype, optional
        The dtype to which `input` is converted first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    TypeError
        If the dtype is not a float dtype.
    ValueError
        If the order is unknown, or there are no elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.norm(cnet.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p is None or p == "fro":
        return vector_norm("norm", input, 2, dim, keepdim, dtype)
    if p == "nuc":
        chosen = (-2, -1) if dim is None else dim
        dims = chosen if isinstance(chosen, Sequence) else (chosen,)
        return matrix_norm("norm", input, "nuc", dims, keepdim, dtype)
    if isinstance(p, str):
        raise ValueError(f"norm: p must be a number, 'fro' or 'nuc' (got {p!r})")
    return vector_norm("norm", input, p, dim, keepdim, dtype)


@operation(VectorNorm, methods=("dist",))
def dist(input: TensorLike, other: TensorLike, p: float = 2) -> Tensor:
    """The norm of the difference of two tensors, of order `p`.

    Examples
    --------
    >>> import cnet
    >>> cnet.dist(cnet.tensor([1.0, 2.0]), cnet.tensor([4.0, 6.0]))
    tensor(5.)
    """
    return vector_norm("dist", sub(input, other), p, None, False, None)
