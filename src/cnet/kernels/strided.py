"""Copies of arrays to places in other arrays, and in another order."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import prod
from struct import Struct
from typing import Any, TypeAlias

import numpy as np

from .. import _check, geometry
from .._explained import explain
from ..arrays import FLOAT32, FLOAT64, Array, Shape
from ..modes import current
from ..replay import constant
from . import _memory, plain
from ._dispatch import call
from ._strides import pair, strides_of

_SHORT = 4

Parts: TypeAlias = tuple[bytes | None, ...]
"""For each array of `assemble`, the fields of cnet_pair; None if nothing is copied."""
_PAIR = Struct("17n")


def assemble(arrays: tuple[Array, ...], shape: Shape, parts: Parts) -> Array:
    """A new array to which elements of arrays of one float dtype are copied."""
    y: Array | None = plain.assemble(arrays, shape, parts)
    if y is not None:
        return y
    y = _memory.empty(shape, arrays[0].dtype)
    for x, part in zip(arrays, parts, strict=True):
        if part is not None:
            call("strided_copy", _check.array("assemble", "x", x), y, _PAIR.unpack(part))
    return y


def _packed(*pairs: tuple[int, ...] | None) -> Parts:
    return tuple([None if pair is None else _PAIR.pack(*pair) for pair in pairs])


@lru_cache(maxsize=1024)
def joined(shapes: tuple[Shape, ...], axis: int) -> tuple[bool, Shape, Parts]:
    """The shape of arrays of these shapes joined along an axis, and the parts for `assemble`.

    Before them, whether all runs of elements that are copied are long: NumPy copies others faster.
    """
    sizes = [shape[axis] for shape in shapes]
    y_shape = *shapes[0][:axis], sum(sizes), *shapes[0][axis + 1 :]
    begins = accumulate(sizes, initial=0)
    pairs = zip(shapes, begins, strict=False)
    are_long = min([prod(shape[axis:]) for shape in shapes]) > _SHORT
    parts = [_range(x, y_shape, axis, 0, begin, None) for x, begin in pairs]
    return are_long, y_shape, _packed(*parts)


@lru_cache(maxsize=1024)
def rolled(shape: Shape, shift: int, axis: int) -> Parts:
    """The parts for `assemble` of an array whose elements are shifted along an axis."""
    size = shape[axis]
    begin = shift % size if size else 0
    return _packed(
        _range(shape, shape, axis, 0, begin, size - begin),
        _range(shape, shape, axis, size - begin, 0, begin),
    )


def copy_range(
    x: Array, y: Array, axis: int = 0, x_begin: int = 0, y_begin: int = 0, count: int | None = None
) -> None:
    """Copy cells along an axis to an array that has the same shape otherwise, in place.

    Parameters
    ----------
    x : ndarray, any shape with at least 1 dimension
        Float32 or float64.
    y : ndarray
        Of the same dtype, and of the same shape except along the axis; its cells from `y_begin` on
        are overwritten. C-contiguous and writable; must not share memory with `x`.
    axis : int, default 0
    x_begin, y_begin : int, default 0
        The first cells.
    count : int, optional
        The number of cells; by default all from `x_begin` on.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit, or do not have these cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y = np.zeros((1, 3))
    >>> kernels.copy_range(np.array([[1.0, 2.0]]), y, axis=1, y_begin=1)
    >>> y
    array([[0., 1., 2.]])
    """
    f = "copy_range"
    x = _check.array(f, "x", x)
    _check.writable(f, "y", y)
    _check.same_dtype(f, x=x, y=y)
    g = _range(x.shape, y.shape, axis, x_begin, y_begin, count)
    if g is not None:
        call("strided_copy", x, y, g)


@lru_cache(maxsize=1024)
def _range(
    x_shape: Shape, y_shape: Shape, axis: int, x_begin: int, y_begin: int, count: int | None
) -> tuple[int, ...] | None:
    """How the kernel visits the cells of `copy_range`; None if there are none."""
    f, ndim = "copy_range", len(x_shape)
    if not -ndim <= axis < ndim:
        raise ValueError(f"{f}: axis must be in range (got {axis} for {ndim} dimensions)")
    axis %= ndim
    y_size = y_shape[axis] if len(y_shape) > axis else 0
    expected = (*x_shape[:axis], y_size, *x_shape[axis + 1 :])
    _check.same_shape(f, "y", y_shape, "x.shape except along the axis", expected)
    x_size = x_shape[axis]
    count = x_size - x_begin if count is None else count
    for name, size, begin in (("x", x_size, x_begin), ("y", y_size, y_begin)):
        if not 0 <= begin <= begin + count <= size:
            raise ValueError(
                f"{f}: the range must be within {name}.shape[{axis}] "
                f"(got {begin} to {begin + count} and {size})"
            )
    n, inner = prod(x_shape[:axis]), prod(x_shape[axis + 1 :])
    if n * count * inner == 0:
        return None
    pitches = (x_size * inner, 1), (y_size * inner, 1)
    return pair((n, count * inner), *pitches, x_begin * inner, y_begin * inner)


def embed(x: Array, shape: Shape, index: Any, value: float = 0.0) -> Array:
    """A new array that has `x` at a place: ``y = np.full(shape, value); y[index] = x``.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64, of any layout.
    shape : tuple of int
        The shape of the result.
    index : slice, int, None, Ellipsis or a tuple of them
        The place, which must have the shape of `x`.
    value : float, default 0
        The other elements.

    Returns
    -------
    ndarray of the dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype, or `index` has arrays or booleans.
    ValueError
        If the place does not have the shape of `x`.
    IndexError
        If `shape` does not have this place.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.embed(np.array([1.0, 2.0]), (5,), slice(1, None, 2))
    array([0., 1., 0., 2., 0.])
    """
    try:
        f = "embed"
        memory = _memory_of(x)
        if memory is None:
            x = memory = _check.array(f, "x", x)
        geometry.check_size(f, "y", shape)
        parts = index if isinstance(index, tuple) else (index,)
        if not is_basic(parts):
            raise TypeError(
                f"{f}: index must consist of slices, integers, None and ... (got {index})"
            )
        outside = prod(shape) > x.size
        y = filled(shape, x.dtype, value) if outside else _memory.empty(shape, x.dtype)
        try:
            place = y[parts if ... in parts else (*parts, ...)]  # a view also of a single element
        except IndexError as error:
            raise IndexError(f"{f}: index must fit the shape {shape} ({error})") from None
        _check.same_shape(f, "x", x.shape, "y[index].shape", place.shape)
        (first, *strides), (y_first, *y_strides) = _visited(x, memory), _visited(place, y)
        inside = pair((1, *x.shape), (0, *strides), (0, *y_strides), first, y_first)
        if inside is None:  # more axes than the kernel visits
            place[...] = x
        elif place.size:
            call("strided_copy", memory, y, inside)
        return y
    except Exception as error:
        explain(error, embed, (x, shape, index, value), {})


def filled(shape: Shape, dtype: np.dtype[Any], value: Any) -> Array:
    """Allocate a result whose elements are all `value`."""
    y: Array = _memory.empty(shape, dtype)
    by_kernel = y.nbytes >= _memory.CACHED_BYTES or current.recorder is not None
    if by_kernel and y.size and (dtype is FLOAT32 or dtype is FLOAT64):
        number = constant(np.full(1, value, dtype))
        call("strided_copy", number, y, (1, 1, 1, 1, y.size, *(0,) * 9, 1, 0, 0))
    else:
        y.fill(value)
    return y


def flip(x: Array, axes: Sequence[int]) -> Array:
    """Reverse the order of the elements along axes.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.
    axes : sequence of int
        Different axes of `x`.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If an axis is out of range, or given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.flip(np.array([[1.0, 2.0], [3.0, 4.0]]), (1,))
    array([[2., 1.],
           [4., 3.]])
    """
    try:
        f = "flip"
        x = _check.array(f, "x", x)
        y, g = _memory.empty(x.shape, x.dtype), _flipped(x.shape, tuple(axes))
        if g is None:  # more axes than the kernel visits
            y[...] = np.flip(x, tuple(axes))
        elif x.size:
            call("strided_copy", x, y, g)
        return y
    except Exception as error:
        explain(error, flip, (x, axes), {})


@lru_cache(maxsize=1024)
def _flipped(shape: Shape, axes: Shape) -> tuple[int, ...] | None:
    """How the kernel visits an array and its copy with the axes reversed."""
    ndim = len(shape)
    if not all(-ndim <= axis < ndim for axis in axes):
        raise ValueError(f"flip: axes must be in range for {ndim} dimensions (got {axes})")
    reverse = {axis % ndim for axis in axes}
    if len(reverse) < len(axes):
        raise ValueError(f"flip: axes must be different (got {axes})")
    strides = strides_of(shape)
    steps = [-step if axis in reverse else step for axis, step in enumerate(strides)]
    first = sum([(shape[axis] - 1) * strides[axis] for axis in reverse])
    return pair((1, *shape), (0, *steps), (0, *strides), first)


def permute(x: Array, shape: Shape, axes: Sequence[int]) -> Array:
    """A copy of the elements in another shape, with its axes in another order.

    ``y = x.reshape(shape).transpose(axes).copy()``.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.
    shape : tuple of int
        The shape whose axes are put in another order; it has as many elements as `x`.
    axes : sequence of int
        For each axis of the result, the axis of `shape`.

    Returns
    -------
    ndarray of the dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If `shape` has another number of elements, or `axes` does not contain each axis once.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.permute(np.arange(6.0), (2, 3), (1, 0))
    array([[0., 3.],
           [1., 4.],
           [2., 5.]])
    """
    try:
        x = _check.array("permute", "x", x)
        size, y_shape, g, is_slow = _permuted(tuple(shape), tuple(axes))
        if x.size != size:
            raise ValueError(
                f"permute: shape must have as many elements as x (got {tuple(shape)} and {x.shape})"
            )
        y = _memory.empty(y_shape, x.dtype)
        if g is None or (is_slow and current.recorder is None):
            y[...] = x.reshape(shape).transpose(axes)
        elif size:
            call("strided_copy", x, y, g)
        return y
    except Exception as error:
        explain(error, permute, (x, shape, axes), {})


@lru_cache(maxsize=1024)
def _permuted(shape: Shape, axes: Shape) -> tuple[int, Shape, tuple[int, ...] | None, bool]:
    """The number of elements, the shape of the result, and how the kernel visits both.

    And whether NumPy copies faster: the elements of long rows are not contiguous in memory.
    """
    if sorted(axes) != [*range(len(shape))]:
        raise ValueError(
            f"permute: axes must contain each axis of shape once (got {axes} and {shape})"
        )
    y_shape = tuple([shape[axis] for axis in axes])
    strides = strides_of(shape)
    source, target = [strides[axis] for axis in axes], strides_of(y_shape)
    g = pair((1, *y_shape), (0, *source), (0, *target)) or pair(y_shape, source, target)
    reads_far = len(axes) > 0 and axes[-1] != len(shape) - 1 and shape[axes[-1]] > _SHORT
    return prod(shape), y_shape, g, reads_far


def is_basic(parts: tuple[Any, ...]) -> bool:
    """Whether the parts of an index select a view, without arrays and booleans."""
    return all(
        part is None or part is ... or isinstance(part, slice)
        or (isinstance(part, int) and not isinstance(part, bool))
        for part in parts
    )  # fmt: skip


def _memory_of(x: Any) -> Array | None:
    """A contiguous array of floats that `x` is a view of, or None."""
    if not isinstance(x, np.ndarray) or x.dtype not in (FLOAT32, FLOAT64):
        return None
    memory: Any = x
    while not memory.flags.c_contiguous and isinstance(memory.base, np.ndarray):
        memory = memory.base
    if type(memory) is not np.ndarray or memory.dtype != x.dtype:
        return None
    fits = memory.flags.c_contiguous and memory.flags.aligned
    return memory if fits and not any(n % x.itemsize for n in _visited(x, memory, 1)) else None


def _visited(x: Array, memory: Array, unit: int | None = None) -> list[int]:
    """The first element of a view in its memory and the strides, in elements or other units."""
    start, origin = (a.__array_interface__["data"][0] for a in (x, memory))
    return [n // (unit or x.itemsize) for n in (start - origin, *x.strides)]
