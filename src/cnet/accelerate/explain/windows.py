"""Strides, paddings and dilations that windows of given sizes may have."""

from functools import lru_cache
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


def planes(size: Shape, kernel: Shape, output: Shape) -> tuple[list[Plane], list[Plane]]:
    """The geometries of two axes: those where both axes are alike, and all others.

    In both lists, the most common are first.
    """
    rows, columns = (axis_steps(*sizes) for sizes in zip(size, kernel, output, strict=True))
    common: list[Plane] = []
    rare: list[Plane] = []
    for row in sorted(rows, key=_rarity):
        for column in sorted(columns, key=_rarity):
            if row.dilation != column.dilation and min(kernel) > 1:
                continue
            plane = Plane(
                (row.stride, column.stride), (row[1:3], column[1:3]),
                (row.dilation, column.dilation),
            )  # fmt: skip
            is_common = _is_alike(row, column, size, kernel, output) and row.dilation == 1
            (common if is_common else rare).append(plane)
    return common, rare


def _rarity(steps: Steps) -> tuple[int, ...]:
    stride, begin, end, dilation = steps
    return dilation, abs(end - begin), begin, stride


def _is_alike(row: Steps, column: Steps, size: Shape, kernel: Shape, output: Shape) -> bool:
    """Whether two axes may come from the same arguments; sizes may make them differ."""
    is_stride = row.stride == column.stride or min(output) == 1
    is_padding = row[1:3] == column[1:3] or kernel[0] != kernel[1] or size[0] != size[1]
    return is_stride and is_padding and row.dilation == column.dilation


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
