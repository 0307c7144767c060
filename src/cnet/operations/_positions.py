"""Arrays read and written at positions along an axis: the computation of indexing operations.

There is one position for each element or, for whole slices, a vector of positions. Positions must
be in range, or IndexError is raised.
"""

from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array
from ..kernels import plain
from ..kernels.indexing import OPERATIONS
from ..tensor import array_of
from ._sums import add_rows, spread

_least: Any = np.minimum.reduce

NUMBERS = {name: number for number, name in enumerate(OPERATIONS)}
"""The numbers of the operations of `plain.scatter`."""

_UFUNCS: dict[str, Any] = {
    "add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip


def integers_of(function: str, index: Any, name: str = "index") -> Array:
    """An array of positions, which must be integers."""
    array: Array = array_of(index)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name} must be integers (got dtype {array.dtype})")
    return array


def check_range(function: str, index: Array, size: int, name: str = "index") -> None:
    """Check that positions are in range for an axis."""
    if index.size and not 0 <= index.min() <= index.max() < size:
        raise IndexError(
            f"{function}: {name} must be in range for size {size} "
            f"(got {index.min()} to {index.max()})"
        )


def from_the_end(positions: Array, size: int) -> Array:
    """Positions where negative ones that are in range, from the end, are replaced."""
    if positions.dtype.kind == "u" or not positions.size or _least(positions, None) >= 0:
        return positions
    return np.where((positions < 0) & (positions >= -size), positions + size, positions)


def elements_at(function: str, x: Array, index: Array, axis: int) -> Array:
    """``y[i, j, …] = x[i, index[i, j, …], …]``; along other axes, `index` may be smaller than x."""
    y: Array | None = plain.gather(x, index, axis)
    if y is not None:
        return y
    if not index.size:
        return np.empty(index.shape, x.dtype)
    if x.ndim == 0:
        return elements_at(function, x.reshape(1), index.reshape(1), 0).reshape(())
    x = _beginning(x, index.shape, axis)
    bits = bits_of(x)
    if bits is None:
        check_range(function, index, x.shape[axis])
        return np.take_along_axis(x, index, axis)
    return _read(function, bits, index, axis, x.dtype)


def slices_at(function: str, x: Array, index: Array, axis: int) -> Array:
    """The slices of x at positions, whose axes replace the axis."""
    y: Array | None = plain.gather(x, index, axis, True)
    if y is not None:
        return y
    bits = bits_of(x)
    if bits is None:
        check_range(function, index, x.shape[axis])
        return np.take(x, index, axis)
    y = _read(function, bits, index.reshape(-1), axis, x.dtype)
    return y.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def scattered(
    function: str, y: Array, index: Array, src: Any, axis: int, operation: str = "write", *,
    whole: bool = False,
) -> Array:  # fmt: skip
    """Combine elements of `src` with those of y at positions along an axis, in place; return y.

    `src` is an array, which may be larger than `index`, or a number. `operation` is one of
    `kernels.scatter`. With `whole`, slices are combined: the axes of `index` replace the axis in
    the shape of `src`.
    """
    if plain.scatter(NUMBERS[operation], y, index, src, axis, whole, y) is not None:
        return y
    if not index.size:
        return y
    if whole and index.ndim != 1:
        if isinstance(src, np.ndarray):
            src = src.reshape(*y.shape[:axis], index.size, *y.shape[axis + 1 :])
        return scattered(function, y, index.reshape(-1), src, axis, operation, whole=True)
    if y.ndim == 0:
        source = np.asarray(src, y.dtype).reshape(1)
        scattered(function, y.reshape(1), index.reshape(1), source, 0, operation)
        return y
    if not whole:
        src = _source(src, index.shape, y.dtype)
    part = y if whole else _beginning(y, index.shape, axis)
    bits = bits_of(part) if operation == "write" or y.dtype.kind == "f" else None
    if bits is None or not isinstance(src, np.ndarray) or not src.ndim:
        check_range(function, index, y.shape[axis])
        _combine(part, index, src, axis, operation, whole)
        return y
    target = bits if bits.flags.c_contiguous else np.ascontiguousarray(bits)
    elements = src if src.dtype is bits.dtype else src.view(bits.dtype)
    try:
        kernels.scatter(elements, index, target, axis, operation)
    except IndexError:
        check_range(function, index, y.shape[axis])
        raise
    if target is not bits:
        bits[...] = target
    return y


def scattered_copy(
    function: str, x: Array, index: Array, src: Any, axis: int, operation: str = "write", *,
    whole: bool = False,
) -> Array:  # fmt: skip
    """`scattered` on a copy of x."""
    y: Array | None = plain.scatter(NUMBERS[operation], x, index, src, axis, whole)
    if y is None:
        y = scattered(function, x.copy(), index, src, axis, operation, whole=whole)
    return y


def _source(src: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The elements for positions of this shape."""
    if isinstance(src, np.ndarray):
        return src if src.shape == shape else src[tuple(map(slice, shape))]
    return spread(np.asarray(src, dtype), shape)


def _beginning(x: Array, shape: tuple[int, ...], axis: int) -> Array:
    """The beginning of all axes but one of x, of these sizes."""
    if x.shape == shape:
        return x
    if x.shape[:axis] == shape[:axis] and x.shape[axis + 1 :] == shape[axis + 1 :]:
        return x
    return x[tuple([slice(None if d == axis else size) for d, size in enumerate(shape)])]


def bits_of(x: Array) -> Array | None:
    """A view of x as floats of the same size, for kernels that copy elements; None if impossible.

    Kernels copy such elements bit by bit, whatever they are.
    """
    if x.dtype is FLOAT32 or x.dtype is FLOAT64:
        return x
    if x.dtype.kind not in "iuf" or x.dtype.itemsize < 4:
        return None
    return x.view(np.float32 if x.dtype.itemsize == 4 else np.float64)


def _read(function: str, x: Array, index: Array, axis: int, dtype: np.dtype[Any]) -> Array:
    try:
        y = kernels.gather(x, index, axis)
        return y if y.dtype is dtype else y.view(dtype)
    except IndexError:
        check_range(function, index, x.shape[axis])
        raise


def _combine(
    y: Array, index: Array, src: Any, axis: int, operation: str, whole: bool
) -> None:  # fmt: skip
    """`scattered` with NumPy, for dtypes without kernels."""
    if whole:
        y, where = np.moveaxis(y, axis, 0), index
        src = np.moveaxis(src, axis, 0) if np.ndim(src) else src
    else:
        where = _mesh(index, axis)
    if operation == "write":
        y[where] = src
    elif whole and operation == "add":
        add_rows(y, index, src)
    else:
        _UFUNCS[operation].at(y, where, src)


def _mesh(index: Array, axis: int) -> Any:
    """The index of the elements at positions along an axis."""
    mesh: list[Any] = list(np.ogrid[tuple(map(slice, index.shape))])
    mesh[axis] = index
    return tuple(mesh)
