"""Convolution and pooling with channels last, and transposition between first and last."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import _check, geometry
from ..arrays import FLOAT32, FLOAT64, INT32, Array, Shape, Size
from ..geometry import Padding
from . import _memory
from ._dispatch import call
from .pooling import checked_divisor

TIES = ("all", "share", "last")
"""Which of equal maxima get the gradient, in the order of ``cnet_ties`` in C."""


def transpose(x: Array) -> Array:
    """Transpose each matrix of a batch, and copy it.

    Between channels first and last: (n, c, h * w) and (n, h * w, c).

    Parameters
    ----------
    x : ndarray, shape (n, rows, columns)
        Float32 or float64.

    Returns
    -------
    ndarray, shape (n, columns, rows)
        C-contiguous.

    Raises
    ------
    TypeError, ValueError
        If `x` has a wrong type, dtype or number of dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.transpose(np.arange(6.0).reshape(1, 2, 3))
    array([[[0., 3.],
            [1., 4.],
            [2., 5.]]])
    """
    x = _check.array("transpose", "x", x, 3)
    n, rows, columns = x.shape
    y = _memory.empty((n, columns, rows), x.dtype)
    call("transpose", x, y, (n, rows, columns))
    return y


def contiguous_copy(x: Array) -> Array:
    """A C-contiguous copy of an array of any layout.

    `transpose` makes it if the array is large and only two neighbouring groups of axes are
    exchanged in memory, as those of a transposed matrix.
    """
    if x.nbytes >= _memory.CACHED_BYTES and x.dtype in (FLOAT32, FLOAT64):
        order = np.argsort([-stride for stride in x.strides], kind="stable")
        memory, axes = x.transpose(order), np.argsort(order).tolist()
        first = next((axis for axis, place in enumerate(axes) if axis != place), 0)
        second, end = axes[first], x.ndim
        exchanged = axes[first:] == [*range(second, end), *range(first, second)]
        if exchanged and first < second and memory.flags.c_contiguous:
            groups = memory.shape[:first], memory.shape[first:second], memory.shape[second:]
            return transpose(memory.reshape([*map(prod, groups)])).reshape(x.shape)
    return x.copy(order="C")


def _channels_first(shape: Shape) -> Shape:
    n, h, w, c = shape
    return n, c, h, w


def _channels_last(shape: Shape) -> Shape:
    n, c, h, w = shape
    return n, h, w, c


def conv2d_nhwc(
    x: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1,
) -> Array:  # fmt: skip
    """`conv2d` of images with channels last, which it does not transpose.

    Faster than transposing for few channels and filters. `conv2d` has faster algorithms for many.

    Parameters
    ----------
    x : ndarray, shape (n, h, w, c)
        Images, float32 or float64.
    weight : ndarray, shape (kh, kw, c, o)
        Filters, of the same dtype.
    bias : ndarray, shape (o,), optional
        Added to each output channel.
    stride, padding, dilation
        As in `conv2d`.

    Returns
    -------
    ndarray, shape (n, oh, ow, o)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.arange(18.0).reshape(1, 3, 3, 2)
    >>> kernels.conv2d_nhwc(x, np.ones((2, 2, 2, 1)))[0, :, :, 0]
    array([[ 36.,  52.],
           [ 84., 100.]])
    """
    f = "conv2d_nhwc"
    x, weight, bias, g = checked_conv(f, x, weight, bias, stride, padding, dilation)
    return conv(x, weight, bias, g)


def conv2d_nhwc_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d_nhwc` with respect to its input, weights and bias.

    Parameters
    ----------
    grad_output : ndarray, shape (n, oh, ow, o)
        Gradient with respect to the result of `conv2d_nhwc`.
    x, weight, stride, padding, dilation
        The arguments of `conv2d_nhwc`.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.

    Returns
    -------
    dx : ndarray, shape (n, h, w, c), or None
    dw : ndarray, shape (kh, kw, c, o), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d_nhwc`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w, dy = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), np.ones((1, 2, 2, 1))
    >>> dx, dw, db = kernels.conv2d_nhwc_backward(dy, x, w)
    >>> dx[0, :, :, 0], dw[:, :, 0, 0], db
    (array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]]), array([[4., 4.],
           [4., 4.]]), array([4.]))
    """
    f = "conv2d_nhwc_backward"
    x, weight, _, g = checked_conv(f, x, weight, None, stride, padding, dilation)
    expected = _channels_last(g.y_shape)
    grad_output = _check.like(f, "grad_output", grad_output, "x", x, expected, "(n, oh, ow, o)")
    return conv_backward(grad_output, x, weight, g, _check.needs(f, needs))


def checked_conv(
    f: str, x: Array, weight: Array, bias: Array | None, stride: Size, padding: Padding,
    dilation: Size,
) -> tuple[Array, Array, Array | None, geometry.Conv]:  # fmt: skip
    """The arrays of a convolution as the kernels take them, and its geometry."""
    x = _check.array(f, "x", x, 4)
    weight = _check.array(f, "weight", weight, 4)
    kh, kw, c, o = weight.shape
    if c != x.shape[3]:
        raise ValueError(f"{f}: weight.shape[2] must equal x.shape[3] (got {c} and {x.shape[3]})")
    g = geometry.conv(f, _channels_first(x.shape), (o, c, kh, kw), stride, padding, dilation)
    if weight.dtype is not x.dtype:
        _check.same_dtype(f, x=x, weight=weight)
    if bias is not None:
        bias = _check.like(f, "bias", bias, "x", x, (o,), "(weight.shape[3],)")
    return x, weight, bias, g


def max_pool2d_nhwc(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """`max_pool2d` of images with channels last.

    Parameters
    ----------
    x : ndarray, shape (n, h, w, c)
        Images, float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode
        As in `max_pool2d`.

    Returns
    -------
    y : ndarray, shape (n, oh, ow, c)
    indices : int32 ndarray, shape (n, oh, ow, c)
        Positions ``ih * w + iw`` in the plane, as in `max_pool2d`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, indices = kernels.max_pool2d_nhwc(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    >>> y.ravel(), indices.ravel()
    (array([6., 7.]), array([3, 3], dtype=int32))
    """
    f = "max_pool2d_nhwc"
    x = _check.array(f, "x", x, 4)
    shape = _channels_first(x.shape)
    return max_pool(x, geometry.pool(f, shape, kernel_size, stride, padding, dilation, ceil_mode))


def max_pool2d_nhwc_backward(grad_output: Array, indices: Array, x_shape: Sequence[int]) -> Array:
    """Gradient of `max_pool2d_nhwc` with respect to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (n, oh, ow, c)
        Gradient with respect to ``y``.
    indices : integer ndarray, shape (n, oh, ow, c)
        From `max_pool2d_nhwc`.
    x_shape : (int, int, int, int)
        Shape (n, h, w, c) of the input.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> dy, indices = np.array([[[[5.0, 6.0]]]]), np.array([[[[3, 0]]]])
    >>> kernels.max_pool2d_nhwc_backward(dy, indices, (1, 2, 2, 2)).reshape(4, 2)
    array([[0., 6.],
           [0., 0.],
           [0., 0.],
           [5., 0.]])
    """
    f = "max_pool2d_nhwc_backward"
    grad_output = _check.array(f, "grad_output", grad_output, 4)
    indices = _check.integers(f, "indices", indices, 4, INT32)
    shape = _check.shape(f, "x_shape", x_shape)
    return max_pool_backward(f, grad_output, indices, shape)


def avg_pool2d_nhwc(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """`avg_pool2d` of images with channels last.

    Parameters
    ----------
    x : ndarray, shape (n, h, w, c)
        Images, float32 or float64.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in `avg_pool2d`.

    Returns
    -------
    ndarray, shape (n, oh, ow, c)

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d_nhwc(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[3., 4.]]]])
    """
    f = "avg_pool2d_nhwc"
    x = _check.array(f, "x", x, 4)
    divisor = checked_divisor(f, divisor_override)
    shape = _channels_first(x.shape)
    g = geometry.pool(f, shape, kernel_size, stride, padding, 1, ceil_mode)
    return avg_pool(x, g, count_include_pad, divisor)


def avg_pool2d_nhwc_backward(
    grad_output: Array, x_shape: Sequence[int], kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """Gradient of `avg_pool2d_nhwc` with respect to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (n, oh, ow, c)
        Gradient with respect to the result.
    x_shape : (int, int, int, int)
        Shape (n, h, w, c) of the input.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        The arguments of `avg_pool2d_nhwc`.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d_nhwc_backward(np.array([[[[4.0, 8.0]]]]), (1, 2, 2, 2), 2).reshape(4, 2)
    array([[1., 2.],
           [1., 2.],
           [1., 2.],
           [1., 2.]])
    """
    f = "avg_pool2d_nhwc_backward"
    grad_output = _check.array(f, "grad_output", grad_output, 4)
    shape = _channels_first(_check.shape(f, "x_shape", x_shape))
    divisor = checked_divisor(f, divisor_override)
    g = geometry.pool(f, shape, kernel_size, stride, padding, 1, ceil_mode)
    expected = _channels_last(g.y_shape)
    _check.same_shape(f, "grad_output", grad_output.shape, "(n, oh, ow, c)", expected)
    return avg_pool_backward(grad_output, g, count_include_pad, divisor)


# ---- Checked arguments; the geometry is that of (n, c, h, w) -------------------------------------


def conv(x: Array, weight: Array, bias: Array | None, g: geometry.Conv) -> Array:
    y = _memory.empty(_channels_last(g.y_shape), x.dtype)
    call("conv2d_nhwc", x, weight, bias, y, g.sizes2d)
    return y


def conv_backward(
    grad_output: Array, x: Array | None, weight: Array | None, g: geometry.Conv,
    needs: tuple[bool, bool, bool],
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """`conv2d_nhwc_backward`; without dw, no `x`, and without dx, no `weight`."""
    o, c, kh, kw = g.weight_shape
    shapes = _channels_last(g.x_shape), (kh, kw, c, o), (o,)
    dx, dw, db = _memory.empty_needed(shapes, needs, grad_output.dtype)
    call("conv2d_nhwc_backward", grad_output, x, weight, dx, dw, db, g.sizes2d)
    return dx, dw, db


def max_pool(x: Array, g: geometry.Window, wanted: bool = True) -> tuple[Array, Any]:
    """`max_pool2d_nhwc`, with indices if they are wanted, else None."""
    shape = _channels_last(g.y_shape)
    y, indices = _memory.empty(shape, x.dtype), _memory.empty(shape, INT32) if wanted else None
    call("max_pool2d_nhwc", x, y, indices, g.sizes2d)
    return y, indices


def max_pool_backward(f: str, grad_output: Array, indices: Array, shape: Shape) -> Array:
    """`max_pool2d_nhwc_backward`, which checks the shapes of checked arrays."""
    _check.same_shape(f, "indices", indices.shape, "grad_output.shape", grad_output.shape)
    n, h, w, c = shape
    kept = grad_output.shape[0], grad_output.shape[3]
    _check.same_shape(f, "grad_output", kept, "(n, c) of x_shape", (n, c))
    g = geometry.scatter(f, _channels_first(shape), _channels_first(grad_output.shape))
    dx = _memory.empty(shape, grad_output.dtype)
    if call("max_pool2d_nhwc_backward", grad_output, indices, dx, g.sizes2d):
        bad = indices[(indices < -1) | (indices >= h * w)]
        raise ValueError(
            f"{f}: indices must be at least -1 and less than x_shape[1] * x_shape[2] "
            f"(got {bad[0]} and {h * w})"
        )
    return dx


def avg_pool(x: Array, g: geometry.Window, count_include_pad: bool, divisor: int) -> Array:
    y = _memory.empty(_channels_last(g.y_shape), x.dtype)
    call("avg_pool2d_nhwc", x, y, g.sizes2d, bool(count_include_pad), divisor)
    return y


def avg_pool_backward(
    grad_output: Array, g: geometry.Window, count_include_pad: bool, divisor: int
) -> Array:
    dx = _memory.empty(_channels_last(g.x_shape), grad_output.dtype)
    call("avg_pool2d_nhwc_backward", grad_output, dx, g.sizes2d, bool(count_include_pad), divisor)
    return dx


def max_pool_ties_backward(
    grad_output: Array, x: Array, y: Array, g: geometry.Window, ties: str
) -> Array:
    """The gradient of `max_pool` by `x` and its result, for equal maxima.

    `ties` names those that get the gradient of their window: one of `TIES`.
    """
    dx = _memory.empty(x.shape, grad_output.dtype)
    call("max_pool2d_ties_backward", grad_output, x, y, dx, g.sizes2d, TIES.index(ties))
    return dx
