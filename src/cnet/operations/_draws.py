"""Arrays of random numbers, from the random bits of a generator of NumPy."""

from functools import cache
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array
from ..dtypes import float16, float32, float64
from ..tensor import array_of
from ._options import generator_of, number_of
from ._sums import all_of

_GREATEST = 2**64 - 1


def draw_uniform(generator: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Uniform numbers in [0, 1), in a float dtype."""
    drawn: Array = generator.random(shape, float64 if dtype == float64 else float32)
    if dtype == float16:  # numbers close to 1 would be rounded to 1
        drawn = np.floor(drawn * 2**11) / 2**11
    return drawn.astype(dtype, copy=False)


def draw_normal(
    generator: Any, shape: tuple[int, ...], dtype: np.dtype[Any], mean: float = 0.0,
    std: float = 1.0,
) -> Array:  # fmt: skip
    """Numbers of a normal distribution, in a float dtype."""
    real = float64 if dtype == float64 else float32
    count = kernels.random.words_of(shape, real)
    drawn = kernels.normal(_words(generator, count), shape, real, mean, std)
    return drawn.astype(dtype, copy=False)


def _words(generator: Any, count: int) -> Array:
    """Integers of 64 random bits."""
    bits = generator.bit_generator
    if type(bits) is np.random.PCG64:  # the same numbers in less time
        return bits.random_raw(count)
    words: Array = generator.integers(0, _GREATEST, count, np.uint64, endpoint=True)
    return words


def draw_integers(
    function: str, generator: Any, low: Any, high: Any, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    low, high = (number_of(function, "low and high", bound) for bound in (low, high))
    if not low < high:
        raise ValueError(f"{function}: low must be less than high (got {low} and {high})")
    if dtype.kind in "biu":
        least, greatest = _limits(dtype)
        if low < least or high - 1 > greatest:
            raise ValueError(
                f"{function}: the integers must fit into {dtype} (got {low} to {high})"
            )
    wide = np.uint64 if high > 2**63 else np.int64
    drawn: Array = generator.integers(low, high, shape, wide)
    return np.asarray(drawn).astype(dtype, copy=False)


@cache
def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The least and the greatest number of a dtype of integers or booleans."""
    return (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def draw_zeros_and_ones(function: str, generator: Any, p: Any, shape: Any) -> Array:
    probabilities = array_of(p)
    inside = (probabilities >= 0) & (probabilities <= 1)
    if not all_of(inside):
        wrong = probabilities[~inside].flat[0]
        raise ValueError(f"{function}: probabilities must be between 0 and 1 (got {wrong})")
    return np.asarray(generator_of(function, generator).random(shape) < probabilities)
