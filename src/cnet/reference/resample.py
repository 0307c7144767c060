"""Weighted sums of cells along an axis."""

from itertools import pairwise

from ..arrays import Array


def resample(
    x: Array, starts: Array, cells: Array, weights: Array, y: Array,
    g: tuple[int, int, int, int], terms: int,
) -> None:  # fmt: skip
    """y[n, i] = Σ_{starts[i] ≤ t < starts[i + 1]} weights[t] x[n, cells[t]]."""
    n, size, outputs, inner = g
    x, y = x.reshape(n, size, inner), y.reshape(n, outputs, inner)
    y[...] = 0
    for i, (begin, end) in enumerate(pairwise(starts)):
        for t in range(begin, end):
            y[:, i] += weights[t] * x[:, cells[t]]
