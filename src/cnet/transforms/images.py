"""The kinds of images that transforms accept, and what is common to all of them.

An image is a `Tensor` of shape (..., c, h, w), a PIL image, or a NumPy array of shape (h, w) or
(h, w, c). Functions compute with *planes*: an array of shape (..., h, w).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor
from . import pillow

Array: TypeAlias = npt.NDArray[Any]
Image: TypeAlias = Any
"""A Tensor, a PIL image or an array."""

MODES = ("L", "LA", "RGB", "RGBA", "I", "F", "I;16")
"""PIL images that can be made of the array of their pixels."""


def is_pil(image: Image) -> bool:
    """Whether an image is a PIL image; Pillow is not imported for that."""
    return hasattr(image, "getbands") and hasattr(image, "mode")


def check_image(function: str, image: Image) -> None:
    """TypeError or ValueError if this is not an image."""
    if is_pil(image):
        return
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise ValueError(
                f"{function}: a tensor image must have at least 2 dimensions (got {image.ndim})"
            )
    elif not isinstance(image, np.ndarray):
        raise TypeError(
            f"{function}: img must be a Tensor, a PIL image or an array "
            f"(got {type(image).__name__})"
        )
    elif image.ndim not in (2, 3):
        raise ValueError(
            f"{function}: an array image must be (h, w) or (h, w, c) (got {image.shape})"
        )


def height_width(function: str, image: Image) -> tuple[int, int]:
    """Height and width."""
    check_image(function, image)
    if is_pil(image):
        return image.height, image.width
    if isinstance(image, Tensor):
        return image.shape[-2], image.shape[-1]
    return image.shape[0], image.shape[1]


def channels(function: str, image: Image) -> int:
    """The number of channels."""
    check_image(function, image)
    if is_pil(image):
        return len(image.getbands())
    if isinstance(image, Tensor):
        return 1 if image.ndim == 2 else image.shape[-3]
    return 1 if image.ndim == 2 else image.shape[2]


def map_planes(
    function: str,
    image: Image,
    change: Callable[[Array], Array],
    change_pil: Callable[[Any], Any] | None = None,
) -> Image:
    """Apply a function of planes to an image; the result is an image of the same kind.

    `change_pil`, if it is given, does the same with PIL images of the modes L and RGB.
    """
    check_image(function, image)
    if isinstance(image, Tensor):
        return Tensor(change(image.numpy()))
    if is_pil(image):
        if change_pil is not None and image.mode in pillow.MODES:
            return change_pil(image)
        if image.mode not in MODES:
            raise TypeError(
                f"{function}: a PIL image must have one of the modes {', '.join(MODES)}; "
                f"use img.convert('RGB') (got {image.mode})"
            )
        return pillow.from_array(map_planes(function, np.asarray(image), change))
    if image.ndim == 2:
        return change(image)
    planes = change(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return planes.transpose(1, 2, 0) if len(planes) > 1 or image.shape[2] == 1 else planes[0]


def largest(dtype: np.dtype[Any]) -> float:
    """The value of white."""
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def to_dtype(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values within the range of a dtype; fractions of integers are cut off."""
    return values.clip(0, largest(dtype)).astype(dtype)


def weighted_sum(function: str, terms: Sequence[tuple[float, Image]]) -> Image:
    """The sum of images of one kind and shape, each times a number."""
    (_, first), *_ = terms
    arrays = [np.asarray(image) for _, image in terms]
    total = sum(
        np.float32(weight) * array for (weight, _), array in zip(terms, arrays, strict=True)
    )
    dtype = arrays[0].dtype
    result = to_dtype(np.rint(total) if dtype.kind in "iu" else np.asarray(total), dtype)
    if isinstance(first, Tensor):
        return Tensor(result)
    return pillow.from_array(result) if is_pil(first) else result
