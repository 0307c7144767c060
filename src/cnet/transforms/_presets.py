"""The transforms of images for published weights."""

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .base import Transform
from .functional.geometry import pair
from .images import Image
from .interpolation import InterpolationMode, interpolation_mode

__all__ = ["ImageClassification"]


class ImageClassification(Transform):
    """Resize an image, keep its centre, and normalize its pixels.

    Parameters
    ----------
    crop_size : int
        Height and width of the result.
    resize_size : int, default 256
        The length of the shorter edge before; see `functional.resize`.
    mean, std : sequence of float
        Mean and deviation of each channel; by default those of ImageNet.
    interpolation : InterpolationMode, default BILINEAR
    antialias : bool, default True
        See `functional.resize`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import ResNet18_Weights
    >>> preprocess = ResNet18_Weights.DEFAULT.transforms()
    >>> preprocess(np.zeros((300, 400, 3), np.uint8)).shape
    (3, 224, 224)
    """

    arguments = "crop_size", "resize_size", "mean", "std", "interpolation"

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        pair("ImageClassification", "crop_size", crop_size)
        pair("ImageClassification", "resize_size", resize_size)
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation_mode("ImageClassification", interpolation)
        self.antialias = antialias

    def forward(self, img: Image) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img), self.mean, self.std)
