"""Changes of PIL images that Pillow itself computes; faster than the same with arrays.

They apply to images of the modes L and RGB. Pillow is imported when it is used.
"""

from typing import Any

import numpy as np

MODES = ("L", "RGB")


def from_array(array: Any) -> Any:
    """The PIL image of an array (h, w) or (h, w, c)."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(array))


def enhance(name: str, img: Any, factor: float) -> Any:
    """Apply a class of ``PIL.ImageEnhance``."""
    from PIL import ImageEnhance

    return getattr(ImageEnhance, name)(img).enhance(factor)


def operate(name: str, img: Any, *arguments: Any) -> Any:
    """Apply a function of ``PIL.ImageOps``."""
    from PIL import ImageOps

    return getattr(ImageOps, name)(img, *arguments)


def expand(img: Any, left: int, top: int, right: int, bottom: int, fill: Any) -> Any:
    """Add pixels of one value around an image; negative numbers remove pixels."""
    from PIL import Image

    result = Image.new(img.mode, (left + img.width + right, top + img.height + bottom), fill)
    result.paste(img, (left, top))
    return result


def grey(img: Any, channels: int) -> Any:
    """An image of grey."""
    image = img.convert("L")
    return image if channels == 1 else image.convert("RGB")
