"""The elementwise functions of several operands."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array


def _hypot(a: Array, b: Array) -> Any:
    return np.where(np.isinf(a) | np.isinf(b), np.inf, np.hypot(a, b))


def _lerp(a: Array, b: Array, c: Array) -> Any:
    return np.where(np.abs(c) < 0.5, a + c * (b - a), b - (b - a) * (1 - c))


def _nan_to_num(a: Array, nan: Array, posinf: Array, neginf: Array) -> Any:
    number = np.where(a == np.inf, posinf, np.where(a == -np.inf, neginf, a))
    return np.where(np.isnan(a), nan, number)


def _logit_backward(g: Array, x: Array, low: Array, outside: Array) -> Any:
    return np.where((x >= low) & (x <= 1 - low), g / (x * (1 - x)), outside)


def _xlogy(a: Array, b: Array) -> Any:
    return np.where((a == 0) & ~np.isnan(b), 0, a * np.log(b))


def _bce_with_logits(x: Array, target: Array) -> Any:
    return np.logaddexp(0, x) - x * target


def _is_close(a: Array, b: Array, rtol: Array, atol: Array) -> Any:
    return (np.isfinite(b) & (np.abs(a - b) <= atol + rtol * np.abs(b))) | (a == b)


def _huber(a: Array, b: Array, limit: Array, scale: Array) -> Any:
    d = a - b
    bounded = np.clip(d, -limit, limit)
    return scale * (d - bounded / 2) * bounded


def _divisor(a: Array, b: Array) -> Any:
    total = a * a + b * b
    return np.where(total == 0, np.inf, total)


# In the order of csrc/kernels/elementwise/combinations.h; a function is passed as its number there.
COMBINATIONS: dict[str, Callable[..., Any]] = {
    "sign": lambda a: np.where(a > 0, 1, np.where(a < 0, -1, 0)),
    "frac": lambda a: a - np.trunc(a),
    "sin": np.sin,
    "cos": np.cos,
    "logit": lambda a: np.log(a / (1 - a)),
    "product": np.multiply,
    "squared_difference": lambda a, b: (a - b) ** 2,
    "distance": lambda a, b: np.abs(a - b),
    "atan2": np.arctan2,
    "hypot": _hypot,
    "logaddexp": np.logaddexp,
    "xlogy": _xlogy,
    "bce_with_logits": _bce_with_logits,
    "fmod": np.fmod,
    "remainder": np.remainder,
    "floor_divide": np.floor_divide,
    "trunc_divide": lambda a, b: np.trunc(a / b),
    "prelu": lambda x, w: np.where(x > 0, x, w * x),
    "prelu_dweight": lambda g, x: np.where(x > 0, 0, g * x),
    "sin_backward": lambda g, x: g * np.cos(x),
    "cos_backward": lambda g, x: -g * np.sin(x),
    "lerp": _lerp,
    "times_quotient": lambda a, b, c: a * (b / c),
    "times_exp": lambda a, b, c: a * np.exp(b - c),
    "times_sigmoid": lambda a, b, c: a / (1 + np.exp(c - b)),
    "xlogy_da": lambda g, a, b: g * np.where((a == 0) & (b <= 0), 0, np.log(b)),
    "bce_with_logits_da": lambda g, x, target: g * (1 / (1 + np.exp(-x)) - target),
    "times_sign": lambda a, b, c: a * np.where(b > c, 1, np.where(b < c, -1, 0)),
    "squared_difference_da": lambda g, a, b: 2 * g * (a - b),
    "atan2_da": lambda g, a, b: g * (b / _divisor(a, b)),
    "atan2_db": lambda g, a, b: g * (-a / _divisor(a, b)),
    "remainder_db": lambda g, a, b: -g * np.floor_divide(a, b),
    "fmod_db": lambda g, a, b: -g * np.trunc(a / b),
    "prelu_dx": lambda g, x, w: np.where(x > 0, g, w * g),
    "glu_db": lambda g, a, b: g * a / ((1 + np.exp(-b)) * (1 + np.exp(b))),
    "huber": _huber,
    "times_within": lambda g, a, b, limit: g * np.clip(a - b, -limit, limit),
    "is_close": _is_close,
    "addcmul": lambda a, b, c, d: a + d * (b * c),
    "addcdiv": lambda a, b, c, d: a + d * (b / c),
    "nan_to_num": _nan_to_num,
    "logit_backward": _logit_backward,
}
_BY_NUMBER = tuple(COMBINATIONS.values())


def combine(
    a: Array, b: Array | None, c: Array | None, d: Array | None, y: Array,
    g: tuple[int, int, int], operation: int, axes: int, a_pitch: int, b_pitch: int, c_pitch: int,
    d_pitch: int, y_pitch: int,
) -> None:  # fmt: skip
    """y = f(a, b, ...) for arrays of up to three axes, of the sizes `g`.

    Bit 3 k + axis of `axes` says whether operand k has that axis; along the others it broadcasts.
    Operands and y with a pitch are matrices whose rows are so many elements apart, which NumPy
    knows from their strides.
    """
    operands = [
        x.reshape([n if axes >> (3 * k + axis) & 1 else 1 for axis, n in enumerate(g)])
        for k, x in enumerate((a, b, c, d))
        if x is not None
    ]
    with np.errstate(all="ignore"):
        y[...] = np.broadcast_to(_BY_NUMBER[operation](*operands), g).reshape(y.shape)
