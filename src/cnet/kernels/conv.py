"""Convolution and its gradients."""

from .. import _check
from .._check import Array
from ..geometry import Padding, Size2d
from . import _memory
from ._dispatch import KERNELS, kernel, run
from .algorithms import DW, DX, FORWARD, algorithm_number


@kernel
def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, algorithm: str = "auto",
) -> Array:  # fmt: skip
    """Convolve images with filters (cross-correlation, as every CNN library does).

    ``y[n, o, y, x] = bias[o] + sum over c, i, j of
    weight[o, c, i, j] * x[n, c0(o) + c, y*sh + i*dh - ph, x*sw + j*dw - pw]``, where c0(o) is the
    first channel of the group of o and x is 0 outside of the image.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    weight : ndarray, shape (o, c / groups, kh, kw)
        Filters, of the same dtype.
    bias : ndarray, shape (o,), optional
        Added to each output channel.
    stride, dilation : int or (int, int), default 1
        Steps of the filter, and distance of its taps.
    padding : int, (int, int), 'valid' or 'same', default 0
        Zeros around the image; 'same' keeps its size and needs stride 1.
    groups : int, default 1
        Parts of the channels that are convolved apart; must divide c and o.
    algorithm : str, default 'auto'
        'auto' takes the fastest for the sizes. 'winograd' (3x3 and 5x5 kernels with stride 1)
        multiplies less and rounds more: its largest error is some ten times that of the others,
        about 1e-6 of the largest output in float32. It computes tiles of 4x4 or 2x2 outputs
        together, so an infinity or NaN spreads over every tile that sees it. 'exact' takes the
        fastest of the others, also wherever `cnet.use_exact` holds. These can be asked for by name:
        'depthwise' (groups of one channel, at most 8 filters for each, strides up to 8),
        'pointwise' (1x1 kernels without padding), 'direct', 'fold' (gradients of the input only)
        and 'product', which can compute all.

    Returns
    -------
    ndarray, shape (n, o, oh, ow)
        With oh = (h + 2*ph - dh*(kh - 1) - 1) // sh + 1, and ow likewise.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, shapes do not fit each other, or an
        algorithm asked for by name cannot compute this convolution.

    References
    ----------
    Lavin and Gray (2016), "Fast algorithms for convolutional neural networks" (Winograd's).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> kernels.conv2d(x, np.ones((1, 1, 2, 2)))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    x, weight, bias, g = _check.conv2d(
        x, weight, bias, stride, padding, dilation, groups, algorithm
    )
    number = algorithm_number("conv2d", algorithm, g, (FORWARD,), x)
    y = _memory.empty(g.y_shape, x.dtype)
    run(KERNELS["conv2d"], x, weight, bias, y, g, number)
    return y


@kernel
def conv2d_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, needs: tuple[bool, bool, bool] = (True, True, True),
    algorithm: str = "auto",
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d` with respect to its input, weights and bias.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh, ow)
        Gradient with respect to the result of `conv2d`.
    x, weight, stride, padding, dilation, groups
        What `conv2d` was called with.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.
    algorithm : str, default 'auto'
        As in `conv2d`; one that is asked for by name must be able to compute what is needed.
        'fold' computes dx only: row by row for each column of the filter, moved and added.

    Returns
    -------
    dx : ndarray, shape (n, c, h, w), or None
    dw : ndarray, shape (o, c / groups, kh, kw), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w, dy = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    >>> dx, dw, db = kernels.conv2d_backward(dy, x, w, needs=(False, True, True))
    >>> dx is None, dw[0, 0], db
    (True, array([[4., 4.],
           [4., 4.]]), array([4.]))
    """
    grad_output, x, weight, g, needs = _check.conv2d_backward(
        grad_output, x, weight, stride, padding, dilation, groups, needs, algorithm
    )
    passes = [direction for direction, need in ((DX, needs[0]), (DW, needs[1])) if need]
    number = algorithm_number("conv2d_backward", algorithm, g, passes, x)
    shapes = g.x_shape, g.weight_shape, (g.o,)
    dx, dw, db = _memory.empty_needed(shapes, needs, x.dtype)
    run(KERNELS["conv2d_backward"], grad_output, x, weight, dx, dw, db, g, number)
    return dx, dw, db
