"""im2col and col2im: windows of images as columns, and the reverse."""

from collections.abc import Sequence

from .. import _check, geometry
from ..arrays import Array, Size
from ..geometry import Padding
from . import _memory
from ._dispatch import call


def im2col(
    x: Array, kernel_size: Size, stride: Size = 1, padding: Padding = 0, dilation: Size = 1
) -> Array:
    """Unfold images into columns: one column for every position of a sliding window.

    ``cols[n, (c, i, j), (y, x)] = x[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]``, and 0 where that
    position is outside the image.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride, dilation : int or (int, int), default 1
        Step of the window, and distance between its taps.
    padding : int, (int, int), ((int, int), (int, int)), 'valid' or 'same', default 0
        Zeros around the image: at all sides, for each axis, or as (begin, end) for each axis.
        'same' keeps the size of the image and needs stride 1; an odd cell of padding is at the end.

    Returns
    -------
    ndarray, shape (n, c*kh*kw, oh*ow)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2)[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    x = _check.array("im2col", "x", x, 4)
    g = geometry.window("im2col", x.shape, kernel_size, stride, padding, dilation)
    cols = _memory.empty(g.cols_shape, x.dtype)
    call("im2col", x, cols, g.sizes2d)
    return cols


def col2im(
    cols: Array, x_shape: Sequence[int], kernel_size: Size, stride: Size = 1,
    padding: Padding = 0, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Fold columns back into images, adding where windows overlap: the adjoint of `im2col`.

    Parameters
    ----------
    cols : ndarray, shape (n, c*kh*kw, oh*ow)
        Columns, float32 or float64.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the images.
    kernel_size, stride, padding, dilation
        As in `im2col`.

    Returns
    -------
    ndarray, shape `x_shape`
        Values of the same cell are added in the order of (i, j).

    Raises
    ------
    TypeError, ValueError
        As `im2col`, and if the shape of `cols` does not agree with the other arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.col2im(np.ones((1, 4, 4)), (1, 1, 3, 3), 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    cols = _check.array("col2im", "cols", cols, 3)
    shape = _check.shape("col2im", "x_shape", x_shape)
    g = geometry.window("col2im", shape, kernel_size, stride, padding, dilation)
    _check.same_shape("col2im", "cols", cols.shape, "(n, c*kh*kw, oh*ow)", g.cols_shape)
    x = _memory.empty(shape, cols.dtype)
    call("col2im", cols, x, g.sizes2d)
    return x
