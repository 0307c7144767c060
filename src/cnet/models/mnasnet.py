"""MNASNet: a network that was found by a search for accuracy and speed on phones."""

from functools import partial
from typing import Any

from .. import nn
from ..nn import init
from ..tensor import Tensor
from .layers import initialize, make_divisible
from .registry import register_model

__all__ = ["MNASNet", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"]

_MOMENTUM = 1 - 0.9997
"""The momentum of the running statistics."""


def _conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    relu: bool = True,
) -> list[nn.Module]:
    """A convolution without bias, batch normalization and, optionally, ReLU."""
    padding = kernel_size // 2
    return [
        nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels, momentum=_MOMENTUM),
        *([nn.ReLU(inplace=True)] if relu else []),
    ]


class _InvertedResidual(nn.Module):
    """1x1 convolution to more channels, depthwise, 1x1 to the output, and a shortcut."""

    def __init__(
        self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int
    ) -> None:
        super().__init__()
        hidden = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_conv_norm(in_ch, hidden, 1),
            *_conv_norm(hidden, hidden, kernel_size, stride, groups=hidden),
            *_conv_norm(hidden, out_ch, 1, relu=False),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input) + input if self.apply_residual else self.layers(input)


_STAGES = (
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)
"""Output channels, size of the kernels, stride, expansion factor and number of blocks."""


class MNASNet(nn.Module):
    """MNASNet-B1.

    Parameters
    ----------
    alpha : float
        A factor for the numbers of channels.
    num_classes : int, default 1000
    dropout : float, default 0.2
        The probability of dropout before the linear layer.

    Raises
    ------
    ValueError
        If `alpha` is not positive.

    References
    ----------
    M. Tan et al., "MnasNet: platform-aware neural architecture search for mobile", CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import MNASNet
    >>> model = MNASNet(0.25, num_classes=10).eval()
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"MNASNet: alpha must be positive (got {alpha})")
        self.alpha = alpha
        self.num_classes = num_classes
        first, channels = make_divisible(32 * alpha), make_divisible(16 * alpha)
        layers = [
            *_conv_norm(3, first, 3, stride=2),
            *_conv_norm(first, first, 3, groups=first),
            *_conv_norm(first, channels, 1, relu=False),
        ]
        for width, kernel_size, stride, factor, repeats in _STAGES:
            out = make_divisible(width * alpha)
            blocks = [_InvertedResidual(channels, out, kernel_size, stride, factor)]
            blocks += [
                _InvertedResidual(out, out, kernel_size, 1, factor) for _ in range(repeats - 1)
            ]
            layers.append(nn.Sequential(*blocks))
            channels = out
        self.layers = nn.Sequential(*layers, *_conv_norm(channels, 1280, 1))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        initialize(
            self,
            linear=partial(init.kaiming_uniform_, mode="fan_out", nonlinearity="sigmoid"),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean((2, 3)))


@register_model
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet with half of the channels: 2 218 512 parameters, images of 224 × 224 pixels."""
    return MNASNet(0.5, **kwargs)


@register_model
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet with 0.75 times the channels: 3 170 208 parameters, images of 224 × 224 pixels."""
    return MNASNet(0.75, **kwargs)


@register_model
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet: 4 383 312 parameters, images of 224 × 224 pixels."""
    return MNASNet(1.0, **kwargs)


@register_model
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet with 1.3 times the channels: 6 282 256 parameters, images of 224 × 224 pixels."""
    return MNASNet(1.3, **kwargs)
