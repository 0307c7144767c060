"""Elementary functions of elements, and conversions of their dtype."""

# mypy: disable-error-code="empty-body"

from typing import Any

import numpy as np

from ..autograd import Array
from ..autograd.inplace import apply_in_place
from ..tensor import Operand, Tensor, TensorLike
from ._elementwise import by_kernel, compiled, define, direct, formula
from ._promotion import common, only_floats
from .registry import operation

__all__ = [
    "abs",
    "absolute",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logit",
    "rsqrt",
    "sigmoid",
    "sqrt",
    "square",
]


def expit(x: Array) -> Any:
    """``1 / (1 + exp(-x))`` of an array, accurate for both signs and without overflow."""
    decayed = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decayed) / (1 + decayed)


def _square(x: Array) -> Any:
    return np.square(x) if x.dtype.kind != "b" else x.astype(np.int64)


@by_kernel("hypot")
def _hypot(a: Array, b: Array) -> Any:
    a, b = np.abs(a), np.abs(b)
    greater = np.maximum(a, b)
    ratio = np.minimum(a, b) / np.where((greater == 0) | np.isinf(greater), 1, greater)
    return greater * np.sqrt(1 + ratio * ratio)


@by_kernel("times_sigmoid")
def times_sigmoid(g: Array, a: Array, b: Array) -> Any:
    return g * expit(a - b)  # the difference is exact, however large a and b are


@by_kernel("logaddexp")
def _logaddexp(a: Array, b: Array) -> Any:
    distance = np.where(a == b, 0, np.abs(a - b))  # 0 for equal infinities
    return np.maximum(a, b) + np.log1p(np.exp(-distance))


@compiled("abs", aliases=("absolute",), methods=("__abs__",), numpy=(np.absolute,))
def abs(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The absolute value. The gradient at 0 is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.abs(cnet.tensor([-4.0, 9.0]))
    tensor([4., 9.])
    """


@formula(_square, lambda g, x: g * (2 * x), promote=common, single=True, numpy=(np.square,))
def square(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``x ** 2``.

    Examples
    --------
    >>> import cnet
    >>> cnet.square(cnet.tensor([-3.0, 4.0]))
    tensor([ 9., 16.])
    """


@compiled("sqrt", numpy=(np.sqrt,))
def sqrt(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The square root; NaN for negative numbers. The gradient at 0 is infinite.

    Examples
    --------
    >>> import cnet
    >>> cnet.sqrt(cnet.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """


@compiled("rsqrt")
def rsqrt(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``1 / sqrt(x)``.

    Examples
    --------
    >>> import cnet
    >>> cnet.rsqrt(cnet.tensor([4.0, 16.0]))
    tensor([0.5 , 0.25])
    """


@formula(
    _hypot,
    by_kernel("times_quotient")(lambda g, a, y: g * (a / y)),
    by_kernel("times_quotient")(lambda g, b, y: g * (b / y)),
    promote=only_floats,
    numpy=(np.hypot,),
)
def hypot(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``sqrt(input**2 + other**2)``, without overflow.

    Examples
    --------
    >>> import cnet
    >>> cnet.hypot(cnet.tensor([3.0]), cnet.tensor([4.0]))
    tensor([5.])
    """


@compiled("exp", numpy=(np.exp,))
def exp(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The exponential function.

    Examples
    --------
    >>> import cnet
    >>> cnet.exp(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 2.7183])
    """


@compiled("exp2", numpy=(np.exp2,))
def exp2(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Powers of 2.

    Examples
    --------
    >>> import cnet
    >>> cnet.exp2(cnet.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """


@compiled("expm1", numpy=(np.expm1,))
def expm1(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``exp(x) - 1``, accurate also for small numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.expm1(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 1.7183])
    """


@compiled("log", numpy=(np.log,))
def log(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm; −inf at 0 and NaN for negative numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.log(cnet.tensor([1.0, 10.0]))
    tensor([0.    , 2.3026])
    """


@compiled("log2", numpy=(np.log2,))
def log2(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to the base 2.

    Examples
    --------
    >>> import cnet
    >>> cnet.log2(cnet.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """


@compiled("log10", numpy=(np.log10,))
def log10(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to the base 10.

    Examples
    --------
    >>> import cnet
    >>> cnet.log10(cnet.tensor([1.0, 1000.0]))
    tensor([0., 3.])
    """


@compiled("log1p", numpy=(np.log1p,))
def log1p(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``log(1 + x)``, accurate also for small numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.log1p(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 0.6931])
    """


@formula(
    _logaddexp,
    times_sigmoid,
    direct(lambda g, a, b: times_sigmoid(g, b, a)),
    promote=only_floats,
    numpy=(np.logaddexp,),
)
def logaddexp(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``log(exp(input) + exp(other))``, without overflow.

    Examples
    --------
    >>> import cnet
    >>> cnet.logaddexp(cnet.tensor([0.0, 1000.0]), cnet.tensor([0.0, 1000.0]))
    tensor([6.9315e-01, 1.0007e+03])
    """


@compiled("sigmoid")
def sigmoid(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The logistic function, ``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> import cnet
    >>> cnet.sigmoid(cnet.tensor([0.0, 2.0]))
    tensor([0.5   , 0.8808])
    """


@compiled("erf")
def erf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The error function.

    Examples
    --------
    >>> import cnet
    >>> cnet.erf(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 0.8427])
    """


@compiled("erfc")
def erfc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``1 - erf(x)``, accurate also for large numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.erfc(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 0.1573])
    """


@by_kernel("logit")
def _log_odds(x: Array) -> Any:
    return np.log(x / (1 - x))


@by_kernel("logit_backward")
def _logit_backward(g: Array, x: Array, low: float, outside: float) -> Any:
    return np.where((x >= low) & (x <= 1 - low), g / (x * (1 - x)), outside)


@direct
def _logit(x: Array, eps: float | None) -> Any:
    return _log_odds(x if eps is None else np.asarray(np.clip(x, eps, 1 - eps)))


def _logit_gradient(g: Array, x: Array, eps: float | None) -> Any:
    low, outside = (0, np.nan) if eps is None else (eps, 0)
    return _logit_backward(g, x, low, outside)


Logit = define("logit", _logit, _logit_gradient, single=True)


@operation(Logit, methods=("logit",))
def logit(input: TensorLike, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `sigmoid`, ``log(x / (1 - x))``.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
        Booleans and integers are converted to float32.
    eps : float, optional
        Limit numbers to the range from `eps` to ``1 - eps`` first; by default, the result is NaN
        outside of the range from 0 to 1.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

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
    >>> cnet.logit(cnet.tensor([0.5, 0.9]))
    tensor([0.    , 2.1972])
    """
    return Logit.apply(input, eps=eps)


@operation(methods=("logit_",))
def logit_(x: Tensor, eps: float | None = None) -> Tensor:
    """Like `logit`, but in place."""
    result: Tensor = apply_in_place(Logit, x, eps=eps)
    return result


absolute = abs
