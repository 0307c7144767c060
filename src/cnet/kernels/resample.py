"""Weighted sums of cells along an axis."""

from functools import lru_cache
from math import prod

import numpy as np

from .. import _check, geometry
from ..arrays import INT32, INT64, Array, Shape
from . import _memory
from ._dispatch import call


def resample(x: Array, starts: Array, cells: Array, weights: Array, axis: int = -1) -> Array:
    """Compute weighted sums of cells along an axis: the product with a sparse matrix.

    ``y[..., i, ...] = sum over t from starts[i] to starts[i + 1] - 1 of
    weights[t] * x[..., cells[t], ...]``. The last three arrays are a matrix in compressed sparse
    row format.

    Parameters
    ----------
    x : ndarray, any shape
        float32 or float64.
    starts : integer ndarray, shape (outputs + 1,)
        Where the terms of each output begin, and the number of all terms; ascending from 0.
    cells : integer ndarray, shape (terms,)
        The position along `axis` that each term reads.
    weights : ndarray, shape (terms,)
        The factor of each term, in the dtype of `x`.
    axis : int, default -1
        The axis of `x`.

    Returns
    -------
    ndarray, shape of `x` with `outputs` cells along `axis`
        Terms are added in order. An output without terms is 0.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> starts, cells = np.array([0, 1, 3]), np.array([0, 0, 1])
    >>> kernels.resample(np.array([2.0, 4.0]), starts, cells, np.array([1.0, 0.5, 0.5]))
    array([2., 3.])
    """
    f = "resample"
    x = _check.array(f, "x", x)
    starts = _check.integers(f, "starts", starts, 1, INT64)
    cells = _check.integers(f, "cells", cells, 1, INT32)
    weights = _check.array(f, "weights", weights, 1)
    _check.same_dtype(f, x=x, weights=weights)
    _check.same_shape(f, "weights", weights.shape, "cells.shape", cells.shape)
    axis = geometry.integer(f, "axis", axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{f}: axis must be in range for x (got {axis} and {x.ndim} dimensions)")
    axis %= x.ndim
    counts = np.diff(starts)
    if not (starts.size and starts[0] == 0 and starts[-1] == cells.size and (counts >= 0).all()):
        raise ValueError(f"{f}: starts must ascend from 0 to the size of cells (got {starts})")
    size = x.shape[axis]
    if cells.size and not (cells.min() >= 0 and cells.max() < size):
        raise ValueError(
            f"{f}: cells must be at least 0 and less than x.shape[axis] "
            f"(got {cells.min()} to {cells.max()} and {size})"
        )
    return multiplied(x, starts, cells, weights, axis, uniform(counts))


def uniform(counts: Array) -> int:
    """The number that all counts are equal to, or 0."""
    return int(counts[0]) if counts.size and (counts == counts[0]).all() else 0


def multiplied(
    x: Array, starts: Array, cells: Array, weights: Array, axis: int, terms: int
) -> Array:
    """`resample` with a matrix that fits; `terms` is the `uniform` number of terms of its rows."""
    g, shape = _sizes(x.shape, starts.size - 1, axis)
    y = _memory.empty(shape, x.dtype)
    call("resample", x, starts, cells, weights, y, g, terms)
    return y


@lru_cache(maxsize=1024)
def _sizes(x_shape: Shape, outputs: int, axis: int) -> tuple[tuple[int, int, int, int], Shape]:
    """The fields of ``cnet_resample``, and the shape of the result."""
    shape = *x_shape[:axis], outputs, *x_shape[axis + 1 :]
    geometry.check_size("resample", "the result", shape)
    return (prod(x_shape[:axis]), x_shape[axis], outputs, prod(x_shape[axis + 1 :])), shape
