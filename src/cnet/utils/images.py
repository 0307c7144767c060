"""Images side by side, and image files."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .._explained import explained
from .._files import atomic_write
from ..tensor import Tensor

Array = npt.NDArray[Any]


@explained
def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Put images side by side into one image.

    Parameters
    ----------
    tensor : Tensor of shape (n, c, h, w), or sequence of Tensor of shape (c, h, w)
        The images, of 1 or 3 channels. A single image (c, h, w) or (h, w) is also accepted.
    nrow : int, default 8
        Images in a row.
    padding : int, default 2
        Pixels between images.
    normalize : bool, default False
        Whether to scale the values to the range from 0 to 1.
    value_range : (float, float), optional
        The values that become 0 and 1, by default the smallest and the largest.
    scale_each : bool, default False
        Whether each image has its own smallest and largest value.
    pad_value : float, default 0.0
        The value of the pixels between images.

    Returns
    -------
    Tensor
        An image (c, h, w) of at least 3 channels; images of 1 channel are repeated.

    Raises
    ------
    TypeError
        If `tensor` is something else, or `value_range` is no tuple.
    ValueError
        If the images do not have equal shapes, or `nrow` or `padding` is out of range.

    Examples
    --------
    >>> import cnet, numpy as np
    >>> images = cnet.tensor(np.ones((6, 3, 4, 5), np.float32))
    >>> cnet.utils.make_grid(images, nrow=3, padding=1).shape
    (3, 11, 19)
    """
    images = _batch(tensor)
    if nrow < 1 or padding < 0:
        raise ValueError(
            f"make_grid: nrow must be at least 1 and padding at least 0 (got {nrow} and {padding})"
        )
    if normalize:
        images = _scaled(images, value_range, scale_each)
    n, c, h, w = images.shape
    if n == 1:
        return Tensor(images[0].copy())
    columns = min(nrow, n)
    rows = -(-n // columns)
    step_y, step_x = h + padding, w + padding
    grid = np.full(
        (c, step_y * rows + padding, step_x * columns + padding), pad_value, images.dtype
    )
    for i, image in enumerate(images):
        y, x = i // columns * step_y + padding, i % columns * step_x + padding
        grid[:, y : y + h, x : x + w] = image
    return Tensor(grid)


def _batch(tensor: Tensor | Sequence[Tensor]) -> Array:
    """The images as an array (n, c, h, w) of at least 3 channels."""
    if isinstance(tensor, Tensor):
        images = tensor.detach().numpy()
    elif isinstance(tensor, Sequence) and all(isinstance(image, Tensor) for image in tensor):
        shapes = {image.shape for image in tensor}
        if len(shapes) != 1:
            raise ValueError(f"make_grid: images must have the same shape (got {sorted(shapes)})")
        images = np.stack([image.detach().numpy() for image in tensor])
    else:
        raise TypeError(
            f"make_grid: tensor must be a Tensor or a sequence of Tensor (got {type(tensor)})"
        )
    if images.ndim == 2:
        images = images[np.newaxis]
    if images.ndim == 3:
        images = images[np.newaxis]
    if images.ndim != 4 or not len(images):
        raise ValueError(f"make_grid: images must be (n, c, h, w) (got shape {images.shape})")
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def _scaled(images: Array, value_range: tuple[float, float] | None, scale_each: bool) -> Array:
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(f"make_grid: value_range must be a tuple (got {value_range!r})")
    values = images.astype(images.dtype if images.dtype.kind == "f" else np.float32)
    axes = (1, 2, 3) if scale_each else None
    low, high = value_range or (
        values.min(axis=axes, keepdims=True),
        values.max(axis=axes, keepdims=True),
    )
    scaled = (np.clip(values, low, high) - low) / np.maximum(np.subtract(high, low), 1e-5)
    return np.asarray(scaled, values.dtype)


@explained
def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write images to one image file; this needs Pillow.

    Parameters
    ----------
    tensor : Tensor or sequence of Tensor
        Images as for `make_grid`: floats from 0 to 1, or uint8.
    fp : str, os.PathLike or binary file
        Where to write. A file with a name is written completely or not at all.
    format : str, optional
        The format, by default that of the extension of the name.
    **kwargs
        Arguments of `make_grid`.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If the format is missing or not known.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import io, cnet
    >>> file = io.BytesIO()
    >>> cnet.utils.save_image(cnet.tensor([[[0.0, 1.0]]]), file, format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("save_image: needs Pillow: pip install 'cnet-nn[images]'") from error
    grid = make_grid(tensor, **kwargs).numpy()
    if grid.dtype != np.uint8:
        grid = (grid * 255 + 0.5).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(grid.transpose(1, 2, 0)))
    if format is None and isinstance(fp, str | os.PathLike):
        format = Image.registered_extensions().get(Path(fp).suffix.lower())
    if format is None:
        raise ValueError(f"save_image: format must be given for {fp}")
    content = io.BytesIO()
    try:
        image.save(content, format)
    except KeyError:
        raise ValueError(f"save_image: format is not known to Pillow (got {format!r})") from None
    if isinstance(fp, str | os.PathLike):
        atomic_write(fp, content.getvalue())
    else:
        fp.write(content.getvalue())
