"""Random numbers from the bits or the uniform numbers of a generator."""

from typing import Any

import numpy as np

from ..arrays import Array


def multinomial(
    weights: Array, draws: Array, indices: Array, g: tuple[int, int], samples: int
) -> int:  # fmt: skip
    """indices[n, s] is the least j with draws[n, s] Σ weights[n] < Σ_{i ≤ j} weights[n, i].

    Returns the number of rows that are not weights.
    """
    bounds = np.cumsum(weights, 1, dtype=np.float64)
    bad = (weights < 0).any(1) | np.isnan(bounds[:, -1]) | np.isinf(bounds[:, -1])
    bad |= ~(bounds[:, -1] > 0)
    for row, (sums, numbers) in enumerate(zip(bounds, draws, strict=True)):
        if bad[row]:
            indices[row] = 0
            continue
        found = np.searchsorted(sums, numbers * sums[-1], side="right")
        indices[row] = np.minimum(found, np.searchsorted(sums, sums[-1]))
    return int(np.count_nonzero(bad))


def normal(y: Array, words: Array, mean: float, std: float) -> None:
    """Coordinates of points, whose radii and angles are from the high and low halves of words, or
    from the words of both halves of the array.

    The two highest bits of an angle select a quarter turn; the others, a signed fraction of it.
    """
    bits: Any = words.view(np.uint64)
    if y.dtype == np.float32:
        first, second = (bits >> 32).astype(np.uint32), bits.astype(np.uint32)
        size, kept, signed = 32, 31, "int32"
    else:
        first, second = np.split(bits, 2)
        size, kept, signed = 64, 53, "int64"
    uniform = ((first >> (size - kept)).astype(y.dtype) + 0.5) * 0.5**kept
    radius = np.sqrt(-2 * np.log(uniform, dtype=np.float64))
    turn = np.pi / 2 * 0.5**size * (second << 2).view(signed)
    sine = np.sin(turn)
    cosine = np.where(second >> (size - 1), -1, 1) * np.cos(turn)
    exchanged = (second >> (size - 2) & 1).astype(bool)
    pairs = np.where(exchanged, sine, cosine), np.where(exchanged, cosine, sine)
    points = np.concatenate([mean + std * (radius * x) for x in pairs])
    y.reshape(-1)[...] = points[: y.size]
