"""Convolution layers: Conv1d, Conv2d and Conv3d."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from .. import functional as F
from .. import geometry
from ..dtypes import DType
from ..tensor import Tensor
from . import init
from ._arguments import choice, integer, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

Sizes: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Sizes | Literal["valid", "same"]

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvNd(Module):
    """What all convolution layers share: arguments, parameters, initial values, and text."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    padding_modes: ClassVar[tuple[str, ...]] = PADDING_MODES

    bias: Parameter | None
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Any
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]

    def _set_up(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes,
        padding: Padding, dilation: Sizes, groups: int, bias: bool, padding_mode: str,
        device: Any, dtype: DType, output_padding: Sizes = 0,
    ) -> None:  # fmt: skip
        name, axes = type(self).__name__, self.axes
        self.in_channels = integer(name, "in_channels", in_channels, 0)
        self.out_channels = integer(name, "out_channels", out_channels, 0)
        self.groups = integer(name, "groups", groups)
        for channels in ("in_channels", "out_channels"):
            if getattr(self, channels) % self.groups:
                raise ValueError(
                    f"{name}: groups must divide {channels} (got {self.groups} and "
                    f"{getattr(self, channels)})"
                )
        self.padding_mode = choice(name, "padding_mode", padding_mode, self.padding_modes)
        self.kernel_size = geometry.per_axis(name, "kernel_size", kernel_size, axes, 1)
        self.stride = geometry.per_axis(name, "stride", stride, axes, 1)
        self.dilation = geometry.per_axis(name, "dilation", dilation, axes, 1)
        self.output_padding = geometry.per_axis(name, "output_padding", output_padding, axes, 0)
        if isinstance(padding, str):
            self.padding = padding
        else:
            self.padding = geometry.per_axis(name, "padding", padding, axes, 0)
        self._window()
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        shape = first, second // self.groups, *self.kernel_size
        resolved = parameter_dtype(name, device, dtype)
        self.weight = Parameter(np.empty(shape, resolved))
        self.bias = Parameter(np.empty(self.out_channels, resolved)) if bias else None
        self.reset_parameters()

    def _window(self) -> geometry.Conv:
        """The geometry for an input that is large enough, so that only arguments can be invalid."""
        sizes = (k * d for k, d in zip(self.kernel_size, self.dilation, strict=True))
        return geometry.conv(
            type(self).__name__, (1, 1, *sizes), (1, 1, *self.kernel_size), self.stride,
            self.padding, self.dilation,
        )  # fmt: skip

    def reset_parameters(self) -> None:
        """Draw new initial values for the parameters."""
        init.layer_defaults_(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._added_cells(), self.padding_mode)
            padding = 0
        return _CONVOLUTIONS[self.axes](
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _added_cells(self) -> list[int]:
        """The padding as an argument of `cnet.functional.pad`, which begins with the last axis."""
        axes = self._window().axes
        return [cells for axis in reversed(axes) for cells in (axis.begin, axis.end)]

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        defaults = {
            "padding": (0,) * self.axes, "dilation": (1,) * self.axes,
            "output_padding": (0,) * self.axes, "groups": 1,
        }  # fmt: skip
        for name, default in defaults.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        text += ", bias=False" if self.bias is None else ""
        return text + (f", padding_mode={self.padding_mode}" * (self.padding_mode != "zeros"))


class Conv1d(ConvNd):
    """Cross-correlation of sequences with trained kernels; see `cnet.functional.conv1d`.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, l) or (in_channels, l).
    out_channels : int
        Channels of the output, shape (n, out_channels, ol) or (out_channels, ol).
    kernel_size : int or (int,)
        The size of the kernels.
    stride : int or (int,), default 1
        The step of the kernels.
    padding : int or (int,), 'valid' or 'same', default 0
        The number of cells that are added at each end; 'same' keeps the size and requires stride 1,
        'valid' means 0.
    dilation : int or (int,), default 1
        Distance between neighbouring elements of a kernel.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels. An output
        channel depends only on the input channels of its group.
    bias : bool, default True
        Whether a bias is added to each output channel.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}, default 'zeros'
        The values of the added cells; see `cnet.functional.pad`.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, k)
        Drawn uniformly from ±1 / √(in_channels / groups · k).
    bias : Parameter, shape (out_channels,), or None
        Drawn from the same distribution.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> conv = nn.Conv1d(2, 8, 5, padding=2)
    >>> conv(np.zeros((4, 2, 28), np.float32)).shape
    (4, 8, 28)
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class Conv2d(ConvNd):
    """Cross-correlation of images with trained kernels; see `cnet.functional.conv2d`.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, h, w) or (in_channels, h, w).
    out_channels : int
        Channels of the output, shape (n, out_channels, oh, ow) or (out_channels, oh, ow).
    kernel_size : int or (int, int)
        The size of the kernels.
    stride : int or (int, int), default 1
        The step of the kernels.
    padding : int or (int, int), 'valid' or 'same', default 0
        The number of cells that are added at each end; 'same' keeps the size and requires stride 1,
        'valid' means 0.
    dilation : int or (int, int), default 1
        Distance between neighbouring elements of a kernel.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels. An output
        channel depends only on the input channels of its group.
    bias : bool, default True
        Whether a bias is added to each output channel.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}, default 'zeros'
        The values of the added cells; see `cnet.functional.pad`.
    device : optional
        Only the CPU is supported.
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
    3x3 and 5x5 kernels with stride 1 and at least 8 channels may use Winograd's algorithm, which
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

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class Conv3d(ConvNd):
    """Cross-correlation of volumes with trained kernels; see `cnet.functional.conv3d`.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, d, h, w) or (in_channels, d, h, w).
    out_channels : int
        Channels of the output, shape (n, out_channels, od, oh, ow) or (out_channels, od, oh, ow).
    kernel_size : int or (int, int, int)
        The size of the kernels.
    stride : int or (int, int, int), default 1
        The step of the kernels.
    padding : int or (int, int, int), 'valid' or 'same', default 0
        The number of cells that are added at each end; 'same' keeps the size and requires stride 1,
        'valid' means 0.
    dilation : int or (int, int, int), default 1
        Distance between neighbouring elements of a kernel.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels. An output
        channel depends only on the input channels of its group.
    bias : bool, default True
        Whether a bias is added to each output channel.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}, default 'zeros'
        The values of the added cells; see `cnet.functional.pad`.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kd, kh, kw)
        Drawn uniformly from ±1 / √(in_channels / groups · kd · kh · kw).
    bias : Parameter, shape (out_channels,), or None
        Drawn from the same distribution.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> conv = nn.Conv3d(1, 8, 3, padding=1)
    >>> conv(np.zeros((4, 1, 5, 8, 8), np.float32)).shape
    (4, 8, 5, 8, 8)
    """

    axes = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
