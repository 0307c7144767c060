"""Augmentation policies: AutoAugment, RandAugment and TrivialAugment."""

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from . import draws
from . import functional as F
from .base import Transform
from .images import Image, weighted_sum
from .interpolation import InterpolationMode, interpolation_mode

Fill = float | Sequence[float] | None


class _Look(NamedTuple):
    """How pixels from outside and between pixels are computed."""

    interpolation: InterpolationMode
    fill: Fill


def _shear(img: Image, x: float, y: float, look: _Look) -> Image:
    shear = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(img, 0, [0, 0], 1, shear, *look, center=[0, 0])


def _translate(img: Image, x: float, y: float, look: _Look) -> Image:
    return F.affine(img, 0, [int(x), int(y)], 1, [0, 0], *look)


Operation = Callable[[Image, float, _Look], Image]
OPERATIONS: dict[str, Operation] = {
    "Identity": lambda img, m, look: img,
    "ShearX": lambda img, m, look: _shear(img, m, 0, look),
    "ShearY": lambda img, m, look: _shear(img, 0, m, look),
    "TranslateX": lambda img, m, look: _translate(img, m, 0, look),
    "TranslateY": lambda img, m, look: _translate(img, 0, m, look),
    "Rotate": lambda img, m, look: F.rotate(img, m, look.interpolation, fill=look.fill),
    "Brightness": lambda img, m, look: F.adjust_brightness(img, 1 + m),
    "Color": lambda img, m, look: F.adjust_saturation(img, 1 + m),
    "Contrast": lambda img, m, look: F.adjust_contrast(img, 1 + m),
    "Sharpness": lambda img, m, look: F.adjust_sharpness(img, 1 + m),
    "Posterize": lambda img, m, look: F.posterize(img, int(m)),
    "Solarize": lambda img, m, look: F.solarize(img, m),
    "AutoContrast": lambda img, m, look: F.autocontrast(img),
    "Equalize": lambda img, m, look: F.equalize(img),
    "Invert": lambda img, m, look: F.invert(img),
}
"""What each operation does with an image and a magnitude."""

RANDOM_OPERATIONS = [name for name in OPERATIONS if name != "Invert"]


class _Strength(NamedTuple):
    """The largest magnitudes of a method."""

    shear: float = 0.3
    translate: float | None = None  # in pixels; None for a share of the image
    translate_share: float = 150 / 331
    rotate: float = 30.0
    change: float = 0.9
    bits: tuple[int, int] = (8, 4)  # that Posterize keeps, at the first and the last bin

    def magnitude(self, name: str, bin: int, bins: int, size: Sequence[int]) -> float:
        """The magnitude of an operation for a bin, without a sign, and an image (width, height)."""
        share = bin / (bins - 1)
        if name.startswith("Translate"):
            longest = self.translate_share * size[name == "TranslateY"]
            return share * (longest if self.translate is None else self.translate)
        if name == "Posterize":
            first, last = self.bits
            return first - round(share * (first - last))
        if name == "Solarize":
            return 255 * (1 - share)
        largest = {"ShearX": self.shear, "ShearY": self.shear, "Rotate": self.rotate}
        changes = dict.fromkeys(CHANGES, self.change)
        return share * {**largest, **changes}.get(name, 0.0)


CHANGES = "Brightness", "Color", "Contrast", "Sharpness"
SIGNED = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", *CHANGES}
"""Operations whose magnitude has a random sign."""


class AutoAugmentPolicy(Enum):
    """The policies of `AutoAugment`, by the data set that they were learned with."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 4 8 Rotate 6 9, Solarize 6 5 AutoContrast 6 -, Equalize 8 - Equalize 6 -,
        Posterize 6 7 Posterize 6 6, Equalize 4 - Solarize 2 4, Equalize 4 - Rotate 8 8,
        Solarize 6 3 Equalize 6 -, Posterize 8 5 Equalize 10 -, Rotate 2 3 Solarize 6 8,
        Equalize 6 - Posterize 4 6, Rotate 8 8 Color 4 0, Rotate 4 9 Equalize 6 -,
        Equalize 0 - Equalize 8 -, Invert 6 - Equalize 10 -, Color 6 4 Contrast 10 8,
        Rotate 8 8 Color 10 2, Color 8 8 Solarize 8 7, Sharpness 4 7 Invert 6 -,
        ShearX 6 5 Equalize 10 -, Color 4 0 Equalize 6 -, Equalize 4 - Solarize 2 4,
        Solarize 6 5 AutoContrast 6 -, Invert 6 - Equalize 10 -, Color 6 4 Contrast 10 8,
        Equalize 8 - Equalize 6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert 1 - Contrast 2 6, Rotate 7 2 TranslateX 3 9, Sharpness 8 1 Sharpness 9 3,
        ShearY 5 8 TranslateY 7 9, AutoContrast 5 - Equalize 9 -, ShearY 2 7 Posterize 3 7,
        Color 4 3 Brightness 6 7, Sharpness 3 9 Brightness 7 9, Equalize 6 - Equalize 5 -,
        Contrast 6 7 Sharpness 6 5, Color 7 7 TranslateX 5 8, Equalize 3 - AutoContrast 4 -,
        TranslateY 4 3 Sharpness 2 6, Brightness 9 6 Color 2 8, Solarize 5 2 Invert 0 -,
        Equalize 2 - AutoContrast 6 -, Equalize 2 - Equalize 6 -, Color 9 9 Equalize 6 -,
        AutoContrast 8 - Solarize 2 8, Brightness 1 3 Color 7 0, Solarize 4 5 AutoContrast 9 -,
        TranslateY 9 9 TranslateY 7 9, AutoContrast 9 - Solarize 8 3, Equalize 8 - Invert 1 -,
        TranslateY 7 9 AutoContrast 9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX 9 4 Invert 2 -, ShearY 9 8 Invert 7 -, Equalize 6 - Solarize 6 6,
        Invert 9 - Equalize 6 -, Equalize 6 - Rotate 9 3, ShearX 9 4 AutoContrast 8 -,
        ShearY 9 8 Invert 4 -, ShearY 9 5 Solarize 2 6, Invert 9 - AutoContrast 8 -,
        Equalize 6 - Rotate 9 3, ShearX 9 4 Solarize 3 3, ShearY 8 8 Invert 7 -,
        Equalize 9 - TranslateY 6 6, Invert 9 - Equalize 6 -, Contrast 3 3 Rotate 8 4,
        Invert 8 - TranslateY 0 2, ShearY 7 6 Solarize 4 8, Invert 6 - Rotate 8 4,
        ShearY 3 7 TranslateX 9 3, ShearX 1 6 Invert 6 -, Solarize 7 2 TranslateY 6 7,
        ShearY 8 4 Invert 8 -, ShearX 7 9 TranslateY 8 3, ShearY 8 5 AutoContrast 7 -,
        ShearX 7 2 Invert 1 -""",
}
"""Pairs of operations, each with its probability in tenths and the bin of its magnitude."""


class _Step(NamedTuple):
    name: str
    p: float
    bin: int


def _policy(policy: AutoAugmentPolicy) -> list[list[_Step]]:
    pairs = []
    for text in _POLICIES[policy].split(","):
        words = text.split()
        steps = zip(words[::3], words[1::3], words[2::3], strict=True)
        pairs.append(
            [_Step(name, int(p) / 10, 0 if bin == "-" else int(bin)) for name, p, bin in steps]
        )
    return pairs


class _Augmentation(Transform):
    """Base: applies operations by name and bin."""

    strength = _Strength()

    def __init__(self, interpolation: Any, fill: Fill) -> None:
        super().__init__()
        self.interpolation = interpolation_mode(type(self).__name__, interpolation)
        self.fill = fill

    def apply_operation(self, img: Image, name: str, bin: int, bins: int, negative: bool) -> Image:
        """Apply an operation with the magnitude of a bin."""
        magnitude = self.strength.magnitude(name, bin, bins, F.get_image_size(img))
        if negative and name in SIGNED:
            magnitude = -magnitude
        return OPERATIONS[name](img, magnitude, _Look(self.interpolation, self.fill))


class AutoAugment(_Augmentation):
    """A random pair of operations of a learned policy, each applied with its probability.

    Parameters
    ----------
    policy : AutoAugmentPolicy, default IMAGENET
        The policy.
    interpolation : InterpolationMode, default NEAREST
        See `functional.affine`.
    fill : float or sequence of float, optional
        The value of pixels from outside, by default 0.

    References
    ----------
    E. D. Cubuk, B. Zoph, D. Mané, V. Vasudevan, Q. V. Le: AutoAugment: learning augmentation
    strategies from data. CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.AutoAugment()(np.zeros((8, 8, 3), np.uint8)).shape
    (8, 8, 3)
    """

    arguments = "policy", "interpolation", "fill"
    bins = 10

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not isinstance(policy, AutoAugmentPolicy):
            raise ValueError(f"AutoAugment: policy must be an AutoAugmentPolicy (got {policy!r})")
        self.policy = policy
        self.policies = _policy(policy)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, list[float], list[int]]:
        """The number of a pair, and for both operations a number below 1 and a sign (0 or 1)."""
        return (
            draws.integer(0, transform_num),
            [draws.uniform(0, 1) for _ in range(2)],
            [draws.integer(0, 2) for _ in range(2)],
        )

    def forward(self, img: Image) -> Image:
        number, probabilities, signs = self.get_params(len(self.policies))
        for step, p, sign in zip(self.policies[number], probabilities, signs, strict=True):
            if p <= step.p:
                img = self.apply_operation(img, step.name, step.bin, self.bins, sign == 0)
        return img


class RandAugment(_Augmentation):
    """Random operations, all of the same magnitude.

    Parameters
    ----------
    num_ops : int, default 2
        How many operations are applied, one after the other.
    magnitude : int, default 9
        The bin of the magnitude, less than `num_magnitude_bins`.
    num_magnitude_bins : int, default 31
        The number of bins.
    interpolation, fill
        As for `AutoAugment`.

    References
    ----------
    E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le: RandAugment: practical automated data augmentation
    with a reduced search space. arXiv:1909.13719, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandAugment(num_ops=3)(np.zeros((8, 8, 3), np.uint8)).shape
    (8, 8, 3)
    """

    arguments = "num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill"

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 0 <= magnitude < num_magnitude_bins:
            raise ValueError(
                f"RandAugment: magnitude must be at least 0 and less than num_magnitude_bins "
                f"(got {magnitude} and {num_magnitude_bins})"
            )
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Image) -> Image:
        for _ in range(self.num_ops):
            name = RANDOM_OPERATIONS[draws.choice(len(RANDOM_OPERATIONS))]
            negative = draws.chance(0.5)
            img = self.apply_operation(img, name, self.magnitude, self.num_magnitude_bins, negative)
        return img


class TrivialAugmentWide(_Augmentation):
    """One random operation of random magnitude.

    Parameters
    ----------
    num_magnitude_bins : int, default 31
        The number of different magnitudes.
    interpolation, fill
        As for `AutoAugment`.

    References
    ----------
    S. G. Müller, F. Hutter: TrivialAugment: tuning-free yet state-of-the-art data augmentation.
    ICCV 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.TrivialAugmentWide()(np.zeros((8, 8, 3), np.uint8)).shape
    (8, 8, 3)
    """

    arguments = "num_magnitude_bins", "interpolation", "fill"
    strength = _Strength(shear=0.99, translate=32.0, rotate=135.0, change=0.99, bits=(8, 2))

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Image) -> Image:
        name = RANDOM_OPERATIONS[draws.choice(len(RANDOM_OPERATIONS))]
        bin = draws.integer(0, self.num_magnitude_bins)
        return self.apply_operation(img, name, bin, self.num_magnitude_bins, draws.chance(0.5))


class AugMix(_Augmentation):
    """A weighted mean of an image and of chains of random operations.

    Parameters
    ----------
    severity : int, default 3
        The number of bins of 10 from which magnitudes are drawn.
    mixture_width : int, default 3
        The number of chains.
    chain_depth : int, default -1
        The operations in a chain; a number from 1 to 3 is drawn if this is not positive.
    alpha : float, default 1.0
        The weights have Dirichlet distributions with this parameter.
    all_ops : bool, default True
        Whether to use brightness, colour, contrast and sharpness too.
    interpolation, fill
        As for `AutoAugment`; by default BILINEAR.

    References
    ----------
    D. Hendrycks, N. Mu, E. D. Cubuk, B. Zoph, J. Gilmer, B. Lakshminarayanan: AugMix: a simple data
    processing method to improve robustness and uncertainty. ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.AugMix()(np.zeros((8, 8, 3), np.uint8)).shape
    (8, 8, 3)
    """

    arguments = "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "fill"
    strength = _Strength(translate_share=1 / 3, bits=(4, 0))
    bins = 10

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Fill = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= self.bins:
            raise ValueError(f"AugMix: severity must be from 1 to {self.bins} (got {severity})")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = float(alpha)
        self.all_ops = all_ops
        left_out = {"Identity", *(() if all_ops else CHANGES)}
        self.operations = [name for name in RANDOM_OPERATIONS if name not in left_out]

    def forward(self, img: Image) -> Image:
        keep, mix = draws.shares(2, self.alpha)
        weights = draws.shares(self.mixture_width, self.alpha)
        chains = [self._chain(img) for _ in range(self.mixture_width)]
        terms = [(keep, img), *((mix * w, chain) for w, chain in zip(weights, chains, strict=True))]
        return weighted_sum("AugMix", terms)

    def _chain(self, img: Image) -> Image:
        depth = self.chain_depth if self.chain_depth > 0 else draws.integer(1, 4)
        for _ in range(depth):
            name = self.operations[draws.choice(len(self.operations))]
            bin = draws.integer(0, self.severity)
            img = self.apply_operation(img, name, bin, self.bins, draws.chance(0.5))
        return img
