"""Where the elements of arrays are in memory: their strides.

Code that runs after a call can depend on them: ``reshape`` makes a view of some arrays and a copy
of others. So results of a plan have the strides of those of the original.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...arrays import Array, Shape


def steps(shape: Shape, strides: Shape) -> Shape:
    """The strides that matter: those of axes with one element are 0."""
    pairs = zip(shape, strides, strict=True)
    return tuple([stride if size > 1 else 0 for size, stride in pairs])


def is_ordinary(array: Array) -> bool:
    """Whether an array can be written, and each element has memory of its own."""
    extent = array.itemsize
    axes = zip(array.strides, array.shape, strict=True)
    for stride, size in sorted((abs(stride), size) for stride, size in axes):
        if size > 1:
            if stride < extent:
                return False
            extent += (size - 1) * stride
    return array.size == 0 or array.flags.writeable


def placed(array: Array, strides: Shape) -> Array:
    """A new array with the same elements and these strides."""
    ends = [(n - 1) * stride for n, stride in zip(array.shape, strides, strict=True)]
    first = -sum(end for end in ends if end < 0)
    count = first + sum(end for end in ends if end > 0) + array.itemsize
    memory: np.ndarray[Any, Any] = np.empty(count, np.uint8)
    result: Array = np.ndarray(array.shape, array.dtype, memory, first, strides)
    result[...] = array
    return result


def copied(array: Array) -> Array:
    """A copy with the same strides, if no elements share memory."""
    return placed(array, array.strides) if is_ordinary(array) and array.size else array.copy("K")


def viewed(
    array: Array, shape: Shape, strides: Shape, offset: int = 0, is_writeable: bool = True
) -> Array:
    """A view of an array, which begins some bytes after its first element.

    If the array is not contiguous, it is for the caller to know that it has all elements.

    Raises
    ------
    ValueError
        If the view has elements outside of a contiguous array, or does not begin with the first
        element of another.
    """
    if offset == 0 and not array.flags.forc:
        return as_strided(array, shape, strides, writeable=is_writeable)
    buffer = array if array.flags.c_contiguous else array.T
    view: Array = np.ndarray(shape, array.dtype, buffer, offset, strides)
    if not is_writeable:
        view.flags.writeable = False
    return view


def owner(array: Array) -> Array:
    """The array that a view belongs to."""
    found, base = array, array.base
    while base is not None:
        found = base if isinstance(base, np.ndarray) else found
        base = getattr(base, "base", None)
    return found
