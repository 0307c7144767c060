"""Reading and writing of elements at positions along an axis. `g` is (n, size, count, inner)."""

from typing import Any

import numpy as np

from ..arrays import Array

Cells = tuple[int, int, int, int]

_COMBINE: tuple[Any, ...] = (lambda y, s: s, np.add, np.multiply, np.maximum, np.minimum)


def gather(x: Array, index: Array, y: Array, g: Cells, shared: bool) -> int:
    """y[n, j, s] = x[n, index[n, j, s], s]; returns the number of positions out of range."""
    n, size, count, inner = g
    x, y = x.reshape(n, size, inner), y.reshape(n, count, inner)
    index, inside = _expanded(index, g, shared)
    y[...] = 0
    if size:
        found = np.take_along_axis(x, np.where(inside, index, 0), 1)
        y[...] = np.where(inside, found, 0)
    return _outside(inside)


def searchsorted(x: Array, values: Array, y: Array, g: Cells, right: bool) -> None:
    """y[n, j] is the position of values[n, j] in the sorted row x[n]."""
    n, size, count, _ = g
    rows = x.reshape(n, size), values.reshape(n, count), y.reshape(n, count)
    for sequence, row, found in zip(*rows, strict=True):
        found[...] = np.searchsorted(sequence, row, "right" if right else "left")


def scatter(src: Array, index: Array, y: Array, g: Cells, operation: int, shared: bool) -> int:
    """y[n, i, s] is combined with src[n, j, s], i = index[n, j, s], for j = 0, 1, … in this order.

    Returns the number of positions out of range.
    """
    n, size, count, inner = g
    src, y = src.reshape(n, count, inner), y.reshape(n, size, inner)
    index, inside = _expanded(index, g, shared)
    for j in range(count):
        images, columns = np.nonzero(inside[:, j])
        cells = images, index[images, j, columns], columns
        y[cells] = _COMBINE[operation](y[cells], src[images, j, columns])
    return _outside(inside)


def _expanded(index: Array, g: Cells, shared: bool) -> tuple[Array, Array]:
    """A position for each element, and which of them are in range."""
    n, size, count, inner = g
    index = index.reshape((1, count, 1) if shared else (n, count, inner))
    index = np.broadcast_to(index, (n, count, inner))
    return index, (index >= 0) & (index < size)


def _outside(inside: Array) -> int:
    return int(inside.size - np.count_nonzero(inside))
