"""Images as columns of window positions, and back."""

from collections.abc import Sequence

from .. import _check
from .._check import Array
from ..geometry import Padding, Size2d
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def im2col(
    x: Array, kernel_size: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1
) -> Array:
    """Unfold images into columns: one column for every position of a sliding window.

    ``cols[n, (c, i, j), (y, x)] = x[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]``, and 0 where that
    lies outside of the image.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride, dilation : int or (int, int), default 1
        Steps of the window, and distance of its taps.
    padding : int, (int, int), 'valid' or 'same', default 0
        Zeros around the image.

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
    x, window = _check.im2col(x, kernel_size, stride, padding, dilation)
    cols = _memory.empty(window.cols_shape, x.dtype)
    run(KERNELS["im2col"], x, cols, window)
    return cols


@kernel
def col2im(
    cols: Array, x_shape: Sequence[int], kernel_size: Size2d, stride: Size2d = 1,
    padding: Padding = 0, dilation: Size2d = 1,
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
        The terms of a cell are added in the order of (i, j).

    Raises
    ------
    TypeError, ValueError
        As `im2col`, and if `cols` does not have the shape that follows from the other arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.col2im(np.ones((1, 4, 4)), (1, 1, 3, 3), 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    cols, window = _check.col2im(cols, x_shape, kernel_size, stride, padding, dilation)
    x = _memory.empty(window.x_shape, cols.dtype)
    run(KERNELS["col2im"], cols, x, window)
    return x
