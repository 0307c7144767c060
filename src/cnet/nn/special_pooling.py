"""Unpooling, power-average pooling and fractional max pooling."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from .. import functional as F
from .. import geometry
from ..tensor import Tensor
from .module import Module

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

Sizes: TypeAlias = int | Sequence[int]


class _MaxUnpoolNd(Module):
    """What the layers of max unpooling share."""

    axes: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        name, axes = type(self).__name__, self.axes
        stride = kernel_size if stride is None else stride
        self.kernel_size = geometry.per_axis(name, "kernel_size", kernel_size, axes, 1)
        self.stride = geometry.per_axis(name, "stride", stride, axes, 1)
        self.padding = geometry.per_axis(name, "padding", padding, axes, 0)

    def forward(self, input: Any, indices: Any, output_size: Sequence[int] | None = None) -> Tensor:
        unpool = getattr(F, f"max_unpool{self.axes}d")
        y: Tensor = unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)
        return y

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """The partial inverse of `MaxPool1d`; see `cnet.functional.max_unpool1d`.

    The layer is called with the results of `MaxPool1d`, and optionally with the size of its input:
    ``layer(y, indices, output_size=None)``.

    Parameters
    ----------
    kernel_size, stride, padding
        The arguments of `MaxPool1d`.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, indices = nn.MaxPool1d(2, return_indices=True)(np.zeros((4, 3, 6)))
    >>> nn.MaxUnpool1d(2)(y, indices).shape
    (4, 3, 6)
    """

    axes = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """The partial inverse of `MaxPool2d`; see `cnet.functional.max_unpool2d`.

    The layer is called with the results of `MaxPool2d`, and optionally with the size of its input:
    ``layer(y, indices, output_size=None)``.

    Parameters
    ----------
    kernel_size, stride, padding
        The arguments of `MaxPool2d`.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, indices = nn.MaxPool2d(2, return_indices=True)(np.zeros((4, 3, 6, 6)))
    >>> nn.MaxUnpool2d(2)(y, indices).shape
    (4, 3, 6, 6)
    """

    axes = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """The partial inverse of `MaxPool3d`; see `cnet.functional.max_unpool3d`.

    The layer is called with the results of `MaxPool3d`, and optionally with the size of its input:
    ``layer(y, indices, output_size=None)``.

    Parameters
    ----------
    kernel_size, stride, padding
        The arguments of `MaxPool3d`.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y, indices = nn.MaxPool3d(2, return_indices=True)(np.zeros((4, 3, 6, 6, 6)))
    >>> nn.MaxUnpool3d(2)(y, indices).shape
    (4, 3, 6, 6, 6)
    """

    axes = 3


class _LPPoolNd(Module):
    """What the layers of power-average pooling share."""

    axes: ClassVar[int]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        geometry.per_axis(type(self).__name__, "kernel_size", kernel_size, self.axes, 1)
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Tensor:
        pool = getattr(F, f"lp_pool{self.axes}d")
        y: Tensor = pool(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )
        return y

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """The p-norm of each window of a sequence; see `cnet.functional.lp_pool1d`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window, by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the sequence.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LPPool1d(2, 3)(np.zeros((4, 3, 9), np.float32)).shape
    (4, 3, 3)
    """

    axes = 1


class LPPool2d(_LPPoolNd):
    """The p-norm of each window of an image; see `cnet.functional.lp_pool2d`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window, by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the image.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LPPool2d(2, 3)(np.zeros((4, 3, 9, 9), np.float32)).shape
    (4, 3, 3, 3)
    """

    axes = 2


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of a volume; see `cnet.functional.lp_pool3d`.

    Parameters
    ----------
    norm_type : float
        The exponent p.
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window, by default `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the volume.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LPPool3d(2, 3)(np.zeros((4, 3, 9, 9, 9), np.float32)).shape
    (4, 3, 3, 3, 3)
    """

    axes = 3


class _FractionalMaxPoolNd(Module):
    """What the layers of fractional max pooling share."""

    axes: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{name}: exactly one of output_size and output_ratio must be given "
                f"(got {output_size} and {output_ratio})"
            )
        if isinstance(output_ratio, (int, float)):
            output_ratio = (output_ratio,) * self.axes
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.kernel_size = geometry.per_axis(name, "kernel_size", kernel_size, self.axes, 1)
        self.output_size = output_size
        if output_size is not None:
            self.output_size = geometry.per_axis(name, "output_size", output_size, self.axes, 1)
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Any) -> Any:
        pool = getattr(F, f"fractional_max_pool{self.axes}d")
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The maxima of windows at pseudorandom steps; see `cnet.functional.fractional_max_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        The size of the windows.
    output_size : int or (int, int), optional
        The number of windows on each axis.
    output_ratio : float or one for each axis, optional
        The number of windows divided by the size of the input. Either this or `output_size` must be
        given.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its channel.
    _random_samples : Tensor or ndarray, shape (n, c, 2), optional
        Numbers from 0 to 1 that determine the windows, in place of random ones.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.FractionalMaxPool2d(2, output_ratio=0.5)(np.zeros((4, 3, 8, 8), np.float32)).shape
    (4, 3, 4, 4)
    """

    axes = 2


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The maxima of windows at pseudorandom steps; see `cnet.functional.fractional_max_pool3d`.

    Parameters
    ----------
    kernel_size : int or (int, int, int)
        The size of the windows.
    output_size : int or (int, int, int), optional
        The number of windows on each axis.
    output_ratio : float or one for each axis, optional
        The number of windows divided by the size of the input. Either this or `output_size` must be
        given.
    return_indices : bool, default False
        Whether to return also the row-major position of each maximum in its channel.
    _random_samples : Tensor or ndarray, shape (n, c, 3), optional
        Numbers from 0 to 1 that determine the windows, in place of random ones.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.FractionalMaxPool3d(2, output_ratio=0.5)(np.zeros((4, 3, 8, 8, 8), np.float32)).shape
    (4, 3, 4, 4, 4)
    """

    axes = 3
