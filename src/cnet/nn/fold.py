"""Layers that rearrange images: columns of windows, pixels and channels."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold"]

Sizes: TypeAlias = int | Sequence[int]


class Unfold(Module):
    """Copy the windows of images into columns; see `cnet.functional.unfold`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        The size of the window.
    dilation : int or (int, int), default 1
        The distance between neighbouring cells of a window.
    padding : int or (int, int), default 0
        The number of zeros on each side of the images.
    stride : int or (int, int), default 1
        The step of the window.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Unfold(3)(np.zeros((4, 2, 5, 6), np.float32)).shape
    (4, 18, 12)
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Add columns of windows into images; see `cnet.functional.fold`.

    Parameters
    ----------
    output_size : int or (int, int)
        Height and width of the images.
    kernel_size, dilation, padding, stride
        The arguments of `Unfold`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Fold((5, 6), 3)(np.zeros((4, 18, 12), np.float32)).shape
    (4, 2, 5, 6)
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """Arrange r² channels as r × r pixels of one channel; see `cnet.functional.pixel_shuffle`.

    Parameters
    ----------
    upscale_factor : int
        The factor r.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.PixelShuffle(2)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 2, 14, 14)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Arrange r × r pixels as r² channels; see `cnet.functional.pixel_unshuffle`.

    Parameters
    ----------
    downscale_factor : int
        The factor r.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.PixelUnshuffle(2)(np.zeros((4, 2, 14, 14), np.float32)).shape
    (4, 8, 7, 7)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleave groups of channels; see `cnet.functional.channel_shuffle`.

    Parameters
    ----------
    groups : int
        The number of groups; must divide the number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ChannelShuffle(2)(np.zeros((4, 8, 7, 7), np.float32)).shape
    (4, 8, 7, 7)
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
