"""Conv2d."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import functional as F
from .. import geometry
from ..tensor import Tensor
from . import init
from ._arguments import choice, float_dtype, integer
from .module import Module
from .parameter import Parameter

Size2d: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Size2d | Literal["valid", "same"]


class Conv2d(Module):
    """Cross-correlation of images with trained kernels; see `cnet.functional.conv2d`.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, h, w) or (in_channels, h, w).
    out_channels : int
        Channels of the output, shape (n, out_channels, oh, ow) or (out_channels, oh, ow).
    kernel_size : int or (int, int)
        Height and width of the kernels.
    stride : int or (int, int), default 1
        The vertical and the horizontal step of the kernel.
    padding : int, (int, int), 'valid' or 'same', default 0
        The number of zeros on each side of the image; 'same' keeps the size and requires stride 1,
        'valid' means 0.
    dilation : int or (int, int), default 1
        Distance between neighbouring elements of the kernel.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels. An output
        channel depends only on the input channels of its group.
    bias : bool, default True
        Whether a bias is added to each output channel.
    padding_mode : {'zeros'}, default 'zeros'
        Other modes are not supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kh, kw)
        Drawn uniformly from ±1 / √(in_channels / groups · kh · kw).
    bias : Parameter, shape (out_channels,), or None
        Drawn from the same distribution.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Notes
    -----
    3x3 and 5x5 kernels with stride 1 and at least 16 channels may use Winograd's algorithm, which
    computes the output in small tiles. Its error is relative to the largest input of a tile.
    Outputs whose inputs are all 0 may be nonzero if other inputs of the tile are not 0. NaN and
    infinity spread over the tile, and float32 inputs must be below 1e37. ``cnet.use_exact()``
    disables the algorithm; `cnet.functional.conv2d` states the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> conv = nn.Conv2d(1, 8, 5, padding=2)
    >>> conv(np.zeros((4, 1, 28, 28), np.float32)).shape
    (4, 8, 28, 28)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.in_channels = integer("Conv2d", "in_channels", in_channels)
        self.out_channels = integer("Conv2d", "out_channels", out_channels)
        self.groups = integer("Conv2d", "groups", groups)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"Conv2d: groups must divide {name} (got {self.groups} and "
                    f"{getattr(self, name)})"
                )
        self.padding_mode = choice("Conv2d", "padding_mode", padding_mode, ("zeros",))
        self.kernel_size = kh, kw = geometry.per_axis("Conv2d", "kernel_size", kernel_size, 2, 1)
        self.dilation = dh, dw = geometry.per_axis("Conv2d", "dilation", dilation, 2, 1)
        weight_shape = (self.out_channels, self.in_channels // self.groups, kh, kw)
        # For an image that is large enough, only invalid arguments raise an error.
        geometry.conv(
            "Conv2d", (1, self.in_channels, kh * dh, kw * dw), weight_shape, stride, padding,
            dilation, groups,
        )  # fmt: skip
        self.stride = geometry.per_axis("Conv2d", "stride", stride, 2, 1)
        self.padding: Padding = (
            padding
            if isinstance(padding, str)
            else geometry.per_axis("Conv2d", "padding", padding, 2, 0)
        )
        dtype = float_dtype("Conv2d", dtype)
        self.weight = Parameter(np.empty(weight_shape, dtype))
        self.bias = Parameter(np.empty(self.out_channels, dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values for the parameters."""
        init.layer_defaults_(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        return F.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts)
