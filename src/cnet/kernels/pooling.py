"""Maxima and means of windows."""

from collections.abc import Sequence

from .. import _check
from .._check import Array
from ..geometry import Size2d
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def max_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    dilation: Size2d = 1, ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """The largest cell of every window, and where it was.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Steps of the window; the size of the window by default.
    padding : int or (int, int), default 0
        Cells of minus infinity around the image; at most half of the window.
    dilation : int or (int, int), default 1
        Distance of the cells of a window.
    ceil_mode : bool, default False
        Whether a last window that only partly lies in the padded image counts.

    Returns
    -------
    y : ndarray, shape (n, c, oh, ow)
    argmax : int32 ndarray, shape (n, c, oh, ow)
        Position ``ih * w + iw`` in the plane. Of equal cells it is the first; NaN wins over
        numbers, the last NaN of a window over the others. A window that holds no cell of the image
        has -1, and -inf in `y`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, argmax = kernels.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> y[0, 0], argmax[0, 0]
    (array([[ 5.,  7.],
           [13., 15.]]), array([[ 5,  7],
           [13, 15]], dtype=int32))
    """
    x, window = _check.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _memory.empty(window.y_shape, x.dtype)
    argmax = _memory.empty(window.y_shape, _check.INT32)
    run(KERNELS["max_pool2d"], x, y, argmax, window)
    return y, argmax


@kernel
def max_pool2d_backward(grad_output: Array, argmax: Array, x_shape: Sequence[int]) -> Array:
    """Scatter gradients to the cells that `max_pool2d` took, adding where windows share one.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow)
        Gradient with respect to ``y``.
    argmax : integer ndarray, shape (n, c, oh, ow)
        From `max_pool2d`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit, or an index lies outside of its plane.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.max_pool2d_backward(np.ones((1, 1, 1, 2)), np.array([[[[0, 3]]]]), (1, 1, 2, 2))
    array([[[[1., 0.],
             [0., 1.]]]])
    """
    grad_output, argmax, window = _check.max_pool2d_backward(grad_output, argmax, x_shape)
    dx = _memory.empty(window.x_shape, grad_output.dtype)
    if run(KERNELS["max_pool2d_backward"], grad_output, argmax, dx, window):
        raise _check.argmax_range(argmax, window.h * window.w)
    return dx


@kernel
def avg_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """The mean of every window.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size, stride, padding, ceil_mode
        As in `max_pool2d`, but the padding is zeros.
    count_include_pad : bool, default True
        Whether the padding counts in the mean.
    divisor_override : int, optional
        Divide the sum of a window by this instead of by its size.

    Returns
    -------
    ndarray, shape (n, c, oh, ow)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    x, window = _check.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, divisor_override)
    y = _memory.empty(window.y_shape, x.dtype)
    run(KERNELS["avg_pool2d"], x, y, window, count_include_pad, divisor_override or 0)
    return y


@kernel
def avg_pool2d_backward(
    grad_output: Array, x_shape: Sequence[int], kernel_size: Size2d, stride: Size2d | None = None,
    padding: Size2d = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """Gradient of `avg_pool2d` with respect to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow)
        Gradient with respect to the result.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        What `avg_pool2d` was called with.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d_backward(np.ones((1, 1, 1, 1)), (1, 1, 2, 2), 2)[0, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    grad_output, window = _check.avg_pool2d_backward(
        grad_output, x_shape, kernel_size, stride, padding, ceil_mode, divisor_override
    )
    dx = _memory.empty(window.x_shape, grad_output.dtype)
    run(
        KERNELS["avg_pool2d_backward"],
        grad_output,
        dx,
        window,
        count_include_pad,
        divisor_override or 0,
    )
    return dx
