"""Random numbers from the bits or the uniform numbers of a generator."""

from math import prod
from typing import Any

import numpy as np

from .. import _check, _core, geometry
from ..arrays import FLOAT32, FLOAT64, INT64, Array, Shape
from . import _memory
from ._dispatch import call

_UINT64 = np.dtype(np.uint64)


def multinomial(weights: Array, draws: Array) -> Array:
    """Turn uniform random numbers into positions with given probabilities.

    Parameters
    ----------
    weights : ndarray, shape (n, c)
        Numbers proportional to the probabilities of each row; float32 or float64.
    draws : ndarray of float64, shape (n, samples)
        Numbers in [0, 1). Others give the first or the last position with a weight.

    Returns
    -------
    ndarray of int64, shape (n, samples)
        The least j for which the sum of the first j + 1 weights, divided by the sum of all, is
        greater than the number. Sums are in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or dtype, a weight is negative, or the sum of a row
        is 0 or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.multinomial(np.array([[1.0, 0.0, 3.0]]), np.array([[0.2, 0.25, 0.9]]))
    array([[0, 2, 2]])
    """
    f = "multinomial"
    weights, draws = _check.array(f, "weights", weights, 2), _check.array(f, "draws", draws, 2)
    if draws.dtype != FLOAT64:
        raise TypeError(f"{f}: draws.dtype must be float64 (got {draws.dtype})")
    (n, c), samples = weights.shape, draws.shape[1]
    if len(draws) != n:
        raise ValueError(
            f"{f}: draws.shape[0] must equal weights.shape[0] (got {len(draws)} and {n})"
        )
    if n and not c:
        raise ValueError(f"{f}: weights must have at least 1 column (got shape {weights.shape})")
    indices = _memory.empty((n, samples), INT64)
    if call("multinomial", weights, draws, indices, (n, c), samples):
        bad = weights[~((weights >= 0).all(1) & np.isfinite(sums := weights.sum(1)) & (sums > 0))]
        raise ValueError(
            f"{f}: the weights of a row must not be negative, and have a positive, finite sum "
            f"(got a row from {bad[0].min()} to {bad[0].max()})"
        )
    return indices


def normal(
    words: Array, shape: Shape, dtype: Any = FLOAT32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Turn random bits into numbers from a normal distribution.

    By the method of Box and Muller: uniform numbers give the radius and the angle of a point in the
    plane, whose coordinates are the results.

    Parameters
    ----------
    words : integer ndarray, shape (n,)
        Integers from 0 to 2⁶⁴ − 1 with equal probabilities: one for two numbers of float32, or for
        each number of float64. n is rounded up for an odd number of results.
    shape : tuple of int
        The shape of the result.
    dtype : dtype, default float32
        Float32 or float64.
    mean, std : float, default 0 and 1
        The mean and the standard deviation.

    Returns
    -------
    ndarray, in the shape
        The same bits on every instruction set, but for ``reference``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or dtype, or `std` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> words = np.array([1 << 62, 1 << 61], np.uint64)
    >>> kernels.normal(words, (4,)).round(3)
    array([1.665, 2.039, 0.   , 0.   ], dtype=float32)
    """
    f = "normal"
    words = _check.integers(f, "words", words, 1, _UINT64)
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        if dtype not in (FLOAT32, FLOAT64):
            raise TypeError(f"{f}: dtype must be float32 or float64 (got {dtype})")
        dtype = np.dtype(dtype)
    geometry.check_size(f, "the result", shape)
    count = words_of(shape, dtype)
    if words.shape != (count,):
        raise ValueError(f"{f}: words.shape must be ({count},) for {shape} (got {words.shape})")
    if not std >= 0:
        raise ValueError(f"{f}: std must not be negative (got {std})")
    y = _memory.empty(tuple(shape), dtype)
    call("normal", y, words.view(INT64), float(mean), float(std))
    return y


def integers(words: Array, shape: Shape, low: int, high: int) -> Array:
    """Integers from `low` to ``high - 1``, from as many words as `words_of_integers` says.

    The integer is `low` plus the word times ``high - low``, divided by 2⁶⁴ and rounded down; up to
    a difference of 2¹⁶, the two halves of a word are used, and divided by 2³².
    """
    f = "integers"
    words = _check.integers(f, "words", words, 1, _UINT64)
    count = words_of_integers(shape, low, high)
    if words.shape != (count,):
        raise ValueError(f"{f}: words.shape must be ({count},) for {shape} (got {words.shape})")
    if not low < high:
        raise ValueError(f"{f}: low must be less than high (got {low} and {high})")
    y: Array = _memory.empty(shape, INT64)
    _core.integers(words, y, low, high - low)
    return y


def words_of_integers(shape: Shape, low: int, high: int) -> int:
    """The number of words that `integers` needs."""
    count = prod(shape)
    return (count + 1) // 2 if high - low <= _core.halves else count


def permutation(words: Array) -> Array:
    """The integers from 0 on in random order: one for each of some words, as those of `normal`.

    ``y[i] = y[j]; y[j] = i`` for i = 0, 1, and so on, where j is the word times ``i + 1``, divided
    by 2⁶⁴ and rounded down.
    """
    words = _check.integers("permutation", "words", words, 1, _UINT64)
    y: Array = _memory.empty(words.shape, INT64)
    _core.permutation(words, y)
    return y


def words_of(shape: Shape, dtype: Any) -> int:
    """The number of words that `normal` needs."""
    pairs = (prod(shape) + 1) // 2
    return pairs if dtype == FLOAT32 else 2 * pairs
