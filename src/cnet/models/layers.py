"""Layers and initial values that several families of models share."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from .. import functional as F
from .. import nn
from .._explained import explained
from ..nn import init
from ..operations import permute
from ..tensor import Tensor

__all__ = [
    "Conv2dNormActivation",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
]

Layer: TypeAlias = Callable[..., nn.Module]
"""A class of modules, or a function that returns one."""
Size2d: TypeAlias = int | tuple[int, int]


class Conv2dNormActivation(nn.Sequential):
    """A convolution, a normalization and an activation.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output.
    kernel_size : int or (int, int), default 3
    stride : int or (int, int), default 1
    padding : int, (int, int) or str, optional
        By default, the padding with which an odd kernel of stride 1 keeps the size.
    groups : int, default 1
    norm_layer : callable, default BatchNorm2d
        Returns the normalization for a number of channels; None for no normalization.
    activation_layer : callable, default ReLU
        Returns the activation; None for no activation.
    dilation : int or (int, int), default 1
    inplace : bool, default True
        The argument `inplace` of the activation; None for an activation without this argument.
    bias : bool, optional
        Whether the convolution has a bias, by default only without normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.layers import Conv2dNormActivation
    >>> layer = Conv2dNormActivation(3, 8, stride=2)
    >>> layer(np.zeros((1, 3, 32, 32), np.float32)).shape
    (1, 8, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d = 3,
        stride: Size2d = 1,
        padding: Size2d | Literal["valid", "same"] | None = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Size2d = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        if padding is None:
            padding = _same_padding(kernel_size, dilation)
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation,
                groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            options = {} if inplace is None else {"inplace": inplace}
            layers.append(activation_layer(**options))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same_padding(kernel_size: Size2d, dilation: Size2d) -> Size2d:
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    dh, dw = (dilation, dilation) if isinstance(dilation, int) else dilation
    return (kh - 1) // 2 * dh, (kw - 1) // 2 * dw


class SqueezeExcitation(nn.Module):
    """Scale each channel by a factor that is computed from the means of all channels.

    Parameters
    ----------
    input_channels : int
        Channels of the input and of the output.
    squeeze_channels : int
        Channels between the two linear maps.
    activation : callable, default ReLU
        Returns the activation after the first linear map.
    scale_activation : callable, default Sigmoid
        Returns the activation that gives the factors.

    References
    ----------
    J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", CVPR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.layers import SqueezeExcitation
    >>> SqueezeExcitation(8, 2)(np.zeros((1, 8, 4, 4), np.float32)).shape
    (1, 8, 4, 4)
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed)) * input


class StochasticDepth(nn.Module):
    """In training mode, set whole samples to zero at random and scale the others.

    It is the last layer of a residual branch, so that random blocks are skipped.

    Parameters
    ----------
    p : float
        The probability of a sample to be set to zero; other samples are scaled by 1 / (1 - p).
    mode : {'batch', 'row'}
        'row' decides for each sample of the batch, 'batch' once for all samples.

    Raises
    ------
    ValueError
        If `p` is not between 0 and 1, or `mode` is unknown.

    References
    ----------
    G. Huang et al., "Deep networks with stochastic depth", ECCV 2016.

    Examples
    --------
    >>> import cnet
    >>> from cnet.models.layers import StochasticDepth
    >>> layer = StochasticDepth(0.5, "row")
    >>> set(layer(cnet.ones(100, 1)).flatten().tolist()) == {0.0, 2.0}
    True
    >>> layer.eval()(cnet.ones(2, 1)).tolist()
    [[1.0], [1.0]]
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"StochasticDepth: p must be between 0 and 1 (got {p})")
        if mode not in ("batch", "row"):
            raise ValueError(f"StochasticDepth: mode must be 'batch' or 'row' (got {mode!r})")
        self.p = p
        self.mode = mode

    @explained
    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        samples = input.shape[0] if self.mode == "row" else 1
        ones = input.new_ones((samples, *[1] * (input.ndim - 1)))
        return input * F.dropout(ones, self.p)

    def __repr__(self) -> str:
        return f"StochasticDepth(p={self.p}, mode={self.mode})"


class Permute(nn.Module):
    """Reorder the dimensions; see `Tensor.permute`.

    Parameters
    ----------
    dims : sequence of int
        For each dimension of the output, the dimension of the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.models.layers import Permute
    >>> Permute([0, 2, 3, 1])(np.zeros((1, 8, 4, 5), np.float32)).shape
    (1, 4, 5, 8)
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return permute(x, self.dims)


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a number of channels to a multiple of `divisor`, not below 90 % of the number.

    Examples
    --------
    >>> from cnet.models.layers import make_divisible
    >>> make_divisible(33), make_divisible(10), make_divisible(11)
    (32, 16, 16)
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


# Initial values

Rule: TypeAlias = Callable[[Any], Any]
"""Sets the initial values of a weight."""


def fan_out(weight: Tensor) -> Any:
    """Draw from the normal distribution of deviation √(2 / fan_out)."""
    return init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def normal(weight: Tensor) -> Any:
    """Draw from the normal distribution of deviation 0.01."""
    return init.normal_(weight, std=0.01)


def keep(weight: Tensor) -> Any:
    """Leave the initial values of the layer."""
    return weight


def initialize(
    model: nn.Module,
    conv: Rule = fan_out,
    linear: Rule = normal,
    zero_bias: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear),
) -> None:
    """Set the initial weights of all convolutions and linear layers of a model.

    Parameters
    ----------
    model : Module
    conv : callable, default `fan_out`
        The rule for weights of convolutions.
    linear : callable, default `normal`
        The rule for weights of linear layers.
    zero_bias : tuple of types, default (Conv2d, Linear)
        The layers whose biases start at zero; others keep the default of the layer.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            rule = conv if isinstance(module, nn.Conv2d) else linear
            rule(module.weight)
            if isinstance(module, zero_bias) and module.bias is not None:
                init.zeros_(module.bias)
