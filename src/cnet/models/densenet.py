"""DenseNet: each layer gets the results of all previous layers of its block."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn
from ..nn import init
from ..operations import cat, flatten
from ..tensor import Tensor
from .layers import initialize, keep
from .registry import register_model

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]


class _DenseLayer(nn.Module):
    """1x1 and 3x3 convolutions, each after normalization and ReLU, of concatenated inputs."""

    def __init__(
        self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float
    ) -> None:
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        x = self.conv1(self.relu1(self.norm1(cat(features, 1))))
        x = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(x, self.drop_rate, self.training) if self.drop_rate > 0 else x


class _DenseBlock(nn.ModuleDict):
    """Layers whose results are concatenated, together with the input."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            self[f"denselayer{i + 1}"] = _DenseLayer(
                num_input_features + i * growth_rate, growth_rate, bn_size, drop_rate
            )

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels and half the height and width, between two blocks."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(
            num_input_features, num_output_features, kernel_size=1, stride=1, bias=False
        )
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Densely connected network.

    Parameters
    ----------
    growth_rate : int, default 32
        The channels that each layer adds.
    block_config : sequence of int, default (6, 12, 24, 16)
        The number of layers of each block.
    num_init_features : int, default 64
        Output channels of the first convolution.
    bn_size : int, default 4
        The 1x1 convolutions have ``bn_size * growth_rate`` output channels.
    drop_rate : float, default 0
        The probability of dropout after each layer.
    num_classes : int, default 1000
    memory_efficient : bool, default False
        True is not supported.

    Raises
    ------
    ValueError
        If `memory_efficient` is True.

    References
    ----------
    G. Huang et al., "Densely connected convolutional networks", CVPR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models import DenseNet
    >>> model = DenseNet(8, (2, 2), num_init_features=16, num_classes=10)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        if memory_efficient:
            raise ValueError("DenseNet: memory_efficient must be False: True is not supported")
        channels = num_init_features
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        for i, num_layers in enumerate(block_config, start=1):
            if i > 1:
                layers[f"transition{i - 1}"] = _Transition(channels, channels // 2)
                channels //= 2
            layers[f"denseblock{i}"] = _DenseBlock(
                num_layers, channels, bn_size, growth_rate, drop_rate
            )
            channels += num_layers * growth_rate
        layers[f"norm{len(block_config) + 1}"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Linear(channels, num_classes)
        initialize(self, conv=init.kaiming_normal_, linear=keep)
        self.register_load_state_dict_pre_hook(_rename)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


def _rename(model: nn.Module, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
    """Rename weights of older files, such as ``denselayer1.norm.1.weight``."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\b")
    for key in list(state_dict):
        if key.startswith(prefix) and pattern.search(key):
            state_dict[pattern.sub(r"\1\2", key)] = state_dict.pop(key)


@register_model
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121: 7 978 856 parameters, images of 224 × 224 pixels."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@register_model
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet-161: 28 681 000 parameters, images of 224 × 224 pixels."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@register_model
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet-169: 14 149 480 parameters, images of 224 × 224 pixels."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@register_model
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet-201: 20 013 928 parameters, images of 224 × 224 pixels."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
