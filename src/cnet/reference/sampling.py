"""Sampling of images and volumes at given positions.

A sample is a weighted sum of the cells around its position: the weights are products of weights
along the axes, and depend on the mode. `g` is (n, c, d, h, w, samples, axes).
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from ..arrays import Array

Geometry = tuple[int, int, int, int, int, int, int]


class Taps(NamedTuple):
    """The cells along one axis that contribute to each sample: arrays (taps, n, samples)."""

    cells: Array
    """Whole numbers as floats; negative, or beyond the end, for cells outside of the image."""
    weights: Array
    slopes: Array
    """Derivatives of the weights with respect to the coordinate."""


def grid_sample(
    x: Array, grid: Array, y: Array, g: Geometry, mode: int, padding: int, align_corners: bool
) -> None:
    """y[n, c, s] = Σ weight x[n, c, cell] over the cells around position grid[n, s]."""
    x, y = _cells(x, g), y.reshape(*g[:2], g[5])
    y[...] = 0
    for cells, inside, weights, _ in _window(grid, g, mode, padding, align_corners):
        for n, image in enumerate(x):
            y[n] += weights[n] * np.where(inside[n], image[:, cells[n]], 0)


def grid_sample_backward(
    grad_output: Array, x: Array, grid: Array, dx: Array | None, dgrid: Array | None, g: Geometry,
    mode: int, padding: int, align_corners: bool,
) -> None:  # fmt: skip
    """The gradients with respect to x and grid."""
    x, grad_output = _cells(x, g), grad_output.reshape(*g[:2], g[5])
    images = None if dx is None else dx.reshape(x.shape)
    positions = None if dgrid is None else dgrid.reshape(g[0], g[5], g[6])
    for result in (images, positions):
        if result is not None:
            result[...] = 0
    for cells, inside, weights, slopes in _window(grid, g, mode, padding, align_corners):
        for n, grad in enumerate(grad_output):
            if images is not None:
                terms = np.where(inside[n], weights[n] * grad, 0)
                np.add.at(images[n].T, cells[n], terms.T)
            if positions is not None:
                values = np.where(inside[n], x[n][:, cells[n]], 0)
                positions[n] += (grad * values).sum(0)[:, None] * slopes[n]


def _cells(x: Array, g: Geometry) -> Array:
    n, c, d, h, w, _, _ = g
    return x.reshape(n, c, d * h * w)


def _window(
    grid: Array, g: Geometry, mode: int, padding: int, align_corners: bool
) -> Iterator[tuple[Array, Array, Array, Array]]:
    """The cells around all samples, one after the other.

    Yields their numbers in row-major order, whether they are inside, and their weights, shape
    (n, samples); and the derivatives of these, shape (n, samples, axes).
    """
    n, _, d, h, w, samples, axes = g
    grid, sizes = grid.reshape(n, samples, axes), (w, h, d)[:axes]
    taps = [
        _taps(grid[..., axis], size, mode, padding, align_corners)
        for axis, size in enumerate(sizes)
    ]
    for numbers in product(*[range(len(tap.cells)) for tap in taps]):
        cells, inside = np.zeros((n, samples), np.int64), np.ones((n, samples), bool)
        weights = np.ones((n, samples), grid.dtype)
        slopes = np.ones((n, samples, axes), grid.dtype)
        stride = 1
        for axis, (tap, k, size) in enumerate(zip(taps, numbers, sizes, strict=True)):
            within = (tap.cells[k] >= 0) & (tap.cells[k] < size)
            cells += np.where(within, tap.cells[k], 0).astype(np.int64) * stride
            inside &= within
            weights *= tap.weights[k]
            for other in range(axes):
                slopes[..., other] *= (tap.slopes if other == axis else tap.weights)[k]
            stride *= size
        yield cells, inside, weights, slopes


# ---- Coordinates ---------------------------------------------------------------------------------


def _pixels(coordinates: Array, size: int, align_corners: bool) -> tuple[Array, float]:
    """Coordinates from −1 to 1 in cells, and the derivative."""
    if align_corners:
        return (coordinates + 1) / 2 * (size - 1), (size - 1) / 2
    return ((coordinates + 1) * size - 1) / 2, size / 2


def _clipped(x: Array, size: int) -> tuple[Array, Array]:
    """Move positions outside to the border; and the derivative."""
    return np.clip(x, 0, size - 1), ((x > 0) & (x < size - 1)).astype(x.dtype)


def _reflected(x: Array, size: int, align_corners: bool) -> tuple[Array, Array]:
    """Reflect positions outside at the border; and the derivative."""
    low, span = (0.0, size - 1) if align_corners else (-0.5, size)
    if span == 0:
        return np.zeros_like(x), np.zeros_like(x)
    distance, sign = np.abs(x - x.dtype.type(low)), np.where(x < low, -1, 1)
    extra = np.fmod(distance, x.dtype.type(span))
    even = np.floor(distance / x.dtype.type(span)) % 2 == 0
    reflected = np.where(even, extra, span - extra) + x.dtype.type(low)
    clipped, slope = _clipped(reflected.astype(x.dtype), size)
    return clipped, slope * np.where(even, sign, -sign).astype(x.dtype)


def _moved_inside(
    x: Array, size: int, padding: int, align_corners: bool
) -> tuple[Array, Array | float]:
    if padding == 1:
        return _clipped(x, size)
    if padding == 2:
        return _reflected(x, size, align_corners)
    return x, 1.0


# ---- Modes ---------------------------------------------------------------------------------------


def _nearest(x: Array) -> Taps:
    return Taps(np.rint(x)[None], np.ones_like(x)[None], np.zeros_like(x)[None])


def _linear(x: Array) -> Taps:
    first = np.floor(x)
    share, one = x - first, np.ones_like(x)
    return Taps(np.stack([first, first + 1]), np.stack([1 - share, share]), np.stack([-one, one]))


def _cubic(x: Array, a: float = -0.75) -> Taps:
    first = np.floor(x)
    share = x - first
    near, far = np.stack([share, 1 - share]), np.stack([share + 1, 2 - share])
    near_weights = ((a + 2) * near - (a + 3)) * near * near + 1
    far_weights = ((far - 5) * far + 8) * far * a - 4 * a
    near_slopes = (3 * (a + 2) * near - 2 * (a + 3)) * near
    far_slopes = ((3 * far - 10) * far + 8) * a
    return Taps(
        first + np.arange(-1, 3, dtype=x.dtype)[:, None, None],
        np.stack([far_weights[0], near_weights[0], near_weights[1], far_weights[1]]),
        np.stack([far_slopes[0], near_slopes[0], -near_slopes[1], -far_slopes[1]]),
    )


_MODES: tuple[Callable[[Array], Taps], ...] = (_linear, _nearest, _cubic)
_BICUBIC = 2

OUTSIDE = 8.0
"""A position at this distance before the image, or a larger one, reads no cell of the image."""
FAR = 2.0**30
"""A position that is behind the end of any image."""


def _taps(coordinates: Array, size: int, mode: int, padding: int, align_corners: bool) -> Taps:
    """The taps along one axis for coordinates from −1 to 1."""
    x, scale = _pixels(coordinates, size, align_corners)
    x = np.nan_to_num(x, nan=-OUTSIDE, neginf=-OUTSIDE, posinf=FAR)
    slope: Array | float = 1.0
    if mode != _BICUBIC:
        x, slope = _moved_inside(x, size, padding, align_corners)
    taps = _MODES[mode](x)
    cells = taps.cells
    if mode == _BICUBIC:
        moved, _ = _moved_inside(cells, size, padding, align_corners)
        cells = np.rint(moved)
    return Taps(cells, taps.weights, (taps.slopes * slope * scale).astype(x.dtype))
