"""SqueezeNet: few parameters by narrow 1x1 convolutions."""

from typing import Any

from .. import nn
from ..nn import init
from ..operations import cat, flatten
from ..tensor import Tensor
from .layers import initialize, normal
from .registry import register_model

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A narrow 1x1 convolution, then 1x1 and 3x3 convolutions whose results are concatenated.

    Parameters
    ----------
    inplanes : int
        Channels of the input.
    squeeze_planes, expand1x1_planes, expand3x3_planes : int
        Output channels of the three convolutions.
    """

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        return cat(
            [
                self.expand1x1_activation(self.expand1x1(x)),
                self.expand3x3_activation(self.expand3x3(x)),
            ],
            1,
        )


_VERSIONS: dict[str, tuple[tuple[int, int], list[list[tuple[int, int]]]]] = {
    "1_0": (
        (96, 7),
        [
            [(16, 64), (16, 64), (32, 128)],
            [(32, 128), (48, 192), (48, 192), (64, 256)],
            [(64, 256)],
        ],
    ),
    "1_1": (
        (64, 3),
        [
            [(16, 64), (16, 64)],
            [(32, 128), (32, 128)],
            [(48, 192), (48, 192), (64, 256), (64, 256)],
        ],
    ),
}
"""For each version, the channels and the size of the kernel of the first convolution, and three
stages: for each `Fire` module, the channels of `squeeze` and of each expanding convolution."""


class SqueezeNet(nn.Module):
    """SqueezeNet.

    Parameters
    ----------
    version : {'1_0', '1_1'}, default '1_0'
        1.1 needs less than half the operations of 1.0.
    num_classes : int, default 1000
    dropout : float, default 0.5
        The probability of dropout before the last convolution.

    Raises
    ------
    ValueError
        If `version` is unknown.

    References
    ----------
    F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
    model size", arXiv:1602.07360, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import SqueezeNet
    >>> SqueezeNet("1_1", num_classes=10)(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"SqueezeNet: version must be '1_0' or '1_1' (got {version!r})")
        self.num_classes = num_classes
        (channels, kernel_size), stages = _VERSIONS[version]
        self.features = nn.Sequential(
            nn.Conv2d(3, channels, kernel_size=kernel_size, stride=2), nn.ReLU(inplace=True)
        )
        for stage in stages:
            self.features.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            for squeeze, expand in stage:
                self.features.append(Fire(channels, squeeze, expand, expand))
                channels = 2 * expand
        final_conv = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), final_conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        initialize(self, conv=init.kaiming_uniform_)
        normal(final_conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return flatten(self.classifier(self.features(x)), 1)


@register_model
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0: 1 248 424 parameters, images of 224 × 224 pixels, at least 21 × 21."""
    return SqueezeNet("1_0", **kwargs)


@register_model
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1: 1 235 496 parameters, images of 224 × 224 pixels, at least 17 × 17."""
    return SqueezeNet("1_1", **kwargs)
