"""Max pooling and average pooling."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from .. import functional as F
from .. import geometry
from ..tensor import Tensor
from .module import Module

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"]

Sizes: TypeAlias = int | Sequence[int]


class _PoolNd(Module):
    """What the pooling layers share: the checks of the window."""

    axes: ClassVar[int]

    def _check(
        self, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes = 1
    ) -> None:
        """Check the arguments: for an input that is large enough, only these can be invalid."""
        name, axes = type(self).__name__, self.axes
        kernel = geometry.per_axis(name, "kernel_size", kernel_size, axes, 1)
        dilations = geometry.per_axis(name, "dilation", dilation, axes, 1)
        sizes = (k * d for k, d in zip(kernel, dilations, strict=True))
        geometry.pool(name, (1, 1, *sizes), kernel_size, stride, padding, dilation)


class _MaxPoolNd(_PoolNd):
    """What the layers of max pooling share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._check(kernel_size, stride, padding, dilation)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        pool = getattr(F, f"max_pool{self.axes}d")
        return pool(
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


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window of a sequence; see `cnet.functional.max_pool1d`.

    Parameters
    ----------
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int,), default 0
        The number of cells of -inf at each end, at most half of `kernel_size`.
    dilation : int or (int,), default 1
        Distance between neighbouring cells of a window.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its sequence.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded sequence.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MaxPool1d(2)(np.zeros((4, 8, 28), np.float32)).shape
    (4, 8, 14)
    """

    axes = 1


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window of an image; see `cnet.functional.max_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of cells of -inf at each end, at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        Distance between neighbouring cells of a window.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its image.
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

    axes = 2


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window of a volume; see `cnet.functional.max_pool3d`.

    Parameters
    ----------
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int, int, int), default 0
        The number of cells of -inf at each end, at most half of `kernel_size`.
    dilation : int or (int, int, int), default 1
        Distance between neighbouring cells of a window.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its volume.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded volume.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MaxPool3d(2)(np.zeros((4, 8, 6, 6, 6), np.float32)).shape
    (4, 8, 3, 3, 3)
    """

    axes = 3


class _AvgPoolNd(_PoolNd):
    """What the layers of average pooling with images and volumes share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self._check(kernel_size, stride, padding)
        if divisor_override == 0:
            raise ValueError(f"{type(self).__name__}: divisor_override must not be zero")
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Tensor:
        pool = getattr(F, f"avg_pool{self.axes}d")
        y: Tensor = pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return y

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_PoolNd):
    """The mean of each window of a sequence; see `cnet.functional.avg_pool1d`.

    Parameters
    ----------
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int,), default 0
        The number of zeros at each end, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded sequence.
    count_include_pad : bool, default True
        Whether padding cells count in the divisor.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AvgPool1d(2)(np.zeros((4, 8, 28), np.float32)).shape
    (4, 8, 14)
    """

    axes = 1

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self._check(kernel_size, stride, padding)
        self.kernel_size = geometry.per_axis("AvgPool1d", "kernel_size", kernel_size, 1, 1)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = geometry.per_axis("AvgPool1d", "stride", stride, 1, 1)
        self.padding = geometry.per_axis("AvgPool1d", "padding", padding, 1, 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Any) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of an image; see `cnet.functional.avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of zeros at each end, at most half of `kernel_size`.
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

    axes = 2


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of a volume; see `cnet.functional.avg_pool3d`.

    Parameters
    ----------
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window, by default `kernel_size`.
    padding : int or (int, int, int), default 0
        The number of zeros at each end, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded volume.
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
    >>> nn.AvgPool3d(2)(np.zeros((4, 8, 6, 6, 6), np.float32)).shape
    (4, 8, 3, 3, 3)
    """

    axes = 3
