"""Transforms from one kind of image to another, and normalisation."""

from collections.abc import Sequence
from typing import Any

from ..dtypes import DType, as_dtype
from ..tensor import Tensor
from . import functional as F
from .base import Transform
from .images import Image


class ToTensor(Transform):
    """Convert a PIL image or an array (h, w, c) to a tensor (c, h, w); see `functional.to_tensor`.

    Images of 8 bits get the default dtype, which is float32, with values between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.ToTensor()(np.full((2, 2, 3), 255, np.uint8)).shape
    (3, 2, 2)
    """

    def forward(self, pic: Image) -> Tensor:
        return F.to_tensor(pic)


class PILToTensor(Transform):
    """Convert a PIL image or an array (h, w, c) to a tensor (c, h, w) of the same values.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.PILToTensor()(np.array([[0, 255]], np.uint8))
    tensor([[[  0, 255]]], dtype=uint8)
    """

    def forward(self, pic: Image) -> Tensor:
        return F.pil_to_tensor(pic)


class ConvertImageDtype(Transform):
    """Convert a tensor to a dtype and scale its values; see `functional.convert_image_dtype`.

    Examples
    --------
    >>> import cnet
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.ConvertImageDtype(np.uint8)(cnet.tensor([[0.0, 1.0]]))
    tensor([[  0, 255]], dtype=uint8)
    """

    arguments = ("dtype",)

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = as_dtype("ConvertImageDtype", dtype)

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage(Transform):
    """Convert a tensor or an array to a PIL image; see `functional.to_pil_image`."""

    arguments = ("mode",)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, pic: Image) -> Any:
        return F.to_pil_image(pic, self.mode)


class Normalize(Transform):
    """Subtract a mean and divide by a standard deviation; see `functional.normalize`.

    Parameters
    ----------
    mean, std : sequence of float
        A number for each channel.
    inplace : bool, default False
        Whether to change the tensor itself.

    Examples
    --------
    >>> import cnet
    >>> cnet.transforms.Normalize((0.5,), (0.25,))(cnet.tensor([[[0.5, 1.0]]]))
    tensor([[[0., 2.]]])
    """

    arguments = ("mean", "std")

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)
