"""A small network with batch normalisation for small images."""

from .. import nn
from .registry import register_model

__all__ = ["small_cnn"]

WIDTHS = (16, 32, 64)


@register_model
def small_cnn(
    image_shape: tuple[int, int, int] = (1, 28, 28), num_classes: int = 10, dropout: float = 0.2
) -> nn.Sequential:
    """Three convolutions with batch normalisation, then a linear layer.

    Each convolution is followed by batch normalisation, ReLU, and max pooling if height and width
    are at least 4. There are 29 434 parameters for gray images of 28 × 28 pixels.

    Parameters
    ----------
    image_shape : (int, int, int), default (1, 28, 28)
        Channels, height and width of an image.
    num_classes : int, default 10
    dropout : float, default 0.2
        The probability of dropout before the linear layer.

    Returns
    -------
    Sequential
        A network from images, float32 of shape (n, channels, height, width), to logits of shape
        (n, num_classes).

    Raises
    ------
    ValueError
        If a size is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import small_cnn
    >>> model = small_cnn((3, 32, 32), num_classes=5)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 5)
    """
    channels, height, width = image_shape
    if min(channels, height, width, num_classes) < 1:
        raise ValueError(
            f"small_cnn: image_shape and num_classes must be positive "
            f"(got {image_shape} and {num_classes})"
        )
    layers: list[nn.Module] = []
    for number, features in enumerate(WIDTHS):
        kernel = 5 if number == 0 else 3
        layers += [
            nn.Conv2d(channels, features, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        ]
        channels = features
        if min(height, width) >= 4:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(channels * height * width, num_classes),
    )
