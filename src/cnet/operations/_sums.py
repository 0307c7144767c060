"""Accurate sums for every axis and layout.

NumPy uses pairwise summation only along a contiguous last axis. Along other axes it adds one number
after the other, so that a float32 sum of a million rows has an error of a percent. Here, floats are
summed by `kernels.reduce`, which adds groups of numbers in float64 and in blocks.
Axes are a sorted tuple of non-negative numbers.
"""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array
from ..kernels.reduce import reduce_plain

Axes = tuple[int, ...]

_reduce: Any = np.add.reduce
_any: Any = np.logical_or.reduce
_all: Any = np.logical_and.reduce

SMALL = 1024
"""NumPy has less overhead for arrays of up to this many elements."""
_REPEATS = 8
"""Up to this many rows at one position are added one after the other."""


def reduced(
    x: Array, operation: str, axes: Axes, keepdims: bool = False, divisor: float = 1.0,
    root: bool = False,
) -> Array:  # fmt: skip
    """A reduction of floats, in their dtype, computed in float64; see `kernels.reduce`.

    It is divided by a number. If `root` is true, the result is the square root of that.
    """
    y: Array | None = reduce_plain(x, operation, axes, keepdims, divisor, root)
    if y is not None:
        return y
    y = kernels.reduce(np.asarray(x), operation, axes)  # formulas may give scalars
    if divisor != 1:
        y = y / divisor
    if root:
        y = np.sqrt(y)
    y = y.astype(x.dtype, copy=False)
    return y if keepdims else y.squeeze(axes)


def total(x: Array, axes: Axes, keepdims: bool = False) -> Array:
    """The sum along axes, in the dtype of `x` for floats, in int64 for booleans and integers."""
    y = reduce_plain(x, "sum", axes, keepdims)
    if y is not None:
        return y
    if x.dtype.kind != "f":
        return np.asarray(_reduce(x, axes, np.int64, keepdims=keepdims))
    if x.itemsize == 2:
        return np.asarray(_reduce(x, axes, np.float64, keepdims=keepdims)).astype(x.dtype)
    return reduced(x, "sum", axes, keepdims)


def average(x: Array, axes: Axes, keepdims: bool = True) -> Array:
    """The arithmetic mean of floats; exact for equal float32 numbers."""
    count = float(length(x, axes))
    if x.itemsize == 2:
        y = np.asarray(_reduce(x, axes, np.float64, keepdims=keepdims)) / count
        return np.asarray(y, x.dtype)
    return reduced(x, "sum", axes, keepdims, count)


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """Broadcast an array; a small result is not a view, which NumPy makes more slowly."""
    if prod(shape) > SMALL:
        return np.broadcast_to(x, shape)
    y = np.empty(shape, x.dtype)
    y[...] = x
    return y


def any_of(mask: Array) -> bool:
    """``mask.any()``, in less time for small arrays."""
    return bool(_any(mask, axis=None))


def all_of(mask: Array) -> bool:
    """``mask.all()``, in less time for small arrays."""
    return bool(_all(mask, axis=None))


def length(x: Array, axes: Axes) -> int:
    """The number of elements along axes."""
    shape, count = x.shape, 1
    for axis in axes:
        count *= shape[axis]
    return count


def wide_total(x: Array, axes: Axes) -> Array:
    """The sum of floats in float64, with the axes kept."""
    if x.itemsize == 2:
        return np.asarray(_reduce(x, axes, np.float64, keepdims=True))
    return kernels.reduce(x, "sum", axes)


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
