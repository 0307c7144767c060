"""Sums, means and products of all elements or along dimensions.

NumPy's names `axis` and `keepdims` are accepted for `dim` and `keepdim`. If `dim` is None or an
empty sequence, all dimensions are reduced.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation
from ..kernels.reduce import reduce_small
from ..replay import again
from ..tensor import Axis, Tensor, TensorLike, array_of, as_tensor
from ._common import also_dim
from ._dims import broadcast, reduced_axes
from ._elementwise import by_kernel
from ._extremes import extremum
from ._options import sizes
from ._promotion import floating, require_float
from ._sums import all_of, average, length, reduced, spread, total
from .division import div
from .masks import masked_fill
from .registry import operation

__all__ = ["count_nonzero", "logsumexp", "mean", "nanmean", "nansum", "prod", "sum"]

Axes = tuple[int, ...]

_product: Any = np.multiply.reduce
DType = npt.DTypeLike | None


def squeezed(ctx: Context, y: Array, axes: Axes, keepdims: bool) -> Array:
    """Remove the reduced axes from a result unless `keepdims` is true."""
    ctx.kept_shape = y.shape
    return y if keepdims else y.squeeze(axes)


def kept_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """The shape of a result in which the reduced axes have size 1."""
    return tuple([1 if axis in axes else size for axis, size in enumerate(shape)])


class Sum(Operation[Tensor]):
    compute = staticmethod(total)

    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        ctx.axes = axes
        return total(x, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        shape = ctx.input_shape(0)
        return spread(grad.reshape(kept_shape(shape, ctx.axes)), shape)


@operation(Sum, methods=("sum",), numpy=(np.sum,))
@also_dim
def sum(
    input: TensorLike,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The sum of elements.

    Float32 numbers are added pairwise or in float64, so that long sums remain accurate.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to sum along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    dtype : dtype, optional
        The dtype to which `input` is converted first, by default that of `out`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; int64 for booleans and integers.

    Raises
    ------
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.sum(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([3., 7.])
    """
    if dtype is not None:
        return as_tensor(sum(as_tensor(input, dtype), dim, keepdim), dtype)
    return Sum.apply(input, axes=reduced_axes("sum", input, dim), keepdims=keepdim)


@operation(Sum, methods=("sum_to_size",))
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Sum over the dimensions along which this size would be broadcast to the shape."""
    shape = sizes("sum_to_size", size)
    added = self.ndim - len(shape)
    if added < 0 or broadcast("sum_to_size", shape, self.shape) != self.shape:
        raise ValueError(
            f"sum_to_size: size must broadcast to the shape (got {shape} and {self.shape})"
        )
    dims = [axis for axis, length in enumerate(self.shape)
            if axis < added or (shape[axis - added] == 1 and length != 1)]  # fmt: skip
    return (sum(self, dims) if dims else self).reshape(shape)


class Mean(Operation[Tensor]):
    compute = staticmethod(average)

    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        ctx.axes, ctx.count = axes, length(x, axes)
        return average(x, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        shape = ctx.input_shape(0)
        return spread(grad.reshape(kept_shape(shape, ctx.axes)) / max(ctx.count, 1), shape)


@operation(Mean, methods=("mean",), numpy=(np.mean,))
@also_dim
def mean(
    input: TensorLike,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The arithmetic mean of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    dim : int or sequence of int, optional
        Dimensions to average along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    dtype : dtype, optional
        The dtype to which `input` is converted first, by default that of `out`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; NaN, with NumPy's warning, if there are no elements.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, and no float dtype is given.
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.mean(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1.5, 3.5])
    """
    if dtype is not None:
        input = as_tensor(input, dtype)
    require_float("mean", input)
    return Mean.apply(input, axes=reduced_axes("mean", input, dim), keepdims=keepdim)


class LogSumExp(Operation[Tensor]):
    @classmethod
    def compute(cls, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        found = reduce_small(x, "logsumexp", axes, keepdims)
        if found is not None:
            return found[0]
        return cls.forward(Context(cls, (None,)), x, axes=axes, keepdims=keepdims)

    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        x = floating("logsumexp", x)
        found = reduce_small(x, "logsumexp", axes, True)
        y = _logsumexp(x, axes) if found is None else found[0]
        ctx.save_for_backward(x, y)
        return squeezed(ctx, y, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        shift = np.where(np.isfinite(y), y, y.dtype.type(0))
        return _times_exp(grad.reshape(ctx.kept_shape), x, shift)


def _logsumexp(x: Array, axes: Axes) -> Array:
    """The result of `LogSumExp` for many elements, with the axes kept."""
    shift = extremum(np.maximum, x, axes, keepdims=True, initial=-np.inf)
    finite = np.isfinite(shift)
    if not all_of(finite):
        shift = np.where(finite, shift, x.dtype.type(0))
    scaled = _times_exp(np.ones(shift.shape, shift.dtype), x, shift)
    with np.errstate(divide="ignore"):  # if the sum is 0, the result is -inf
        return np.log(total(scaled, axes, keepdims=True)) + shift


@operation(LogSumExp, methods=("logsumexp",))
@also_dim
def logsumexp(
    input: TensorLike, dim: Axis = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to sum along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; float32 for booleans and integers.

    Raises
    ------
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.logsumexp(cnet.tensor([100.0, 100.0]))
    tensor(100.6931)
    """
    return LogSumExp.apply(input, axes=reduced_axes("logsumexp", input, dim), keepdims=keepdim)


_times_exp = by_kernel("times_exp")(lambda g, x, y: g * np.exp(x - y))
times_quotient = by_kernel("times_quotient")(lambda g, y, x: g * (y / x))


class Prod(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, *, axes: Axes, keepdims: bool) -> Array:
        if x.dtype is FLOAT32 or x.dtype is FLOAT64:
            return reduced(x, "product", axes, keepdims)
        dtype = None if x.dtype.kind == "f" else np.int64
        return np.asarray(_product(x, axes, dtype, None, keepdims))

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        y = cls.compute(x, axes=axes, keepdims=keepdims)
        ctx.save_for_backward(x, y)
        ctx.axes = axes
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        kept = kept_shape(x.shape, ctx.axes)
        y, grad = y.reshape(kept), grad.reshape(kept)
        if y.all() or x.all():
            return times_quotient(grad, y, x)
        zeros = (x == 0).sum(ctx.axes, keepdims=True)
        factors = np.where(x == 0, 1, x)
        others = np.prod(factors, ctx.axes, keepdims=True) / factors
        return grad * np.where(zeros == (x == 0), others, 0)


@operation(Prod, methods=("prod",), numpy=(np.prod,))
@also_dim
def prod(
    input: TensorLike,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The product of elements.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to multiply along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    dtype : dtype, optional
        The dtype to which `input` is converted first, by default that of `out`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; int64 for booleans and integers.

    Raises
    ------
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.prod(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([ 2., 12.])
    """
    if dtype is not None:
        return as_tensor(prod(as_tensor(input, dtype), dim, keepdim), dtype)
    return Prod.apply(input, axes=reduced_axes("prod", input, dim), keepdims=keepdim)


@operation(Sum, methods=("nansum",), numpy=(np.nansum,))
@also_dim
def nansum(
    input: TensorLike,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The sum of elements, where NaN counts as 0; arguments and errors are those of `sum`.

    Examples
    --------
    >>> import cnet
    >>> cnet.nansum(cnet.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    return sum(
        masked_fill(input, again("nansum", np.isnan, array_of(input)), 0), dim, keepdim, dtype=dtype
    )


@operation(Mean, methods=("nanmean",), numpy=(np.nanmean,))
@also_dim
def nanmean(
    input: TensorLike,
    dim: Axis = None,
    keepdim: bool = False,
    dtype: DType = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The arithmetic mean of the elements that are not NaN; arguments and errors as in `mean`.

    Examples
    --------
    >>> import cnet
    >>> cnet.nanmean(cnet.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5)
    """
    require_float("nanmean", input)
    summed = nansum(input, dim, keepdim, dtype=dtype)
    axes = reduced_axes("nanmean", input, dim)
    return div(summed, again("nanmean", _numbers, array_of(input), axes, keepdim, summed.dtype))


def _numbers(x: Array, axes: Axes, keepdims: bool, dtype: Any) -> Any:
    """How many elements are not NaN."""
    return np.asarray(np.sum(~np.isnan(x), axes, dtype, keepdims=keepdims))


@operation(methods=("count_nonzero",), numpy=(np.count_nonzero,))
@also_dim
def count_nonzero(input: TensorLike, dim: Axis = None, *, keepdim: bool = False) -> Tensor:
    """The number of elements that are not zero; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to count along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1.

    Returns
    -------
    Tensor of int64

    Raises
    ------
    ValueError
        If a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.count_nonzero(cnet.tensor([[0, 1], [2, 3]]), dim=1)
    tensor([1, 2])
    """
    axes = reduced_axes("count_nonzero", input, dim)
    return Tensor(again("count_nonzero", _count, array_of(input), axes, keepdim))


def _count(x: Array, axes: Axes, keepdims: bool) -> Any:
    return np.asarray(np.sum(x != 0, axes, np.int64, keepdims=keepdims))
