"""ConvNeXt: a convolutional network in the style of vision transformers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..nn import init
from ..operations import full, permute
from ..tensor import Tensor
from .layers import (
    Conv2dNormActivation,
    Layer,
    Permute,
    StochasticDepth,
    initialize,
)
from .registry import register_model

__all__ = ["ConvNeXt", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny"]


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of each pixel; arguments as for `nn.LayerNorm`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.convnext import LayerNorm2d
    >>> LayerNorm2d(8)(np.zeros((1, 8, 4, 5), np.float32)).shape
    (1, 8, 4, 5)
    """

    def forward(self, input: Tensor) -> Tensor:
        x = permute(input, (0, 2, 3, 1))
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return permute(x, (0, 3, 1, 2))


class CNBlock(nn.Module):
    """7x7 depthwise convolution, layer normalization, two linear layers, and a shortcut.

    Parameters
    ----------
    dim : int
        The number of channels.
    layer_scale : float
        The initial value of the factors of the residual branch, one for each channel.
    stochastic_depth_prob : float
        The probability to skip the block for a sample, in training mode.
    norm_layer : callable, optional
        Returns the normalization of the last dimension for its size; by default LayerNorm with
        ``eps=1e-6``.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.layer_scale = nn.Parameter(full((dim, 1, 1), float(layer_scale)))
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig(NamedTuple):
    """The sizes of a stage: its channels, those of the next stage or None, and its blocks."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(nn.Module):
    """ConvNeXt.

    Parameters
    ----------
    block_setting : sequence of CNBlockConfig
        The stages.
    stochastic_depth_prob : float, default 0.0
        The probability to skip the last block, in training mode; it grows from 0 in the first
        block.
    layer_scale : float, default 1e-6
        The initial value of the factors of the residual branches.
    num_classes : int, default 1000
    block : callable, default CNBlock
    norm_layer : callable, optional
        Returns the normalization of the channels between the stages; by default LayerNorm2d with
        ``eps=1e-6``.

    Raises
    ------
    ValueError
        If `block_setting` is empty.

    References
    ----------
    Z. Liu et al., "A ConvNet for the 2020s", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.convnext import CNBlockConfig, ConvNeXt
    >>> stages = [CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)]
    >>> model = ConvNeXt(stages, num_classes=10)
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("ConvNeXt: block_setting must not be empty")
        block = block or CNBlock
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        channels = block_setting[0].input_channels
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                3, channels, kernel_size=4, stride=4, padding=0, norm_layer=norm_layer,
                activation_layer=None, bias=True,
            )
        ]  # fmt: skip
        last = max(1, sum(stage.num_layers for stage in block_setting) - 1)
        count = 0
        for channels, out_channels, num_layers in block_setting:
            blocks = []
            for _ in range(num_layers):
                blocks.append(block(channels, layer_scale, stochastic_depth_prob * count / last))
                count += 1
            layers.append(nn.Sequential(*blocks))
            if out_channels is not None:
                downsample = nn.Conv2d(channels, out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm_layer(channels), downsample))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        channels = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = nn.Sequential(
            norm_layer(channels), nn.Flatten(1), nn.Linear(channels, num_classes)
        )
        rule = partial(init.trunc_normal_, std=0.02)
        initialize(self, conv=rule, linear=rule)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


def _convnext(
    channels: Sequence[int], layers: Sequence[int], stochastic_depth_prob: float, **kwargs: Any
) -> ConvNeXt:
    stages = [*map(CNBlockConfig, channels, [*channels[1:], None], layers)]
    options: dict[str, Any] = {"stochastic_depth_prob": stochastic_depth_prob}
    return ConvNeXt(stages, **options | kwargs)


@register_model
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-Tiny: 28 589 128 parameters, images of 224 × 224 pixels."""
    return _convnext((96, 192, 384, 768), (3, 3, 9, 3), 0.1, **kwargs)


@register_model
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-Small: 50 223 688 parameters, images of 224 × 224 pixels."""
    return _convnext((96, 192, 384, 768), (3, 3, 27, 3), 0.4, **kwargs)


@register_model
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-Base: 88 591 464 parameters, images of 224 × 224 pixels."""
    return _convnext((128, 256, 512, 1024), (3, 3, 27, 3), 0.5, **kwargs)


@register_model
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-Large: 197 767 336 parameters, images of 224 × 224 pixels."""
    return _convnext((192, 384, 768, 1536), (3, 3, 27, 3), 0.5, **kwargs)
