"""Reductions over all elements or along axes.

Arguments have NumPy's names, `axis` and `keepdims`; PyTorch's, `dim` and `keepdim`, are taken too.
`max` and `min` return values only, as in NumPy, and share the gradient among equal extrema;
positions come from `argmax` and `argmin`.
"""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations import numpy_function, operation
from ..tensor import Axis, Tensor, TensorLike
from ._common import Axes, also_dim, axes


def _squeezed(ctx: Context, y: Array, axis: Axes, keepdims: bool) -> Array:
    """A result that was reduced with `keepdims`, as it was asked for."""
    ctx.kept_shape = y.shape
    return y if keepdims else y.squeeze(axis)


class Sum(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, keepdims: bool) -> Array:
        return _squeezed(ctx, np.sum(x, axis, keepdims=True), axis, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return np.broadcast_to(grad.reshape(ctx.kept_shape), ctx.input_shape(0))


@operation(Sum, methods=("sum",), numpy=(np.sum,))
@also_dim
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum of elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes to sum along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.sum(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([3., 7.])
    """
    return Sum.apply(x, axis=axes(axis), keepdims=keepdims)


class Mean(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, keepdims: bool) -> Array:
        y = np.mean(x, axis, keepdims=True)
        ctx.count = x.size // y.size if x.size else 1
        return _squeezed(ctx, y, axis, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return np.broadcast_to(grad.reshape(ctx.kept_shape) / ctx.count, ctx.input_shape(0))


@operation(Mean, methods=("mean",), numpy=(np.mean,))
@also_dim
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean of elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes to average along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor
        Of the dtype of `x` if that is a float dtype, else float64.

    Examples
    --------
    >>> import cnet
    >>> cnet.mean(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([1.5, 3.5])
    """
    return Mean.apply(x, axis=axes(axis), keepdims=keepdims)


class Var(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, correction: float, keepdims: bool) -> Array:
        y = np.var(x, axis, ddof=correction, keepdims=True)
        ctx.freedom = (x.size // y.size if x.size else 1) - correction
        ctx.axis = axis
        ctx.save_for_backward(x)
        return _squeezed(ctx, y, axis, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        deviation = x - np.mean(x, ctx.axis, keepdims=True)
        return grad.reshape(ctx.kept_shape) * (2 / ctx.freedom) * deviation


@operation(Var, methods=("var",))
@also_dim
def var(x: TensorLike, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Tensor:
    """The variance of elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes along which the variance is taken; all by default. PyTorch's name is `dim`.
    correction : float, default 1
        Subtracted from the number of elements in the divisor; NumPy's `ddof`, whose default is 0.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.var(cnet.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return Var.apply(x, axis=axes(axis), correction=correction, keepdims=keepdims)


class Std(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, correction: float, keepdims: bool) -> Array:
        y = np.sqrt(Var.forward(ctx, x, axis=axis, correction=correction, keepdims=True))
        ctx.save_for_backward(x, y)
        return y if keepdims else y.squeeze(axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        deviation = x - np.mean(x, ctx.axis, keepdims=True)
        # Where all elements are equal the gradient is taken to be 0, as PyTorch does.
        scaled = np.divide(deviation, y, out=np.zeros_like(deviation), where=y != 0)
        return grad.reshape(ctx.kept_shape) / ctx.freedom * scaled


@operation(Std, methods=("std",))
@also_dim
def std(x: TensorLike, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Tensor:
    """The standard deviation of elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes along which the deviation is taken; all by default. PyTorch's name is `dim`.
    correction : float, default 1
        Subtracted from the number of elements in the divisor; NumPy's `ddof`, whose default is 0.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor
        Where it is 0, so is the gradient.

    Examples
    --------
    >>> import cnet
    >>> cnet.std(cnet.tensor([1.0, 3.0, 5.0]))
    tensor(2.)
    """
    return Std.apply(x, axis=axes(axis), correction=correction, keepdims=keepdims)


class _Extremum(Operation[Tensor]):
    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        ties = x == y
        return ties * (grad.reshape(ctx.kept_shape) / ties.sum(ctx.axis, keepdims=True))


class Max(_Extremum):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, keepdims: bool) -> Array:
        y = np.max(x, axis, keepdims=True)
        ctx.save_for_backward(x, y)
        ctx.axis = axis
        return _squeezed(ctx, y, axis, keepdims)


@operation(Max, methods=("max",), numpy=(np.max, np.amax))
@also_dim
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes to search along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor
        NaN where there is a NaN. Equal maxima share the gradient.

    Examples
    --------
    >>> import cnet
    >>> cnet.max(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([3., 4.])
    """
    return Max.apply(x, axis=axes(axis), keepdims=keepdims)


class Min(_Extremum):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, keepdims: bool) -> Array:
        y = np.min(x, axis, keepdims=True)
        ctx.save_for_backward(x, y)
        ctx.axis = axis
        return _squeezed(ctx, y, axis, keepdims)


@operation(Min, methods=("min",), numpy=(np.min, np.amin))
@also_dim
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest elements.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or sequence of int, optional
        Axes to search along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor
        NaN where there is a NaN. Equal minima share the gradient.

    Examples
    --------
    >>> import cnet
    >>> cnet.min(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([1., 2.])
    """
    return Min.apply(x, axis=axes(axis), keepdims=keepdims)


@operation(methods=("argmax",), numpy=(np.argmax,))
@also_dim
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The positions of the first of the greatest elements, outside of any graph.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, optional
        Axis to search along; by default the position is that in the flattened tensor. PyTorch's
        name is `dim`.
    keepdims : bool, default False
        Keep the axis, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor of int64

    Examples
    --------
    >>> import cnet
    >>> cnet.argmax(cnet.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    tensor([1, 0])
    """
    return Tensor(np.argmax(_plain(x), axis, keepdims=keepdims))


@operation(methods=("argmin",), numpy=(np.argmin,))
@also_dim
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The positions of the first of the smallest elements, outside of any graph.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, optional
        Axis to search along; by default the position is that in the flattened tensor. PyTorch's
        name is `dim`.
    keepdims : bool, default False
        Keep the axis, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor of int64

    Examples
    --------
    >>> import cnet
    >>> cnet.argmin(cnet.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    tensor([0, 1])
    """
    return Tensor(np.argmin(_plain(x), axis, keepdims=keepdims))


class LogSumExp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: Axes, keepdims: bool) -> Array:
        greatest = np.max(x, axis, keepdims=True, initial=-np.inf)
        shift = np.where(np.isfinite(greatest), greatest, 0)
        with np.errstate(divide="ignore"):  # the logarithm of no or only vanishing terms is -inf
            y = np.log(np.exp(x - shift).sum(axis, keepdims=True)) + shift
        ctx.save_for_backward(x, y)
        return _squeezed(ctx, y, axis, keepdims)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        return grad.reshape(ctx.kept_shape) * np.exp(x - np.where(np.isfinite(y), y, 0))


@operation(LogSumExp, methods=("logsumexp",))
@also_dim
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : Tensor or ndarray of a float dtype
    axis : int or sequence of int, optional
        Axes to sum along; all by default. PyTorch's name is `dim`.
    keepdims : bool, default False
        Keep these axes, with length 1. PyTorch's name is `keepdim`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.logsumexp(cnet.tensor([100.0, 100.0]))
    tensor(100.6931)
    """
    return LogSumExp.apply(x, axis=axes(axis), keepdims=keepdims)


def _plain(x: TensorLike) -> Array:
    return x._array if isinstance(x, Tensor) else np.asarray(x)


@numpy_function(np.var)
def _numpy_var(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return var(x, axis, ddof, keepdims)


@numpy_function(np.std)
def _numpy_std(x: Tensor, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return std(x, axis, ddof, keepdims)
