"""Accurate sums for every axis and layout.

NumPy uses pairwise summation only along a contiguous last axis. Along other axes it adds one number
after the other, so that a float32 sum of a million rows has an error of a percent. Here, large
arrays are summed by `kernels.reduce`, which adds groups of numbers in float64 and in blocks, and
small ones by NumPy where that is as accurate.
Axes are a sorted tuple of non-negative numbers.
"""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array

Axes = tuple[int, ...]

_reduce: Any = np.add.reduce
_any: Any = np.logical_or.reduce
_all: Any = np.logical_and.reduce

SMALL = 1024
"""NumPy has less overhead for arrays of up to this many elements."""
_FEW = 32
"""Up to this many float32 numbers are added one after the other in float32."""
_REPEATS = 8
"""Up to this many rows at one position are added one after the other."""


def total(x: Array, axes: Axes, keepdims: bool = False) -> Array:
    """The sum along axes, in the dtype of `x` for floats, in int64 for booleans and integers."""
    if x.dtype.kind != "f":
        return np.asarray(_reduce(x, axes, np.int64, keepdims=keepdims))
    if x.size <= _FEW:
        return np.asarray(_reduce(x, axes, None, None, keepdims))
    if x.size <= SMALL:
        count = length(x, axes)
        trailing = not axes or axes[0] == x.ndim - len(axes)
        if count <= _FEW or (trailing and x.flags.c_contiguous):
            return np.asarray(_reduce(x, axes, None, None, keepdims))
    y = wide_total(x, axes).astype(x.dtype, copy=False)
    return y if keepdims else y.squeeze(axes)


def average(x: Array, axes: Axes) -> Array:
    """The arithmetic mean of floats, with the axes kept; exact for equal float32 numbers."""
    if len(axes) == x.ndim:
        return average_of_all(x).reshape((1,) * x.ndim)
    count = float(length(x, axes))  # NumPy divides by an int more slowly
    return (wide_total(x, axes) / count).astype(x.dtype, copy=False)


def average_of_all(x: Array) -> Array:
    """The arithmetic mean of all elements, without dimensions."""
    if x.size <= SMALL:  # NumPy divides a scalar faster than an array
        return np.array(_reduce(x, None, np.float64) / x.size, x.dtype)
    axes = tuple(range(x.ndim))
    return (wide_total(x, axes) / x.size).astype(x.dtype, copy=False).reshape(())


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
