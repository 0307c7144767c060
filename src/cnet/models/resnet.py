"""ResNet, ResNeXt and Wide ResNet: residual networks."""

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import nn
from ..nn import init
from ..operations import flatten
from ..tensor import Tensor
from .layers import Layer, initialize, keep
from .registry import register_model

__all__ = [
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the size if the stride is 1."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, padding=dilation, dilation=dilation, groups=groups,
        bias=False,
    )  # fmt: skip


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: the block of ResNet-18 and ResNet-34.

    Parameters
    ----------
    inplanes : int
        Channels of the input.
    planes : int
        Channels of the output.
    stride : int, default 1
        The stride of the first convolution.
    downsample : Module, optional
        The shortcut; by default the input itself.
    groups, base_width, dilation : int, default 1, 64 and 1
        As for `Bottleneck`; other values are not supported.
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.

    Raises
    ------
    ValueError
        If `groups`, `base_width` or `dilation` is not its default.
    """

    expansion: ClassVar[int] = 1
    """Channels of the output, divided by `planes`."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width, dilation) != (1, 64, 1):
            raise ValueError(
                "BasicBlock: groups, base_width and dilation must be 1, 64 and 1 "
                f"(got {groups}, {base_width} and {dilation})"
            )
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return self.relu(x + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut: the block of ResNet-50 and deeper networks.

    The stride is that of the 3x3 convolution, as in ResNet v1.5.

    Parameters
    ----------
    inplanes : int
        Channels of the input.
    planes : int
        A quarter of the channels of the output.
    stride : int, default 1
    downsample : Module, optional
        The shortcut; by default the input itself.
    groups : int, default 1
        The groups of the 3x3 convolution.
    base_width : int, default 64
        The 3x3 convolution has ``planes * base_width // 64 * groups`` channels.
    dilation : int, default 1
        The dilation of the 3x3 convolution.
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.
    """

    expansion: ClassVar[int] = 4
    """Channels of the output, divided by `planes`."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return self.relu(x + shortcut)


class ResNet(nn.Module):
    """Residual network: a stem, four stages of blocks, and a linear layer.

    Parameters
    ----------
    block : type
        `BasicBlock` or `Bottleneck`.
    layers : sequence of 4 ints
        The number of blocks of each stage.
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Whether the last normalization of each block starts at zero, so that the block starts as
        its shortcut.
    groups : int, default 1
        The groups of 3x3 convolutions in `Bottleneck`.
    width_per_group : int, default 64
        The argument `base_width` of the blocks.
    replace_stride_with_dilation : sequence of 3 bools, optional
        For each of the last three stages, whether to dilate the kernels instead of a stride of 2.
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels.

    Raises
    ------
    ValueError
        If `replace_stride_with_dilation` has not 3 elements, or the block does not support an
        argument.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016; S. Xie et al.,
    "Aggregated residual transformations for deep neural networks", CVPR 2017; S. Zagoruyko and
    N. Komodakis, "Wide residual networks", BMVC 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.resnet import BasicBlock, ResNet
    >>> model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        dilate = (
            (False,) * 3 if replace_stride_with_dilation is None else (replace_stride_with_dilation)
        )
        if len(dilate) != 3:
            raise ValueError(
                "ResNet: replace_stride_with_dilation must have 3 elements "
                f"(got {replace_stride_with_dilation})"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, linear=keep, zero_bias=())
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                    init.zeros_(last.weight)

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """One stage. `inplanes` and `dilation` are the state between the stages."""
        first_dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        out_planes = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out_planes:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, out_planes, stride), self._norm_layer(out_planes)
            )
        stage = nn.Sequential()
        for i in range(blocks):
            first = i == 0
            layer = block(
                self.inplanes,
                planes,
                stride if first else 1,
                downsample if first else None,
                self.groups,
                self.base_width,
                first_dilation if first else self.dilation,
                self._norm_layer,
            )
            stage.append(layer)
            self.inplanes = out_planes
        return stage

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))


@register_model
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet-18: 11 689 512 parameters, images of 224 × 224 pixels."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **kwargs)


@register_model
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet-34: 21 797 672 parameters, images of 224 × 224 pixels."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **kwargs)


@register_model
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet-50: 25 557 032 parameters, images of 224 × 224 pixels."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **kwargs)


@register_model
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet-101: 44 549 160 parameters, images of 224 × 224 pixels."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **kwargs)


@register_model
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet-152: 60 192 808 parameters, images of 224 × 224 pixels."""
    return ResNet(Bottleneck, (3, 8, 36, 3), **kwargs)


@register_model
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-50 32x4d: 25 028 904 parameters, images of 224 × 224 pixels."""
    return resnet50(**{"groups": 32, "width_per_group": 4} | kwargs)


@register_model
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt-101 32x8d: 88 791 336 parameters, images of 224 × 224 pixels."""
    return resnet101(**{"groups": 32, "width_per_group": 8} | kwargs)


@register_model
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-101 64x4d: 83 455 272 parameters, images of 224 × 224 pixels."""
    return resnet101(**{"groups": 64, "width_per_group": 4} | kwargs)


@register_model
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """Wide ResNet-50-2: 68 883 240 parameters, images of 224 × 224 pixels."""
    return resnet50(**{"width_per_group": 128} | kwargs)


@register_model
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """Wide ResNet-101-2: 126 886 696 parameters, images of 224 × 224 pixels."""
    return resnet101(**{"width_per_group": 128} | kwargs)
