"""Accurate sums for every axis and layout.

NumPy uses pairwise summation only along a contiguous last axis. Along other axes it adds one number
after the other, so that a float32 sum of a million rows has an error of a percent. Here, such sums
are computed in float64, and long sums of float64 numbers in blocks. Axes are a sorted tuple of
non-negative numbers.
"""

from math import prod
from typing import Any

import numpy as np

from ..autograd import Array

Axes = tuple[int, ...]

_reduce: Any = np.add.reduce

_FEW = 32
"""Up to this many float32 numbers are added one after the other in float32."""
_ROW = 1024
"""Narrow rows are joined to rows of about this length, which are then added."""
_REPEATS = 8
"""Up to this many rows at one position are added one after the other."""
_BLOCK = 1024
"""Up to this many float64 numbers are added one after the other."""


def total(x: Array, axes: Axes, keepdims: bool = False) -> Array:
    """The sum along axes, in the dtype of `x` for floats, in int64 for booleans and integers."""
    kind = x.dtype.kind
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    trailing = not axes or axes[0] == x.ndim - len(axes)
    if count <= _FEW or kind != "f" or (trailing and x.flags.c_contiguous):
        return np.asarray(_reduce(x, axes, None if kind == "f" else np.int64, keepdims=keepdims))
    y = _wide(x, axes).astype(x.dtype, copy=False)
    return y if keepdims else y.squeeze(axes)


def average(x: Array, axes: Axes) -> Array:
    """The arithmetic mean of floats, with the axes kept; exact for equal float32 numbers."""
    count = prod([x.shape[axis] for axis in axes])
    return np.asarray((_wide(x, axes) / np.float64(count)).astype(x.dtype, copy=False))


def add_rows(target: Array, index: Array, rows: Array) -> None:
    """Add rows to the rows of `target` at given positions, which may repeat."""
    if index.size == 0:
        return
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    counts = np.diff(starts, append=index.size)
    most = counts.max()
    if most > _REPEATS:
        target[ordered[starts]] += np.add.reduceat(rows[order], starts, 0)
        return
    for repeat in range(most):  # each time, rows at different positions
        chosen = order[starts[counts > repeat] + repeat]
        target[index[chosen]] += rows[chosen]


def _wide(x: Array, axes: Axes) -> Array:
    """The sum in float64, with the axes kept."""
    if x.size <= _BLOCK:
        return np.asarray(_reduce(x, axes, np.float64, keepdims=True))
    kept = tuple([1 if axis in axes else size for axis, size in enumerate(x.shape)])
    columns = prod(kept)
    leading = axes == tuple(range(len(axes)))
    if leading and x.flags.c_contiguous and 2 * columns <= _ROW and x.size >= 4 * _ROW:
        return _narrow(x.reshape(-1, columns)).reshape(kept)
    return _blocks(x, axes)


def _narrow(x: Array) -> Array:
    """The sum of the rows of a contiguous matrix with few columns; rows are joined to long rows."""
    rows, columns = x.shape
    together = _ROW // columns
    even = rows - rows % together
    sums = _blocks(x[:even].reshape(-1, together * columns), (0,)).reshape(together, columns)
    y: Array = sums.sum(0) + x[even:].sum(0, dtype=np.float64)
    return y


def _blocks(x: Array, axes: Axes) -> Array:
    """The sum in float64; float64 numbers are added in blocks along the longest axis."""
    longest = max(axes, key=lambda axis: x.shape[axis], default=0)
    if x.itemsize < 8 or not axes or x.shape[longest] <= _BLOCK:
        return np.asarray(_reduce(x, axes, np.float64, keepdims=True))
    moved = np.moveaxis(x, longest, 0)
    others = tuple([axis + (axis < longest) for axis in axes if axis != longest])
    sums = [
        _reduce(moved[i : i + _BLOCK], (0, *others), keepdims=True)
        for i in range(0, len(moved), _BLOCK)
    ]
    return np.moveaxis(_blocks(np.concatenate(sums), (0,)), 0, longest)
