"""The values of pixels that come from outside of an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..images import Array, Image, channels


def fill_values(function: str, img: Image, fill: float | Sequence[float] | None) -> Array:
    """The value for each channel, of a shape that broadcasts to planes."""
    values = np.asarray(0 if fill is None else fill, np.float64)
    count = channels(function, img)
    if values.ndim > 1 or values.size not in (1, count):
        raise ValueError(
            f"{function}: fill must have a value for each channel (got {values.size} and {count})"
        )
    return values.reshape(-1, 1, 1) if values.size > 1 else values.reshape(())


def pillow_fill(function: str, img: Image, fill: float | Sequence[float] | None) -> Any:
    """The value of a PIL image for pixels that come from outside."""
    values = np.broadcast_to(fill_values(function, img, fill).reshape(-1), channels(function, img))
    numbers = [float(v) if img.mode == "F" else int(v) for v in values]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)
