"""MobileNetV2: inverted residual blocks of depthwise convolutions."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .layers import Conv2dNormActivation, Layer, initialize, make_divisible
from .registry import register_model

__all__ = ["MobileNetV2", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, 3x3 depthwise, 1x1 to the output, and a shortcut.

    Parameters
    ----------
    inp, oup : int
        Channels of the input and of the output.
    stride : {1, 2}
    expand_ratio : int
        The depthwise convolution has ``inp * expand_ratio`` channels.
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.

    Raises
    ------
    ValueError
        If `stride` is neither 1 nor 2.
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: float, norm_layer: Layer | None = None
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"InvertedResidual: stride must be 1 or 2 (got {stride})")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, **options))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **options),
            nn.Conv2d(hidden, oup, kernel_size=1, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """MobileNetV2.

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1.0
        A factor for all numbers of channels.
    inverted_residual_setting : sequence of (expand_ratio, channels, blocks, stride), optional
        The stages, by default those of the paper.
    round_nearest : int, default 8
        Numbers of channels are rounded to multiples of this.
    block : callable, default InvertedResidual
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.
    dropout : float, default 0.2
        The probability of dropout before the linear layer.

    Raises
    ------
    ValueError
        If an element of `inverted_residual_setting` has not four numbers, or there is none.

    References
    ----------
    M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import MobileNetV2
    >>> model = MobileNetV2(10, width_mult=0.25).eval()
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if not stages or any(len(stage) != 4 for stage in stages):
            raise ValueError(
                "MobileNetV2: inverted_residual_setting must have elements of 4 numbers "
                f"(got {stages})"
            )
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [Conv2dNormActivation(3, channels, stride=2, **options)]
        for expand_ratio, width, repeats, first_stride in stages:
            out_channels = make_divisible(width * width_mult, round_nearest)
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                layers.append(
                    block(channels, out_channels, stride, expand_ratio, norm_layer=norm_layer)
                )
                channels = out_channels
        layers.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(flatten(x, 1))


@register_model
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2: 3 504 872 parameters, images of 224 × 224 pixels."""
    return MobileNetV2(**kwargs)
