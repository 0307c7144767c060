"""Convolution and its gradients."""

from .. import _check, geometry
from ..arrays import Array, Size
from ..geometry import Padding
from . import _memory
from ._dispatch import call
from .algorithms import DW, DX, FORWARD, algorithm_number


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, groups: int = 1, algorithm: str = "auto",
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
        Step of the filter, and distance between its taps.
    padding : int, (int, int), ((int, int), (int, int)), 'valid' or 'same', default 0
        Zeros around the image: at all sides, for each axis, or as (begin, end) for each axis.
        'same' keeps the size of the image and needs stride 1; an odd cell of padding is at the end.
    groups : int, default 1
        Number of groups of channels that are convolved separately; must divide c and o.
    algorithm : str, default 'auto'
        'auto' selects the fastest algorithm for the sizes and the dtype. 'winograd' (3x3 and 5x5
        kernels with stride 1) needs fewer multiplications but has larger rounding errors: see the
        notes. 'exact' selects the fastest of the others; 'auto' does the same under
        `cnet.use_exact`. The others are 'depthwise' (groups of one channel, at most 8 filters for
        each, strides up to 8), 'pointwise' (1x1 kernels without padding), 'channels', 'direct',
        'fold' (gradient of the input only) and 'product', which supports all convolutions.

    Returns
    -------
    ndarray, shape (n, o, oh, ow)
        oh = (h + ph + qh - dh*(kh - 1) - 1) // sh + 1 for padding ph above and qh below; the same
        for ow.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, shapes do not agree, or the
        algorithm does not support this convolution.

    Notes
    -----
    Winograd's algorithm computes tiles of 4x4 outputs (3x3 kernels) or 2x2 outputs (5x5 kernels)
    together, from sums and differences of the 6x6 inputs of the tile. Therefore:

    - The rounding error of an output is relative to the largest input of its tile, not to the
      inputs of that output alone: at most ``32 * eps * max(abs(x)) * sum(abs(weight))``, with the
      sum over one filter and eps = 1.2e-7 in float32, 2.2e-16 in float64. An outlier
      reduces the precision of its neighbours. Typical errors are about 1e-6 of the largest output
      in float32, ten times those of the other algorithms.
    - If all inputs of an output are zero, the output may be a rounding error of either sign
      instead of 0.
    - An infinity or NaN affects all outputs of each tile that contains it.
    - Inputs and the sums of ``abs(weight * x)`` must stay below about 1e36 in float32 (1e306 in
      float64). Larger ones may give infinities or NaN where the result is finite.

    ``algorithm="exact"``, or `cnet.use_exact` for the whole process, avoids these effects.

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
    f = "conv2d"
    return conv(f, *checked(f, x, weight, bias, stride, padding, dilation, groups), algorithm)


def checked(
    f: str, x: Array, weight: Array, bias: Array | None, stride: Size, padding: Padding,
    dilation: Size, groups: int, ndim: int = 4,
) -> tuple[Array, Array, Array | None, geometry.Conv]:  # fmt: skip
    """The arrays of a convolution as the kernels take them, and its geometry."""
    x = _check.array(f, "x", x, ndim)
    weight = _check.array(f, "weight", weight, ndim)
    g = geometry.conv(f, x.shape, weight.shape, stride, padding, dilation, groups)
    if weight.dtype is not x.dtype:
        _check.same_dtype(f, x=x, weight=weight)
    if bias is not None:
        bias = _check.like(f, "bias", bias, "x", x, (g.o,), "(weight.shape[0],)")
    return x, weight, bias, g


def conv2d_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, groups: int = 1, needs: tuple[bool, bool, bool] = (True, True, True),
    algorithm: str = "auto",
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d` with respect to its input, weights and bias.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh, ow)
        Gradient with respect to the result of `conv2d`.
    x, weight, stride, padding, dilation, groups
        The arguments of `conv2d`.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.
    algorithm : str, default 'auto'
        As in `conv2d`. A named algorithm must support all gradients in `needs`. 'fold' computes
        only dx: for each column of the filter, it sums over the rows, then shifts and adds.

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
    f = "conv2d_backward"
    x, weight, _, g = checked(f, x, weight, None, stride, padding, dilation, groups)
    grad_output = _check.like(f, "grad_output", grad_output, "x", x, g.y_shape, "(n, o, oh, ow)")
    needs = _check.needs(f, needs)
    return conv_backward(f, grad_output, x, weight, g, needs, algorithm)


# ---- Checked arguments ---------------------------------------------------------------------------


def conv(
    f: str, x: Array, weight: Array, bias: Array | None, sizes: geometry.Conv, algorithm: str
) -> Array:
    """`conv2d` for checked arrays."""
    number = algorithm_number(f, algorithm, sizes, (FORWARD,), x)
    y = _memory.empty(sizes.y_shape, x.dtype)
    call("conv2d", x, weight, bias, y, sizes.sizes2d, number)
    return y


def conv_backward(
    f: str, grad_output: Array, x: Array | None, weight: Array | None, sizes: geometry.Conv,
    needs: tuple[bool, bool, bool], algorithm: str,
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """`conv2d_backward` for checked arrays; without dw, no `x`, and without dx, no `weight`."""
    passes = [direction for direction, need in ((DX, needs[0]), (DW, needs[1])) if need]
    number = algorithm_number(f, algorithm, sizes, passes, grad_output)
    shapes = sizes.x_shape, sizes.weight_shape, (sizes.o,)
    dx, dw, db = _memory.empty_needed(shapes, needs, grad_output.dtype)
    call("conv2d_backward", grad_output, x, weight, dx, dw, db, sizes.sizes2d, number)
    return dx, dw, db
