"""Layouts: the order of the axes of images and of filters, written as letters.

The letters of images are ``n c h w``, those of filters ``o i h w``. An array may have fewer axes
than its layout has letters: images without n, or without n and c; filters without i, or without i
and o.
"""

from functools import lru_cache
from math import prod

import numpy as np

from .. import kernels
from ..arrays import Array, Shape

IMAGES, CHANNELS_LAST = "nchw", "nhwc"
FILTERS, FILTERS_LAST = "oihw", "hwio"
"""The orders of the kernels."""


class Layout:
    """The axes of an array, and how the kernels see it. `layout` makes one, once."""

    __slots__ = (
        "axes", "dropped", "from_order", "full", "inserted", "is_ordered", "is_target",
        "lacks_axes", "places", "single", "target", "to_order",
    )  # fmt: skip

    def __init__(self, axes: str, full: str, target: str, single: str = "") -> None:
        self.axes = axes
        """The letters of the axes that the array has."""
        self.full = full
        """The order of all four axes."""
        self.target = target
        """Their order in the kernels: `IMAGES`, `CHANNELS_LAST` or `FILTERS`."""
        self.single = single
        """The letters of axes that have size 1: no element moves if they change their place."""
        present = _in_order(target, axes)
        self.is_target = axes == target
        self.is_ordered = _without(single, axes) == _without(single, present)
        """Whether the array has its elements in the order of the kernels."""
        given = axes if self.is_ordered else present
        optional = single + _without(axes, target)
        self.inserted = _index(given, target, optional)
        self.dropped = _index(target, given, optional)
        """The indices that insert the missing axes, and drop them."""
        self.lacks_axes = len(axes) < len(target)
        self.to_order = tuple(axes.index(letter) for letter in present)
        self.from_order = tuple(present.index(letter) for letter in axes)
        self.places = tuple(axes.find(letter) for letter in target)

    def to_kernels(self, x: Array) -> Array:
        """A C-contiguous array with four axes in the order of the kernels."""
        if self.is_target:
            return x
        y: Array
        if self.is_ordered:
            y = x[self.inserted]
            return y
        y = _transposed(x, self.to_order)
        return y[self.inserted] if self.lacks_axes else y

    def from_kernels(self, x: Array) -> Array:
        """The array in this layout, C-contiguous, from one with four axes."""
        if self.is_target:
            return x
        if self.is_ordered:
            y: Array = x[self.dropped]
            return y
        if self.lacks_axes:
            x = x[self.dropped]
        return _transposed(x, self.from_order)

    def shape_to_kernels(self, shape: Shape) -> Shape:
        """The four sizes, with 1 for an axis that the array does not have."""
        return tuple([shape[place] if place >= 0 else 1 for place in self.places])

    def for_kernels(self, target: str) -> "Layout":
        """The layout of the same array for kernels with another order."""
        return layout(self.axes, self.full, target, self.single)

    def with_single(self, letter: str) -> "Layout":
        """The layout of an array whose axis with this letter has size 1."""
        return layout(self.axes, self.full, self.target, letter)

    def with_axes(self, axes: str) -> "Layout":
        """The layout of an array that has these axes, in the same order."""
        return layout(_in_order(self.full, axes), self.full, self.target, self.single)

    def with_taps(self) -> "Layout":
        """The layout of an array that has another axis, t, after that of columns."""
        orders = self.axes, self.full, self.target
        return layout(*[letters.replace("w", "wt") for letters in orders], self.single)


layout = lru_cache(maxsize=1024)(Layout)


def _in_order(order: str, letters: str) -> str:
    return "".join(letter for letter in order if letter in letters)


def _without(removed: str, letters: str) -> str:
    return "".join(letter for letter in letters if letter not in removed)


def _index(source: str, target: str, optional: str) -> tuple[slice | int | None, ...]:
    """The index that makes the axes `target` of `source`, which have the same order.

    Those that are `optional` have size 1; they are inserted, or dropped.
    """
    index: list[slice | int | None] = []
    rest = source
    for letter in target:
        while rest and rest[0] != letter and rest[0] in optional:
            index.append(0)
            rest = rest[1:]
        is_given = rest[:1] == letter
        index.append(slice(None) if is_given else None)
        rest = rest[is_given:]
    return *index, *[0] * len(rest)


def images(function: str, order: object, ndim: int) -> Layout:
    """The layout of images with this number of dimensions.

    Raises
    ------
    TypeError, ValueError
        If `order` is not an order of h, w and some of n and c, or the array has another number of
        dimensions.
    """
    return _read(function, "layout", text(function, "layout", order), "x", ndim, IMAGES, "nc")


def filters(function: str, order: object, ndim: int, of_images: Layout) -> Layout:
    """The layout of filters; by default "hwio" if channels come after rows and columns."""
    if order is None:
        is_last = of_images.full.index("c") > of_images.full.index("h")
        order = FILTERS_LAST if is_last else FILTERS
    name = "weight_layout"
    return _read(function, name, text(function, name, order), "weight", ndim, FILTERS, "io")


def text(function: str, name: str, order: object) -> str:
    if not isinstance(order, str):
        raise TypeError(f"{function}: {name} must be a string (got {order!r})")
    return order


@lru_cache(maxsize=1024)
def _read(
    function: str, name: str, order: str, array: str, ndim: int, target: str, optional: str
) -> Layout:
    """`optional` are the letters that may be missing; the first is dropped first."""
    if not set("hw") <= set(order) <= set(target) or len(set(order)) != len(order):
        raise ValueError(
            f"{function}: {name} must be the letters h and w, and {target[0]} and {target[1]} at "
            f"most once each, in any order (got {order!r})"
        )
    full = order
    if target[1] not in full:
        place = min(full.index("h"), full.index("w"))
        full = full[:place] + target[1] + full[place:]
    if target[0] not in full:
        full = target[0] + full
    axes = order
    for letter in optional:
        if len(axes) > ndim:
            axes = axes.replace(letter, "")
    if len(axes) != ndim:
        counts = " or ".join(map(str, range(2, len(order) + 1)))
        raise ValueError(
            f"{function}: {array} must have {counts} dimensions for {name}={order!r} (got {ndim})"
        )
    return layout(axes, full, target)


# ---- Transposition -------------------------------------------------------------------------------

LARGE, LARGE_TALL, COLUMNS = 4096, 16384, 8
"""From how many elements the kernel is faster than NumPy: of wide matrices, and of tall ones with
at least so many columns."""


def _transposed(x: Array, order: tuple[int, ...]) -> Array:
    """``x.transpose(order)``, C-contiguous."""
    view = x.transpose(order)
    if x.size < LARGE:
        return view.copy()
    is_ready = x.flags.c_contiguous and x.dtype.kind == "f"
    steps = _steps(order, x.shape) if is_ready else None
    if steps is None:
        return np.ascontiguousarray(view)
    for step in steps:
        x = kernels.transpose(x.reshape(step))
    return x.reshape(view.shape)


@lru_cache(maxsize=1024)
def _steps(order: tuple[int, ...], shape: Shape) -> tuple[Shape, ...] | None:
    """The batches of matrices to transpose, one after another; None if NumPy has to do it.

    Axes that stay next to each other count as one, and those of size 1 do not count.
    """
    kept = [axis for axis in range(len(shape)) if shape[axis] != 1]
    groups: list[list[int]] = []
    for axis in (kept.index(axis) for axis in order if shape[axis] != 1):
        if groups and groups[-1][-1] + 1 == axis:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    ranks = tuple(sorted(groups).index(group) for group in groups)
    sizes = [prod(shape[kept[axis]] for axis in group) for group in sorted(groups)]
    steps: tuple[Shape, ...]
    if ranks == (1, 0):
        steps = ((1, *sizes),)
    elif ranks == (0, 2, 1):
        steps = (tuple(sizes),)
    elif ranks == (2, 1, 0):
        first, second, third = sizes
        steps = (1, first * second, third), (third, first, second)
    else:
        return None
    return steps if all(map(_is_faster, steps)) else None


def _is_faster(step: Shape) -> bool:
    """Whether the kernel is, for a batch of matrices with at least `LARGE` elements."""
    _, rows, columns = step
    return columns > rows or (columns >= COLUMNS and prod(step) >= LARGE_TALL)
