"""Elementwise functions of one input."""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..inplace import apply_in_place
from ..tensor import Operand, Tensor, TensorLike
from ._common import unbroadcast, weak
from ._elementwise import Elementwise
from ._promotion import floating, promoted
from .registry import numpy_function, operation

__all__ = ["abs", "clamp", "clip", "exp", "log", "sigmoid", "sqrt", "tanh"]


class Exp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y: Array = np.exp(floating("exp", x))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad * y


@operation(Exp, methods=("exp",), in_place=("exp_",), numpy=(np.exp,))
def exp(input: TensorLike) -> Tensor:
    """The exponential function; booleans and integers are converted to float32.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape of `input`.

    Raises
    ------
    TypeError
        If `input` is not a tensor or array of numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.exp(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 2.7183])
    """
    return Exp.apply(input)


class Log(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Any:
        x = floating("log", x)
        ctx.save_for_backward(x)
        return np.log(x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        return grad / x


@operation(Log, methods=("log",), in_place=("log_",), numpy=(np.log,))
def log(input: TensorLike) -> Tensor:
    """The natural logarithm; booleans and integers are converted to float32.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape of `input`; −inf at 0 and NaN for negative numbers, with NumPy's warning.

    Raises
    ------
    TypeError
        If `input` is not a tensor or array of numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.log(cnet.tensor([1.0, 10.0]))
    tensor([0.    , 2.3026])
    """
    return Log.apply(input)


class Sqrt(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y: Array = np.sqrt(floating("sqrt", x))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad / (2 * y)


@operation(Sqrt, methods=("sqrt",), in_place=("sqrt_",), numpy=(np.sqrt,))
def sqrt(input: TensorLike) -> Tensor:
    """The square root; booleans and integers are converted to float32.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape of `input`; NaN for negative numbers, with NumPy's warning. The gradient at 0
        is infinite.

    Raises
    ------
    TypeError
        If `input` is not a tensor or array of numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.sqrt(cnet.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return Sqrt.apply(input)


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
def abs(input: TensorLike) -> Tensor:
    """The absolute value.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient at 0 is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.abs(cnet.tensor([-4.0, 9.0]))
    tensor([4., 9.])
    """
    return Abs.apply(input)


class Tanh(Elementwise):
    name = "tanh"


@operation(Tanh, methods=("tanh",), in_place=("tanh_",), numpy=(np.tanh,))
def tanh(input: TensorLike) -> Tensor:
    """The hyperbolic tangent; booleans and integers are converted to float32.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape of `input`, between −1 and 1.

    Raises
    ------
    TypeError
        If `input` is not a tensor or array of numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.tanh(cnet.tensor([0.0, 0.5]))
    tensor([0.    , 0.4621])
    """
    return Tanh.apply(input)


class Sigmoid(Elementwise):
    name = "sigmoid"


def expit(x: Array) -> Any:
    """``1 / (1 + exp(-x))`` of an array, accurate for both signs and without overflow."""
    decayed = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decayed) / (1 + decayed)


@operation(Sigmoid, methods=("sigmoid",), in_place=("sigmoid_",))
def sigmoid(input: TensorLike) -> Tensor:
    r"""The logistic function :math:`1 / (1 + e^{-x})`; integers are converted to float32.

    Parameters
    ----------
    input : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape of `input`, between 0 and 1.

    Raises
    ------
    TypeError
        If `input` is not a tensor or array of numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.sigmoid(cnet.tensor([0.0, 2.0]))
    tensor([0.5   , 0.8808])
    """
    return Sigmoid.apply(input)


class Clip(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, min: Any, max: Any) -> Array:
        for bound in (min, max):
            if bound is not None:
                x, _ = promoted("clip", x, bound)
        if min is not None:
            _, min = promoted("clip", x, min)
        if max is not None:
            _, max = promoted("clip", x, max)
        ctx.save_for_backward(x, min, max)
        return np.clip(x, min, max)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, min, max = ctx.saved
        above = True if min is None else x >= min
        below = True if max is None else x <= max
        crossed = False if min is None or max is None else min > max
        wins: list[Any] = [
            above & below,
            None if min is None else (x < min) & ~np.asarray(crossed),
            None if max is None else (x > max) | crossed,
        ]
        return tuple(
            unbroadcast(np.where(won, grad, 0), ctx.input_shape(position)) if needed else None
            for position, (won, needed) in enumerate(zip(wins, ctx.needs_input_grad, strict=True))
        )


@operation(Clip, methods=("clip", "clamp"))
def clip(input: TensorLike, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Limit elements to the range from `min` to `max`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    min, max : Tensor, ndarray or number, optional
        The bounds, of which at least one must be given. They must broadcast with `input`. Where
        `min` is greater than `max`, the result is `max`.

    Returns
    -------
    Tensor
        In the broadcast shape. The gradient goes to `input` where it is between the bounds or equal
        to one, and to the bound elsewhere.

    Raises
    ------
    ValueError
        If no bound is given, or the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.clip(cnet.tensor([-4.0, 0.5, 9.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    if min is None and max is None:
        raise ValueError("clip: min or max must be given")
    return Clip.apply(input, weak(min), weak(max))


@operation(methods=("clip_", "clamp_"))
def clip_(x: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Like `clip`, but in place."""
    if min is None and max is None:
        raise ValueError("clip_: min or max must be given")
    result: Tensor = apply_in_place(Clip, x, weak(min), weak(max))
    return result


@numpy_function(np.clip)
def _numpy_clip(x: Tensor, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Tensor:
    return clip(x, bounds.get("min", a_min), bounds.get("max", a_max))


clamp = clip
