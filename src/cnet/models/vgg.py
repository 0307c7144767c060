"""VGG: chains of 3x3 convolutions."""

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .layers import initialize
from .registry import register_model

__all__ = [
    "VGG",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


class VGG(nn.Module):
    """VGG: convolutional features, then three linear layers.

    Parameters
    ----------
    features : Module
        Layers from images to 512 channels, for example of `make_layers`.
    num_classes : int, default 1000
    init_weights : bool, default True
        Whether to draw the weights from normal distributions, scaled by the size of the layer for
        convolutions, and set the biases to zero; otherwise the layers' defaults remain.
    dropout : float, default 0.5
        The probability of dropout after the first two linear layers.

    References
    ----------
    K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image
    recognition", ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.vgg import cfgs, make_layers
    >>> features = make_layers(cfgs["A"])
    >>> features(np.zeros((1, 3, 64, 64), np.float32)).shape
    (1, 512, 2, 2)
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def make_layers(cfg: Sequence[int | str], batch_norm: bool = False) -> nn.Sequential:
    """The convolutional layers of a VGG.

    Parameters
    ----------
    cfg : sequence of int and 'M'
        Output channels of the 3x3 convolutions, and 'M' for each max pooling.
    batch_norm : bool, default False
        Whether batch normalization follows each convolution.

    Returns
    -------
    Sequential
    """
    layers: list[nn.Module] = []
    channels = 3
    for item in cfg:
        if isinstance(item, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, item, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(item))
        layers.append(nn.ReLU(inplace=True))
        channels = item
    return nn.Sequential(*layers)


def _configuration(*repeats: int) -> list[int | str]:
    """For each stage, its convolutions and a max pooling."""
    cfg: list[int | str] = []
    for channels, times in zip((64, 128, 256, 512, 512), repeats, strict=True):
        cfg += [*[channels] * times, "M"]
    return cfg


cfgs = {
    "A": _configuration(1, 1, 2, 2, 2),
    "B": _configuration(2, 2, 2, 2, 2),
    "D": _configuration(2, 2, 3, 3, 3),
    "E": _configuration(2, 2, 4, 4, 4),
}
"""The arguments `cfg` of the networks with 11, 13, 16 and 19 layers."""


def _vgg(cfg: str, batch_norm: bool, **kwargs: Any) -> VGG:
    return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)


@register_model
def vgg11(**kwargs: Any) -> VGG:
    """VGG-11: 132 863 336 parameters, images of 224 × 224 pixels."""
    return _vgg("A", False, **kwargs)


@register_model
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG-11 with batch normalization: 132 868 840 parameters, images of 224 × 224 pixels."""
    return _vgg("A", True, **kwargs)


@register_model
def vgg13(**kwargs: Any) -> VGG:
    """VGG-13: 133 047 848 parameters, images of 224 × 224 pixels."""
    return _vgg("B", False, **kwargs)


@register_model
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG-13 with batch normalization: 133 053 736 parameters, images of 224 × 224 pixels."""
    return _vgg("B", True, **kwargs)


@register_model
def vgg16(**kwargs: Any) -> VGG:
    """VGG-16: 138 357 544 parameters, images of 224 × 224 pixels."""
    return _vgg("D", False, **kwargs)


@register_model
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG-16 with batch normalization: 138 365 992 parameters, images of 224 × 224 pixels."""
    return _vgg("D", True, **kwargs)


@register_model
def vgg19(**kwargs: Any) -> VGG:
    """VGG-19: 143 667 240 parameters, images of 224 × 224 pixels."""
    return _vgg("E", False, **kwargs)


@register_model
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG-19 with batch normalization: 143 678 248 parameters, images of 224 × 224 pixels."""
    return _vgg("E", True, **kwargs)
