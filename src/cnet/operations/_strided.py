"""Views with other strides, whose base NumPy knows."""

from collections.abc import Sequence

import numpy as np

from ..autograd import Array


def strided(x: Array, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Array:
    """A view of the memory of `x`, from `offset` bytes after its first element.

    It is read-only if several of its elements share memory.
    """
    owner = _in_memory_order(x)
    while not owner.flags.c_contiguous and isinstance(owner.base, np.ndarray):
        owner = _in_memory_order(owner.base)
    if not owner.flags.c_contiguous:
        raise ValueError("the memory of the tensor must be contiguous; use contiguous()")
    start = x.ctypes.data - owner.ctypes.data + offset
    view: Array = np.ndarray(shape, x.dtype, owner, start, strides)
    if view.flags.writeable and may_overlap(view):
        view.flags.writeable = False
    return view


def _in_memory_order(x: Array) -> Array:
    """A view with the largest strides first, which is C-contiguous if `x` has no gaps."""
    return x.transpose(np.argsort([-stride for stride in x.strides], kind="stable"))


def axis_last(x: Array, axis: int) -> Array:
    """A view with an axis, which is not negative, as the last one."""
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def may_overlap(view: Array) -> bool:
    """Whether the strides allow that elements share memory."""
    if not view.size:
        return False
    reach = view.itemsize
    for stride, size in sorted(zip(map(abs, view.strides), view.shape, strict=True)):
        if size > 1:
            if stride < reach:
                return True
            reach = stride * (size - 1) + reach
    return False
