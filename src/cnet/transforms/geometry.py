"""Transforms that cut, mirror and resize images."""

import math
from collections.abc import Sequence
from typing import Any

from . import draws
from . import functional as F
from .base import Transform, probability
from .functional.geometry import pair
from .images import Image, height_width
from .interpolation import InterpolationMode, interpolation_mode

Fill = float | Sequence[float]


class Resize(Transform):
    """Resize an image; see `functional.resize`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.Resize(4)(np.zeros((8, 16, 3), np.uint8)).shape
    (4, 8, 3)
    """

    arguments = "size", "interpolation", "max_size", "antialias"

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if size is not None:
            pair("Resize", "size", size)
        self.size = size
        self.interpolation = interpolation_mode("Resize", interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Image) -> Image:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """Keep the centre of an image; see `functional.center_crop`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.CenterCrop(2)(np.zeros((4, 5, 3))).shape
    (2, 2, 3)
    """

    arguments: Sequence[str] = ("size",)

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair(type(self).__name__, "size", size)

    def forward(self, img: Image) -> Image:
        return F.center_crop(img, self.size)


class FiveCrop(CenterCrop):
    """The four corners and the centre of an image; see `functional.five_crop`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> [part.shape for part in transforms.FiveCrop(2)(np.zeros((4, 5)))]
    [(2, 2), (2, 2), (2, 2), (2, 2), (2, 2)]
    """

    def forward(self, img: Image) -> tuple[Image, ...]:
        return F.five_crop(img, self.size)


class TenCrop(CenterCrop):
    """Five parts of an image and five of the mirrored image; see `functional.ten_crop`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> len(transforms.TenCrop(2)(np.zeros((4, 5))))
    10
    """

    arguments = "size", "vertical_flip"

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Image) -> tuple[Image, ...]:
        return F.ten_crop(img, self.size, self.vertical_flip)


class Pad(Transform):
    """Add pixels around an image; see `functional.pad`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.Pad(1, fill=9)(np.array([[1, 2]]))
    array([[9, 9, 9, 9],
           [9, 1, 2, 9],
           [9, 9, 9, 9]])
    """

    arguments = "padding", "fill", "padding_mode"

    def __init__(
        self, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant"
    ) -> None:
        super().__init__()
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Image) -> Image:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(Transform):
    """Keep a random part of an image.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the part.
    padding : int or sequence of int, optional
        Pixels that are added around the image before; see `functional.pad`.
    pad_if_needed : bool, default False
        Whether to add pixels around an image that is smaller than `size`.
    fill : float or sequence of float, default 0
        The value of the added pixels.
    padding_mode : str, default "constant"
        See `functional.pad`.

    Raises
    ------
    ValueError
        If an image is smaller than `size`.

    Examples
    --------
    >>> import cnet, numpy as np
    >>> cnet.transforms.RandomCrop(32, padding=4)(np.zeros((32, 32, 3), np.uint8)).shape
    (32, 32, 3)
    """

    arguments = "size", "padding"

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Fill = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair("RandomCrop", "size", size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Image, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part."""
        (h, w), (height, width) = height_width("RandomCrop", img), output_size
        if height > h or width > w:
            raise ValueError(
                f"RandomCrop: size must not be larger than the image (got {output_size} and "
                f"{(h, w)}); use padding or pad_if_needed"
            )
        return draws.integer(0, h - height + 1), draws.integer(0, w - width + 1), height, width

    def forward(self, img: Image) -> Image:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            h, w = height_width("RandomCrop", img)
            rows, columns = max(self.size[0] - h, 0), max(self.size[1] - w, 0)
            if rows or columns:
                img = F.pad(img, [columns, rows], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomHorizontalFlip(Transform):
    """Mirror left and right with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomHorizontalFlip(p=1)(np.array([[1, 2]]))
    array([[2, 1]])
    """

    arguments = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(type(self).__name__, p)

    def forward(self, img: Image) -> Image:
        return F.hflip(img) if draws.chance(self.p) else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """Mirror top and bottom with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomVerticalFlip(p=1)(np.array([[1], [2]]))
    array([[2],
           [1]])
    """

    def forward(self, img: Image) -> Image:
        return F.vflip(img) if draws.chance(self.p) else img


class RandomResizedCrop(Transform):
    """Keep a part of random area and aspect ratio, resized to one size.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the result.
    scale : (float, float), default (0.08, 1.0)
        Bounds of the area of the part, as a fraction of the image.
    ratio : (float, float), default (3/4, 4/3)
        Bounds of width / height of the part.
    interpolation : InterpolationMode, default BILINEAR
        See `functional.resize`.
    antialias : bool, default True
        See `functional.resize`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomResizedCrop(8)(np.zeros((20, 30, 3))).shape
    (8, 8, 3)
    """

    arguments = "size", "scale", "ratio", "interpolation", "antialias"

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair("RandomResizedCrop", "size", size)
        self.scale = bounds("RandomResizedCrop", "scale", scale)
        self.ratio = bounds("RandomResizedCrop", "ratio", ratio)
        self.interpolation = interpolation_mode("RandomResizedCrop", interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Image, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part."""
        h, w = height_width("RandomResizedCrop", img)
        for _ in range(10):
            area = h * w * draws.uniform(scale[0], scale[1])
            aspect = math.exp(draws.uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= w and 0 < height <= h:
                top, left = draws.integer(0, h - height + 1), draws.integer(0, w - width + 1)
                return top, left, height, width
        # The largest part around the centre with a valid ratio.
        width, height = w, h
        if w / h < min(ratio):
            height = round(w / min(ratio))
        elif w / h > max(ratio):
            width = round(h * max(ratio))
        return (h - height) // 2, (w - width) // 2, height, width

    def forward(self, img: Image) -> Image:
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)


def bounds(function: str, name: str, value: Sequence[float]) -> tuple[float, float]:
    """Check two positive numbers in order."""
    if not isinstance(value, Sequence):
        raise TypeError(f"{function}: {name} must be a sequence of 2 numbers (got {value!r})")
    if len(value) != 2 or not 0 < value[0] <= value[1]:
        raise ValueError(f"{function}: {name} must be 2 positive numbers in order (got {value})")
    return float(value[0]), float(value[1])
