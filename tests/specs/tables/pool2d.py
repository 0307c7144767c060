"""The table of windows for pooling."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnet import geometry
from specs.spec import Case, Shape, Size
from specs.tables.conv2d import pair, windows


def _windows(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """With `ceil_mode`, a last window that extends beyond the end counts, unless it starts
    beyond the image."""
    if not ceil_mode:
        return windows(size + 2 * padding, kernel, stride, dilation)
    end, extent = size + padding, dilation * (kernel - 1) + 1
    starts = range(-padding, size, stride)
    return sum(start == -padding or start - stride + extent < end for start in starts)


@dataclass(frozen=True)
class Pool2dCase(Case):
    x_shape: Shape
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    name: str = ""

    @property
    def window(self) -> dict[str, Any]:
        names = "kernel_size", "stride", "padding", "ceil_mode"
        return {name: getattr(self, name) for name in names}

    @property
    def averaging(self) -> dict[str, Any]:
        """The options of `avg_pool2d`."""
        names = "count_include_pad", "divisor_override"
        return {**self.window, **{name: getattr(self, name) for name in names}}

    @property
    def geometry(self) -> geometry.Window2d:
        """The geometry of the library."""
        return geometry.pool("pool2d", self.x_shape, dilation=self.dilation, **self.window).sizes2d

    @property
    def cells(self) -> int:
        """Number of cells of a window."""
        rows, columns = pair(self.kernel_size)
        return rows * columns

    @property
    def y_shape(self) -> Shape:
        stride = self.kernel_size if self.stride is None else self.stride
        settings = self.kernel_size, stride, self.padding, self.dilation
        sides = [
            _windows(size, *axis, self.ceil_mode)
            for size, *axis in zip(self.x_shape[2:], *map(pair, settings), strict=True)
        ]
        return *self.x_shape[:2], *sides

    def x(self, dtype: Any) -> np.ndarray:
        return cells(self.random(), self.x_shape, dtype)


def cells(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
    """Small integers, so that maxima may be equal, with some NaN and infinities."""
    x = rng.integers(-4, 5, shape).astype(dtype)
    rare = rng.random(shape)
    x[rare < 0.02] = np.nan
    x[(rare > 0.02) & (rare < 0.06)] = -np.inf
    return x


def _named_pools() -> Iterator[Pool2dCase]:
    case = Pool2dCase
    yield from (
        case((1, 1, 1, 1), 1, name="identity"),
        case((2, 3, 8, 8), 2, name="halves"),
        case((2, 3, 9, 7), 2, name="halves, odd"),
        case((2, 3, 9, 7), 2, ceil_mode=True, name="halves, odd, ceil"),
        case((2, 3, 7, 7), 3, 2, 1, name="overlapping"),
        case((2, 3, 8, 8), 3, 1, 1, name="dense"),
        case((1, 2, 8, 8), 5, 1, 2, name="dense, five"),
        case((2, 2, 6, 7), (6, 7), name="global"),
        case((2, 2, 7, 9), (3, 2), (2, 3), (1, 1), name="asymmetric"),
        case((1, 2, 9, 9), 2, 4, name="stride larger than kernel"),
        case((1, 2, 9, 9), 2, 4, ceil_mode=True, name="stride larger than kernel, ceil"),
        case((1, 2, 10, 10), 3, 2, 0, 2, name="dilated"),
        case((1, 2, 10, 9), 3, 2, 1, (2, 3), True, name="dilated, ceil"),
        case((2, 3, 2, 2), 3, 2, ceil_mode=True, name="one window that hangs over"),
        case((1, 2, 2, 4), (4, 3), (3, 2), (0, 1), 1, True, False, name="hangs over, cells"),
        case((1, 2, 1, 3), 2, 3, 0, (2, 3), True, name="hangs over, dilated"),
        case((1, 2, 1, 1), 2, 1, 1, 2, name="windows without a cell"),
        case((2, 1, 1, 3), 2, 1, 1, 2, name="windows with and without cells"),
        case((1, 1, 0, 3), 2, 1, 1, name="no cells at all"),
        case((0, 3, 8, 8), 2, name="no images"),
        case((2, 0, 8, 8), 2, name="no channels"),
        case((1, 2, 5, 5), 2, 2, 1, ceil_mode=True, name="ceil starts in the padding"),
        case((1, 2, 6, 6), 3, 2, 1, ceil_mode=True, count_include_pad=False, name="ceil, cells"),
        case((1, 2, 6, 6), 3, 2, 1, count_include_pad=False, name="cells only"),
        case((1, 2, 6, 6), 3, 2, 1, divisor_override=7, name="divisor"),
        case((1, 2, 6, 6), 3, 2, 1, ceil_mode=True, divisor_override=-2, name="divisor, ceil"),
        case((1, 1, 3, 100), 3, 1, 1, name="wide"),
        case((1, 1, 100, 3), 3, 2, 1, name="tall"),
        case((1, 2, 3, 1100), 3, 2, 1, name="rows in several parts"),
        case((1, 1, 3, 1500), (2, 3), (1, 5), name="rows in several parts, gaps"),
        case((1, 2, 2, 1300), (2, 700), (1, 3), (0, 20), name="windows in several parts"),
        case((1, 2, 3, 1100), (3, 1100), name="global, in several parts"),
        case((8, 16, 28, 28), 2, name="work for many threads"),
        case((70, 3, 13, 13), 3, 2, 1, name="a batch for many threads"),
    )
    for w in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65):
        yield case((1, 2, 4, w), (2, 1), name=f"{w} columns")
        yield case((1, 2, 3, 2 * w), 2, 1 if w == 1 else 2, name=f"{w} windows")


def _random_pools(count: int) -> Iterator[Pool2dCase]:
    rng = random.Random(20240301)
    for _ in range(count):
        kernel = rng.randint(1, 4), rng.randint(1, 4)
        padding = rng.randint(0, kernel[0] // 2), rng.randint(0, kernel[1] // 2)
        dilation = (1, 1) if rng.random() < 0.6 else (rng.randint(1, 3), rng.randint(1, 3))
        smallest = [
            max(1, d * (k - 1) + 1 - 2 * p)
            for k, d, p in zip(kernel, dilation, padding, strict=True)
        ]
        h, w = (size + rng.randint(0, 16) for size in smallest)
        yield Pool2dCase(
            (rng.randint(1, 3), rng.randint(1, 5), h, w),
            kernel,
            None if rng.random() < 0.3 else (rng.randint(1, 4), rng.randint(1, 4)),
            padding,
            1 if dilation == (1, 1) else dilation,
            rng.random() < 0.5,
            rng.random() < 0.5,
            rng.choice((None, None, 5)),
        )


POOL2D_CASES = (*_named_pools(), *_random_pools(60))
