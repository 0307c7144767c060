"""Sums, products and extrema of all elements up to each one; differences of neighbours."""

from typing import Any

import numpy as np

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..dtypes import DType
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._common import also_dim
from ._dims import dim_of, integer
from ._promotion import floating
from .arithmetic import mul, sub
from .extrema import ValuesAndIndices
from .gathering import gather
from .joining import cat
from .reductions import sum
from .registry import numpy_function, operation
from .splitting import narrow

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp",
    "trapezoid", "trapz",
]  # fmt: skip


def _running(x: Array, axis: int, product: bool = False, reverse: bool = False) -> Array:
    """The sums or products of floats up to each one, or from each one to the last."""
    if x.itemsize > 2:
        return kernels.accumulate(x, axis, product, reverse)
    return kernels.accumulate(x.astype(np.float32), axis, product, reverse).astype(x.dtype)


class CumSum(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Array:
        ctx.axis = axis
        if x.dtype.kind != "f":
            return np.cumsum(x, axis, np.int64)
        return _running(x, axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _running(grad, ctx.axis, reverse=True)


class CumProd(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Array:
        is_float = x.dtype.kind == "f"
        y = _running(x, axis, product=True) if is_float else np.cumprod(x, axis, np.int64)
        ctx.axis = axis
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        axis = ctx.axis
        zero = x == 0
        if not zero.any():
            return _running(grad * y, axis, reverse=True) / x
        first = zero & (np.cumsum(zero, axis) == 1)
        dx = _running(grad * y, axis, reverse=True) / np.where(zero, 1, x)
        # The derivative at the first zero is a sum of products without it.
        others = _running(np.where(first, x.dtype.type(1), x), axis, product=True)
        at_first = _running(grad * others, axis, reverse=True)
        return np.where(first, at_first, np.where(zero, 0, dx))


def _along(
    function: str, operation: type[Operation[Tensor]], x: TensorLike, dim: Any, dtype: DType
) -> Tensor:
    if dtype is not None:
        return as_tensor(_along(function, operation, as_tensor(x, dtype), dim, None), dtype)
    axis = dim_of(function, dim, x.ndim)
    if x.ndim == 0:
        return operation.apply(as_tensor(x).reshape(1), axis=0).reshape(())
    return operation.apply(x, axis=axis)


@operation(CumSum, methods=("cumsum",), written=("cumsum_",))
@also_dim
def cumsum(
    input: TensorLike, dim: int, dtype: DType = None, *, out: Tensor | None = None
) -> Tensor:
    """The sums of all elements up to each one.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
        The dimension to sum along. NumPy's name is `axis`.
    dtype : dtype, optional
        The dtype to which `input` is converted first, by default that of `out`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `input`
        In the dtype of `input`; int64 for booleans and integers.

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.cumsum(cnet.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    return _along("cumsum", CumSum, input, dim, dtype)


@operation(CumProd, methods=("cumprod",), written=("cumprod_",))
@also_dim
def cumprod(
    input: TensorLike, dim: int, dtype: DType = None, *, out: Tensor | None = None
) -> Tensor:
    """The products of all elements up to each one; arguments and errors are those of `cumsum`.

    Examples
    --------
    >>> import cnet
    >>> cnet.cumprod(cnet.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return _along("cumprod", CumProd, input, dim, dtype)


def _reversed_logarithms(x: Array, axis: int) -> Any:
    """The logarithms of the sums of exponentials of all elements from each one to the last."""
    return np.flip(np.logaddexp.accumulate(np.flip(x, axis), axis), axis)


class LogCumSumExp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Array:
        x = floating("logcumsumexp", x)
        # In float32, each element would add a rounding error to all that follow.
        y: Array = np.logaddexp.accumulate(x, axis, np.float64).astype(x.dtype)
        ctx.axis = axis
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        """The sums are computed as logarithms, for positive and for negative gradients."""
        x, y = ctx.saved
        g, x, y = (array.astype(np.float64) for array in (grad, x, y))
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [np.log(np.maximum(sign * g, 0)) - y for sign in (1, -1)]
            up, down = [np.exp(x + _reversed_logarithms(part, ctx.axis)) for part in parts]
        return (up - down).astype(grad.dtype)


@operation(LogCumSumExp, methods=("logcumsumexp",))
@also_dim
def logcumsumexp(input: TensorLike, dim: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithms of the sums of exponentials of all elements up to each one.

    Arguments, results and errors are those of `cumsum`; integers are converted to float32.

    Examples
    --------
    >>> import cnet
    >>> cnet.logcumsumexp(cnet.tensor([0.0, 0.0, 0.0]), 0)
    tensor([0.    , 0.6931, 1.0986])
    """
    return _along("logcumsumexp", LogCumSumExp, input, dim, None)


@numpy_function(np.cumsum)
def _numpy_cumsum(a: TensorLike, axis: int | None = None, dtype: DType = None) -> Tensor:
    return cumsum(as_tensor(a).reshape(-1), 0, dtype) if axis is None else cumsum(a, axis, dtype)


@numpy_function(np.cumprod)
def _numpy_cumprod(a: TensorLike, axis: int | None = None, dtype: DType = None) -> Tensor:
    return cumprod(as_tensor(a).reshape(-1), 0, dtype) if axis is None else cumprod(a, axis, dtype)


def _extrema(function: str, ufunc: np.ufunc, input: TensorLike, dim: Any) -> ValuesAndIndices:
    axis = dim_of(function, dim, input.ndim)
    x = as_tensor(input)
    array = x._array.reshape(x._array.shape or (1,))
    best = ufunc.accumulate(array, axis)
    reached = (array == best) | np.isnan(array)
    shape = [1] * array.ndim
    shape[axis] = -1
    positions = np.where(reached, np.arange(array.shape[axis]).reshape(shape), 0)
    indices = np.maximum.accumulate(positions, axis)
    values = gather(x.reshape(array.shape), axis, indices)
    return ValuesAndIndices(values.reshape(x.shape), Tensor(indices.reshape(x.shape)))


@operation(methods=("cummax",))
@also_dim
def cummax(
    input: TensorLike, dim: int, *, out: tuple[Tensor, Tensor] | None = None
) -> ValuesAndIndices:
    """The maxima of all elements up to each one, and the last of their positions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
        The dimension to search along.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple of tensors in the shape of `input`.

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.cummax(cnet.tensor([1.0, 3.0, 2.0]), 0).values
    tensor([1., 3., 3.])
    """
    return _extrema("cummax", np.maximum, input, dim)


@operation(methods=("cummin",))
@also_dim
def cummin(
    input: TensorLike, dim: int, *, out: tuple[Tensor, Tensor] | None = None
) -> ValuesAndIndices:
    """The minima of all elements up to each one, and the last of their positions.

    Arguments, results and errors are those of `cummax`.

    Examples
    --------
    >>> import cnet
    >>> cnet.cummin(cnet.tensor([3.0, 1.0, 2.0]), 0).values
    tensor([3., 1., 1.])
    """
    return _extrema("cummin", np.minimum, input, dim)


@operation(methods=("diff",), numpy=(np.diff,))
@also_dim
def diff(
    input: TensorLike,
    n: int = 1,
    dim: int = -1,
    prepend: TensorLike | None = None,
    append: TensorLike | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The differences of neighbours along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    n : int, default 1
        How often to take differences.
    dim : int, default -1
    prepend, append : Tensor, optional
        Elements before and after those of `input`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        With `n` elements less along the dimension. Booleans are compared.

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If `n` is negative, or `input` has no dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.diff(cnet.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    if input.ndim == 0:
        raise ValueError("diff: input must have at least 1 dimension (got 0)")
    axis, times = dim_of("diff", dim, input.ndim), integer("diff", "n", n)
    if times < 0:
        raise ValueError(f"diff: n must not be negative (got {times})")
    if times == 0:
        return as_tensor(input)
    x: Any = cat([part for part in (prepend, input, append) if part is not None], axis)
    for _ in range(min(times, x.shape[axis])):
        size = max(x.shape[axis] - 1, 0)
        later, earlier = narrow(x, axis, x.shape[axis] - size, size), narrow(x, axis, 0, size)
        x = later ^ earlier if x.dtype.kind == "b" else sub(later, earlier)
    return x  # type: ignore[no-any-return]


@explained
def trapezoid(
    y: TensorLike, x: TensorLike | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integral along a dimension by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor or ndarray, at least 1 dimension
        The values of the function.
    x : Tensor or ndarray, optional
        The positions of the values.
    dx : number, default 1
        The distance of the positions, if `x` is not given.
    dim : int, default -1

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    TypeError
        If both `x` and `dx` are given.

    Examples
    --------
    >>> import cnet
    >>> cnet.trapezoid(cnet.tensor([1.0, 2.0, 4.0]))
    tensor(4.5)
    """
    return sum(_areas("trapezoid", y, x, dx, dim), dim)


@explained
def cumulative_trapezoid(
    y: TensorLike, x: TensorLike | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integrals up to each position; arguments and errors are those of `trapezoid`.

    Examples
    --------
    >>> import cnet
    >>> cnet.cumulative_trapezoid(cnet.tensor([1.0, 2.0, 4.0]))
    tensor([1.5, 4.5])
    """
    return cumsum(_areas("cumulative_trapezoid", y, x, dx, dim), dim)


def _areas(
    function: str, y: TensorLike, x: TensorLike | None, dx: float | None, dim: int
) -> Tensor:
    """The areas of the trapezoids."""
    if x is not None and dx is not None:
        raise TypeError(f"{function}: only one of x and dx can be given")
    axis = dim_of(function, dim, y.ndim)
    size = max(y.shape[axis] - 1, 0)
    pairs = narrow(y, axis, y.shape[axis] - size, size) + narrow(y, axis, 0, size)
    if x is None:
        return mul(pairs, (1 if dx is None else dx) / 2)
    if array_of(x).ndim == 1:
        x = as_tensor(x).reshape((-1,) + (1,) * (y.ndim - 1 - axis))
        steps = diff(x, dim=0)
    else:
        steps = diff(x, dim=axis)
    return mul(mul(pairs, steps), 0.5)


trapz = trapezoid
