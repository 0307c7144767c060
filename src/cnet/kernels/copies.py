"""Copies of parts of arrays, and in another order."""

from collections.abc import Sequence
from math import prod

import numpy as np

from .. import _check
from ..arrays import Array
from . import _memory
from ._dispatch import call

_AXES = 5
"""The axes of the kernel."""


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
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{f}: axis must be in range (got {axis} for {x.ndim} dimensions)")
    axis %= x.ndim
    expected = (*x.shape[:axis], y.shape[axis] if y.ndim > axis else 0, *x.shape[axis + 1 :])
    _check.same_shape(f, "y", y.shape, "x.shape except along the axis", expected)
    count = x.shape[axis] - x_begin if count is None else count
    for name, begin, size in (("x", x_begin, x.shape[axis]), ("y", y_begin, y.shape[axis])):
        if not 0 <= begin <= begin + count <= size:
            raise ValueError(
                f"{f}: the range must be within {name}.shape[{axis}] "
                f"(got {begin} to {begin + count} and {size})"
            )
    inner = prod(x.shape[axis + 1 :])
    n, length = prod(x.shape[:axis]), count * inner
    if n * length:
        x_pitch, y_pitch = x.shape[axis] * inner, y.shape[axis] * inner
        strides = 0, 0, 0, x_pitch, 1, 0, 0, 0, y_pitch, 1
        call("strided_copy", x, y, (1, 1, 1, n, length, *strides, x_begin * inner, y_begin * inner))


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
    f = "flip"
    x = _check.array(f, "x", x)
    if not all(-x.ndim <= axis < x.ndim for axis in axes):
        raise ValueError(f"{f}: axes must be in range for {x.ndim} dimensions (got {axes})")
    reversed_axes = {axis % x.ndim for axis in axes}
    if len(reversed_axes) < len(axes):
        raise ValueError(f"{f}: axes must be different (got {axes})")
    y = _memory.empty(x.shape, x.dtype)
    sizes, signs = [1], [1]  # of the axes, where neighbours with the same sign are one axis
    for axis, size in enumerate(x.shape):
        sign = -1 if axis in reversed_axes else 1
        if sign == signs[-1]:
            sizes[-1] *= size
        else:
            sizes.append(size)
            signs.append(sign)
    missing = _AXES - len(sizes)
    if missing < 0:
        y[...] = np.flip(x, axes)
    elif x.size:
        sizes, signs = [1] * missing + sizes, [1] * missing + signs
        pitches = [prod(sizes[axis + 1 :]) for axis in range(_AXES)]
        steps = [sign * pitch for sign, pitch in zip(signs, pitches, strict=True)]
        first = sum(-step * (size - 1) for step, size in zip(steps, sizes, strict=True) if step < 0)
        call("strided_copy", x, y, (*sizes, *steps, *pitches, first, 0))
    return y
