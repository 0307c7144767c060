"""Special functions."""

# mypy: disable-error-code="empty-body"

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor, TensorLike
from ._elementwise import formula

__all__ = ["digamma", "lgamma"]

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
