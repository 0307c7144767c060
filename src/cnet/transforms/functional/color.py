"""Functions that change the values of pixels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..._explained import explained
from ...tensor import Tensor
from .. import pillow
from ..images import Array, Image, channels, largest, map_planes, to_dtype

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in grey (ITU-R BT.601)."""


def _require_colors(function: str, img: Image, allowed: tuple[int, ...] = (1, 3)) -> int:
    count = channels(function, img)
    if count not in allowed:
        raise ValueError(
            f"{function}: img must have {' or '.join(map(str, allowed))} channels (got {count})"
        )
    return count


def _factor(function: str, name: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{function}: {name} must not be negative (got {value})")
    return float(value)


def _work_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def _grey(planes: Array) -> Array:
    """One plane of grey, with the dtype of the planes."""
    if planes.ndim < 3 or planes.shape[-3] == 1:
        return planes
    weights = np.array(LUMA, _work_dtype(planes.dtype)).reshape(3, 1, 1)
    grey: Array = (planes[..., :3, :, :] * weights).sum(axis=-3, keepdims=True)
    return grey if planes.dtype.kind == "f" else np.rint(grey).astype(planes.dtype)


def _blend(planes: Array, other: Any, ratio: float) -> Array:
    """A mixture with another image; beyond both for a ratio greater than 1."""
    dtype = _work_dtype(planes.dtype)
    mixed = planes.astype(dtype) * dtype.type(ratio)
    mixed += np.asarray(other, dtype) * dtype.type(1 - ratio)
    return to_dtype(mixed, planes.dtype)


@explained
def adjust_brightness(img: Image, brightness_factor: float) -> Image:
    """Multiply all values: 0 gives a black image, 1 the same image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_brightness(np.array([[10, 200]], np.uint8), 2)
    array([[ 20, 255]], dtype=uint8)
    """
    factor = _factor("adjust_brightness", "brightness_factor", brightness_factor)
    return map_planes(
        "adjust_brightness",
        img,
        lambda planes: _blend(planes, 0, factor),
        partial(pillow.enhance, "Brightness", factor=factor),
    )


@explained
def adjust_contrast(img: Image, contrast_factor: float) -> Image:
    """Move all values away from the mean grey: 0 gives a grey image, 1 the same image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_contrast(np.array([[50, 150]], np.uint8), 1.5)
    array([[ 25, 175]], dtype=uint8)
    """
    factor = _factor("adjust_contrast", "contrast_factor", contrast_factor)
    _require_colors("adjust_contrast", img)

    def change(planes: Array) -> Array:
        axes = (-3, -2, -1) if planes.ndim >= 3 else (-2, -1)
        mean = _grey(planes).mean(axis=axes, keepdims=True, dtype=np.float64)
        return _blend(planes, mean, factor)

    by_pillow = partial(pillow.enhance, "Contrast", factor=factor)
    return map_planes("adjust_contrast", img, change, by_pillow)


@explained
def adjust_saturation(img: Image, saturation_factor: float) -> Image:
    """Move all colours away from grey: 0 gives a grey image, 1 the same image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_saturation(np.array([[[100, 0, 0]]], np.uint8), 0)
    array([[[30, 30, 30]]], dtype=uint8)
    """
    factor = _factor("adjust_saturation", "saturation_factor", saturation_factor)
    if _require_colors("adjust_saturation", img) == 1:
        return img
    return map_planes(
        "adjust_saturation",
        img,
        lambda planes: _blend(planes, _grey(planes), factor),
        partial(pillow.enhance, "Color", factor=factor),
    )


@explained
def adjust_hue(img: Image, hue_factor: float) -> Image:
    """Turn the hue of all colours: -0.5 and 0.5 give the complementary colours.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        An image of 3 channels; one of 1 channel is not changed.
    hue_factor : float
        From -0.5 to 0.5.

    Raises
    ------
    ValueError
        If `hue_factor` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_hue(np.array([[[255, 0, 0]]], np.uint8), 0.5)
    array([[[  0, 255, 255]]], dtype=uint8)
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor must be from -0.5 to 0.5 (got {hue_factor})")
    if _require_colors("adjust_hue", img) == 1:
        return img

    def change(planes: Array) -> Array:
        unit = _work_dtype(planes.dtype).type(largest(planes.dtype))
        colors = np.moveaxis(planes, -3, 0).astype(unit.dtype) / unit
        result = np.moveaxis(_turn_hue(colors, hue_factor), 0, -3) * unit
        return to_dtype(result if planes.dtype.kind == "f" else np.rint(result), planes.dtype)

    return map_planes("adjust_hue", img, change)


def _turn_hue(colors: Array, turn: float) -> Array:
    """Change the hue of red, green and blue between 0 and 1, as in the HSV model."""
    red, green, blue = colors
    value, low = colors.max(axis=0), colors.min(axis=0)
    chroma = value - low
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.select(
        [chroma == 0, value == red, value == green],
        [0 * value, (green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    hue = (hue / 6 + turn) % 1 * 6
    # Each channel is a periodic trapezoid of the hue.
    shifts = np.array([5, 3, 1], colors.dtype).reshape(-1, *[1] * value.ndim)
    place = (hue + shifts) % 6
    distance = np.clip(np.minimum(place, 4 - place), 0, 1)
    return np.asarray(value - chroma * distance)


@explained
def adjust_gamma(img: Image, gamma: float, gain: float = 1) -> Image:
    """Change each value v between 0 and 1 to ``gain * v**gamma``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_gamma(np.array([[0, 128, 255]], np.uint8), 2)
    array([[  0,  64, 255]], dtype=uint8)
    """
    power = _factor("adjust_gamma", "gamma", gamma)

    def change(planes: Array) -> Array:
        unit = largest(planes.dtype)
        values = planes.astype(_work_dtype(planes.dtype)) / unit
        scale = unit if planes.dtype.kind == "f" else unit + 1 - 1e-3
        return to_dtype(np.clip(gain * values**power, 0, 1) * scale, planes.dtype)

    return map_planes("adjust_gamma", img, change)


@explained
def rgb_to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """An image of grey, with 1 channel or with 3 equal ones.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.rgb_to_grayscale(np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8))
    array([[ 76, 150]], dtype=uint8)
    """
    if num_output_channels not in (1, 3):
        raise ValueError(
            f"rgb_to_grayscale: num_output_channels must be 1 or 3 (got {num_output_channels})"
        )
    _require_colors("rgb_to_grayscale", img)

    def change(planes: Array) -> Array:
        grey = _grey(planes)
        if num_output_channels == 1:
            return grey
        grey = grey[..., np.newaxis, :, :] if grey.ndim == 2 else grey
        return np.repeat(grey, 3, axis=-3)

    if channels("rgb_to_grayscale", img) == 1 and num_output_channels == 3:
        return _repeat_grey(img)
    by_pillow = partial(pillow.grey, channels=num_output_channels)
    return map_planes("rgb_to_grayscale", img, change, by_pillow)


def _repeat_grey(img: Image) -> Image:
    """Three equal channels of an image that has one."""
    if isinstance(img, Tensor):
        array = img.numpy()
        return Tensor(np.repeat(array if array.ndim > 2 else array[np.newaxis], 3, axis=-3))
    if isinstance(img, np.ndarray):
        return np.repeat(img.reshape(*img.shape[:2], 1), 3, axis=2)
    return img.convert("RGB")


to_grayscale = rgb_to_grayscale


@explained
def invert(img: Image) -> Image:
    """The negative: white becomes black.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.invert(np.array([[0, 100]], np.uint8))
    array([[255, 155]], dtype=uint8)
    """

    def change(planes: Array) -> Array:
        return np.asarray(planes.dtype.type(largest(planes.dtype)) - planes)

    return map_planes("invert", img, change, partial(pillow.operate, "invert"))


@explained
def posterize(img: Image, bits: int) -> Image:
    """Keep only the highest bits of each uint8 value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.posterize(np.array([[100, 200]], np.uint8), 1)
    array([[  0, 128]], dtype=uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"posterize: bits must be from 0 to 8 (got {bits})")

    def change(planes: Array) -> Array:
        _require_bytes("posterize", planes)
        return planes & np.uint8(256 - (1 << (8 - bits)) if bits else 0)

    return map_planes("posterize", img, change)


@explained
def solarize(img: Image, threshold: float) -> Image:
    """Invert all values that are at least `threshold`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.solarize(np.array([[100, 200]], np.uint8), 128)
    array([[100,  55]], dtype=uint8)
    """

    def change(planes: Array) -> Array:
        return np.where(
            planes >= threshold, planes.dtype.type(largest(planes.dtype)) - planes, planes
        )

    return map_planes(
        "solarize", img, change, lambda image: pillow.operate("solarize", image, threshold)
    )


@explained
def adjust_sharpness(img: Image, sharpness_factor: float) -> Image:
    """Blur an image (0), keep it (1), or sharpen it (2 and more).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.adjust_sharpness(np.eye(3), 2).round(2)
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    factor = _factor("adjust_sharpness", "sharpness_factor", sharpness_factor)

    def change(planes: Array) -> Array:
        if min(planes.shape[-2:]) < 3:
            return planes
        smooth = planes.astype(_work_dtype(planes.dtype))
        rows = smooth[..., :-2, :] + smooth[..., 1:-1, :] + smooth[..., 2:, :]
        box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
        smooth[..., 1:-1, 1:-1] = (box + 4 * smooth[..., 1:-1, 1:-1]) / 13
        blurred = smooth if planes.dtype.kind == "f" else np.rint(smooth)
        return _blend(planes, blurred, factor)

    by_pillow = partial(pillow.enhance, "Sharpness", factor=factor)
    return map_planes("adjust_sharpness", img, change, by_pillow)


@explained
def autocontrast(img: Image) -> Image:
    """Stretch the values of each channel to the whole range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.autocontrast(np.array([[100, 150, 200]], np.uint8))
    array([[  0, 127, 255]], dtype=uint8)
    """

    def change(planes: Array) -> Array:
        unit = largest(planes.dtype)
        values = planes.astype(_work_dtype(planes.dtype))
        low, high = (f(axis=(-2, -1), keepdims=True) for f in (values.min, values.max))
        flat = high == low
        low, high = np.where(flat, 0, low), np.where(flat, unit, high)
        return to_dtype((values - low) * (unit / (high - low)), planes.dtype)

    return map_planes("autocontrast", img, change, partial(pillow.operate, "autocontrast"))


@explained
def equalize(img: Image) -> Image:
    """Change the uint8 values of each channel so that all are about equally frequent.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.equalize(np.arange(600).reshape(20, 30).astype(np.uint8)).shape
    (20, 30)
    """

    def change(planes: Array) -> Array:
        _require_bytes("equalize", planes)
        flat = planes.reshape(-1, *planes.shape[-2:])
        return np.stack([_equalized(plane) for plane in flat]).reshape(planes.shape)

    return map_planes("equalize", img, change, partial(pillow.operate, "equalize"))


def _equalized(plane: Array) -> Array:
    counts = np.bincount(plane.reshape(-1), minlength=256)
    used = counts[counts > 0]
    step = (used.sum() - used[-1]) // 255
    if step == 0:
        return plane
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    table = ((below + step // 2) // step).clip(0, 255).astype(np.uint8)
    return np.asarray(table[plane])


def _require_bytes(function: str, planes: Array) -> None:
    if planes.dtype != np.uint8:
        raise TypeError(f"{function}: img must be of dtype uint8 (got {planes.dtype})")


@explained
def gaussian_blur(
    img: Image, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Image:
    """Blur an image by a Gaussian filter; the image is mirrored at its edges.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    kernel_size : int or (int, int)
        The width and height of the filter, odd.
    sigma : float or (float, float), optional
        The standard deviation in both directions; by default ``0.15 * kernel_size + 0.35``.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.gaussian_blur(np.eye(3), 3, 1.0).round(2)
    array([[0.5 , 0.37, 0.3 ],
           [0.37, 0.35, 0.37],
           [0.3 , 0.37, 0.5 ]])
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(n <= 0 or n % 2 == 0 for n in sizes):
        raise ValueError(
            f"gaussian_blur: kernel_size must be 1 or 2 positive odd numbers (got {kernel_size})"
        )
    if sigma is None:
        sigmas = [0.15 * n + 0.35 for n in sizes]
    else:
        sigmas = [float(s) for s in (sigma if isinstance(sigma, Sequence) else [sigma])]
        sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2 or min(sigmas) <= 0:
        raise ValueError(f"gaussian_blur: sigma must be 1 or 2 positive numbers (got {sigma})")

    def change(planes: Array) -> Array:
        values = planes.astype(_work_dtype(planes.dtype))
        for axis, n, s in zip((-1, -2), sizes, sigmas, strict=True):
            values = _filter(values, axis, n, s)
        return to_dtype(np.rint(values), planes.dtype) if planes.dtype.kind != "f" else values

    return map_planes("gaussian_blur", img, change)


def _filter(values: Array, axis: int, n: int, sigma: float) -> Array:
    """Filter along an axis."""
    half, length = n // 2, values.shape[axis]
    if half >= length:
        raise ValueError(
            f"gaussian_blur: kernel_size // 2 must be less than the image (got {half} and {length})"
        )
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(values.dtype)
    widths = [(0, 0)] * values.ndim
    widths[axis] = (half, half)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, widths, "reflect"), n, axis)
    return np.asarray(windows @ weights)


@explained
def erase(img: Image, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Image:
    """Replace a rectangle, of corner (i, j), height h and width w, by the value v.

    `v` is a number, or an array or tensor that broadcasts to planes (..., h, w).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.erase(np.ones((2, 3)), 0, 1, 1, 2, 0)
    array([[1., 0., 0.],
           [1., 1., 1.]])
    """
    values = v.numpy() if isinstance(v, Tensor) else np.asarray(v)

    def change(planes: Array) -> Array:
        result = planes if inplace else planes.copy()
        result[..., i : i + h, j : j + w] = values
        return result

    result = map_planes("erase", img, change)
    return img if inplace and isinstance(img, Tensor) else result
