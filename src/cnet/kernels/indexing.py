"""Reading and writing of elements at positions along an axis."""

from functools import lru_cache
from math import prod

import numpy as np

from .. import _check, geometry
from ..arrays import INT64, Array, Shape
from . import _memory
from ._dispatch import call

OPERATIONS = "write", "add", "multiply", "maximum", "minimum"
"""The ways in which `scatter` combines an element with a cell, in the order of the kernel."""


def gather(x: Array, index: Array, axis: int = -1) -> Array:
    """Read elements, or whole slices, at positions along an axis.

    Parameters
    ----------
    x : ndarray, at least 1 dimension
        float32 or float64.
    index : integer ndarray, shape (count,) or the shape of the result
        One position along `axis` for each slice of the result, or one for each element. In the
        second case, its shape is that of `x` but along `axis`.
    axis : int, default -1
        The axis of `x`.

    Returns
    -------
    ndarray, shape of `x` with `count` cells along `axis`

    Raises
    ------
    IndexError
        If a position is not in range for the axis.
    TypeError, ValueError
        If an argument has a wrong type, shape, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> kernels.gather(x, np.array([1, 1, 0]))
    array([[2., 2., 1.],
           [4., 4., 3.]])
    >>> kernels.gather(x, np.array([[1], [0]]))
    array([[2.],
           [3.]])
    """
    f = "gather"
    x = _check.array(f, "x", x)
    index = _check.integers(f, "index", index, None, INT64)
    axis = geometry.integer(f, "axis", axis)
    cells, shape, shared = _cells(f, "x", x.shape, index.shape, axis)
    y = _memory.empty(shape, x.dtype)
    if call("gather", x, index, y, cells, shared):
        raise _outside(f, index, x.shape[axis])
    return y


def scatter(src: Array, index: Array, y: Array, axis: int = -1, operation: str = "write") -> None:
    """Combine elements, or whole slices, with the cells of `y` at positions along an axis.

    If a position is given several times, the elements are combined in their order; so "write"
    keeps the last one.

    Parameters
    ----------
    src : ndarray, shape of `y` with `count` cells along `axis`
        The elements, in the dtype of `y`.
    index : integer ndarray, shape (count,) or the shape of `src`
        One position along `axis` for each slice of `src`, or one for each element.
    y : ndarray, at least 1 dimension
        float32 or float64, C-contiguous; it is updated in place. If a position is out of range,
        part of the elements may have been combined.
    axis : int, default -1
        The axis of `y`.
    operation : {"write", "add", "multiply", "maximum", "minimum"}, default "write"
        A NaN is the maximum and the minimum of all numbers.

    Raises
    ------
    IndexError
        If a position is not in range for the axis.
    TypeError, ValueError
        If an argument has a wrong type, shape, dtype or range, or the operation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y = np.zeros(3)
    >>> kernels.scatter(np.array([1.0, 2.0, 4.0]), np.array([2, 0, 2]), y, operation="add")
    >>> y
    array([2., 0., 5.])
    """
    f = "scatter"
    src, y = _check.array(f, "src", src), _check.writable(f, "y", y)
    if src.dtype is not y.dtype:
        _check.same_dtype(f, y=y, src=src)
    index = _check.integers(f, "index", index, None, INT64)
    axis = geometry.integer(f, "axis", axis)
    cells, shape, shared = _cells(f, "y", y.shape, index.shape, axis)
    _check.same_shape(f, "src", src.shape, "that of y with the positions along axis", shape)
    if operation not in OPERATIONS:
        raise ValueError(
            f"{f}: operation must be one of {', '.join(OPERATIONS)} (got {operation!r})"
        )
    if call("scatter", src, index, y, cells, OPERATIONS.index(operation), shared):
        raise _outside(f, index, y.shape[axis])


def searchsorted(x: Array, values: Array, right: bool = False) -> Array:
    """The positions at which values can be inserted so that sequences remain sorted.

    Parameters
    ----------
    x : ndarray, shape (size,) or (..., size)
        Ascending sequences, float32 or float64. NaN is greater than all numbers.
    values : ndarray of the same dtype, any shape or (..., count)
        If there are several sequences, one row for each of them.
    right : bool, default False
        Insert after equal elements, not before them.

    Returns
    -------
    ndarray of int64, shape of `values`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or dtype, or the shapes do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.searchsorted(np.array([1.0, 3.0, 5.0]), np.array([3.0, 6.0]))
    array([1, 3])
    """
    f = "searchsorted"
    x, values = _check.array(f, "x", x), _check.array(f, "values", values)
    _check.same_dtype(f, x=x, values=values)
    if x.ndim == 0:
        raise ValueError(f"{f}: x must have at least 1 dimension (got 0)")
    rows = x.shape[:-1]
    if rows and values.shape[:-1] != rows:
        raise ValueError(
            f"{f}: values.shape[:-1] must equal x.shape[:-1] (got {values.shape} and {x.shape})"
        )
    if x.shape[-1] >= 2**31:
        raise ValueError(f"{f}: x.shape[-1] must be less than 2**31 (got {x.shape[-1]})")
    y = _memory.empty(values.shape, INT64)
    count = values.shape[-1] if rows else values.size
    call("searchsorted", x, values, y, (prod(rows), x.shape[-1], count, 1), bool(right))
    return y


@lru_cache(maxsize=1024)
def _cells(
    f: str, name: str, shape: Shape, index_shape: Shape, axis: int
) -> tuple[tuple[int, int, int, int], Shape, bool]:
    """The fields of ``cnet_cells``, the shape with the number of positions along an axis, and
    whether slices share positions.
    """
    ndim = len(shape)
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"{f}: axis must be in range for {name} (got {axis} and {ndim} dimensions)"
        )
    axis %= ndim
    before, after = shape[:axis], shape[axis + 1 :]
    shared = len(index_shape) == 1
    if not shared and index_shape != (*before, *index_shape[axis : axis + 1], *after):
        raise ValueError(
            f"{f}: index must have 1 dimension, or the shape of {name} but along axis "
            f"(got {index_shape} and {shape})"
        )
    count = index_shape[0 if shared else axis]
    with_count = (*before, count, *after)
    geometry.check_size(f, "the result", with_count)
    return (prod(before), shape[axis], count, prod(after)), with_count, shared


def _outside(f: str, index: Array, size: int) -> IndexError:
    """The error for positions that are out of range."""
    return IndexError(
        f"{f}: index must be in range for size {size} (got {np.min(index)} to {np.max(index)})"
    )
