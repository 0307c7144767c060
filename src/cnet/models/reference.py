"""The small network of the command line and of the benchmarks."""

from .. import nn
from .registry import register_model

__all__ = ["reference_cnn"]


@register_model
def reference_cnn(
    image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10
) -> nn.Sequential:
    """The small network of the command `cnet train` and of the benchmarks.

    Two convolutions, each with ReLU and max pooling that halves height and width, then two linear
    layers. It has 103 146 parameters for images of 28 × 28 pixels.

    Parameters
    ----------
    image_shape : (int, int, int), default (1, 28, 28)
        Channels, height and width of an image; at least 4 × 4 pixels.
    classes : int, default 10
        The number of classes.

    Returns
    -------
    Sequential
        A network from images, float32 of shape (n, channels, height, width), to logits of shape
        (n, classes).

    Raises
    ------
    ValueError
        If the images are smaller than 4 × 4 pixels, or `classes` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import reference_cnn
    >>> model = reference_cnn((3, 32, 32))
    >>> model(np.zeros((5, 3, 32, 32), np.float32)).shape
    (5, 10)
    """
    channels, height, width = image_shape
    if height < 4 or width < 4:
        raise ValueError(
            f"reference_cnn: image_shape must have at least 4x4 pixels (got {height}x{width})"
        )
    if classes < 1:
        raise ValueError(f"reference_cnn: classes must be at least 1 (got {classes})")
    return nn.Sequential(
        nn.Conv2d(channels, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * (height // 4) * (width // 4), 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )
