"""Special functions."""

# mypy: disable-error-code="empty-body"

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Operand, Tensor, TensorLike, as_tensor
from ._elementwise import by_kernel, compiled, computed, formula
from .registry import operation

__all__ = ["digamma", "erfinv", "i0", "lgamma", "logaddexp2", "mvlgamma", "sinc", "xlogy"]

# B_2k / (2k), where B are the Bernoulli numbers: the terms of the asymptotic series.
_DIGAMMA_TERMS = 1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12
_SHIFT = 8
"""The series are used from this number on, where their error is below that of float64."""


def _series(inverse_square: Array, terms: tuple[float, ...]) -> Any:
    total = np.zeros_like(inverse_square)
    for term in reversed(terms):
        total = (total + term) * inverse_square
    return total


def _in_float64(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    return lambda x: function(x.astype(np.float64)).astype(x.dtype)


def _digamma(x: Array) -> Any:
    """The recurrence ψ(x) = ψ(x + 1) − 1/x up to 8, the reflection formula below 0."""
    reflected = x < 0
    z = np.where(reflected, 1 - x, x)
    total = np.zeros_like(z)
    for _ in range(_SHIFT):
        small = z < _SHIFT
        total -= np.where(small, 1 / z, 0)
        z = z + small
    total += np.log(z) - 0.5 / z - _series(1 / (z * z), _DIGAMMA_TERMS)
    poles = reflected & (x == np.floor(x))
    turn = np.pi * np.remainder(x, 1)
    total -= np.where(reflected, np.pi / np.tan(turn), 0)
    total = np.where(poles | (x == -np.inf), np.nan, total)
    return np.where(x == 0, np.copysign(np.inf, -x), total)


def _trigamma(x: Array) -> Any:
    reflected = x < 0.5
    z = np.where(reflected, 1 - x, x)
    total = np.zeros_like(z)
    for _ in range(_SHIFT):
        small = z < _SHIFT
        total += np.where(small, 1 / (z * z), 0)
        z = z + small
    terms = tuple([2 * k * term for k, term in enumerate(_DIGAMMA_TERMS, start=1)])
    total += 1 / z + 0.5 / (z * z) + _series(1 / (z * z), terms) / z
    sine = np.sin(np.pi * np.remainder(x, 1))
    return np.where(reflected, (np.pi / sine) ** 2 - total, total)


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # at a pole, or above the greatest number
        return math.inf


_lgamma_of = _in_float64(np.vectorize(_lgamma, otypes=[np.float64]))
_digamma_of = _in_float64(_digamma)
_trigamma_of = _in_float64(_trigamma)


def _i0_derivative(x: Array) -> Any:
    """The modified Bessel function of order 1: an integral that the trapezoidal rule computes."""
    angles = (np.arange(64) + 0.5) * np.pi / 64
    weights = np.cos(angles) / 64
    return (np.exp(np.multiply.outer(x, np.cos(angles))) @ weights).astype(x.dtype)


def _sinc_gradient(g: Array, x: Array) -> Any:
    product = np.pi * x
    safe = np.where(product == 0, 1, product)
    slope = (np.cos(product) * product - np.sin(product)) / (safe * safe)
    return g * np.where(product == 0, 0, slope * np.pi)


@by_kernel("xlogy")
def _xlogy(a: Array, b: Array) -> Any:
    return np.where((a == 0) & ~np.isnan(b), 0, a * np.log(b))


@by_kernel("xlogy_da")
def _xlogy_gradient(g: Array, a: Array, b: Array) -> Any:
    return g * np.where((a == 0) & (b <= 0), 0, np.log(b))


def _logaddexp2(a: Array, b: Array) -> Any:
    distance = np.fmax(np.abs(a - b), 0)  # 0 for equal infinities
    return np.maximum(a, b) + computed("log1p", computed("exp2", -distance)) * (1 / math.log(2))


def _weights2(a: Array, b: Array) -> Any:
    return computed("sigmoid", np.where(a == b, 0, a - b) * math.log(2))


_i1_of = _in_float64(_i0_derivative)


@compiled("erfinv")
def erfinv(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `erf`: infinite at -1 and 1, and NaN outside.

    Examples
    --------
    >>> import cnet
    >>> cnet.erfinv(cnet.tensor([0.0, 0.5, -1.0]))
    tensor([0.    , 0.4769,   -inf])
    """


@formula(np.sinc, _sinc_gradient)
def sinc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The function ``sin(π x) / (π x)``, which is 1 at 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.sinc(cnet.tensor([0.0, 0.5]))
    tensor([1.    , 0.6366])
    """


@formula(np.i0, lambda g, x: g * _i1_of(x))
def i0(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind and order 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.i0(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 1.2661])
    """


@formula(
    _xlogy,
    _xlogy_gradient,
    by_kernel("times_quotient")(lambda g, a, b: g * (a / b)),
    numbers="either",
)
def xlogy(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The product ``input * log(other)``, which is 0 if `input` is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.xlogy(cnet.tensor([0.0, 2.0]), cnet.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """


@formula(
    _logaddexp2,
    lambda g, a, b: g * _weights2(a, b),
    lambda g, a, b: g * _weights2(b, a),
    numpy=(np.logaddexp2,),
)
def logaddexp2(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2 of ``2 ** input + 2 ** other``, without overflow.

    Examples
    --------
    >>> import cnet
    >>> cnet.logaddexp2(cnet.tensor([1.0]), cnet.tensor([1.0]))
    tensor([2.])
    """


@formula(_lgamma_of, lambda g, x: g * _digamma_of(x))
def lgamma(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the absolute value of the gamma function.

    Examples
    --------
    >>> import cnet
    >>> cnet.lgamma(cnet.tensor([1.0, 5.0]))
    tensor([0.    , 3.1781])
    """


@formula(_digamma_of, lambda g, x: g * _trigamma_of(x))
def digamma(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The derivative of `lgamma`.

    Examples
    --------
    >>> import cnet
    >>> cnet.digamma(cnet.tensor([1.0, 5.0]))
    tensor([-0.5772,  1.5061])
    """


@operation(methods=("mvlgamma",), written=("mvlgamma_",))
def mvlgamma(input: TensorLike, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function with dimension `p`.

    Examples
    --------
    >>> import cnet
    >>> cnet.mvlgamma(cnet.tensor([2.0]), 2)
    tensor([0.4516])
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p must be at least 1 (got {p})")
    total = lgamma(input) + p * (p - 1) / 4 * math.log(math.pi)
    for k in range(1, p):
        total = total + lgamma(as_tensor(input) - k / 2)
    return total
