"""EfficientNet and EfficientNetV2: networks whose depth, width and image size grow together."""

import math
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any, TypeAlias

from .. import nn
from ..nn import init
from ..operations import flatten
from ..tensor import Tensor
from .layers import (
    Conv2dNormActivation,
    Layer,
    SqueezeExcitation,
    StochasticDepth,
    initialize,
    make_divisible,
)
from .registry import register_model

__all__ = [
    "EfficientNet",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


class _MBConvConfig:
    """The sizes of a stage of blocks; see `MBConvConfig`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Layer,
    ) -> None:
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.block = block

    @property
    def expanded_channels(self) -> int:
        """Channels inside the block."""
        return self.adjust_channels(self.input_channels, self.expand_ratio)

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The number of channels times `width_mult`, as a multiple of 8."""
        return make_divisible(channels * width_mult)


class MBConvConfig(_MBConvConfig):
    """The sizes of a stage of `MBConv` blocks.

    Parameters
    ----------
    expand_ratio : float
        Channels inside the block, divided by those of the input.
    kernel : int
        The size of the depthwise kernel.
    stride : int
        The stride of the first block.
    input_channels, out_channels : int
        Before they are multiplied by `width_mult`.
    num_layers : int
        The number of blocks, before it is multiplied by `depth_mult`.
    width_mult, depth_mult : float, default 1.0
    block : callable, default MBConv
    """

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Layer | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            math.ceil(num_layers * depth_mult),
            block or MBConv,
        )


class FusedMBConvConfig(_MBConvConfig):
    """The sizes of a stage of `FusedMBConv` blocks; arguments as for `MBConvConfig`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Layer | None = None,
    ) -> None:
        super().__init__(
            expand_ratio, kernel, stride, input_channels, out_channels, num_layers,
            block or FusedMBConv,
        )  # fmt: skip


class _Block(nn.Module):
    """Layers, stochastic depth and, if the shape stays the same, a shortcut."""

    def __init__(
        self, cnf: _MBConvConfig, stochastic_depth_prob: float, layers: Sequence[nn.Module]
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"{type(self).__name__}: stride must be 1 or 2 (got {cnf.stride})")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        x = self.block(input)
        return self.stochastic_depth(x) + input if self.use_res_connect else x


class MBConv(_Block):
    """1x1 convolution to more channels, depthwise, squeeze-and-excitation, 1x1, shortcut.

    Parameters
    ----------
    cnf : MBConvConfig
    stochastic_depth_prob : float
        The probability to skip the block for a sample, in training mode.
    norm_layer : callable
        Returns the normalization for a number of channels.
    se_layer : callable, default SqueezeExcitation

    Raises
    ------
    ValueError
        If the stride is neither 1 nor 2.
    """

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Layer,
        se_layer: Layer = SqueezeExcitation,
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded, squeezed = cnf.expanded_channels, max(1, cnf.input_channels // 4)
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(conv(cnf.input_channels, expanded, kernel_size=1))
        layers += [
            conv(expanded, expanded, kernel_size=cnf.kernel, stride=cnf.stride, groups=expanded),
            se_layer(expanded, squeezed, activation=partial(nn.SiLU, inplace=True)),
            conv(expanded, cnf.out_channels, kernel_size=1, activation_layer=None),
        ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Block):
    """A convolution to more channels, a 1x1 convolution, and a shortcut.

    Parameters
    ----------
    cnf : FusedMBConvConfig
    stochastic_depth_prob : float
        The probability to skip the block for a sample, in training mode.
    norm_layer : callable
        Returns the normalization for a number of channels.

    Raises
    ------
    ValueError
        If the stride is neither 1 nor 2.
    """

    def __init__(
        self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: Layer
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        expanded = cnf.expanded_channels
        if expanded == cnf.input_channels:
            layers = [conv(expanded, cnf.out_channels, kernel_size=cnf.kernel, stride=cnf.stride)]
        else:
            layers = [
                conv(cnf.input_channels, expanded, kernel_size=cnf.kernel, stride=cnf.stride),
                conv(expanded, cnf.out_channels, kernel_size=1, activation_layer=None),
            ]
        super().__init__(cnf, stochastic_depth_prob, layers)


def _uniform(weight: Tensor) -> Any:
    """The initial values of linear layers: uniform on ±1 / √out_features."""
    bound = 1 / math.sqrt(weight.shape[0])
    return init.uniform_(weight, -bound, bound)


class EfficientNet(nn.Module):
    """EfficientNet.

    Parameters
    ----------
    inverted_residual_setting : sequence of MBConvConfig or FusedMBConvConfig
        The stages.
    dropout : float
        The probability of dropout before the linear layer.
    stochastic_depth_prob : float, default 0.2
        The probability to skip a block, in training mode; it grows from 0 in the first block
        almost to this number in the last one.
    num_classes : int, default 1000
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.
    last_channel : int, optional
        Output channels of the last convolution; by default four times those of the last stage.

    Raises
    ------
    ValueError
        If `inverted_residual_setting` is empty.

    References
    ----------
    M. Tan and Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks",
    ICML 2019; M. Tan and Q. Le, "EfficientNetV2: smaller models and faster training", ICML 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.efficientnet import EfficientNet, MBConvConfig
    >>> model = EfficientNet([MBConvConfig(4, 3, 2, 16, 24, 2)], dropout=0.2, num_classes=10)
    >>> model.eval()(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[_MBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("EfficientNet: inverted_residual_setting must not be empty")
        norm_layer = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers: list[nn.Module] = [
            conv(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2)
        ]
        total = sum(cnf.num_layers for cnf in inverted_residual_setting)
        count = 0
        for cnf in inverted_residual_setting:
            blocks = []
            for _ in range(cnf.num_layers):
                blocks.append(cnf.block(cnf, stochastic_depth_prob * count / total, norm_layer))
                count += 1
                # The other blocks of the stage keep the shape.
                cnf = copy(cnf)
                cnf.input_channels = cnf.out_channels
                cnf.stride = 1
            layers.append(nn.Sequential(*blocks))
        channels = inverted_residual_setting[-1].out_channels
        last_channel = 4 * channels if last_channel is None else last_channel
        layers.append(conv(channels, last_channel, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(last_channel, num_classes)
        )
        initialize(self, linear=_uniform)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


_Sizes: TypeAlias = tuple[int, int, int, int, int, int]

_B0: tuple[_Sizes, ...] = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
"""Arguments of `MBConvConfig` for the stages of EfficientNet-B0."""


def _efficientnet(width: float, depth: float, dropout: float, **kwargs: Any) -> EfficientNet:
    stages = [MBConvConfig(*stage, width_mult=width, depth_mult=depth) for stage in _B0]
    options: dict[str, Any] = {"dropout": dropout}
    return EfficientNet(stages, **options | kwargs)


_large_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_v2_norm = partial(nn.BatchNorm2d, eps=0.001)


def _v2(
    fused: Sequence[_Sizes], stages: Sequence[_Sizes], dropout: float, **kwargs: Any
) -> EfficientNet:
    setting = [*(FusedMBConvConfig(*row) for row in fused), *(MBConvConfig(*row) for row in stages)]
    options: dict[str, Any] = {"norm_layer": _v2_norm, "last_channel": 1280, "dropout": dropout}
    return EfficientNet(setting, **options | kwargs)


@register_model
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B0: 5 288 548 parameters, images of 224 × 224 pixels."""
    return _efficientnet(1.0, 1.0, 0.2, **kwargs)


@register_model
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B1: 7 794 184 parameters, images of 240 × 240 pixels."""
    return _efficientnet(1.0, 1.1, 0.2, **kwargs)


@register_model
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B2: 9 109 994 parameters, images of 288 × 288 pixels."""
    return _efficientnet(1.1, 1.2, 0.3, **kwargs)


@register_model
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B3: 12 233 232 parameters, images of 300 × 300 pixels."""
    return _efficientnet(1.2, 1.4, 0.3, **kwargs)


@register_model
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B4: 19 341 616 parameters, images of 380 × 380 pixels."""
    return _efficientnet(1.4, 1.8, 0.4, **kwargs)


@register_model
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B5: 30 389 784 parameters, images of 456 × 456 pixels."""
    return _efficientnet(1.6, 2.2, 0.4, **{"norm_layer": _large_norm} | kwargs)


@register_model
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B6: 43 040 704 parameters, images of 528 × 528 pixels."""
    return _efficientnet(1.8, 2.6, 0.5, **{"norm_layer": _large_norm} | kwargs)


@register_model
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B7: 66 347 960 parameters, images of 600 × 600 pixels."""
    return _efficientnet(2.0, 3.1, 0.5, **{"norm_layer": _large_norm} | kwargs)


@register_model
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-S: 21 458 488 parameters, images of 384 × 384 pixels."""
    fused = [(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)]
    stages = [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)]
    return _v2(fused, stages, 0.2, **kwargs)


@register_model
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-M: 54 139 356 parameters, images of 480 × 480 pixels."""
    fused = [(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)]
    stages = [
        (4, 3, 2, 80, 160, 7),
        (6, 3, 1, 160, 176, 14),
        (6, 3, 2, 176, 304, 18),
        (6, 3, 1, 304, 512, 5),
    ]
    return _v2(fused, stages, 0.3, **kwargs)


@register_model
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-L: 118 515 272 parameters, images of 480 × 480 pixels."""
    fused = [(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)]
    stages = [
        (4, 3, 2, 96, 192, 10),
        (6, 3, 1, 192, 224, 19),
        (6, 3, 2, 224, 384, 25),
        (6, 3, 1, 384, 640, 7),
    ]
    return _v2(fused, stages, 0.4, **kwargs)
