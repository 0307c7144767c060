"""Reshapes, which need no step, and operations that copy elements to other places."""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from ...arrays import Shape
from ...functional.padding import Pad
from ...functional.shuffling import Rearrange
from ...kernels._strides import broadcast, pair, strides_of
from ...operations.axes import Permute
from ...operations.indexing import Index
from ...operations.joining import Cat, Stack
from ...operations.shape import BroadcastTo, Reshape
from ..steps import RULES, Step, Value, for_one_image


@RULES.of(Reshape)
def reshape(x: Value, *, shape: Any) -> Value:
    return Value(np.broadcast_to(0, x.shape).reshape(shape).shape, x.step, 0)


def _copied(x: Value, sizes: Shape, strides: Sequence[int], first: int = 0) -> Step | None:
    """A copy of the elements of x with these strides; axis 0 must be the batch."""
    g = pair(sizes, strides, strides_of(sizes), first)
    return Step("strided_copy", (x.step,), sizes, {"g": g}) if g else None


@RULES.of(Permute)
def permute(x: Value, *, axes: tuple[int, ...]) -> Step | None:
    axes = tuple(axis % len(x.shape) for axis in axes)
    strides = strides_of(x.shape)
    if axes[0] != 0:
        return None
    return _copied(x, tuple(x.shape[axis] for axis in axes), [strides[axis] for axis in axes])


@RULES.of(Rearrange)
def rearrange(x: Value, *, split: Shape, order: tuple[int, ...], result: Shape) -> Step | None:
    """The first of the split axes has the batch, perhaps with channels."""
    n, first = x.shape[0], split[0]
    if order[0] or first % n:
        return None
    parts = n, first // n, *split[1:]
    strides = strides_of(parts)
    axes = 0, 1, *[axis + 1 for axis in order[1:]]
    step = _copied(x, tuple([parts[axis] for axis in axes]), [strides[axis] for axis in axes])
    if step:
        step.shape = result
    return step


@RULES.of(BroadcastTo)
def broadcast_to(x: Value, *, shape: Shape) -> Step | None:
    if len(shape) != len(x.shape) or shape[0] != x.shape[0]:
        return None
    return _copied(x, shape, broadcast(x.shape, shape))


@RULES.of(Index)
def index(x: Value, *, index: Any) -> Step | None:
    """Slices, numbers, None and the ellipsis, of all images."""
    parts = index if isinstance(index, tuple) else (index,)
    if not all(part is None or part is ... or isinstance(part, int | slice) for part in parts):
        return None
    one = np.empty(1, np.int8)  # an array of this shape and strides, in the memory of one element
    seen = np.lib.stride_tricks.as_strided(one, x.shape, strides_of(x.shape))[parts]
    if not isinstance(parts[0], slice | EllipsisType) or seen.shape[:1] != x.shape[:1]:
        return None
    first = seen.__array_interface__["data"][0] - one.__array_interface__["data"][0]
    return _copied(x, seen.shape, seen.strides, first)


@RULES.of(Cat)
def cat(*parts: Any, axis: int) -> Step | None:
    parts = tuple(x for x in parts if x.shape != (0,))
    axis %= len(parts[0].shape)
    shape = list(parts[0].shape)
    shape[axis] = sum(x.shape[axis] for x in parts)
    return _joined(parts, tuple(shape), axis) if axis else None


@RULES.of(Stack)
def stack(*parts: Any, axis: int) -> Step | None:
    shape = list(parts[0].shape)
    axis %= len(shape) + 1
    if not axis or not all(isinstance(x, Value) for x in parts):
        return None
    joined = [Value((*shape[:axis], 1, *shape[axis:]), x.step, 1) for x in parts]
    return _joined(joined, (*shape[:axis], len(parts), *shape[axis:]), axis)


def _joined(parts: Sequence[Any], shape: Shape, axis: int) -> Step | None:
    """Each part is copied to its place."""
    step, first = None, 0
    strides = strides_of(shape)
    for x in parts:
        constant = None if isinstance(x, Value) else for_one_image(x, len(shape))
        sizes = *shape[:axis], x.shape[axis], *shape[axis + 1 :]
        source = x if constant is None else constant
        g = pair(sizes, broadcast(source.shape, sizes), strides, 0, first * strides[axis])
        if g is None or (not isinstance(x, Value) and constant is None):
            return None
        arguments: dict[str, Any] = {"g": g} | ({} if constant is None else {"x": constant})
        inputs = (x.step,) if isinstance(x, Value) else ()
        step = Step("strided_copy", inputs, shape, arguments, step)
        first += x.shape[axis]
    return step


@RULES.of(Pad)
def pad(x: Value, *, ends: Sequence[tuple[int, int]], value: float) -> Step | None:
    """The value is copied to all elements, then x to those inside."""
    if any(ends[0]):
        return None
    shape = tuple(n + sum(end) for end, n in zip(ends, x.shape, strict=True))
    strides = strides_of(shape)
    first = sum(before * step for (before, _), step in zip(ends, strides, strict=True))
    everywhere = pair(shape, (0,) * len(shape), strides)
    inside = pair(x.shape, strides_of(x.shape), strides, 0, first)
    if everywhere is None or inside is None:
        return None
    filled = Step("strided_copy", (), shape, {"g": everywhere, "x": np.full(1, value, np.float64)})
    return Step("strided_copy", (x.step,), shape, {"g": inside}, filled)
