"""MobileNetV3: inverted residual blocks with squeeze-and-excitation and hard swish."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from .. import nn
from ..operations import flatten
from ..tensor import Tensor
from .layers import Conv2dNormActivation, Layer, SqueezeExcitation, initialize, make_divisible
from .registry import register_model

__all__ = ["MobileNetV3", "mobilenet_v3_large", "mobilenet_v3_small"]


class InvertedResidualConfig:
    """The sizes of an `InvertedResidual`.

    Parameters
    ----------
    input_channels : int
    kernel : int
        The size of the depthwise kernel.
    expanded_channels : int
        Channels of the depthwise convolution.
    out_channels : int
    use_se : bool
        Whether squeeze-and-excitation follows the depthwise convolution.
    activation : {'RE', 'HS'}
        ReLU or hard swish.
    stride, dilation : int
    width_mult : float
        A factor for the three numbers of channels.
    """

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The number of channels times `width_mult`, as a multiple of 8."""
        return make_divisible(channels * width_mult)


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, depthwise, optional squeeze-and-excitation, 1x1, shortcut.

    Parameters
    ----------
    cnf : InvertedResidualConfig
    norm_layer : callable
        Returns the normalization for a number of channels.
    se_layer : callable, optional
        Returns the squeeze-and-excitation for two numbers of channels; by default with a hard
        sigmoid.

    Raises
    ------
    ValueError
        If the stride is neither 1 nor 2.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Layer,
        se_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        se_layer = se_layer or partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)
        if cnf.stride not in (1, 2):
            raise ValueError(f"InvertedResidual: stride must be 1 or 2 (got {cnf.stride})")
        expanded = cnf.expanded_channels
        options: dict[str, Any] = {
            "norm_layer": norm_layer,
            "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, expanded, 1, **options))
        layers.append(
            Conv2dNormActivation(
                expanded,
                expanded,
                cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=expanded,
                **options,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(expanded, make_divisible(expanded // 4)))
        options["activation_layer"] = None
        layers.append(Conv2dNormActivation(expanded, cnf.out_channels, 1, **options))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        return input + self.block(input) if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """MobileNetV3.

    Parameters
    ----------
    inverted_residual_setting : sequence of InvertedResidualConfig
        The blocks.
    last_channel : int
        Channels between the last two linear layers.
    num_classes : int, default 1000
    block : callable, default InvertedResidual
    norm_layer : callable, optional
        Returns the normalization for a number of channels; by default BatchNorm2d with ``eps=0.001,
        momentum=0.01``.
    dropout : float, default 0.2
        The probability of dropout before the last linear layer.

    Raises
    ------
    ValueError
        If `inverted_residual_setting` is empty.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
    >>> blocks = [InvertedResidualConfig(16, 3, 32, 16, True, "HS", 1, 1, 1.0)]
    >>> model = MobileNetV3(blocks, 64, num_classes=10).eval()
    >>> model(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("MobileNetV3: inverted_residual_setting must not be empty")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        first = inverted_residual_setting[0].input_channels
        last = inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, first, stride=2, **options),
            *(block(cnf, norm_layer) for cnf in inverted_residual_setting),
            Conv2dNormActivation(last, 6 * last, kernel_size=1, **options),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _mobilenet_v3(
    blocks: list[tuple[int, int, int, bool, str, int]],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> MobileNetV3:
    """A network from rows of kernel, expanded and output channels, use_se, activation, stride.

    `reduced_tail` halves the channels of the last three blocks and `last_channel`; `dilated`
    dilates the last three blocks.
    """
    setting = []
    channels = 16
    for i, (kernel, expanded, out, use_se, activation, stride) in enumerate(blocks):
        tail = i >= len(blocks) - 3
        half = 2 if tail and reduced_tail else 1
        # The first block of the tail expands the channels of the block before it, in full.
        expanded //= half if i > len(blocks) - 3 else 1
        out //= half
        dilation = 2 if tail and dilated else 1
        setting.append(
            InvertedResidualConfig(
                channels, kernel, expanded, out, use_se, activation, stride, dilation, width_mult
            )
        )
        channels = out
    last = InvertedResidualConfig.adjust_channels(
        last_channel // (2 if reduced_tail else 1), width_mult
    )
    return MobileNetV3(setting, last, **kwargs)


_LARGE = [
    (3, 16, 16, False, "RE", 1),
    (3, 64, 24, False, "RE", 2),
    (3, 72, 24, False, "RE", 1),
    (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1),
    (5, 120, 40, True, "RE", 1),
    (3, 240, 80, False, "HS", 2),
    (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 480, 112, True, "HS", 1),
    (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2),
    (5, 960, 160, True, "HS", 1),
    (5, 960, 160, True, "HS", 1),
]
_SMALL = [
    (3, 16, 16, True, "RE", 2),
    (3, 72, 24, False, "RE", 2),
    (3, 88, 24, False, "RE", 1),
    (5, 96, 40, True, "HS", 2),
    (5, 240, 40, True, "HS", 1),
    (5, 240, 40, True, "HS", 1),
    (5, 120, 48, True, "HS", 1),
    (5, 144, 48, True, "HS", 1),
    (5, 288, 96, True, "HS", 2),
    (5, 576, 96, True, "HS", 1),
    (5, 576, 96, True, "HS", 1),
]


@register_model
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3-Large: 5 483 032 parameters, images of 224 × 224 pixels.

    Further arguments: `width_mult`, a factor for all numbers of channels; `reduced_tail`, whether
    to halve the channels of the last blocks; `dilated`, whether to dilate their kernels.
    """
    return _mobilenet_v3(_LARGE, 1280, **kwargs)


@register_model
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3-Small: 2 542 856 parameters, images of 224 × 224 pixels.

    Further arguments: see `mobilenet_v3_large`.
    """
    return _mobilenet_v3(_SMALL, 1024, **kwargs)
