"""ShuffleNetV2: blocks that transform half of the channels, and shuffle all of them."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn
from ..operations import cat
from ..tensor import Tensor
from .layers import Layer
from .registry import register_model

__all__ = [
    "ShuffleNetV2",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def _pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
    """A 1x1 convolution, normalization and ReLU."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=1, padding=0, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    """A 3x3 depthwise convolution and normalization."""
    return [
        nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
    ]


class InvertedResidual(nn.Module):
    """Two branches whose channels are concatenated and shuffled.

    With stride 1, each branch gets half of the channels, and the first one keeps them. With stride
    2, both branches get all channels.

    Parameters
    ----------
    inp, oup : int
        Channels of the input and of the output.
    stride : {1, 2, 3}

    Raises
    ------
    ValueError
        If `stride` is not 1, 2 or 3, `oup` is odd, or the stride is 1 and `inp` is not `oup`.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if stride not in (1, 2, 3):
            raise ValueError(f"InvertedResidual: stride must be 1, 2 or 3 (got {stride})")
        if oup % 2 or (stride == 1 and inp != oup):
            raise ValueError(
                "InvertedResidual: oup must be even, and inp if stride is 1 "
                f"(got inp={inp}, oup={oup}, stride={stride})"
            )
        self.stride = stride
        half = oup // 2
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(*_depthwise(inp, stride), *_pointwise(inp, half))
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else half, half),
            *_depthwise(half, stride),
            *_pointwise(half, half),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1) if self.stride == 1 else (x, x)
        return F.channel_shuffle(cat([self.branch1(left), self.branch2(right)], 1), 2)


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2.

    Parameters
    ----------
    stages_repeats : sequence of 3 ints
        The number of blocks of each stage.
    stages_out_channels : sequence of 5 ints
        Output channels of the first convolution, the three stages and the last convolution.
    num_classes : int, default 1000
    inverted_residual : callable, default InvertedResidual
        Returns a block.

    Raises
    ------
    ValueError
        If the sequences do not have 3 and 5 elements.

    References
    ----------
    N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design",
    ECCV 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import ShuffleNetV2
    >>> model = ShuffleNetV2([1, 1, 1], [8, 16, 32, 64, 128], num_classes=10)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Layer = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ValueError(
                "ShuffleNetV2: stages_repeats and stages_out_channels must have 3 and 5 elements "
                f"(got {len(stages_repeats)} and {len(stages_out_channels)})"
            )
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = first
        for i, (repeats, out_channels) in enumerate(
            zip(stages_repeats, stages, strict=True), start=2
        ):
            blocks = [inverted_residual(channels, out_channels, 2)]
            blocks += [inverted_residual(out_channels, out_channels, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{i}", nn.Sequential(*blocks))
            channels = out_channels
        self.conv5 = nn.Sequential(*_pointwise(channels, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean((2, 3)))


@register_model
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 with half of the channels: 1 366 792 parameters, images of 224 × 224 pixels."""
    return ShuffleNetV2((4, 8, 4), (24, 48, 96, 192, 1024), **kwargs)


@register_model
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2: 2 278 604 parameters, images of 224 × 224 pixels."""
    return ShuffleNetV2((4, 8, 4), (24, 116, 232, 464, 1024), **kwargs)


@register_model
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 with 1.5 times the channels: 3 503 624 parameters, 224 × 224 pixels."""
    return ShuffleNetV2((4, 8, 4), (24, 176, 352, 704, 1024), **kwargs)


@register_model
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 with twice the channels: 7 393 996 parameters, 224 × 224 pixels."""
    return ShuffleNetV2((4, 8, 4), (24, 244, 488, 976, 2048), **kwargs)
