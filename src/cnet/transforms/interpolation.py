"""Interpolation: resizing by one matrix for each axis, and sampling at given positions."""

from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

from .images import Array


class InterpolationMode(Enum):
    """How values between pixels are computed. BOX, HAMMING and LANCZOS are for PIL images only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOW = {
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}
_NUMBERS = {number: mode for mode, number in _PILLOW.items()}


def interpolation_mode(function: str, value: Any) -> InterpolationMode:
    """The mode for an argument: a mode, its name, or its number in Pillow."""
    if isinstance(value, InterpolationMode):
        return value
    if isinstance(value, str) and value in {mode.value for mode in InterpolationMode}:
        return InterpolationMode(value)
    if isinstance(value, int) and value in _NUMBERS:
        return _NUMBERS[value]
    raise TypeError(f"{function}: interpolation must be an InterpolationMode (got {value!r})")


def pillow_number(mode: InterpolationMode) -> int:
    """The number of a mode in Pillow."""
    return _PILLOW[mode]


def resize_planes(
    function: str, planes: Array, size: tuple[int, int], mode: InterpolationMode, antialias: bool
) -> Array:
    """Resize an array (..., h, w)."""
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        rows, columns = (
            _nearest(n, out, mode) for n, out in zip(planes.shape[-2:], size, strict=True)
        )
        return planes[..., rows[:, np.newaxis], columns]
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise ValueError(
            f"{function}: interpolation of tensors and arrays must be nearest, nearest-exact, "
            f"bilinear or bicubic (got {mode.value})"
        )
    dtype = planes.dtype if planes.dtype.kind == "f" else np.dtype(np.float32)
    (height, width), (out_height, out_width) = planes.shape[-2:], size
    result = planes.astype(dtype, copy=False)
    if out_width != width:
        result = result @ _matrix(width, out_width, mode, antialias).astype(dtype).T
    if out_height != height:
        result = _matrix(height, out_height, mode, antialias).astype(dtype) @ result
    return round_to(result, planes.dtype)


def round_to(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values of a dtype; integers are rounded and cut to its range."""
    if dtype.kind not in "iu":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.rint(values).clip(limits.min, limits.max).astype(dtype)


def _nearest(n: int, out: int, mode: InterpolationMode) -> Array:
    """The index that each index of the result is taken from."""
    if mode is InterpolationMode.NEAREST_EXACT:
        return (2 * np.arange(out) + 1) * n // (2 * out)
    return np.arange(out) * n // out


@lru_cache(maxsize=64)
def _matrix(n: int, out: int, mode: InterpolationMode, antialias: bool) -> Array:
    """The weights (out, n) of the pixels of a line in the pixels of the resized line.

    With antialiasing, the filter is widened by the scale, so that all pixels contribute to a
    smaller image; weights are normalised at the edges. Without it, pixels beyond an edge are
    those at the edge.
    """
    scale = n / out
    centers = (np.arange(out) + 0.5) * scale
    cubic = mode is InterpolationMode.BICUBIC
    radius = 2 if cubic else 1
    if antialias:
        width = max(scale, 1.0)
        distances = (np.arange(n) + 0.5 - centers[:, np.newaxis]) / width
        weights = _cubic(distances, -0.5) if cubic else _triangle(distances)
        first = (centers - radius * width + 0.5).astype(int)[:, np.newaxis]
        last = (centers + radius * width + 0.5).astype(int)[:, np.newaxis]
        index = np.arange(n)
        weights[(index < first) | (index >= last)] = 0
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))
    sources = centers - 0.5
    weights = np.zeros((out, n))
    for offset in range(1 - radius, 1 + radius):
        index = np.floor(sources).astype(int) + offset
        distances = sources - index
        part = _cubic(distances, -0.75) if cubic else _triangle(distances)
        np.add.at(weights, (np.arange(out), index.clip(0, n - 1)), part)
    return weights


def _triangle(x: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(x), 0))


def _cubic(x: Array, a: float) -> Array:
    """The cubic convolution kernel (R. G. Keys, 1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def sample_planes(
    function: str,
    planes: Array,
    matrix: Array,
    size: tuple[int, int],
    mode: InterpolationMode,
    fill: Array,
) -> Array:
    """An affine image of an array (..., h, w), or its image in perspective.

    Parameters
    ----------
    matrix : ndarray of shape (2, 3) or (3, 3)
        From the position (x, y, 1) of a pixel of the result to its position in `planes`; a third
        row gives the divisor of this position. The centre of the first pixel is at (0.5, 0.5).
    size : (int, int)
        Height and width of the result.
    fill : ndarray
        The values for positions outside, of a shape that broadcasts to (..., 1, 1).

    Notes
    -----
    Pixels beyond an edge are those at the edge, for positions within the image.
    """
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(
            f"{function}: interpolation of tensors and arrays must be nearest or bilinear "
            f"(got {mode.value})"
        )
    (height, width), (rows, columns) = planes.shape[-2:], size
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    x, y, *divisor = (row[0] * x + row[1] * y + row[2] for row in matrix)
    if divisor:
        x, y = x / divisor[0], y / divisor[0]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if mode is InterpolationMode.NEAREST:
        found = planes[..., _index(y, height), _index(x, width)]
    else:
        found = round_to(_bilinear(planes, x - 0.5, y - 0.5), planes.dtype)
    return np.where(inside, found, fill.astype(planes.dtype))


def _index(position: Array, n: int) -> Array:
    return np.asarray(np.floor(position).clip(0, n - 1), np.intp)


def _bilinear(planes: Array, x: Array, y: Array) -> Array:
    height, width = planes.shape[-2:]
    dtype = planes.dtype if planes.dtype.kind == "f" else np.dtype(np.float32)
    dx, dy = (x - np.floor(x)).astype(dtype), (y - np.floor(y)).astype(dtype)
    left, right = _index(x, width), _index(x + 1, width)
    top, bottom = _index(y, height), _index(y + 1, height)
    above = planes[..., top, left] * (1 - dx) + planes[..., top, right] * dx
    below = planes[..., bottom, left] * (1 - dx) + planes[..., bottom, right] * dx
    return np.asarray(above * (1 - dy) + below * dy)
