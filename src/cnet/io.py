"""Images as tensors, with the names of ``torchvision.io``."""

import os
from enum import Enum
from typing import Any

from ._explained import explained
from .tensor import Tensor
from .transforms.functional import pil_to_tensor

__all__ = ["ImageReadMode", "read_image"]


class ImageReadMode(Enum):
    """The channels of an image that is read: those of the file, or these."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}
_UNCHANGED = {"L", "LA", "RGB", "RGBA", "CMYK"}


@explained
def read_image(
    path: str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """Read an image file as a tensor (c, h, w) of dtype uint8.

    Parameters
    ----------
    path : str or path
        A file of a format that Pillow reads.
    mode : ImageReadMode or str, default ImageReadMode.UNCHANGED
        The channels of the result, as a member or its name.
    apply_exif_orientation : bool, default False
        Whether to turn the image as its EXIF data say.

    Returns
    -------
    Tensor
        The values from 0 to 255. An image with a palette has the channels of its colours.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ImportError
        If Pillow is not installed.
    RuntimeError
        If the file is damaged, too large or not an image.
    ValueError
        If there is no such mode.

    Examples
    --------
    >>> import os, tempfile
    >>> import cnet
    >>> from cnet.io import ImageReadMode, read_image
    >>> path = os.path.join(tempfile.mkdtemp(), "grid.png")
    >>> cnet.utils.save_image(cnet.rand(1, 3, 4, 5), path)
    >>> read_image(path).shape, read_image(path, ImageReadMode.GRAY).shape
    ((3, 4, 5), (1, 4, 5))
    """
    names = [member.name for member in ImageReadMode]
    name = mode.name if isinstance(mode, ImageReadMode) else str(mode).upper()
    if name not in names:
        raise ValueError(f"read_image: mode must be one of {', '.join(names)} (got {mode!r})")
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("read_image: needs Pillow: pip install cnet-nn[images]") from error
    with open(path, "rb") as file:
        try:
            image: Any = Image.open(file)
            image.load()
            if apply_exif_orientation:
                image = ImageOps.exif_transpose(image)
            image = image.convert(_MODES.get(name) or _own_mode(image))
        except Exception as error:  # Pillow's decoders raise all kinds
            raise RuntimeError(f"read_image: {path} cannot be read: {error}") from error
    return pil_to_tensor(image)


def _own_mode(image: Any) -> str:
    """The mode of 8 bits in which an image has the channels of its file."""
    if image.mode in _UNCHANGED:
        return str(image.mode)
    if image.mode in ("P", "PA"):
        return "RGBA" if image.has_transparency_data else "RGB"
    return "L" if image.mode == "1" else "RGB"
