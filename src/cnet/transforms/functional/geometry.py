"""Functions that move pixels: resize, crop, pad, flip."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ..._explained import explained
from .. import pillow
from ..images import Array, Image, height_width, is_pil, map_planes
from ..interpolation import (
    InterpolationMode,
    interpolation_mode,
    pillow_number,
    resize_planes,
)
from .fill import fill_values, pillow_fill

PADDING_MODES = "constant", "edge", "reflect", "symmetric"


def pair(function: str, name: str, value: Any) -> tuple[int, int]:
    """Height and width of an argument that is a number or a sequence of 1 or 2 numbers."""
    try:
        values = [index(value)] if not isinstance(value, Sequence) else [index(v) for v in value]
    except TypeError:
        raise TypeError(
            f"{function}: {name} must be an int or a sequence of ints (got {value!r})"
        ) from None
    if len(values) not in (1, 2):
        raise ValueError(f"{function}: {name} must have 1 or 2 values (got {value})")
    if min(values) < 1:
        raise ValueError(f"{function}: {name} must be positive (got {value})")
    return values[0], values[-1]


@explained
def resize(
    img: Image,
    size: int | Sequence[int] | None,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Image:
    """Resize an image.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    size : int or (int, int) or None
        Height and width. A single number is the length of the shorter edge; the other keeps the
        proportion. None makes the longer edge `max_size`.
    interpolation : InterpolationMode, default BILINEAR
        NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC; for PIL images also BOX, HAMMING and LANCZOS.
    max_size : int, optional
        The largest length of the longer edge, if `size` is a single number.
    antialias : bool, default True
        Whether all pixels contribute to a smaller image; PIL images always do that.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.resize(np.array([[0, 100, 200, 100]], np.uint8), (1, 2))
    array([[ 71, 143]], dtype=uint8)
    """
    mode = interpolation_mode("resize", interpolation)
    before = height_width("resize", img)
    after = _resized(before, size, max_size)
    if before == after:
        return img
    if is_pil(img):
        return img.resize(after[::-1], pillow_number(mode))
    return map_planes(
        "resize", img, lambda planes: resize_planes("resize", planes, after, mode, bool(antialias))
    )


def _resized(
    before: tuple[int, int], size: int | Sequence[int] | None, max_size: int | None
) -> tuple[int, int]:
    short, long = sorted(before)
    if size is None:
        if max_size is None:
            raise ValueError("resize: max_size must be given if size is None")
        new_short, new_long = int(max_size * short / long), max_size
    else:
        height, width = pair("resize", "size", size)
        if isinstance(size, Sequence) and len(size) == 2:
            if max_size is not None:
                raise ValueError("resize: max_size needs a single size (got 2)")
            return height, width
        new_short, new_long = height, int(height * long / short)
        if max_size is not None and max_size <= height:
            raise ValueError(
                f"resize: max_size must be greater than size (got {max_size} and {height})"
            )
        if max_size is not None and new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    new_short = max(new_short, 1)
    return (new_short, new_long) if before[0] <= before[1] else (new_long, new_short)


@explained
def crop(img: Image, top: int, left: int, height: int, width: int) -> Image:
    """The part of an image from a corner; zeros where it reaches beyond the image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.crop(np.array([[1, 2], [3, 4]]), 0, 1, 2, 2)
    array([[2, 0],
           [4, 0]])
    """
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    h, w = height_width("crop", img)

    (rows, above, below), (columns, before, after) = (
        _inside(top, height, h),
        _inside(left, width, w),
    )

    def cut(planes: Array) -> Array:
        part = planes[..., rows, columns]
        beyond = [(0, 0)] * (planes.ndim - 2) + [(above, below), (before, after)]
        return np.pad(part, beyond) if above or below or before or after else part.copy()

    return map_planes("crop", img, cut)


def _inside(start: int, count: int, size: int) -> tuple[slice, int, int]:
    """The part of a range that is inside an axis, and how many of it are before and after."""
    first, last = min(max(start, 0), size), min(max(start + count, 0), size)
    before = min(max(-start, 0), count)
    return slice(first, last), before, count - (last - first) - before


@explained
def center_crop(img: Image, output_size: int | Sequence[int]) -> Image:
    """The part around the centre; zeros around an image that is smaller.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.center_crop(np.arange(12).reshape(3, 4), (1, 2))
    array([[5, 6]])
    """
    height, width = pair("center_crop", "output_size", output_size)
    h, w = height_width("center_crop", img)
    if width > w or height > h:
        missing = max(width - w, 0), max(height - h, 0)
        img = pad(img, [missing[0] // 2, missing[1] // 2, *((n + 1) // 2 for n in missing)])
        h, w = height_width("center_crop", img)
        if (height, width) == (h, w):
            return img
    top, left = round((h - height) / 2.0), round((w - width) / 2.0)
    return crop(img, top, left, height, width)


@explained
def resized_crop(
    img: Image,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Image:
    """Crop an image and resize the part.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.resized_crop(np.eye(4), 1, 1, 2, 2, (1, 2))
    array([[0.5, 0.5]])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


@explained
def five_crop(img: Image, size: int | Sequence[int]) -> tuple[Image, ...]:
    """The four corners (top left, top right, bottom left, bottom right) and the centre.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> [part.tolist() for part in functional.five_crop(np.array([[1, 2, 3]]), 1)]
    [[[1]], [[3]], [[1]], [[3]], [[2]]]
    """
    height, width = pair("five_crop", "size", size)
    h, w = height_width("five_crop", img)
    if height > h or width > w:
        raise ValueError(
            f"five_crop: size must not be larger than the image "
            f"(got {(height, width)} and {(h, w)})"
        )
    corners = [(top, left) for top in (0, h - height) for left in (0, w - width)]
    parts = [crop(img, top, left, height, width) for top, left in corners]
    return (*parts, center_crop(img, (height, width)))


@explained
def ten_crop(
    img: Image, size: int | Sequence[int], vertical_flip: bool = False
) -> tuple[Image, ...]:
    """The `five_crop` of an image, and that of the mirrored image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> len(functional.ten_crop(np.zeros((4, 4)), 2))
    10
    """
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


@explained
def hflip(img: Image) -> Image:
    """Mirror left and right.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.hflip(np.array([[1, 2], [3, 4]]))
    array([[2, 1],
           [4, 3]])
    """
    if is_pil(img):
        return img.transpose(0)
    return map_planes("hflip", img, lambda planes: planes[..., ::-1].copy())


@explained
def vflip(img: Image) -> Image:
    """Mirror top and bottom.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.vflip(np.array([[1, 2], [3, 4]]))
    array([[3, 4],
           [1, 2]])
    """
    if is_pil(img):
        return img.transpose(1)
    return map_planes("vflip", img, lambda planes: planes[..., ::-1, :].copy())


@explained
def pad(
    img: Image,
    padding: int | Sequence[int],
    fill: float | Sequence[float] = 0,
    padding_mode: str = "constant",
) -> Image:
    """Add pixels around an image.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    padding : int or sequence of 1, 2 or 4 ints
        For all sides; for left and right, top and bottom; or for left, top, right, bottom. Negative
        numbers remove pixels.
    fill : float or sequence of float, default 0
        The value for ``padding_mode="constant"``, one for all or one for each channel.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}, default "constant"
        Where the values come from: `fill`, the pixel at the edge, or the image mirrored at the
        edge without or with the pixel at the edge.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.pad(np.array([[1, 2, 3]]), (2, 0), padding_mode="reflect")
    array([[3, 2, 1, 2, 3, 2, 1]])
    """
    left, top, right, bottom = _sides(padding)
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"pad: padding_mode must be one of {', '.join(PADDING_MODES)} (got {padding_mode!r})"
        )
    values = fill_values("pad", img, fill)
    height, width = height_width("pad", img)
    if -top - bottom >= height or -left - right >= width:
        raise ValueError(f"pad: padding must leave some pixels (got {padding})")

    def extend(planes: Array) -> Array:
        h, w = planes.shape[-2:]
        rows, columns = (
            slice(max(-top, 0), h + min(bottom, 0)),
            slice(max(-left, 0), w + min(right, 0)),
        )
        planes = planes[..., rows, columns]
        widths = [(0, 0)] * (planes.ndim - 2)
        widths += [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
        if padding_mode != "constant":
            return np.pad(planes, widths, padding_mode)  # type: ignore[call-overload,no-any-return]
        h, w = planes.shape[-2:]
        (y, below), (x, beside) = widths[-2:]
        result = np.empty((*planes.shape[:-2], y + h + below, x + w + beside), planes.dtype)
        result[...] = values.astype(planes.dtype)
        result[..., y : y + h, x : x + w] = planes
        return result

    if padding_mode != "constant":
        return map_planes("pad", img, extend)
    return map_planes(
        "pad",
        img,
        extend,
        lambda image: pillow.expand(
            image, left, top, right, bottom, pillow_fill("pad", image, fill)
        ),
    )


def _sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom."""
    try:
        values = [index(v) for v in (padding if isinstance(padding, Sequence) else [padding])]
    except TypeError:
        raise TypeError(
            f"pad: padding must be an int or a sequence of ints (got {padding!r})"
        ) from None
    if len(values) not in (1, 2, 4):
        raise ValueError(f"pad: padding must have 1, 2 or 4 values (got {len(values)})")
    left, top, right, bottom = (values * 4)[:4]
    return left, top, right, bottom
