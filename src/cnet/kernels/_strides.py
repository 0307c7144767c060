"""Arrays visited with strides, for the kernels `arithmetic` and `strided_copy`."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from ..arrays import Shape

AXES = 5
"""Axes that the kernels visit."""


def strides_of(shape: Shape) -> tuple[int, ...]:
    """The strides of a C-contiguous array, in elements."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def broadcast(shape: Shape, to: Shape) -> tuple[int, ...]:
    """The strides with which a contiguous array is repeated to the shape `to`."""
    shape = (*(1,) * (len(to) - len(shape)), *shape)
    pairs = zip(shape, strides_of(shape), strict=True)
    return tuple(0 if size == 1 else stride for size, stride in pairs)


def pair(
    sizes: Shape, a: Sequence[int], b: Sequence[int], a_first: int = 0, b_first: int = 0
) -> tuple[int, ...] | None:
    """The fields of cnet_pair in cnet.h; None if the arrays need more axes than it has.

    Axes that are contiguous in both arrays are combined, except for axis 0, the batch.
    """
    axes = [(sizes[0], a[0], b[0])]
    for axis in zip(sizes[1:], a[1:], b[1:], strict=True):
        size, *steps = axis
        before, *strides = axes[-1]
        if size == 1:
            continue
        if len(axes) > 1 and strides == [size * step for step in steps]:
            axes[-1] = (before * size, *steps)  # type: ignore[assignment]
        else:
            axes.append(axis)
    if len(axes) > AXES:
        return None
    axes[1:1] = [(1, 0, 0)] * (AXES - len(axes))
    columns = zip(*axes, strict=True)
    return (*(value for column in columns for value in column), a_first, b_first)


@lru_cache(maxsize=1024)
@lru_cache(maxsize=1024)
def sizes_around(shape: Shape, axis: int) -> tuple[int, int, int]:
    """The sizes before, along and after an axis in range."""
    axis %= len(shape)
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
