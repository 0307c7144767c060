"""Conversions between kinds of images and dtypes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._explained import explained
from ...dtypes import DType, as_dtype, get_default_dtype
from ...tensor import Tensor
from ..images import Array, Image, channels, check_image, height_width, is_pil, largest


@explained
def to_tensor(pic: Image) -> Tensor:
    """Convert a PIL image or an array to a tensor (c, h, w).

    Parameters
    ----------
    pic : PIL image or ndarray of shape (h, w) or (h, w, c)
        The image.

    Returns
    -------
    Tensor
        The default dtype, which is float32, with values between 0 and 1 for an image of 8 bits;
        otherwise the dtype and the values of the image.

    Raises
    ------
    TypeError
        If `pic` is something else.
    ValueError
        If an array does not have 2 or 3 dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.to_tensor(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """
    array = _pixels("to_tensor", pic)
    if array.dtype != np.uint8:
        return Tensor(np.array(array, order="C"))
    result = array.astype(get_default_dtype(), order="C")
    result /= 255
    return Tensor(result)


@explained
def pil_to_tensor(pic: Image) -> Tensor:
    """Convert a PIL image or an array to a tensor (c, h, w) of the same dtype and values.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.pil_to_tensor(np.array([[0, 255]], np.uint8))
    tensor([[[  0, 255]]], dtype=uint8)
    """
    return Tensor(np.array(_pixels("pil_to_tensor", pic), order="C"))


def _pixels(function: str, pic: Image) -> Array:
    """The pixels as planes (c, h, w)."""
    if isinstance(pic, Tensor):
        raise TypeError(f"{function}: pic must be a PIL image or an array (got Tensor)")
    check_image(function, pic)
    array = np.asarray(pic)
    if is_pil(pic) and pic.mode == "1":
        array = np.uint8(255) * array
    return array[np.newaxis] if array.ndim == 2 else array.transpose(2, 0, 1)


@explained
def convert_image_dtype(image: Tensor, dtype: DType = np.float32) -> Tensor:
    """Convert a tensor to another dtype and scale its values to the range of that dtype.

    Parameters
    ----------
    image : Tensor
        Values between 0 and 1, or integers from 0 to the largest of their dtype.
    dtype : dtype, default float32
        The dtype of the result.

    Raises
    ------
    TypeError
        If `image` is no tensor.

    Examples
    --------
    >>> import cnet, numpy as np
    >>> cnet.transforms.functional.convert_image_dtype(cnet.tensor([[0.0, 1.0]]), np.uint8)
    tensor([[  0, 255]], dtype=uint8)
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"convert_image_dtype: image must be a Tensor (got {type(image).__name__})")
    array, target = image.numpy(), as_dtype("convert_image_dtype", dtype)
    if array.dtype == target:
        return image
    if target.kind == "f":
        return Tensor((array / largest(array.dtype)).astype(target))
    if array.dtype.kind == "f":
        # Each integer is the image of an interval of the same length.
        scaled = array.astype(np.float64) * (largest(target) + 1 - 1e-3)
        return Tensor(scaled.astype(target))
    before, after = int(largest(array.dtype)) + 1, int(largest(target)) + 1
    if before > after:
        return Tensor((array // (before // after)).astype(target))
    return Tensor(array.astype(target) * target.type(after // before))


_PIL_MODES = {
    1: ("L", "I", "I;16", "F"), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK"),
}  # fmt: skip
"""The modes of PIL images by their number of channels."""


@explained
def to_pil_image(pic: Image, mode: str | None = None) -> Any:
    """Convert a tensor (c, h, w) or an array to a PIL image; this needs Pillow.

    Parameters
    ----------
    pic : Tensor of shape (c, h, w) or (h, w), or ndarray of shape (h, w) or (h, w, c)
        The image, of 1 to 4 channels. A float tensor has values between 0 and 1.
    mode : str, optional
        The mode of the result: by default L, LA, RGB or RGBA by the channels.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    TypeError, ValueError
        If `pic` is something else, or `mode` does not fit.
    """
    try:
        from PIL import Image as pillow
    except ImportError as error:
        raise ImportError("to_pil_image: needs Pillow: pip install 'cnet-nn[images]'") from error
    if is_pil(pic):
        return pic
    check_image("to_pil_image", pic)
    array = pic.numpy() if isinstance(pic, Tensor) else pic
    if array.dtype.kind not in "biuf":
        raise TypeError(f"to_pil_image: pic must be real numbers (got dtype {array.dtype})")
    if isinstance(pic, Tensor):
        if array.ndim > 3:
            raise ValueError(f"to_pil_image: pic must be (c, h, w) or (h, w) (got {array.shape})")
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    count = 1 if array.ndim == 2 else array.shape[2]
    if array.ndim == 3 and not 2 <= count <= 4:
        raise ValueError(f"to_pil_image: pic must have 1 to 4 channels (got {count})")
    allowed = _PIL_MODES[count]
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"to_pil_image: mode must be one of {', '.join(allowed)} for {count} channels "
            f"(got {mode})"
        )
    image = pillow.fromarray(np.ascontiguousarray(array))
    if mode is None or mode == image.mode:
        return image
    if count == 1:
        return image.convert(mode)
    return pillow.frombytes(mode, image.size, image.tobytes())


@explained
def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """Subtract a mean from each channel and divide by a standard deviation.

    Parameters
    ----------
    tensor : Tensor of shape (..., c, h, w)
        A float image.
    mean, std : sequence of float
        A number for each channel, or one for all.
    inplace : bool, default False
        Whether to change `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` is not a float tensor.
    ValueError
        If it has fewer than 3 dimensions, or `std` is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.transforms.functional.normalize(cnet.tensor([[[0.0, 1.0]]]), [0.5], [0.5])
    tensor([[[-1.,  1.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"normalize: tensor must be a Tensor (got {type(tensor).__name__})")
    array = tensor.numpy()
    if array.dtype.kind != "f":
        raise TypeError(f"normalize: tensor must be of a float dtype (got {array.dtype})")
    if array.ndim < 3:
        raise ValueError(f"normalize: tensor must be (..., c, h, w) (got shape {array.shape})")
    means, stds = (np.asarray(values, array.dtype).reshape(-1, 1, 1) for values in (mean, std))
    for name, values in (("mean", means), ("std", stds)):
        if len(values) not in (1, array.shape[-3]):
            raise ValueError(
                f"normalize: {name} must have a number for each channel "
                f"(got {len(values)} and {array.shape[-3]})"
            )
    if not stds.all():
        raise ValueError(f"normalize: std must not be 0 as {array.dtype} (got {std})")
    if not inplace:
        array = array - means
        array /= stds
        return Tensor(array)
    array -= means
    array /= stds
    return tensor


@explained
def get_dimensions(img: Image) -> list[int]:
    """Channels, height and width.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.get_dimensions(np.zeros((4, 5, 3)))
    [3, 4, 5]
    """
    return [channels("get_dimensions", img), *height_width("get_dimensions", img)]


@explained
def get_image_size(img: Image) -> list[int]:
    """Width and height.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.get_image_size(np.zeros((4, 5, 3)))
    [5, 4]
    """
    height, width = height_width("get_image_size", img)
    return [width, height]


@explained
def get_image_num_channels(img: Image) -> int:
    """The number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.get_image_num_channels(np.zeros((4, 5, 3)))
    3
    """
    return channels("get_image_num_channels", img)
