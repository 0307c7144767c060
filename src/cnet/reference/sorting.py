"""Sorted elements along an axis. `g` is (n, size, count, inner)."""

from typing import Any

import numpy as np

from ..arrays import Array

Cells = tuple[int, int, int, int]


def sort(
    x: Array, values: Array, indices: Array, g: Cells, descending: bool, integers: bool
) -> None:
    """The first sorted elements; equal elements keep their order, NaN is the greatest."""
    n, size, count, inner = g
    rows = _numbers(x, integers).reshape(n, size, inner)
    if descending:
        backwards = np.argsort(rows[:, ::-1], 1, stable=True)
        order = size - 1 - backwards[:, ::-1]
    else:
        order = np.argsort(rows, 1, stable=True)
    indices.reshape(n, count, inner)[...] = order[:, :count]
    found = np.take_along_axis(x.reshape(n, size, inner), order[:, :count], 1)
    values.reshape(n, count, inner)[...] = found


def kth(
    x: Array, values: Array, indices: Array, g: Cells, k: int, nan: int, integers: bool
) -> None:
    """The elements at position k of sorted rows, and the first positions of elements like them."""
    n, size, _, inner = g
    rows = _numbers(x, integers).reshape(n, size, inner)
    places: Any = np.full((n, 1, inner), k)
    if nan:
        missing = np.isnan(rows).sum(1, keepdims=True)
        middle = np.maximum(size - missing - 1, 0) // 2
        places = middle if nan == 2 else np.where(missing > 0, size - 1, k)
    wanted = np.take_along_axis(np.sort(rows, 1), places, 1)
    found = ((rows == wanted) | ((rows != rows) & (wanted != wanted))).argmax(1)
    indices.reshape(n, inner)[...] = found
    elements = np.take_along_axis(x.reshape(n, size, inner), found[:, np.newaxis], 1)
    values.reshape(n, inner)[...] = elements[:, 0]


def _numbers(x: Array, integers: bool) -> Array:
    if not integers:
        return x
    return x.view(np.int32 if x.itemsize == 4 else np.int64)
