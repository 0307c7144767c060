"""Reductions over all elements or along axes.

Arguments have NumPy's names `axis` and `keepdims`, and PyTorch's names `dim` and `keepdim` are also
accepted. If `axis` is None or an empty sequence, all axes are reduced.
"""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ..autograd import Array, Context, Operation
from ..tensor import Axis, Tensor, TensorLike, as_tensor
from ._common import also_dim
from ._dims import reduced_axes
from ._promotion import floating, require_float
from ._sums import average, total
from .registry import numpy_function, operation

__all__ = ["logsumexp", "mean", "std", "sum", "var"]

Axes = tuple[int, ...]
DType = npt.DTypeLike | None


def _squeezed(ctx: Context, y: Array, axes: Axes, keepdims: bool) -> Array:
    """Remove the reduced axes from a result unless `keepdims` is true."""
    ctx.kept_shape = y.shape
    return y if keepdims else y.squeeze(axes)


class Sum(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        return _squeezed(ctx, total(x, axes, keepdims=True), axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return np.broadcast_to(grad.reshape(ctx.kept_shape), ctx.input_shape(0))


@operation(Sum, methods=("sum",), numpy=(np.sum,))
@also_dim
def sum(
    input: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DType = None
) -> Tensor:
    """The sum of elements.

    Float32 numbers are added pairwise or in float64, so that long sums remain accurate.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    axis : int or sequence of int, optional
        Axes to sum along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Whether to keep these axes with length 1. PyTorch's name is `keepdim`.
    dtype : dtype, optional
        The dtype to which `input` is converted first.

    Returns
    -------
    Tensor
        In the dtype of `input`; int64 for booleans and integers.

    Raises
    ------
    ValueError
        If an axis is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.sum(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([3., 7.])
    """
    if dtype is not None:
        input = as_tensor(input, dtype)
    return Sum.apply(input, axes=reduced_axes("sum", input, axis), keepdims=keepdims)


class Mean(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        ctx.count = prod([x.shape[axis] for axis in axes])
        return _squeezed(ctx, average(x, axes), axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        shape = ctx.input_shape(0)
        return np.broadcast_to(grad.reshape(ctx.kept_shape) / np.maximum(ctx.count, 1), shape)


@operation(Mean, methods=("mean",), numpy=(np.mean,))
@also_dim
def mean(
    input: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DType = None
) -> Tensor:
    """The arithmetic mean of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    axis : int or sequence of int, optional
        Axes to average along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Whether to keep these axes with length 1. PyTorch's name is `keepdim`.
    dtype : dtype, optional
        The dtype to which `input` is converted first.

    Returns
    -------
    Tensor
        In the dtype of `input`; NaN, with NumPy's warning, if there are no elements.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, and no float dtype is given.
    ValueError
        If an axis is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.mean(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1.5, 3.5])
    """
    if dtype is not None:
        input = as_tensor(input, dtype)
    require_float("mean", input)
    return Mean.apply(input, axes=reduced_axes("mean", input, axis), keepdims=keepdims)


class Var(Operation[Tensor]):
    """The variance, computed from an accurate mean; if `root` is true, its square root."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, axes: Axes, correction: float, keepdims: bool, root: bool
    ) -> Array:
        mean = average(x, axes)
        deviation = np.asarray(x - mean)
        rest = average(deviation, axes)  # the rounding error of the mean
        deviation -= rest
        count = prod([x.shape[axis] for axis in axes])
        ctx.freedom = np.float64(max(count - correction, 0))
        y = (total(deviation * deviation, axes, keepdims=True) / ctx.freedom).astype(x.dtype)
        if root:
            y = np.sqrt(y)
        ctx.save_for_backward(x, mean, rest, y if root else None)
        return _squeezed(ctx, y, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, mean, rest, y = ctx.saved
        grad = grad.reshape(ctx.kept_shape)
        deviation = np.asarray(x - mean)
        deviation -= rest
        if y is None:
            return (grad * 2 / ctx.freedom).astype(x.dtype) * deviation
        # Where all elements are equal, the gradient is defined as 0, as in PyTorch.
        scaled = np.divide(deviation, y, out=np.zeros_like(deviation), where=y != 0)
        return (grad / ctx.freedom).astype(x.dtype) * scaled


def _variance(
    function: str, x: TensorLike, axis: Axis, correction: float | None, keepdims: bool,
    unbiased: bool | None,
) -> Tensor:  # fmt: skip
    if isinstance(axis, bool):  # PyTorch's var(x, unbiased)
        axis, unbiased = None, axis
    if correction is not None and unbiased is not None:
        raise TypeError(f"{function}: correction and unbiased are the same argument")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    require_float(function, x)
    axes = reduced_axes(function, x, axis)
    return Var.apply(x, axes=axes, correction=correction, keepdims=keepdims, root=function == "std")


@operation(Var, methods=("var",))
@also_dim
def var(
    input: TensorLike, axis: Axis = None, correction: float | None = None, keepdims: bool = False,
    unbiased: bool | None = None,
) -> Tensor:  # fmt: skip
    """The variance of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    axis : int or sequence of int, optional
        Axes along which the variance is computed; all by default. PyTorch's name is `dim`.
    correction : float, default 1
        The divisor is the number of elements minus `correction`. NumPy's name is `ddof`, with
        default 0.
    keepdims : bool, default False
        Whether to keep these axes with length 1. PyTorch's name is `keepdim`.
    unbiased : bool, optional
        PyTorch's older name: True for a `correction` of 1, False for 0.

    Returns
    -------
    Tensor
        In the dtype of `input`; 0 if all elements are equal; NaN or infinite, with NumPy's warning,
        if `correction` is not less than the number of elements.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, or both `correction` and `unbiased` are given.
    ValueError
        If an axis is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.var(cnet.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _variance("var", input, axis, correction, keepdims, unbiased)


@operation(Var, methods=("std",))
@also_dim
def std(
    input: TensorLike, axis: Axis = None, correction: float | None = None, keepdims: bool = False,
    unbiased: bool | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation of elements.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    axis : int or sequence of int, optional
        Axes along which the deviation is computed; all by default. PyTorch's name is `dim`.
    correction : float, default 1
        The divisor is the number of elements minus `correction`. NumPy's name is `ddof`, with
        default 0.
    keepdims : bool, default False
        Whether to keep these axes with length 1. PyTorch's name is `keepdim`.
    unbiased : bool, optional
        PyTorch's older name: True for a `correction` of 1, False for 0.

    Returns
    -------
    Tensor
        In the dtype of `input`, with the same special cases as `var`. Where the result is 0, the
        gradient is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, or both `correction` and `unbiased` are given.
    ValueError
        If an axis is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.std(cnet.tensor([1.0, 3.0, 5.0]))
    tensor(2.)
    """
    return _variance("std", input, axis, correction, keepdims, unbiased)


class LogSumExp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Array:
        x = floating("logsumexp", x)
        greatest = np.max(x, axes, keepdims=True, initial=-np.inf)
        shift = np.where(np.isfinite(greatest), greatest, 0)
        with np.errstate(divide="ignore"):  # if the sum is 0, the result is -inf
            y = np.log(total(np.exp(x - shift), axes, keepdims=True)) + shift
        ctx.save_for_backward(x, y)
        return _squeezed(ctx, y, axes, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        return grad.reshape(ctx.kept_shape) * np.exp(x - np.where(np.isfinite(y), y, 0))


@operation(LogSumExp, methods=("logsumexp",))
@also_dim
def logsumexp(input: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    axis : int or sequence of int, optional
        Axes to sum along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Whether to keep these axes with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor
        In the dtype of `input`; float32 for booleans and integers.

    Raises
    ------
    ValueError
        If an axis is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.logsumexp(cnet.tensor([100.0, 100.0]))
    tensor(100.6931)
    """
    return LogSumExp.apply(input, axes=reduced_axes("logsumexp", input, axis), keepdims=keepdims)


@numpy_function(np.var)
def _numpy_var(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return var(x, axis, ddof, keepdims)


@numpy_function(np.std)
def _numpy_std(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return std(x, axis, ddof, keepdims)
