"""GoogLeNet: parallel convolutions of several sizes, and auxiliary classifiers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..nn import init
from ..operations import cat, flatten
from ..tensor import Tensor
from .layers import Layer, initialize
from .registry import register_model

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "googlenet"]


class GoogLeNetOutputs(NamedTuple):
    """The results of a `GoogLeNet` in training mode with auxiliary classifiers."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution, batch normalization and ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output.
    **kwargs
        Further arguments of `nn.Conv2d`.
    """

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches whose channels are concatenated: 1x1, two with 3x3, and pooling.

    The third branch is described with 5x5 kernels in the paper; published weights have 3x3 kernels.

    Parameters
    ----------
    in_channels : int
    ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj : int
        Output channels of the convolutions.
    conv_block : callable, default BasicConv2d
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Layer | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier.

    Parameters
    ----------
    in_channels, num_classes : int
    conv_block : callable, default BasicConv2d
    dropout : float, default 0.7
        The probability of dropout before the last linear layer.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Layer | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))
        x = F.relu(self.fc1(flatten(x, 1)), inplace=True)
        return self.fc2(self.dropout(x))


def imagenet_to_unit_range(x: Tensor) -> Tensor:
    """Convert images normalized by ImageNet's means and deviations to the range from -1 to 1."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    channels = [x[:, i : i + 1] * (std[i] / 0.5) + (mean[i] - 0.5) / 0.5 for i in range(len(mean))]
    return cat(channels, 1)


class GoogLeNet(nn.Module):
    """GoogLeNet (Inception v1) with batch normalization.

    Parameters
    ----------
    num_classes : int, default 1000
    aux_logits : bool, default True
        Whether there are two auxiliary classifiers. In training mode the result is then a
        `GoogLeNetOutputs`.
    transform_input : bool, default False
        Whether to convert images that are normalized by ImageNet's means and deviations to the
        range from -1 to 1, which published weights expect.
    init_weights : bool, default True
        Whether to draw the weights from a normal distribution of deviation 0.01; otherwise the
        layers' defaults remain.
    blocks : sequence of 3 callables, optional
        By default ``(BasicConv2d, Inception, InceptionAux)``.
    dropout, dropout_aux : float, default 0.2 and 0.7
        The probability of dropout before the last linear layer of the network and of the auxiliary
        classifiers.

    Raises
    ------
    ValueError
        If `blocks` has not 3 elements.

    References
    ----------
    C. Szegedy et al., "Going deeper with convolutions", CVPR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import GoogLeNet
    >>> model = GoogLeNet(num_classes=10, aux_logits=False, init_weights=False)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Layer] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = (BasicConv2d, Inception, InceptionAux) if blocks is None else blocks
        if len(blocks) != 3:
            raise ValueError(f"GoogLeNet: blocks must have 3 elements (got {len(blocks)})")
        conv, inception, aux = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights or init_weights is None:
            rule = partial(init.trunc_normal_, mean=0.0, std=0.01, a=-2.0, b=2.0)
            initialize(self, conv=rule, linear=rule, zero_bias=())

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        if self.transform_input:
            x = imagenet_to_unit_range(x)
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        x = self.inception3b(self.inception3a(self.maxpool2(x)))
        x = self.inception4a(self.maxpool3(x))
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.maxpool4(self.inception4e(x))
        x = flatten(self.avgpool(self.inception5b(self.inception5a(x))), 1)
        logits = self.fc(self.dropout(x))
        if self.aux_logits and self.training:
            return GoogLeNetOutputs(logits, aux2, aux1)
        return logits


@partial(register_model, transform_input=True, aux_logits=False, init_weights=False)
def googlenet(**kwargs: Any) -> GoogLeNet:
    """GoogLeNet: 13 004 888 parameters with auxiliary classifiers, images of 224 × 224 pixels.

    With published weights, `transform_input` is True by default and `aux_logits` False.
    """
    return GoogLeNet(**kwargs)
