"""Padding."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .. import kernels
from .._explained import explained
from ..arrays import Shape
from ..autograd import Array, Context, Operation
from ..geometry import integer
from ..kernels._memory import empty
from ..operations._positions import scattered, slices_at
from ..operations.arithmetic import is_copied_by_kernel
from ..operations.indexing import Index
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["pad"]

Ends: TypeAlias = tuple[tuple[int, int], ...]
"""For each axis, the numbers of cells to add before and after."""


@lru_cache(maxsize=256)
def _padded(shape: tuple[int, ...], ends: Ends) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """The shape of the padded array, and the place of the array in it."""
    pairs = [*zip(shape, ends, strict=True)]
    return (
        tuple([before + n + after for n, (before, after) in pairs]),
        tuple([slice(before, before + n) for n, (before, _) in pairs]),
    )


class Pad(Operation[Tensor]):
    """Adds cells of a constant value."""

    owns_result = True

    @staticmethod
    def forward(ctx: Context, x: Array, *, ends: Ends, value: float) -> Array:
        shape, ctx.inside = _padded(x.shape, ends)
        if is_copied_by_kernel(x.dtype, prod(shape)):
            return kernels.embed(x, shape, ctx.inside, value)
        y = empty(shape, x.dtype)
        y[...] = value
        y[ctx.inside] = x
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad[ctx.inside]


NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@lru_cache(maxsize=64)
def _sources(shape: tuple[int, ...], ends: Ends, mode: str) -> tuple[tuple[int, ...], int, Array]:
    """The shape with the axes from the first padded one on joined to one, and that axis.

    And for each cell of the padded axes, the position of its source on that axis.
    """
    first = next(axis for axis, end in enumerate(ends) if any(end))
    sizes = shape[first:]
    positions = np.arange(prod(sizes)).reshape(sizes)
    sources: Array = np.pad(positions, ends[first:], NUMPY_MODES[mode])  # type: ignore[call-overload]
    return (*shape[:first], prod(sizes)), first, sources


class PadFromInside(Operation[Tensor]):
    """Adds cells with values from inside the array: mirrored, repeated or wrapped around."""

    @staticmethod
    def compute(x: Array, *, ends: Ends, mode: str) -> Array:
        joined, axis, sources = _sources(x.shape, ends, mode)
        return slices_at("pad", x.reshape(joined), sources, axis)

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, ends: Ends, mode: str) -> Array:
        ctx.joined, ctx.axis, ctx.sources = _sources(x.shape, ends, mode)
        return cls.compute(x, ends=ends, mode=mode)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        dx = np.zeros(ctx.joined, grad.dtype)
        scattered("pad", dx, ctx.sources, grad, ctx.axis, "add", whole=True)
        return dx.reshape(ctx.input_shape(0))


MODES = "constant", "reflect", "replicate", "circular"


@explained
def pad(
    input: TensorLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements at both ends of the last axes, or remove them.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    pad : sequence of int
        The numbers of elements to add before and after, first for the last axis, then for the
        second to last axis, and so on. Negative numbers remove elements.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
        The added elements: `value`, the mirror image without the edge, the edge, or the elements at
        the opposite end.
    value : float, default 0
        The added value in the mode "constant"; must not be given in other modes.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `pad` has an odd length or more pairs than `input` has axes, if it removes more elements
        than there are or adds more than the mode allows, or if `mode` is unknown.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0, 3.0]])
    >>> cnet.functional.pad(x, (1, 0, 0, 1))
    tensor([[0., 1., 2., 3.],
            [0., 0., 0., 0.]])
    >>> cnet.functional.pad(x, (2, -1), mode="circular")
    tensor([[1., 2., 1., 2.]])
    """
    x = as_tensor(input)
    added, kept = _plan(mode, x._array.shape, *pad)
    if mode == "constant":
        x = x if kept is None else Index.apply(x, index=kept)
        return Pad.apply(x, ends=added, value=0 if value is None else value)
    if value:
        raise ValueError(f"pad: value is for the mode 'constant' only (got {value} and {mode!r})")
    if kept is not None and mode == "circular":
        x = Index.apply(x, index=kept)
    if added:
        x = PadFromInside.apply(x, ends=added, mode=mode)
    return x if kept is None or mode == "circular" else Index.apply(x, index=kept)


@lru_cache(maxsize=256, typed=True)
def _plan(mode: str, shape: Shape, *pad: Any) -> tuple[Ends, tuple[slice, ...] | None]:
    """Check the arguments of `pad`; return the ends that are added, and the part that is kept.

    The part is of the input or, in the modes "reflect" and "replicate", of the padded array. It is
    None if no number is negative. Without added cells, the ends are (), except in the mode
    "constant".
    """
    if len(pad) % 2 or len(pad) > 2 * len(shape):
        raise ValueError(
            f"pad: pad must have two numbers for each of at most {len(shape)} axes (got {pad})"
        )
    if mode not in MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(MODES)} (got {mode!r})")
    numbers = [integer("pad", "pad", number) for number in pad]
    pairs = zip(numbers[-2::-2], numbers[::-2], strict=True)
    ends = *[(0, 0)] * (len(shape) - len(numbers) // 2), *pairs
    added = tuple([(max(before, 0), max(after, 0)) for before, after in ends])
    if mode == "constant":
        return added, _kept(shape, ends, pad)
    if mode == "circular":
        kept = _kept(shape, ends, pad)
        inside = shape if kept is None else [part.stop - part.start for part in kept]
    else:
        inside, kept = shape, _kept(_padded(shape, added)[0], ends, pad)
    _check_ends(mode, inside, added)
    return added if any(map(any, added)) else (), kept


def _kept(shape: Shape, ends: Ends, pad: Sequence[Any]) -> tuple[slice, ...] | None:
    """The part of an array without the cells that negative numbers remove."""
    if min(pad, default=0) >= 0:
        return None
    kept = [
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(shape, ends, strict=True)
    ]
    if any(part.start > part.stop for part in kept):
        raise ValueError(f"pad: pad removes too much (got {tuple(pad)} and shape {shape})")
    return tuple(kept)


def _check_ends(mode: str, shape: Sequence[int], ends: Ends) -> None:
    """Check that there are enough cells inside."""
    for size, end in zip(shape, ends, strict=True):
        limit = {"reflect": size - 1, "circular": size}.get(mode, max(end))
        if max(end) > max(limit, 0) or (size == 0 and max(end) > 0):
            raise ValueError(
                f"pad: pad must add at most {limit} elements in the mode {mode!r} "
                f"(got {end} and shape {tuple(shape)})"
            )
