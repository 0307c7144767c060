"""Functions of single elements."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import kernels
from ..autograd import Array, Context, Operation
from ..inplace import apply_in_place
from ..operations import numpy_function, operation
from ..tensor import Tensor, TensorLike
from ._common import weak


class Exp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y: Array = np.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad * y


@operation(Exp, methods=("exp",), in_place=("exp_",), numpy=(np.exp,))
def exp(x: TensorLike) -> Tensor:
    """The exponential function.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`.

    Examples
    --------
    >>> import cnet
    >>> cnet.exp(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 2.7183])
    """
    return Exp.apply(x)


class Log(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Any:
        ctx.save_for_backward(x)
        return np.log(x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        return grad / x


@operation(Log, methods=("log",), in_place=("log_",), numpy=(np.log,))
def log(x: TensorLike) -> Tensor:
    """The natural logarithm.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`; −inf at 0 and NaN below, with NumPy's warning.

    Examples
    --------
    >>> import cnet
    >>> cnet.log(cnet.tensor([1.0, 10.0]))
    tensor([0.    , 2.3026])
    """
    return Log.apply(x)


class Sqrt(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y: Array = np.sqrt(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad / (2 * y)


@operation(Sqrt, methods=("sqrt",), in_place=("sqrt_",), numpy=(np.sqrt,))
def sqrt(x: TensorLike) -> Tensor:
    """The square root.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`; NaN below 0, with NumPy's warning. The gradient at 0 is infinite.

    Examples
    --------
    >>> import cnet
    >>> cnet.sqrt(cnet.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return Sqrt.apply(x)


class Abs(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Any:
        ctx.save_for_backward(x)
        return np.abs(x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        return grad * np.sign(x)


@operation(Abs, methods=("abs", "__abs__"), in_place=("abs_",), numpy=(np.absolute,))
def abs(x: TensorLike) -> Tensor:
    """The absolute value.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`. The gradient at 0 is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.abs(cnet.tensor([-4.0, 9.0]))
    tensor([4., 9.])
    """
    return Abs.apply(x)


class Tanh(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y: Array = np.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad * (1 - y * y)


@operation(Tanh, methods=("tanh",), in_place=("tanh_",), numpy=(np.tanh,))
def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`, between −1 and 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.tanh(cnet.tensor([0.0, 0.5]))
    tensor([0.    , 0.4621])
    """
    return Tanh.apply(x)


class Sigmoid(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Any:
        y = expit(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad * y * (1 - y)


def expit(x: Array) -> Any:
    """``1 / (1 + exp(-x))`` of an array, without overflow and to full accuracy on both sides."""
    decayed = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decayed) / (1 + decayed)


@operation(Sigmoid, methods=("sigmoid",), in_place=("sigmoid_",))
def sigmoid(x: TensorLike) -> Tensor:
    r"""The logistic function :math:`1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`, between 0 and 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.sigmoid(cnet.tensor([0.0, 2.0]))
    tensor([0.5   , 0.8808])
    """
    return Sigmoid.apply(x)


class ReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y = kernels.relu(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return kernels.relu_backward(grad, y)


@operation(ReLU, methods=("relu",), in_place=("relu_",))
def relu(x: TensorLike) -> Tensor:
    """The rectified linear unit, ``max(x, 0)``.

    Parameters
    ----------
    x : Tensor or ndarray of a float dtype

    Returns
    -------
    Tensor
        In the shape of `x`. NaN stays NaN. The gradient at 0 is 0.

    Raises
    ------
    TypeError
        If `x` is not an array of floats.

    Examples
    --------
    >>> import cnet
    >>> cnet.relu(cnet.tensor([-4.0, 9.0]))
    tensor([0., 9.])
    """
    return ReLU.apply(x)


class LeakyReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, negative_slope: float) -> Array:
        ctx.save_for_backward(x > 0)
        ctx.negative_slope = negative_slope
        return np.where(x > 0, x, x * negative_slope)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (positive,) = ctx.saved
        return np.where(positive, grad, grad * ctx.negative_slope)


def leaky_relu(x: TensorLike, negative_slope: float = 0.01) -> Tensor:
    """``x`` where it is positive, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    x : Tensor or ndarray
    negative_slope : float, default 0.01

    Returns
    -------
    Tensor
        In the shape of `x`. The gradient at 0 is `negative_slope`.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.leaky_relu(cnet.tensor([-4.0, 9.0]), 0.1)
    tensor([-0.4,  9. ])
    """
    return LeakyReLU.apply(x, negative_slope=float(negative_slope))


class Clip(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, min: float | None, max: float | None) -> Array:
        y = np.clip(x, min, max)
        ctx.save_for_backward(x == y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (within,) = ctx.saved
        return np.where(within, grad, 0)


@operation(Clip, methods=("clip", "clamp"))
def clip(x: TensorLike, min: float | None = None, max: float | None = None) -> Tensor:
    """Values below `min` raised to it, values above `max` lowered to it.

    Parameters
    ----------
    x : Tensor or ndarray
    min, max : float, optional
        Bounds, at least one of them. For bounds that are tensors see `maximum` and `minimum`.

    Returns
    -------
    Tensor
        In the shape of `x`. The gradient passes where `x` is within the bounds or on them.

    Raises
    ------
    ValueError
        If no bound is given.

    Examples
    --------
    >>> import cnet
    >>> cnet.clip(cnet.tensor([-4.0, 0.5, 9.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    if min is None and max is None:
        raise ValueError("clip: min or max must be given")
    return Clip.apply(x, min=weak(min), max=weak(max))


class Cast(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, dtype: npt.DTypeLike) -> Array:
        return x.astype(dtype)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad


@operation(Cast, methods=("astype",))
def astype(x: Tensor, dtype: npt.DTypeLike) -> Tensor:
    """The tensor in another dtype; the tensor itself if it has that dtype already."""
    return x if x.dtype == dtype else Cast.apply(x, dtype=dtype)


@operation(Cast, methods=("clone",))
def clone(x: TensorLike) -> Tensor:
    """A copy, through which gradients pass.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In shape and dtype of `x`, with memory of its own.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> y = cnet.clone(x)
    >>> y[0] = 5
    >>> x
    tensor([1., 2.])
    """
    return Cast.apply(x, dtype=x.dtype)


@operation(methods=("clip_", "clamp_"))
def clip_(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """As `clip`, in place."""
    if min is None and max is None:
        raise ValueError("clip_: min or max must be given")
    result: Tensor = apply_in_place(Clip, x, min=weak(min), max=weak(max))
    return result


@operation(methods=("float",))
def _float(self: Tensor) -> Tensor:
    """The tensor in float32; the tensor itself if it has that dtype already."""
    return astype(self, np.float32)


@operation(methods=("double",))
def _double(self: Tensor) -> Tensor:
    """The tensor in float64; the tensor itself if it has that dtype already."""
    return astype(self, np.float64)


@operation(methods=("long",))
def _long(self: Tensor) -> Tensor:
    """The tensor in int64; the tensor itself if it has that dtype already."""
    return astype(self, np.int64)


@numpy_function(np.clip)
def _numpy_clip(x: Tensor, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Tensor:
    return clip(x, bounds.get("min", a_min), bounds.get("max", a_max))
