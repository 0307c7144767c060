"""Random changes of batches of images, different for each image.

Unlike the transforms of `cnet.transforms`, which change one image or a whole batch in the same way,
these take a batch of images (n, c, h, w) with its targets. They draw from the generator that
`cnet.manual_seed` seeds.
"""

import math
from typing import Any, TypeAlias

import numpy as np

from ..arrays import Array
from ..random import default_generator
from ..tensor import Tensor

__all__ = ["Flip", "Rotate", "Shift"]

Batch: TypeAlias = tuple[Tensor, Any]


class Shift:
    """Moves each image by a random number of whole pixels; zeros come in.

    Parameters
    ----------
    pixels : int
        The largest distance in each direction.

    Raises
    ------
    ValueError
        If `pixels` is negative; when called, if there are no four axes.

    Examples
    --------
    >>> import cnet
    >>> from cnet.training.augmentation import Shift
    >>> x, target = Shift(1)(cnet.ones(2, 1, 4, 4), cnet.tensor([0, 1]))
    >>> x.shape
    (2, 1, 4, 4)
    """

    def __init__(self, pixels: int) -> None:
        if pixels < 0:
            raise ValueError(f"Shift: pixels must be at least 0 (got {pixels})")
        self.pixels = pixels

    def __call__(self, x: Any, target: Any) -> Batch:
        images, p = _images("Shift", x), self.pixels
        n, _, height, width = images.shape
        padded = np.pad(images, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (2, 3))
        rows, columns = default_generator().integers(0, 2 * p + 1, (2, n))
        return Tensor(windows[np.arange(n), :, rows, columns]), target


class Flip:
    """Mirrors each image from left to right with a probability of one half.

    Examples
    --------
    >>> import cnet
    >>> from cnet.training.augmentation import Flip
    >>> x, target = Flip()(cnet.ones(2, 1, 4, 4), cnet.tensor([0, 1]))
    >>> x.shape
    (2, 1, 4, 4)
    """

    def __call__(self, x: Any, target: Any) -> Batch:
        images = _images("Flip", x).copy()
        chosen = default_generator().random(len(images)) < 0.5
        images[chosen] = images[chosen, :, :, ::-1]
        return Tensor(images), target


class Rotate:
    """Turns and scales each image around its centre, with bilinear interpolation.

    Parameters
    ----------
    degrees : float
        The largest angle, in both directions.
    scale : float, default 0.0
        The largest relative change of size: 0.1 means factors between 0.9 and 1.1.

    Raises
    ------
    ValueError
        If `degrees` is negative, or `scale` is not in the range [0, 1); when called, if there are
        no four axes.

    Examples
    --------
    >>> import cnet
    >>> from cnet.training.augmentation import Rotate
    >>> x, target = Rotate(10)(cnet.ones(2, 1, 4, 4), cnet.tensor([0, 1]))
    >>> x.shape
    (2, 1, 4, 4)
    """

    def __init__(self, degrees: float, scale: float = 0.0) -> None:
        if degrees < 0 or not 0 <= scale < 1:
            raise ValueError(
                f"Rotate: degrees must be at least 0, and scale from 0 to 1 "
                f"(got {degrees} and {scale})"
            )
        self.degrees = degrees
        self.scale = scale

    def __call__(self, x: Any, target: Any) -> Batch:
        images = _images("Rotate", x)
        n, _, height, width = images.shape
        generator = default_generator()
        angles = np.float32(math.radians(self.degrees)) * generator.uniform(-1, 1, n)
        factors = 1 / (1 + self.scale * generator.uniform(-1, 1, n))
        cosines, sines = np.cos(angles) * factors, np.sin(angles) * factors
        matrices = np.array([[cosines, -sines], [sines, cosines]], np.float32)
        grid = np.indices((height, width), np.float32).reshape(2, -1)
        centre = np.array([[(height - 1) / 2], [(width - 1) / 2]], np.float32)
        places = np.einsum("ijn,jp->nip", matrices, grid - centre) + centre
        return Tensor(_sample(images, places).reshape(images.shape)), target


def _sample(images: Array, places: Array) -> Array:
    """Values of images at places (n, 2, p), as (n, c, p); zero outside."""
    n, channels, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(n, channels, -1)
    rows = np.clip(places[:, 0] + 1, 0, height + 0.999)
    columns = np.clip(places[:, 1] + 1, 0, width + 0.999)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = (rows - top)[:, None], (columns - left)[:, None]
    stride = width + 2
    first = (top * stride + left)[:, None]

    def at(offset: int) -> Array:
        return np.take_along_axis(padded, np.broadcast_to(first + offset, shape), axis=2)

    shape = n, channels, first.shape[2]
    upper = at(0) * (1 - right) + at(1) * right
    lower = at(stride) * (1 - right) + at(stride + 1) * right
    result: Array = upper * (1 - down) + lower * down
    return result.astype(images.dtype, copy=False)


def _images(function: str, x: Any) -> Array:
    images = np.asarray(x.detach() if isinstance(x, Tensor) else x)
    if images.ndim != 4:
        raise ValueError(f"{function}: x must have the shape (n, c, h, w) (got {images.shape})")
    return images
