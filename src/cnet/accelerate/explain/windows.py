"""Strides, paddings and dilations that windows of given sizes may have."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from ...arrays import Shape

MAX_DILATION = 3
MOST_DILATED = 5
"""The largest windows that may be dilated."""


class Steps(NamedTuple):
    """How a window moves along one axis."""

    stride: int
    begin: int
    end: int
    dilation: int


class Plane(NamedTuple):
    """How a window moves over an image, in the arguments of `cnet.kernels`."""

    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]

    @property
    def short(self) -> tuple[Any, Any, Any]:
        """The same as single numbers where they are equal, which are checked faster."""
        return _short(self)


@lru_cache(maxsize=1024)
def _short(plane: Plane) -> tuple[Any, Any, Any]:
    stride, padding, dilation = plane
    (top, bottom), (left, right) = padding
    ends = (top, left) if (top, left) == (bottom, right) else padding
    return tuple([
        pair[0] if pair[0] == pair[1] and isinstance(pair[0], int) else pair
        for pair in (stride, ends, dilation)
    ])  # type: ignore[return-value]  # fmt: skip


def axis_steps(size: int, kernel: int, output: int) -> list[Steps]:
    """All ways to get `output` positions with about the same padding on both sides."""
    found = []
    for dilation in range(1, MAX_DILATION + 1 if 1 < kernel <= MOST_DILATED else 2):
        extent = dilation * (kernel - 1) + 1
        for stride in range(1, (size + extent) // (output - 1) + 1 if output > 1 else 2):
            for begin in range(min(extent, size + 1) + 1):
                least = (output - 1) * stride + extent - size - begin
                end = min(max(begin, least, 0), least + stride - 1)
                if end >= 0 and abs(end - begin) <= 1:
                    found.append(Steps(stride, begin, end, dilation))
    return found


@lru_cache(maxsize=1024)
def common_planes(size: Shape, kernel: Shape, output: Shape) -> tuple[Plane, ...]:
    """The geometries of two axes that are alike and not dilated, the most common first."""
    rows, columns = _sorted_steps(size, kernel, output)
    by_stride: dict[int, list[Steps]] = {}
    for column in columns:
        by_stride.setdefault(column.stride, []).append(column)
    found = []
    for row in rows:
        choices = columns if min(output) == 1 else by_stride.get(row.stride, ())
        found += [_plane(row, c) for c in choices if _is_common(row, c, size, kernel, output)]
    return tuple(found)


def rare_planes(size: Shape, kernel: Shape, output: Shape) -> Iterator[Plane]:
    """All others."""
    for row, column in product(*_sorted_steps(size, kernel, output)):
        is_possible = row.dilation == column.dilation or min(kernel) == 1
        if is_possible and not _is_common(row, column, size, kernel, output):
            yield _plane(row, column)


@lru_cache(maxsize=1024)
def _sorted_steps(size: Shape, kernel: Shape, output: Shape) -> tuple[list[Steps], list[Steps]]:
    rows, columns = (
        sorted(axis_steps(*sizes), key=_rarity)
        for sizes in zip(size, kernel, output, strict=True)
    )  # fmt: skip
    return rows, columns


def _plane(row: Steps, column: Steps) -> Plane:
    return Plane(
        (row.stride, column.stride), (row[1:3], column[1:3]), (row.dilation, column.dilation)
    )


def _rarity(steps: Steps) -> tuple[int, ...]:
    stride, begin, end, dilation = steps
    return dilation, abs(end - begin), begin, stride


def _is_common(row: Steps, column: Steps, size: Shape, kernel: Shape, output: Shape) -> bool:
    """Whether two axes may come from the same arguments; sizes may make them differ."""
    is_stride = row.stride == column.stride or min(output) == 1
    is_padding = row[1:3] == column[1:3] or kernel[0] != kernel[1] or size[0] != size[1]
    return is_stride and is_padding and row.dilation == column.dilation == 1


def describe(size: Shape, plane: Plane, stride: Shape = (1, 1)) -> list[str]:
    """The size of the window, and what differs from `stride`, no padding and no dilation."""
    parts = ["x".join(map(str, size))]
    if plane.stride != stride:
        parts.append(f"stride {_both(plane.stride)}")
    (top, bottom), (left, right) = plane.padding
    if top == bottom == left == right:
        parts += [f"padding {top}"] * bool(top)
    else:
        parts.append(f"padding {plane.padding}")
    if plane.dilation != (1, 1):
        parts.append(f"dilation {_both(plane.dilation)}")
    return parts


def _both(sizes: tuple[int, int]) -> str:
    return str(sizes[0] if sizes[0] == sizes[1] else sizes)
