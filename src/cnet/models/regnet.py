"""RegNet: residual networks whose stages follow from four numbers."""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .layers import Conv2dNormActivation, Layer, SqueezeExcitation, initialize, make_divisible
from .registry import register_model

__all__ = [
    "RegNet",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]


class SimpleStemIN(Conv2dNormActivation):
    """The first layers: a 3x3 convolution of stride 2, normalization and activation."""

    def __init__(
        self, width_in: int, width_out: int, norm_layer: Layer, activation_layer: Layer
    ) -> None:
        super().__init__(
            width_in, width_out, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer
        )


class BottleneckTransform(nn.Sequential):
    """1x1, grouped 3x3, optional squeeze-and-excitation, 1x1; see `ResBottleneckBlock`."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        conv = partial(
            Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation_layer
        )
        width = round(width_out * bottleneck_multiplier)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = conv(width_in, width, kernel_size=1)
        layers["b"] = conv(width, width, stride=stride, groups=width // group_width)
        if se_ratio:
            layers["se"] = SqueezeExcitation(
                width, round(se_ratio * width_in), activation=activation_layer
            )
        layers["c"] = conv(width, width_out, kernel_size=1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolutions, and a shortcut.

    Parameters
    ----------
    width_in, width_out : int
        Channels of the input and of the output.
    stride : int
    norm_layer, activation_layer : callable
        Return the normalization for a number of channels, and the activation.
    group_width : int, default 1
        Channels of a group of the 3x3 convolution.
    bottleneck_multiplier : float, default 1.0
        Channels of the 3x3 convolution, divided by `width_out`.
    se_ratio : float, optional
        Channels inside the squeeze-and-excitation, divided by `width_in`; None for none.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width,
            bottleneck_multiplier, se_ratio,
        )  # fmt: skip
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        return self.activation(shortcut + self.f(x))


class AnyStage(nn.Sequential):
    """A stage of blocks, of which only the first has a stride.

    Parameters
    ----------
    width_in, width_out, stride : int
    depth : int
        The number of blocks.
    block_constructor, norm_layer, activation_layer : callable
    group_width : int
    bottleneck_multiplier : float
    se_ratio : float, optional
    stage_index : int, default 0
        A part of the names of the blocks.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Layer,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        for i in range(depth):
            block = block_constructor(
                width_in if i == 0 else width_out, width_out, stride if i == 0 else 1, norm_layer,
                activation_layer, group_width, bottleneck_multiplier, se_ratio,
            )  # fmt: skip
            self.add_module(f"block{stage_index}-{i}", block)


class Stage(NamedTuple):
    """The sizes of an `AnyStage`."""

    width: int
    stride: int
    depth: int
    group_width: int
    bottleneck_multiplier: float


class BlockParams:
    """The sizes of all stages.

    Parameters
    ----------
    depths, widths, group_widths : sequence of int
        For each stage, the number of blocks, their channels, and channels of a group.
    bottleneck_multipliers : sequence of float
    strides : sequence of int
    se_ratio : float, optional
    """

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        group_widths: Sequence[int],
        bottleneck_multipliers: Sequence[float],
        strides: Sequence[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> "BlockParams":
        """The stages that follow from a line of widths.

        The widths of the blocks grow linearly. They are rounded to powers of `w_m` times `w_0`, and
        neighbouring blocks of the same width form a stage.

        Parameters
        ----------
        depth : int
            The number of blocks.
        w_0 : int
            The width of the first block, a multiple of 8.
        w_a : float
            The growth of the width from block to block.
        w_m : float
            The ratio of the widths of neighbouring stages.
        group_width : int
        bottleneck_multiplier : float, default 1.0
        se_ratio : float, optional

        Returns
        -------
        BlockParams

        Raises
        ------
        ValueError
            If a number is out of range.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ValueError(
                "from_init_params: w_0 must be a positive multiple of 8, w_a at least 0 and w_m "
                f"greater than 1 (got {w_0}, {w_a} and {w_m})"
            )
        widths = []
        for i in range(depth):
            power = round(math.log(1 + i * w_a / w_0) / math.log(w_m))
            widths.append(round(w_0 * w_m**power / 8) * 8)
        runs = [(width, len(list(run))) for width, run in groupby(widths)]
        # The bottleneck is a multiple of the groups.
        bottlenecks = [round(width * bottleneck_multiplier) for width, _ in runs]
        group_widths = [min(group_width, bottleneck) for bottleneck in bottlenecks]
        adjusted = [
            int(make_divisible(bottleneck, group) / bottleneck_multiplier)
            for bottleneck, group in zip(bottlenecks, group_widths, strict=True)
        ]
        stages = len(runs)
        return cls(
            [length for _, length in runs], adjusted, group_widths,
            [bottleneck_multiplier] * stages, [2] * stages, se_ratio,
        )  # fmt: skip

    def stages(self) -> Iterator[Stage]:
        """The sizes of each stage."""
        return map(
            Stage, self.widths, self.strides, self.depths, self.group_widths,
            self.bottleneck_multipliers,
        )  # fmt: skip


class RegNet(nn.Module):
    """RegNet.

    Parameters
    ----------
    block_params : BlockParams
        The sizes of the stages.
    num_classes : int, default 1000
    stem_width : int, default 32
        Output channels of the first convolution.
    stem_type, block_type : callable, default SimpleStemIN and ResBottleneckBlock
    norm_layer, activation : callable, default BatchNorm2d and ReLU
        Return the normalization for a number of channels, and the activation.

    References
    ----------
    I. Radosavovic et al., "Designing network design spaces", CVPR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.regnet import BlockParams, RegNet
    >>> params = BlockParams.from_init_params(4, w_0=16, w_a=8.0, w_m=2.0, group_width=8)
    >>> params.widths, params.depths
    ([16, 32], [1, 3])
    >>> RegNet(params, num_classes=10)(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        activation = activation or nn.ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        width = stem_width
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        for i, stage in enumerate(block_params.stages(), start=1):
            stages[f"block{i}"] = AnyStage(
                width, stage.width, stage.stride, stage.depth, block_type or ResBottleneckBlock,
                norm_layer, activation, stage.group_width, stage.bottleneck_multiplier,
                block_params.se_ratio, stage_index=i,
            )  # fmt: skip
            width = stage.width
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        initialize(self, zero_bias=(nn.Linear,))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(flatten(self.avgpool(self.trunk_output(self.stem(x))), 1))


def _regnet(
    depth: int,
    w_0: int,
    w_a: float,
    w_m: float,
    group_width: int,
    se_ratio: float | None = None,
    **kwargs: Any,
) -> RegNet:
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, 1.0, se_ratio)
    return RegNet(params, **kwargs)


@register_model
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNetY-400MF: 4 344 144 parameters, images of 224 × 224 pixels."""
    return _regnet(16, 48, 27.89, 2.09, 8, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNetY-800MF: 6 432 512 parameters, images of 224 × 224 pixels."""
    return _regnet(14, 56, 38.84, 2.4, 16, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetY-1.6GF: 11 202 430 parameters, images of 224 × 224 pixels."""
    return _regnet(27, 48, 20.71, 2.65, 24, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetY-3.2GF: 19 436 338 parameters, images of 224 × 224 pixels."""
    return _regnet(21, 80, 42.63, 2.66, 24, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNetY-8GF: 39 381 472 parameters, images of 224 × 224 pixels."""
    return _regnet(17, 192, 76.82, 2.19, 56, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNetY-16GF: 83 590 140 parameters, images of 224 × 224 pixels."""
    return _regnet(18, 200, 106.23, 2.48, 112, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNetY-32GF: 145 046 770 parameters, images of 224 × 224 pixels."""
    return _regnet(20, 232, 115.89, 2.53, 232, se_ratio=0.25, **kwargs)


@register_model
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNetY-128GF: 644 812 894 parameters, images of 224 × 224 pixels."""
    return _regnet(27, 456, 160.83, 2.52, 264, se_ratio=0.25, **kwargs)


@register_model
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNetX-400MF: 5 495 976 parameters, images of 224 × 224 pixels."""
    return _regnet(22, 24, 24.48, 2.54, 16, **kwargs)


@register_model
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNetX-800MF: 7 259 656 parameters, images of 224 × 224 pixels."""
    return _regnet(16, 56, 35.73, 2.28, 16, **kwargs)


@register_model
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetX-1.6GF: 9 190 136 parameters, images of 224 × 224 pixels."""
    return _regnet(18, 80, 34.01, 2.25, 24, **kwargs)


@register_model
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetX-3.2GF: 15 296 552 parameters, images of 224 × 224 pixels."""
    return _regnet(25, 88, 26.31, 2.25, 48, **kwargs)


@register_model
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNetX-8GF: 39 572 648 parameters, images of 224 × 224 pixels."""
    return _regnet(23, 80, 49.56, 2.88, 120, **kwargs)


@register_model
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNetX-16GF: 54 278 536 parameters, images of 224 × 224 pixels."""
    return _regnet(22, 216, 55.59, 2.1, 128, **kwargs)


@register_model
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNetX-32GF: 107 811 560 parameters, images of 224 × 224 pixels."""
    return _regnet(23, 320, 69.86, 2.0, 168, **kwargs)
