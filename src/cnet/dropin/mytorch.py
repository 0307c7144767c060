"""The layers of CMU's 11-785 homework "mytorch": convolution, pooling, resampling, flattening.

``from cnet.dropin.mytorch import Conv2d, MaxPool2d, ...``. Everything is float64. Layers have
``forward(A)`` and ``backward(dLdZ)``. The layers with a stride contain the layer with stride 1 that
holds the weights, as in the homework: ``conv.conv2d_stride1.W``. Convolution with a stride computes
only the outputs that are kept.

`Conv1D` and `Conv2D` are those of earlier years, whose gradients `dW` and `db` add up until they
are set to zero; `dLdW` and `dLdb` are overwritten.

Differences from common solutions: gradients of images that are not square, and of padded images;
`MeanPool2d.backward` is the gradient for every stride.

Reference: B. Raj and R. Singh, "11-785 Introduction to Deep Learning" (Carnegie Mellon University),
homework 2, part 1.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import has_ndim, same_shape, shape_at, size
from ._channels_first import (
    avg_pool,
    avg_pool_backward,
    convolved,
    gradients,
    max_pool,
    max_pool_backward,
)

__all__ = [
    "Conv1D",
    "Conv1d",
    "Conv1d_stride1",
    "Conv2D",
    "Conv2d",
    "Conv2d_stride1",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Downsample1d",
    "Downsample2d",
    "Flatten",
    "MaxPool2d",
    "MaxPool2d_stride1",
    "MeanPool2d",
    "MeanPool2d_stride1",
    "Upsample1d",
    "Upsample2d",
]

Init = Callable[..., Any] | None


def _kept(layer: Any, name: str) -> Any:
    """What `forward` stored for `backward`."""
    try:
        return getattr(layer, name)
    except AttributeError:
        raise RuntimeError(f"{type(layer).__name__}.backward: call forward first") from None


def _drawn(shape: tuple[int, ...], weight_init_fn: Init, bias_init_fn: Init) -> tuple[Any, Any]:
    """The weights, normally distributed by default, and the bias, zero by default."""
    W = np.random.normal(0, 1.0, shape) if weight_init_fn is None else weight_init_fn(*shape)
    b = np.zeros(shape[0]) if bias_init_fn is None else bias_init_fn(shape[0])
    return W, b


class _Layer:
    """A layer with the names of its methods for messages."""

    _forward: str
    _backward: str

    def __init_subclass__(cls) -> None:
        cls._forward, cls._backward = f"{cls.__name__}.forward", f"{cls.__name__}.backward"


# ---- Resampling ----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _steps(factor: int, axes: int) -> tuple[Any, ...]:
    """The index of every `factor`-th cell of the last axes."""
    return (..., *(slice(None, None, factor),) * axes)


class _Resampling:
    """`Up` puts zeros between the cells of the spatial axes; its adjoint keeps every k-th cell."""

    axes: int

    def _every(self, factor: int) -> tuple[Any, ...]:
        if type(factor) is not int or factor < 1:
            factor = size(type(self).__name__, "factor", factor, 1)
        return _steps(factor, self.axes)

    def _array(self, name: str, x: Any) -> Array:
        f, x = type(self).__name__, np.asarray(x)
        has_ndim(f, name, x, 2 + self.axes)
        return x

    def _spread(self, name: str, x: Any, factor: int, sizes: tuple[int, ...]) -> Array:
        x = self._array(name, x)
        y = np.zeros(x.shape[:2] + sizes, x.dtype)
        cells = y[self._every(factor)]
        same_shape(type(self).__name__, name, x.shape, "the shape of the result", cells.shape)
        cells[...] = x
        return y


class _Upsample(_Resampling):
    """Puts ``upsampling_factor - 1`` zeros between neighbouring cells."""

    def __init__(self, upsampling_factor: int) -> None:
        self.upsampling_factor = upsampling_factor

    def forward(self, A: Any) -> Array:
        factor = self.upsampling_factor
        sizes = tuple([factor * (n - 1) + 1 for n in np.shape(A)[2:]])
        return self._spread("A", A, factor, sizes)

    def backward(self, dLdZ: Any) -> Array:
        return self._array("dLdZ", dLdZ)[self._every(self.upsampling_factor)].copy()


class _Downsample(_Resampling):
    """Keeps every ``downsampling_factor``-th cell."""

    def __init__(self, downsampling_factor: int) -> None:
        self.downsampling_factor = downsampling_factor

    def forward(self, A: Any) -> Array:
        A = self._array("A", A)
        self.sizes = A.shape[2:]
        return A[self._every(self.downsampling_factor)].copy()

    def backward(self, dLdZ: Any) -> Array:
        return self._spread("dLdZ", dLdZ, self.downsampling_factor, _kept(self, "sizes"))


class Upsample1d(_Upsample):
    __doc__, axes = _Upsample.__doc__, 1


class Upsample2d(_Upsample):
    __doc__, axes = _Upsample.__doc__, 2


class Downsample1d(_Downsample):
    __doc__, axes = _Downsample.__doc__, 1


class Downsample2d(_Downsample):
    __doc__, axes = _Downsample.__doc__, 2


# ---- Convolution ---------------------------------------------------------------------------------


class _Stride1(_Layer):
    """A convolution with stride 1 and without padding, which holds the weights."""

    axes: int

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, weight_init_fn: Init = None,
        bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        shape = out_channels, in_channels, *[kernel_size] * self.axes
        self.W, self.b = _drawn(shape, weight_init_fn, bias_init_fn)
        self.dLdW: Array = np.zeros(self.W.shape)
        self.dLdb: Array = np.zeros(self.b.shape)

    def forward(self, A: Any) -> Array:
        return self.convolve(A, 1, 0)

    def backward(self, dLdZ: Any) -> Array:
        return self.gradient(dLdZ, 1, 0)

    def convolve(self, A: Any, stride: int, padding: int) -> Array:
        """`forward` with a stride and with zeros around the images."""
        Z = convolved(self._forward, A, self.W, self.b, stride, padding)
        self.A = A
        return Z

    def gradient(self, dLdZ: Any, stride: int, padding: int) -> Array:
        """`backward` for `convolve`."""
        arrays = dLdZ, _kept(self, "A"), self.W
        dLdA, self.dLdW, self.dLdb = gradients(self._backward, *arrays, stride, padding)
        return dLdA


class Conv1d_stride1(_Stride1):
    """A convolution of sequences (n, c, w) with stride 1: `W`, `b`, `dLdW`, `dLdb`."""

    axes = 1


class Conv2d_stride1(_Stride1):
    """A convolution of images (n, c, h, w) with stride 1: `W`, `b`, `dLdW`, `dLdb`."""

    axes = 2


class Conv1d:
    """A convolution of sequences; `conv1d_stride1` holds the weights."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int = 0,
        weight_init_fn: Init = None, bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.stride = stride
        self.padding = self.pad = padding
        self.conv1d_stride1 = Conv1d_stride1(
            in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn
        )
        self.downsample1d = Downsample1d(stride)

    def forward(self, A: Any) -> Array:
        return self.conv1d_stride1.convolve(A, self.stride, self.pad)

    def backward(self, dLdZ: Any) -> Array:
        return self.conv1d_stride1.gradient(dLdZ, self.stride, self.pad)


class Conv2d:
    """A convolution of images; `conv2d_stride1` holds the weights.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride : int
    padding : int, default 0
    weight_init_fn, bias_init_fn : callable, optional
        Called with the sizes of the weights, and with the number of output channels. By default,
        weights are drawn by ``np.random.normal(0, 1.0, ...)`` and the bias is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.mytorch import Conv2d
    >>> conv = Conv2d(3, 4, 5, stride=2, padding=1)
    >>> Z = conv.forward(np.ones((2, 3, 11, 12)))
    >>> Z.shape, conv.backward(Z).shape, conv.conv2d_stride1.dLdW.shape
    ((2, 4, 5, 5), (2, 3, 11, 12), (4, 3, 5, 5))
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int = 0,
        weight_init_fn: Init = None, bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.stride = stride
        self.padding = self.pad = padding
        self.conv2d_stride1 = Conv2d_stride1(
            in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn
        )
        self.downsample2d = Downsample2d(stride)

    def forward(self, A: Any) -> Array:
        return self.conv2d_stride1.convolve(A, self.stride, self.pad)

    def backward(self, dLdZ: Any) -> Array:
        return self.conv2d_stride1.gradient(dLdZ, self.stride, self.pad)


class ConvTranspose1d:
    """`upsample1d`, then `conv1d_stride1`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, upsampling_factor: int,
        weight_init_fn: Init = None, bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.upsampling_factor = upsampling_factor
        self.upsample1d = Upsample1d(upsampling_factor)
        self.conv1d_stride1 = Conv1d_stride1(
            in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn
        )

    def forward(self, A: Any) -> Array:
        return self.conv1d_stride1.forward(self.upsample1d.forward(A))

    def backward(self, dLdZ: Any) -> Array:
        return self.upsample1d.backward(self.conv1d_stride1.backward(dLdZ))


class ConvTranspose2d:
    """`upsample2d`, then `conv2d_stride1`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, upsampling_factor: int,
        weight_init_fn: Init = None, bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.upsampling_factor = upsampling_factor
        self.upsample2d = Upsample2d(upsampling_factor)
        self.conv2d_stride1 = Conv2d_stride1(
            in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn
        )

    def forward(self, A: Any) -> Array:
        return self.conv2d_stride1.forward(self.upsample2d.forward(A))

    def backward(self, dLdZ: Any) -> Array:
        return self.upsample2d.backward(self.conv2d_stride1.backward(dLdZ))


class _Accumulating(_Layer):
    """A convolution whose gradients add up in `dW` and `db`."""

    axes: int

    def __init__(
        self, in_channel: int, out_channel: int, kernel_size: int, stride: int,
        weight_init_fn: Init = None, bias_init_fn: Init = None,
    ) -> None:  # fmt: skip
        self.in_channel = in_channel
        self.out_channel = out_channel
        self.kernel_size = kernel_size
        self.stride = stride
        shape = out_channel, in_channel, *[kernel_size] * self.axes
        self.W, self.b = _drawn(shape, weight_init_fn, bias_init_fn)
        self.dW: Array = np.zeros(self.W.shape)
        self.db: Array = np.zeros(self.b.shape)

    def __call__(self, x: Any) -> Array:
        return self.forward(x)

    def forward(self, x: Any) -> Array:
        y = convolved(self._forward, x, self.W, self.b, self.stride)
        self.x = x
        return y

    def backward(self, delta: Any) -> Array:
        dx, dW, db = gradients(self._backward, delta, _kept(self, "x"), self.W, self.stride)
        self.dW += dW
        self.db += db
        return dx


class Conv1D(_Accumulating):
    """A convolution of sequences (n, c, w): `W`, `b`; gradients add up in `dW`, `db`."""

    axes = 1


class Conv2D(_Accumulating):
    """A convolution of images (n, c, h, w): `W`, `b`; gradients add up in `dW`, `db`."""

    axes = 2


# ---- Pooling -------------------------------------------------------------------------------------


class MaxPool2d(_Layer):
    """The maximum of each square window; the first of equal maxima gets the gradient."""

    def __init__(self, kernel: int, stride: int) -> None:
        self.kernel = kernel
        self.stride = stride

    def forward(self, A: Any) -> Array:
        options = FLOAT64, self.kernel, self.stride
        Z, self._indices = max_pool(self._forward, "A", A, *options)
        self.A = A
        return Z

    def backward(self, dLdZ: Any) -> Array:
        f, shape = self._backward, shape_at(_kept(self, "A"))
        return max_pool_backward(f, "dLdZ", dLdZ, FLOAT64, self._indices, shape)


class MeanPool2d(_Layer):
    """The mean of each square window."""

    def __init__(self, kernel: int, stride: int) -> None:
        self.kernel = kernel
        self.stride = stride

    def forward(self, A: Any) -> Array:
        Z = avg_pool(self._forward, "A", A, FLOAT64, self.kernel, self.stride)
        self.A = A
        return Z

    def backward(self, dLdZ: Any) -> Array:
        f, shape = self._backward, shape_at(_kept(self, "A"))
        return avg_pool_backward(f, "dLdZ", dLdZ, FLOAT64, shape, self.kernel, self.stride)


class MaxPool2d_stride1(MaxPool2d):
    """The maximum of each square window, with stride 1."""

    def __init__(self, kernel: int) -> None:
        super().__init__(kernel, 1)


class MeanPool2d_stride1(MeanPool2d):
    """The mean of each square window, with stride 1."""

    def __init__(self, kernel: int) -> None:
        super().__init__(kernel, 1)


class Flatten:
    """Images or sequences as rows; `backward` restores the shape."""

    def __call__(self, A: Any) -> Array:
        return self.forward(A)

    def forward(self, A: Any) -> Array:
        A = np.asarray(A)
        self._shape = A.shape
        return A.reshape(len(A), -1).copy()

    def backward(self, dLdZ: Any) -> Array:
        return np.asarray(dLdZ).reshape(_kept(self, "_shape")).copy()


explain_module(__name__)
