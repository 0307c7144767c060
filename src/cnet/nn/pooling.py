"""MaxPool2d and AvgPool2d."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import functional as F
from .. import geometry
from ..tensor import Tensor
from .module import Module

__all__ = ["AvgPool2d", "MaxPool2d"]

Size2d: TypeAlias = int | Sequence[int]


class MaxPool2d(Module):
    """The maximum of each window of an image; see `cnet.functional.max_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        The vertical and the horizontal step of the window, by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of cells of -inf on each side of the image, at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        Distance between neighbouring cells of a window.
    return_indices : bool, default False
        Whether to return also the position of each maximum in its image, row * w + column.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded image.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MaxPool2d(2)(np.zeros((4, 8, 28, 28), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Size2d = 0,
        dilation: Size2d = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        _check("MaxPool2d", kernel_size, stride, padding, dilation)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window of an image; see `cnet.functional.avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        The vertical and the horizontal step of the window, by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of zeros on each side of the image, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded image.
    count_include_pad : bool, default True
        Whether padding cells count in the divisor.
    divisor_override : int, optional
        The divisor, in place of the number of cells.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AvgPool2d(2)(np.zeros((4, 8, 28, 28), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Size2d = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        _check("AvgPool2d", kernel_size, stride, padding, 1)
        if divisor_override == 0:
            raise ValueError("AvgPool2d: divisor_override must not be zero")
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _check(
    function: str, kernel_size: Size2d, stride: Size2d | None, padding: Size2d, dilation: Size2d
) -> None:
    """Check the arguments: for an image that is large enough, only these can be invalid."""
    kh, kw = geometry.per_axis(function, "kernel_size", kernel_size, 2, 1)
    dh, dw = geometry.per_axis(function, "dilation", dilation, 2, 1)
    geometry.pool(function, (1, 1, kh * dh, kw * dw), kernel_size, stride, padding, dilation)
