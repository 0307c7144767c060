"""Transforms that change the values of pixels."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..random import default_generator
from ..tensor import Tensor
from . import draws
from . import functional as F
from .base import Transform, probability
from .images import Image

Range = tuple[float, float] | None


class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue at random, in a random order.

    Parameters
    ----------
    brightness, contrast, saturation : float or (float, float), default 0
        The bounds of the factor; a single number v means (max(0, 1 - v), 1 + v).
    hue : float or (float, float), default 0
        The bounds of the turn, within -0.5 and 0.5; a single number v means (-v, v).

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.ColorJitter(0.2, 0.2, 0.2, 0.1)(np.zeros((4, 4, 3), np.uint8)).max()
    np.uint8(0)
    """

    arguments = "brightness", "contrast", "saturation", "hue"

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = _factors("hue", hue, center=0, low=-0.5, high=0.5)

    @staticmethod
    def get_params(
        brightness: Range, contrast: Range, saturation: Range, hue: Range
    ) -> tuple[list[int], float | None, float | None, float | None, float | None]:
        """The order of the changes, and the four factors; None for those that are not changed."""
        order = draws.order(4)
        ranges = brightness, contrast, saturation, hue
        b, c, s, h = (None if one is None else draws.uniform(*one) for one in ranges)
        return order, b, c, s, h

    def forward(self, img: Image) -> Image:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue
        for i in order:
            factor = factors[i]
            if factor is not None:
                img = changes[i](img, factor)
        return img


def _factors(
    name: str,
    value: float | Sequence[float],
    center: float = 1,
    low: float = 0,
    high: float = math.inf,
) -> Range:
    """The bounds of a factor, or None if it does not change anything."""
    if isinstance(value, Sequence):
        if len(value) != 2:
            raise TypeError(f"ColorJitter: {name} must be a number or 2 numbers (got {value})")
        first, last = float(value[0]), float(value[1])
    else:
        if value < 0:
            raise ValueError(f"ColorJitter: {name} must not be negative (got {value})")
        first, last = center - value, center + value
        first = max(first, 0.0) if center == 1 else first
    if not low <= first <= last <= high:
        raise ValueError(f"ColorJitter: {name} must be from {low} to {high} (got {value})")
    return None if first == last == center else (first, last)


class Grayscale(Transform):
    """An image of grey; see `functional.rgb_to_grayscale`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.Grayscale()(np.full((2, 2, 3), 7, np.uint8)).tolist()
    [[7, 7], [7, 7]]
    """

    arguments = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Image) -> Image:
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomGrayscale(Transform):
    """An image of grey with probability `p`, of as many channels as before.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomGrayscale(p=1)(np.zeros((2, 2, 3), np.uint8)).shape
    (2, 2, 3)
    """

    arguments = ("p",)

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = probability("RandomGrayscale", p)

    def forward(self, img: Image) -> Image:
        if not draws.chance(self.p):
            return img
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class GaussianBlur(Transform):
    """Blur by a Gaussian filter of random width; see `functional.gaussian_blur`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Odd.
    sigma : float or (float, float), default (0.1, 2.0)
        The standard deviation, or its bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.GaussianBlur(3)(np.ones((4, 5))).shape
    (4, 5)
    """

    arguments = "kernel_size", "sigma"

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        super().__init__()
        sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else [*kernel_size]
        if len(sizes) != 2 or any(n <= 0 or n % 2 == 0 for n in sizes):
            raise ValueError(
                f"GaussianBlur: kernel_size must be 1 or 2 positive odd numbers (got {kernel_size})"
            )
        ends = [*sigma] if isinstance(sigma, Sequence) else [sigma, sigma]
        if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
            raise ValueError(
                f"GaussianBlur: sigma must be a positive number or 2 in order (got {sigma})"
            )
        self.kernel_size = sizes
        self.sigma = ends

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random standard deviation."""
        return draws.uniform(sigma_min, sigma_max)

    def forward(self, img: Image) -> Image:
        return F.gaussian_blur(img, self.kernel_size, self.get_params(*self.sigma))


class RandomErasing(Transform):
    """Replace a random rectangle of a tensor.

    Parameters
    ----------
    p : float, default 0.5
        The probability.
    scale : (float, float), default (0.02, 0.33)
        Bounds of the area, as a fraction of the image.
    ratio : (float, float), default (0.3, 3.3)
        Bounds of height / width.
    value : float, sequence of float or "random", default 0
        One value, a value for each channel, or normally distributed random values.
    inplace : bool, default False
        Whether to change the tensor itself.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    References
    ----------
    Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang: Random erasing data augmentation.
    arXiv:1708.04896, 2017.

    Examples
    --------
    >>> import cnet
    >>> import numpy as np
    >>> from cnet import transforms
    >>> erase = transforms.RandomErasing(p=1)
    >>> bool((erase(cnet.tensor(np.ones((1, 9, 9)))).numpy() == 0).any())
    True
    """

    arguments = "p", "scale", "ratio", "value", "inplace"

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(value, str) and value != "random":
            raise ValueError(f"RandomErasing: value as a str must be 'random' (got {value!r})")
        if len(scale) != 2 or not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(
                f"RandomErasing: scale must be two numbers from 0 to 1, in order (got {scale})"
            )
        if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1]:
            raise ValueError(
                f"RandomErasing: ratio must be two positive numbers, in order (got {ratio})"
            )
        self.p = probability("RandomErasing", p)
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Any]:
        """Corner, height, width and values of a rectangle; the whole image if none fits."""
        if img.ndim < 3:
            raise ValueError(f"RandomErasing: img must have at least 3 dimensions (got {img.ndim})")
        count, img_h, img_w = img.shape[-3:]
        for _ in range(10):
            area = img_h * img_w * draws.uniform(scale[0], scale[1])
            aspect = math.exp(draws.uniform(math.log(ratio[0]), math.log(ratio[1])))
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if not (0 < h < img_h and 0 < w < img_w):
                continue
            if value is None:
                values = default_generator().standard_normal((count, h, w), np.float32)
            else:
                values = np.asarray(value).reshape(-1, 1, 1)
            i, j = draws.integer(0, img_h - h + 1), draws.integer(0, img_w - w + 1)
            return i, j, h, w, values
        return 0, 0, img_h, img_w, img

    def forward(self, img: Tensor) -> Tensor:
        if not isinstance(img, Tensor):
            raise TypeError(f"RandomErasing: img must be a Tensor (got {type(img).__name__})")
        if not draws.chance(self.p):
            return img
        value: Any = None if isinstance(self.value, str) else self.value
        if isinstance(value, Sequence) and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                f"RandomErasing: value must have 1 value or one for each channel "
                f"(got {len(value)} and {img.shape[-3]})"
            )
        params = self.get_params(img, self.scale, self.ratio, value)
        erased: Tensor = F.erase(img, *params, self.inplace)
        return erased


class _RandomChange(Transform):
    """Apply one function with a probability."""

    change: ClassVar[Callable[..., Image]]

    def __init__(self, *values: Any, p: float = 0.5) -> None:
        super().__init__()
        self.values = values
        self.p = probability(type(self).__name__, p)

    def forward(self, img: Image) -> Image:
        return type(self).change(img, *self.values) if draws.chance(self.p) else img


class RandomInvert(_RandomChange):
    """The negative, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomInvert(p=1)(np.array([[0, 100]], np.uint8))
    array([[255, 155]], dtype=uint8)
    """

    arguments = ("p",)
    change = staticmethod(F.invert)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class RandomAutocontrast(_RandomChange):
    """Stretch the values to the whole range, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomAutocontrast(p=1)(np.array([[100, 200]], np.uint8))
    array([[  0, 255]], dtype=uint8)
    """

    arguments = ("p",)
    change = staticmethod(F.autocontrast)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class RandomEqualize(_RandomChange):
    """Make all values about equally frequent, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomEqualize(p=1)(np.zeros((4, 5), np.uint8)).shape
    (4, 5)
    """

    arguments = ("p",)
    change = staticmethod(F.equalize)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class RandomPosterize(_RandomChange):
    """Keep the highest `bits`, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomPosterize(1, p=1)(np.array([[100, 200]], np.uint8))
    array([[  0, 128]], dtype=uint8)
    """

    arguments = "bits", "p"
    change = staticmethod(F.posterize)

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(bits, p=p)
        self.bits = bits


class RandomSolarize(_RandomChange):
    """Invert values of at least `threshold`, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomSolarize(128, p=1)(np.array([[100, 200]], np.uint8))
    array([[100,  55]], dtype=uint8)
    """

    arguments = "threshold", "p"
    change = staticmethod(F.solarize)

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(threshold, p=p)
        self.threshold = threshold


class RandomAdjustSharpness(_RandomChange):
    """Blur or sharpen by `sharpness_factor`, with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomAdjustSharpness(2, p=1)(np.ones((4, 5))).shape
    (4, 5)
    """

    arguments = "sharpness_factor", "p"
    change = staticmethod(F.adjust_sharpness)

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(sharpness_factor, p=p)
        self.sharpness_factor = sharpness_factor
