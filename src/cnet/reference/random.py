"""Random positions with given probabilities."""

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
