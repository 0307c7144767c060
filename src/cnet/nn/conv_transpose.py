"""Transposed convolution layers: ConvTranspose1d, ConvTranspose2d and ConvTranspose3d."""

from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import geometry
from ..dtypes import DType
from ..tensor import Tensor
from .conv import ConvNd, Sizes

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTransposeNd(ConvNd):
    """What the transposed convolution layers share."""

    transposed = True
    padding_modes = ("zeros",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype, output_padding,
        )  # fmt: skip

    def _window(self) -> geometry.Conv:
        name = type(self).__name__
        sizes = [2 * p + 2 for p in geometry.per_axis(name, "padding", self.padding, self.axes, 0)]
        return geometry.transposed(
            name, (1, 1, *sizes), (1, 1, *self.kernel_size), self.stride, self.padding,
            self.output_padding, self.dilation,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            extra = self._output_padding(input.shape, output_size)
        convolve = getattr(F, f"conv_transpose{self.axes}d")
        y: Tensor = convolve(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip
        return y

    def _output_padding(
        self, shape: tuple[int, ...], output_size: Sequence[int]
    ) -> tuple[int, ...]:
        """The output padding with which the result has a given size."""
        name, wanted = type(self).__name__, tuple(output_size)[-self.axes :]
        if len(output_size) not in (self.axes, len(shape)):
            raise ValueError(
                f"{name}: output_size must have {self.axes} or {len(shape)} items "
                f"(got {len(output_size)})"
            )
        g = geometry.transposed(
            name, (1, 1, *shape[-self.axes :]), (1, 1, *self.kernel_size), self.stride,
            self.padding, 0, self.dilation,
        )  # fmt: skip
        extra = tuple(size - axis.size for size, axis in zip(wanted, g.axes, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            smallest = g.x_shape[2:]
            largest = tuple(m + s - 1 for m, s in zip(smallest, self.stride, strict=True))
            raise ValueError(
                f"{name}: output_size must be from {smallest} to {largest} (got {wanted})"
            )
        return extra


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of sequences; see `cnet.functional.conv_transpose1d`.

    ``layer(input, output_size=None)`` selects the output padding by the size of the result.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, l) or (in_channels, l).
    out_channels : int
        Channels of the output, shape (n, out_channels, ol) or (out_channels, ol).
    kernel_size : int or (int,)
        The size of the kernels.
    stride : int or (int,), default 1
        The distance in the output between neighbouring elements of the input.
    padding : int or (int,), default 0
        The number of cells that are removed at each end of the output.
    output_padding : int or (int,), default 0
        The number of cells that are added at the end of the output; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels.
    bias : bool, default True
        Whether a bias is added to each output channel.
    dilation : int or (int,), default 1
        Distance between neighbouring elements of a kernel.
    padding_mode : {'zeros'}, default 'zeros'
        Other modes are not supported, as in PyTorch.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, k)
        Drawn uniformly from ±1 / √(out_channels / groups · k).
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
    >>> conv = nn.ConvTranspose1d(8, 2, 4, stride=2, padding=1)
    >>> conv(np.zeros((4, 8, 14), np.float32)).shape
    (4, 2, 28)
    """

    axes = 1


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution of images; see `cnet.functional.conv_transpose2d`.

    ``layer(input, output_size=None)`` selects the output padding by the size of the result.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, h, w) or (in_channels, h, w).
    out_channels : int
        Channels of the output, shape (n, out_channels, oh, ow) or (out_channels, oh, ow).
    kernel_size : int or (int, int)
        The size of the kernels.
    stride : int or (int, int), default 1
        The distance in the output between neighbouring elements of the input.
    padding : int or (int, int), default 0
        The number of cells that are removed at each end of the output.
    output_padding : int or (int, int), default 0
        The number of cells that are added at the end of the output; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels.
    bias : bool, default True
        Whether a bias is added to each output channel.
    dilation : int or (int, int), default 1
        Distance between neighbouring elements of a kernel.
    padding_mode : {'zeros'}, default 'zeros'
        Other modes are not supported, as in PyTorch.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, kh, kw)
        Drawn uniformly from ±1 / √(out_channels / groups · kh · kw).
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
    >>> conv = nn.ConvTranspose2d(8, 2, 4, stride=2, padding=1)
    >>> conv(np.zeros((4, 8, 14, 14), np.float32)).shape
    (4, 2, 28, 28)
    """

    axes = 2


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of volumes; see `cnet.functional.conv_transpose3d`.

    ``layer(input, output_size=None)`` selects the output padding by the size of the result.

    Parameters
    ----------
    in_channels : int
        Channels of the input, shape (n, in_channels, d, h, w) or (in_channels, d, h, w).
    out_channels : int
        Channels of the output, shape (n, out_channels, od, oh, ow) or (out_channels, od, oh, ow).
    kernel_size : int or (int, int, int)
        The size of the kernels.
    stride : int or (int, int, int), default 1
        The distance in the output between neighbouring elements of the input.
    padding : int or (int, int, int), default 0
        The number of cells that are removed at each end of the output.
    output_padding : int or (int, int, int), default 0
        The number of cells that are added at the end of the output; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels, which must divide both numbers of channels.
    bias : bool, default True
        Whether a bias is added to each output channel.
    dilation : int or (int, int, int), default 1
        Distance between neighbouring elements of a kernel.
    padding_mode : {'zeros'}, default 'zeros'
        Other modes are not supported, as in PyTorch.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, kd, kh, kw)
        Drawn uniformly from ±1 / √(out_channels / groups · kd · kh · kw).
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
    >>> conv = nn.ConvTranspose3d(8, 2, 2, stride=2)
    >>> conv(np.zeros((4, 8, 3, 4, 4), np.float32)).shape
    (4, 2, 6, 8, 8)
    """

    axes = 3
