"""Distances of all pairs of rows. `g` is (n, rows, m, k)."""

import numpy as np

from ..arrays import Array

Sizes = tuple[int, int, int, int]


def distances(x: Array, columns: Array, y: Array, g: Sizes, p: float) -> None:
    """y[n, i, j] = (Σ_k |x[n, i, k] - columns[n, k, j]|^p)^(1/p)."""
    y[...] = (np.abs(_differences(x, columns)) ** p).sum(-1) ** (1 / p)


def distances_backward(
    grad: Array, x: Array, columns: Array, y: Array, dx: Array, g: Sizes, p: float
) -> None:
    """dx[n, i, k] = Σ_j grad[n, i, j] sign(d) (|d| / y[n, i, j])^(p-1)."""
    d = _differences(x, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.sign(d) * (np.abs(d) / y[..., np.newaxis]) ** (p - 1)
    slopes[(d == 0) | (y[..., np.newaxis] == 0)] = 0
    dx[...] = (grad[..., np.newaxis] * slopes).sum(2)


def _differences(x: Array, columns: Array) -> Array:
    """Shape (n, rows, m, k)."""
    d: Array = x[:, :, np.newaxis] - columns.swapaxes(1, 2)[:, np.newaxis]
    return d
