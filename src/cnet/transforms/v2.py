"""The names of ``torchvision.transforms.v2``: those of `cnet.transforms` and a few more."""

from typing import Any

import numpy as np

from ..tensor import Tensor
from . import *  # noqa: F403
from . import __all__ as _names
from . import functional
from .base import Transform
from .images import Image

__all__ = ["ToDtype", "ToImage", *_names]


class ToImage(Transform):
    """Convert a PIL image or an array to a tensor (c, h, w) of the same values.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import v2
    >>> steps = v2.Compose([v2.ToImage(), v2.ToDtype(np.float32, scale=True)])
    >>> steps(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """

    def forward(self, img: Image) -> Tensor:
        return img if isinstance(img, Tensor) else functional.pil_to_tensor(img)


class ToDtype(Transform):
    """Convert a tensor to a dtype.

    Parameters
    ----------
    dtype : dtype
        The dtype of the result.
    scale : bool, default False
        Whether to scale the values to the range of the dtype.
    """

    arguments = "dtype", "scale"

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        self.dtype = np.dtype(dtype)
        self.scale = scale

    def forward(self, img: Tensor) -> Tensor:
        if self.scale:
            return functional.convert_image_dtype(img, self.dtype)
        return Tensor(img.numpy().astype(self.dtype))
