"""The convolutional layers of "ML-From-Scratch": ``mlfromscratch.deep_learning.layers``.

``from cnet.dropin.mlfs import Conv2D, MaxPooling2D, ...``. Layers are added to the networks of the
project; they have the methods of its `Layer`. `backward_pass` updates the weights of a trainable
layer. Filters of an even size have the odd cell of padding 'same' at the end.

Differences from the original code: the pooling layers work with their default padding; results are
C-contiguous; `X_col` and `W_col` are computed on access.

Reference: E. Linder-Norén, "ML-From-Scratch" (2017).
"""

import copy
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .._explained import explain_module
from .._sizes import plain
from ..arrays import Array
from . import kernels
from ._arrays import pair, shape_at, shape_of
from ._channels_first import (
    avg_pool,
    avg_pool_backward,
    convolved,
    gradients,
    max_pool,
    max_pool_backward,
)

__all__ = [
    "AveragePooling2D",
    "Conv2D",
    "MaxPooling2D",
    "column_to_image",
    "determine_padding",
    "image_to_column",
]


UNPADDED = 0, "valid"
"""The names of no padding."""


def determine_padding(
    filter_shape: Sequence[int], output_shape: Any = "same"
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding (begin, end) of rows and columns for 'same' or 'valid'; 0 is 'valid'."""
    if output_shape in UNPADDED:
        return (0, 0), (0, 0)
    if output_shape != "same":
        raise ValueError(
            f"determine_padding: output_shape must be 'same' or 'valid' (got {output_shape!r})"
        )
    return _same(plain("determine_padding", "filter_shape", filter_shape, 2))


@lru_cache(maxsize=1024)
def _same(filter_shape: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = pair("determine_padding", "filter_shape", filter_shape)
    return ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)


def image_to_column(
    images: Any, filter_shape: Sequence[int], stride: int, output_shape: Any = "same"
) -> Array:
    """Unfold images: rows are cells (c, i, j) of the window, columns its positions (y, x, n)."""
    pads = determine_padding(filter_shape, output_shape)
    cols = kernels.im2col(images, tuple(filter_shape), stride, pads)
    return np.ascontiguousarray(cols.transpose(1, 2, 0)).reshape(cols.shape[1], -1)


def column_to_image(
    cols: Any, images_shape: Sequence[int], filter_shape: Sequence[int], stride: int,
    output_shape: Any = "same",
) -> Array:  # fmt: skip
    """Fold the columns of `image_to_column` back into images; overlapping values are added."""
    n, c, h, w = shape_of("column_to_image", "images_shape", images_shape)
    pads = determine_padding(filter_shape, output_shape)
    columns = np.reshape(cols, (c * math.prod(filter_shape), -1, n)).transpose(2, 0, 1)
    return kernels.col2im(columns, (n, c, h, w), tuple(filter_shape), stride, pads)


class Layer:
    """What the networks of the project ask of a layer."""

    input_shape: Any = None

    def set_input_shape(self, shape: Sequence[int]) -> None:
        self.input_shape = shape

    def layer_name(self) -> str:
        return type(self).__name__

    def parameters(self) -> int:
        return 0

    def _kept_input(self) -> Array:
        try:
            kept: Array = self.layer_input
        except AttributeError:
            raise RuntimeError(
                f"{self.layer_name()}.backward_pass: call forward_pass first"
            ) from None
        return kept

    layer_input: Any


class Conv2D(Layer):
    """A convolution of images (n, c, h, w).

    Parameters
    ----------
    n_filters : int
    filter_shape : (int, int)
    input_shape : (c, h, w), optional
        Set by the network, except for the first layer.
    padding : {'same', 'valid'}, default 'same'
    stride : int, default 1

    Attributes
    ----------
    W : ndarray, shape (n_filters, c, height, width)
        Drawn in `initialize` by ``np.random.uniform`` between ±1 / √(height · width).
    w0 : ndarray, shape (n_filters, 1)
        The bias, zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.mlfs import Conv2D
    >>> conv = Conv2D(16, (3, 3), input_shape=(1, 8, 8))
    >>> conv.initialize(optimizer=None)
    >>> conv.forward_pass(np.ones((2, 1, 8, 8))).shape, conv.output_shape(), conv.parameters()
    ((2, 16, 8, 8), (16, 8, 8), 160)
    """

    def __init__(
        self, n_filters: int, filter_shape: Sequence[int],
        input_shape: Sequence[int] | None = None, padding: str = "same", stride: int = 1,
    ) -> None:  # fmt: skip
        self.n_filters = n_filters
        self.filter_shape = filter_shape
        self.padding = padding
        self.stride = stride
        self.input_shape = input_shape
        self.trainable = True

    def initialize(self, optimizer: Any) -> None:
        """Draw the weights; `optimizer` is copied for `W` and for `w0`."""
        limit = 1 / math.sqrt(math.prod(self.filter_shape))
        size = self.n_filters, self.input_shape[0], *self.filter_shape
        self.W: Array = np.random.uniform(-limit, limit, size=size)
        self.w0: Array = np.zeros((self.n_filters, 1))
        self.W_opt = copy.copy(optimizer)
        self.w0_opt = copy.copy(optimizer)

    def parameters(self) -> int:
        return self.W.size + self.w0.size

    @property
    def X_col(self) -> Array:
        x = self._kept_input()
        return image_to_column(x, self.filter_shape, self.stride, self.padding)

    @property
    def W_col(self) -> Array:
        return self.W.reshape(self.n_filters, -1).copy()

    def _pads(self) -> Any:
        """The padding as `convolved` takes it."""
        if self.padding in ("same", "valid"):
            return self.padding
        return determine_padding(self.filter_shape, self.padding)

    def forward_pass(self, X: Any, training: bool = True) -> Array:
        f = "Conv2D.forward_pass"
        y = convolved(f, X, self.W, self.w0, self.stride, self._pads(), None)
        self.layer_input = X
        return y

    def backward_pass(self, accum_grad: Any) -> Array:
        x, f = self._kept_input(), "Conv2D.backward_pass"
        options = self.stride, self._pads(), None, self.trainable
        dx: Array
        dx, dW, dw0 = gradients(f, accum_grad, x, self.W, *options)
        if self.trainable:
            self.W = self.W_opt.update(self.W, dW)
            self.w0 = self.w0_opt.update(self.w0, dw0.reshape(-1, 1))
        return dx

    def output_shape(self) -> tuple[int, int, int]:
        _, height, width = self.input_shape
        (top, bottom), (left, right) = determine_padding(self.filter_shape, self.padding)
        rows = (height + top + bottom - self.filter_shape[0]) // self.stride + 1
        columns = (width + left + right - self.filter_shape[1]) // self.stride + 1
        return self.n_filters, rows, columns


class PoolingLayer(Layer):
    """What `MaxPooling2D` and `AveragePooling2D` share.

    Parameters
    ----------
    pool_shape : (int, int), default (2, 2)
    stride : int, default 1
    padding : {'same', 'valid', 0}, default 0
    """

    def __init__(
        self, pool_shape: Sequence[int] = (2, 2), stride: int = 1, padding: Any = 0
    ) -> None:
        self.pool_shape = pool_shape
        self.stride = stride
        self.padding = padding
        self.trainable = True

    def _window(self) -> tuple[Any, ...]:
        return self.pool_shape, self.stride, determine_padding(self.pool_shape, self.padding)

    def output_shape(self) -> tuple[int, int, int]:
        channels, *sizes = self.input_shape
        rows, columns = (
            (size - window) // self.stride + 1
            for size, window in zip(sizes, self.pool_shape, strict=True)
        )
        return channels, rows, columns


class MaxPooling2D(PoolingLayer):
    """The maximum of each window, with zeros as padding; the first of equal maxima gets the
    gradient."""

    def forward_pass(self, X: Any, training: bool = True) -> Array:
        if self.padding in UNPADDED:
            f = "MaxPooling2D.forward_pass"
            y, self.cache = max_pool(f, "X", X, None, self.pool_shape, self.stride)
        else:
            y, self.cache = kernels.max_pool2d(X, *self._window(), pad_value=0.0)
        self.layer_input = X
        return y

    def backward_pass(self, accum_grad: Any) -> Array:
        f, shape = "MaxPooling2D.backward_pass", shape_at(self._kept_input())
        return max_pool_backward(f, "accum_grad", accum_grad, None, self.cache, shape)


class AveragePooling2D(PoolingLayer):
    """The mean of each window."""

    def forward_pass(self, X: Any, training: bool = True) -> Array:
        if self.padding in UNPADDED:
            f = "AveragePooling2D.forward_pass"
            y = avg_pool(f, "X", X, None, self.pool_shape, self.stride)
        else:
            y = kernels.avg_pool2d(X, *self._window())
        self.layer_input = X
        return y

    def backward_pass(self, accum_grad: Any) -> Array:
        shape = shape_at(self._kept_input())
        if self.padding in UNPADDED:
            f, options = "AveragePooling2D.backward_pass", (shape, self.pool_shape, self.stride)
            return avg_pool_backward(f, "accum_grad", accum_grad, None, *options)
        return kernels.avg_pool2d_backward(accum_grad, shape, *self._window())


explain_module(__name__)
