"""The formulas of the elementwise operations; softmax and sums."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..arrays import Array
from .strided import visited


class Operation(NamedTuple):
    """y = value(x, a, b), and its gradient, computed from x or y as `saved` tells."""

    value: Callable[[Any, float, float], Any]
    saved: Literal["x", "y"]
    gradient: Callable[[Any, Any, float, float], Any]


def _each(function: Callable[[float], float], x: Array) -> Any:
    return np.vectorize(function, otypes=[np.float64])(x).astype(x.dtype)


def _erfinv(x: Array) -> Any:
    """By bisection, in float64; the function is linear near 0."""
    size = np.abs(x).astype(np.float64)
    low, high = np.zeros_like(size), np.full_like(size, 6)
    for _ in range(70):
        middle = (low + high) / 2
        tail = _each(math.erfc, middle)
        above = np.where(size < 0.5, _each(math.erf, middle) > size, tail < 1 - size)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    low = np.where(size < 1e-9, size * (math.sqrt(math.pi) / 2), low)
    y = np.where(size < 1, low, np.where(size == 1, np.inf, np.nan))
    return np.copysign(y, x).astype(x.dtype)


def _sigmoid(x: Array) -> Any:
    decayed = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decayed) / (1 + decayed)


def _softplus(x: Array) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _normal_cdf(x: Array) -> Any:
    return 0.5 * (1 + _each(math.erf, x / math.sqrt(2)))


def _normal_density(x: Array) -> Any:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _gelu_gate(x: Array) -> Any:
    return _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _gelu_tanh_gradient(g: Array, x: Array) -> Any:
    s = _gelu_gate(x)
    inner = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return g * (s + x * s * (1 - s) * inner)


def _mish_gradient(g: Array, x: Array) -> Any:
    t = np.tanh(_softplus(x))
    return g * (t + x * (1 - t**2) * _sigmoid(x))


# In the order of csrc/kernels/elementwise/operations.h; an operation is passed as its number there.
OPERATIONS = {
    "relu": Operation(
        lambda x, a, b: np.where(x <= 0, 0, x),
        "y", lambda g, y, a, b: np.where(y <= 0, 0, g)),
    "leaky_relu": Operation(
        lambda x, a, b: np.where(x > 0, x, a * x),
        "x", lambda g, x, a, b: np.where(x > 0, g, a * g)),
    "threshold": Operation(
        lambda x, a, b: np.where(x <= a, b, x),
        "x", lambda g, x, a, b: np.where(x <= a, 0, g)),
    "elu": Operation(
        lambda x, a, b: np.where(x > 0, b * x, a * np.expm1(np.minimum(x, 0))),
        "x", lambda g, x, a, b: g * np.where(x > 0, b, a * np.exp(np.minimum(x, 0)))),
    "celu": Operation(
        lambda x, a, b: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0) / a)),
        "x", lambda g, x, a, b: g * np.where(x > 0, 1, np.exp(np.minimum(x, 0) / a))),
    "gelu": Operation(
        lambda x, a, b: x * _normal_cdf(x),
        "x", lambda g, x, a, b: g * (_normal_cdf(x) + x * _normal_density(x))),
    "gelu_tanh": Operation(
        lambda x, a, b: x * _gelu_gate(x),
        "x", lambda g, x, a, b: _gelu_tanh_gradient(g, x)),
    "silu": Operation(
        lambda x, a, b: x * _sigmoid(x),
        "x", lambda g, x, a, b: g * _sigmoid(x) * (1 + x * _sigmoid(-x))),
    "mish": Operation(
        lambda x, a, b: x * np.tanh(_softplus(x)),
        "x", lambda g, x, a, b: _mish_gradient(g, x)),
    "sigmoid": Operation(
        lambda x, a, b: _sigmoid(x),
        "y", lambda g, y, a, b: g * y * (1 - y)),
    "logsigmoid": Operation(
        lambda x, a, b: -_softplus(-x),
        "x", lambda g, x, a, b: g * _sigmoid(-x)),
    "softplus": Operation(
        lambda x, a, b: np.where(a * x > b, x, _softplus(a * x) / a),
        "x", lambda g, x, a, b: np.where(a * x > b, g, g * _sigmoid(a * x))),
    "hardtanh": Operation(
        lambda x, a, b: np.clip(x, a, b),
        "x", lambda g, x, a, b: np.where((x > a) & (x < b), g, 0)),
    "hardsigmoid": Operation(
        lambda x, a, b: np.clip(x + 3, 0, 6) / 6,
        "x", lambda g, x, a, b: np.where((x > -3) & (x < 3), g / 6, 0)),
    "hardswish": Operation(
        lambda x, a, b: x * np.clip(x + 3, 0, 6) / 6,
        "x", lambda g, x, a, b: np.where(x <= -3, 0, np.where(x >= 3, g, g * (x / 3 + 0.5)))),
    "hardshrink": Operation(
        lambda x, a, b: np.where((x >= -a) & (x <= a), 0, x),
        "x", lambda g, x, a, b: np.where(np.abs(x) > a, g, 0)),
    "softshrink": Operation(
        lambda x, a, b: np.where(x > a, x - a, np.where(x < -a, x + a, 0 * x)),
        "x", lambda g, x, a, b: np.where(np.abs(x) > a, g, 0)),
    "tanhshrink": Operation(
        lambda x, a, b: x - np.tanh(x),
        "x", lambda g, x, a, b: g * np.tanh(x) ** 2),
    "softsign": Operation(
        lambda x, a, b: x / (1 + np.abs(x)),
        "x", lambda g, x, a, b: g / (1 + np.abs(x)) ** 2),
    "tanh": Operation(
        lambda x, a, b: np.tanh(x),
        "y", lambda g, y, a, b: g * (1 - y**2)),
    "exp": Operation(
        lambda x, a, b: np.exp(x),
        "y", lambda g, y, a, b: g * y),
    "exp2": Operation(
        lambda x, a, b: np.exp2(x),
        "y", lambda g, y, a, b: g * y * math.log(2)),
    "expm1": Operation(
        lambda x, a, b: np.expm1(x),
        "y", lambda g, y, a, b: g * (y + 1)),
    "log": Operation(
        lambda x, a, b: np.log(x),
        "x", lambda g, x, a, b: g / x),
    "log2": Operation(
        lambda x, a, b: np.log2(x),
        "x", lambda g, x, a, b: g / (x * math.log(2))),
    "log10": Operation(
        lambda x, a, b: np.log10(x),
        "x", lambda g, x, a, b: g / (x * math.log(10))),
    "log1p": Operation(
        lambda x, a, b: np.log1p(x),
        "x", lambda g, x, a, b: g / (x + 1)),
    "sqrt": Operation(
        lambda x, a, b: np.sqrt(x),
        "y", lambda g, y, a, b: g / (2 * y)),
    "rsqrt": Operation(
        lambda x, a, b: 1 / np.sqrt(x),
        "y", lambda g, y, a, b: -g * y**3 / 2),
    "reciprocal": Operation(
        lambda x, a, b: 1 / x,
        "y", lambda g, y, a, b: -g * y**2),
    "abs": Operation(
        lambda x, a, b: np.abs(x),
        "x", lambda g, x, a, b: g * np.where(x > 0, 1, np.where(x < 0, -1, 0))),
    "erf": Operation(
        lambda x, a, b: _each(math.erf, x),
        "x", lambda g, x, a, b: g * (2 / math.sqrt(math.pi) * np.exp(-(x**2)))),
    "erfc": Operation(
        lambda x, a, b: _each(math.erfc, x),
        "x", lambda g, x, a, b: -g * (2 / math.sqrt(math.pi) * np.exp(-(x**2)))),
    "erfinv": Operation(
        lambda x, a, b: _erfinv(x),
        "y", lambda g, y, a, b: g * (math.sqrt(math.pi) / 2 * np.exp(y**2))),
    "tan": Operation(
        lambda x, a, b: np.tan(x),
        "y", lambda g, y, a, b: g * (1 + y * y)),
    "asin": Operation(
        lambda x, a, b: np.arcsin(x),
        "x", lambda g, x, a, b: g / np.sqrt((1 - x) * (1 + x))),
    "acos": Operation(
        lambda x, a, b: np.arccos(x),
        "x", lambda g, x, a, b: -g / np.sqrt((1 - x) * (1 + x))),
    "atan": Operation(
        lambda x, a, b: np.arctan(x),
        "x", lambda g, x, a, b: g / (1 + x * x)),
    "sinh": Operation(
        lambda x, a, b: np.sinh(x),
        "x", lambda g, x, a, b: g * np.cosh(x)),
    "cosh": Operation(
        lambda x, a, b: np.cosh(x),
        "x", lambda g, x, a, b: g * np.sinh(x)),
    "asinh": Operation(
        lambda x, a, b: np.arcsinh(x),
        "x", lambda g, x, a, b: g / np.sqrt(1 + x * x)),
    "acosh": Operation(
        lambda x, a, b: np.arccosh(x),
        "x", lambda g, x, a, b: g / np.sqrt((x - 1) * (x + 1))),
    "atanh": Operation(
        lambda x, a, b: np.arctanh(x),
        "x", lambda g, x, a, b: g / ((1 - x) * (1 + x))),
}  # fmt: skip
_BY_NUMBER = tuple(OPERATIONS.values())


def elementwise(x: Array, y: Array, operation: int, a: float, b: float) -> None:
    """y = f(x), with the parameters a and b of f."""
    with np.errstate(all="ignore"):
        y[...] = _BY_NUMBER[operation].value(x.reshape(y.shape), a, b)


def elementwise_backward(
    grad_output: Array, saved: Array, dx: Array, operation: int, a: float, b: float
) -> None:
    """dx = grad_output * f'(x), where f'(x) is computed from `saved`: x or y."""
    with np.errstate(all="ignore"):
        dx[...] = _BY_NUMBER[operation].gradient(grad_output, saved, a, b)


def elementwise_saved(operation: int, x: Array, a: float, b: float) -> Array:
    """The array that the gradient of an operation needs, x or y, from x."""
    y = x
    if _BY_NUMBER[operation].saved == "y":
        y = np.empty_like(x)
        elementwise(x, y, operation, a, b)
    return y


def softmax(x: Array, y: Array, g: tuple[int, int, int], logarithm: bool) -> None:
    """y[n, i, t] = exp(x[n, i, t]) / Σ_k exp(x[n, k, t]), or the logarithm of that.

    `g` is the shape (n, c, size).
    """
    rows = x.reshape(g)
    with np.errstate(all="ignore"):
        shifted = rows - rows.max(1, keepdims=True, initial=-np.inf)
        shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    y[...] = (shifted if logarithm else np.exp(shifted)).reshape(y.shape)


def softmax_backward(
    grad_output: Array, y: Array, dx: Array, g: tuple[int, int, int], logarithm: bool
) -> None:
    """The gradient of `softmax`, from its result."""
    grad, result = grad_output.reshape(g), y.reshape(g)
    with np.errstate(all="ignore"):
        if logarithm:
            found = grad - np.exp(result) * grad.sum(1, keepdims=True)
        else:
            found = result * (grad - (grad * result).sum(1, keepdims=True))
    dx[...] = found.reshape(dx.shape)


def add(a: Array, b: Array, y: Array) -> None:
    """y = a + b."""
    y[...] = a.reshape(y.shape) + b.reshape(y.shape)


_ARITHMETIC = np.add, np.subtract, np.multiply, np.divide


def arithmetic(a: Array, b: Array, y: Array, g: tuple[int, ...], operation: int) -> None:
    """y = a + b, a - b, a * b or a / b.

    `g` has five sizes, five strides of each operand and their first elements.
    """
    x = visited(a, g[:5], g[5:10], g[15]), visited(b, g[:5], g[10:15], g[16])
    with np.errstate(all="ignore"):
        y[...] = _ARITHMETIC[operation](*x).reshape(y.shape)


def copy(x: Array, y: Array) -> None:
    """y = x."""
    y[...] = x.reshape(y.shape)
