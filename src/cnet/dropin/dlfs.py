"""Convolution and pooling of "Deep Learning from Scratch": ``common.util``, ``common.layers``.

``from cnet.dropin.dlfs import Convolution, Pooling, im2col, col2im``. Everything is float64.

Differences from the code of the book: `Pooling` pads with -inf, and its output size includes the
padding. If a stride does not divide the size evenly, the remaining rows and columns are ignored, in
all functions.

Reference: K. Saitoh, "Deep Learning from Scratch" (O'Reilly Japan, 2016), chapter 7.
"""

from typing import Any

import numpy as np

from .. import geometry, kernels
from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import floats, shape_of


def im2col(input_data: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Unfold images: rows are window positions (n, y, x), columns the window's cells (c, i, j).

    Parameters
    ----------
    input_data : array_like, shape (n, c, h, w)
    filter_h, filter_w : int
        The window.
    stride : int, default 1
    pad : int, default 0
        Zeros around the images.

    Returns
    -------
    ndarray of float64, shape (n * oh * ow, c * filter_h * filter_w)

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.dlfs import im2col
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2, 2)[1]
    array([1., 2., 4., 5.])
    """
    x = floats("im2col", "input_data", input_data, FLOAT64, 4)
    cols = kernels.im2col(x, (filter_h, filter_w), stride, pad)
    return np.ascontiguousarray(cols.swapaxes(1, 2)).reshape(-1, cols.shape[1])


def col2im(
    col: Any, input_shape: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> Array:
    """Fold the rows of `im2col` back into images; values of overlapping windows are added.

    Parameters
    ----------
    col : array_like, shape (n * oh * ow, c * filter_h * filter_w)
    input_shape : (int, int, int, int)
        (n, c, h, w).
    filter_h, filter_w, stride, pad
        As in `im2col`.

    Returns
    -------
    ndarray of float64, shape `input_shape`
    """
    input_shape = shape_of("col2im", "input_shape", input_shape)
    g = geometry.window("col2im", input_shape, (filter_h, filter_w), stride, pad, 1)
    rows = floats("col2im", "col", col, FLOAT64)
    n, size, positions = g.cols_shape
    if rows.size != n * size * positions:
        raise ValueError(
            f"col2im: col must have {n * positions} rows of {size} (got shape {rows.shape})"
        )
    cols = rows.reshape(n, positions, size).swapaxes(1, 2)
    return kernels.col2im(cols, input_shape, (filter_h, filter_w), stride, pad)


def _kept(layer: Any) -> Array:
    """The input of the last `forward`."""
    if layer.x is None:
        raise RuntimeError(f"{type(layer).__name__}.backward: call forward first")
    return floats(f"{type(layer).__name__}.backward", "x", layer.x, FLOAT64, 4)


class Convolution:
    """Cross-correlate images with filters and add a bias.

    Parameters
    ----------
    W : ndarray, shape (o, c, fh, fw)
    b : ndarray, shape (o,)
    stride : int, default 1
    pad : int, default 0

    Attributes
    ----------
    x : ndarray or None
        The input of the last `forward`.
    col, col_W : ndarray or None
        ``im2col`` of `x`, and the filters as columns; computed on access.
    dW, db : ndarray or None
        Gradients, after `backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.dlfs import Convolution
    >>> conv = Convolution(np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> conv.forward(np.arange(9.0).reshape(1, 1, 3, 3))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> dx = conv.backward(np.ones((1, 1, 2, 2)))
    >>> conv.dW[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """

    def __init__(self, W: Any, b: Any, stride: int = 1, pad: int = 0) -> None:
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self.dW: Array | None = None
        self.db: Array | None = None

    @property
    def col(self) -> Array | None:
        if self.x is None:
            return None
        height, width = np.shape(self.W)[2:]
        return im2col(self.x, height, width, self.stride, self.pad)

    @property
    def col_W(self) -> Array | None:
        if self.x is None:
            return None
        filters: Array = np.reshape(self.W, (len(self.W), -1)).T
        return filters.copy()

    def forward(self, x: Any) -> Array:
        f = "Convolution.forward"
        images = floats(f, "x", x, FLOAT64, 4)
        filters, bias = floats(f, "W", self.W, FLOAT64, 4), floats(f, "b", self.b, FLOAT64)
        y = kernels.conv2d(images, filters, bias.reshape(-1), self.stride, self.pad)
        self.x = x
        return y

    def backward(self, dout: Any) -> Array:
        f = "Convolution.backward"
        images, filters = _kept(self), floats(f, "W", self.W, FLOAT64, 4)
        grad = floats(f, "dout", dout, FLOAT64, 4)
        dx, self.dW, self.db = kernels.conv2d_backward(grad, images, filters, self.stride, self.pad)
        assert dx is not None
        return dx


class Pooling:
    """The maximum of each window.

    Parameters
    ----------
    pool_h, pool_w : int
        The window.
    stride : int, default 2
        As in the current code of the book; its first printing has 1.
    pad : int, default 0
        Cells of -inf around the images.

    Attributes
    ----------
    x : ndarray or None
        The input of the last `forward`.
    arg_max : ndarray of int, shape (n * oh * ow * c,), or None
        The position of the first maximum in each window, counted row by row; windows are in the
        order (n, y, x, c). Computed on access.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.dlfs import Pooling
    >>> pool = Pooling(2, 2, stride=2)
    >>> pool.forward(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    >>> pool.arg_max
    array([3, 3, 3, 3])
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self._argmax: Array | None = None

    @property
    def arg_max(self) -> Array | None:
        if self._argmax is None:
            return None
        rows, columns = np.divmod(self._argmax.transpose(0, 2, 3, 1), self.x.shape[3])
        _, oh, ow, _ = rows.shape
        rows -= np.arange(oh)[:, np.newaxis, np.newaxis] * self.stride - self.pad
        columns -= np.arange(ow)[:, np.newaxis] * self.stride - self.pad
        return (rows * self.pool_w + columns).astype(np.intp).ravel()

    def forward(self, x: Any) -> Array:
        images = floats("Pooling.forward", "x", x, FLOAT64, 4)
        y, self._argmax = kernels.max_pool2d(
            images, (self.pool_h, self.pool_w), self.stride, self.pad
        )
        self.x = np.asarray(x)
        return y

    def backward(self, dout: Any) -> Array:
        shape = _kept(self).shape
        assert self._argmax is not None
        grad = floats("Pooling.backward", "dout", dout, FLOAT64, 4)
        return kernels.max_pool2d_backward(grad, self._argmax, shape)


explain_module(__name__)
