"""Convolution, ReLU and 2×2 max-pooling in one kernel."""

from collections.abc import Sequence

from .. import _check, geometry
from ..arrays import UINT8, Array, Size
from ..geometry import Padding
from . import _memory
from ._dispatch import call
from .algorithms import FORWARD, algorithm_number, sparse_backward_pays
from .conv import checked, conv2d_backward


def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, groups: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """``max_pool2d(relu(conv2d(x, weight, bias, ...)), 2)``, without intermediate arrays.

    The values are identical, bit for bit, to those of the three functions with the algorithm
    'direct'.

    Parameters
    ----------
    x, weight, bias, stride, padding, dilation, groups
        As in `conv2d`. The result of the convolution must have at least two rows and columns.

    Returns
    -------
    y : ndarray, shape (n, o, oh // 2, ow // 2)
    codes : uint8 ndarray, shape (n, o, oh // 2, ow // 2)
        Position of the maximum in its 2 x 2 cells: ``2 * row + column``, or 4 where `y` is 0.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, with the algorithm 'direct', and `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> y, codes = kernels.conv2d_relu_pool(x, np.ones((1, 1, 1, 1)))
    >>> y[0, 0], codes[0, 0]
    (array([[ 5.,  7.],
           [13., 15.]]), array([[3, 3],
           [3, 3]], dtype=uint8))
    """
    f = "conv2d_relu_pool"
    x, weight, bias, g = checked(f, x, weight, bias, stride, padding, dilation, groups)
    shape = geometry.pool(f, g.y_shape, 2).y_shape
    y, codes = _memory.empty(shape, x.dtype), _memory.empty(shape, UINT8)
    if y.size:
        if x.size:
            algorithm_number(f, "direct", g, (FORWARD,), x)
        call("conv2d_relu_pool", x, weight, bias, y, codes, g.sizes2d)
    return y, codes


def conv2d_relu_pool_backward(
    grad_output: Array, codes: Array, x: Array, weight: Array, stride: Size = 1,
    padding: Padding = 0, dilation: Size = 1, groups: int = 1,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d_relu_pool` with respect to its input, weights and bias.

    They equal `conv2d_backward` of the result of `relu_pool_backward`. For small images, that array
    is not built: at most one of four of its elements is nonzero, and only these are used.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh // 2, ow // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `conv2d_relu_pool`.
    x, weight, stride, padding, dilation, groups
        The arguments of `conv2d_relu_pool`.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.

    Returns
    -------
    dx : ndarray, shape (n, c, h, w), or None
    dw : ndarray, shape (o, c / groups, kh, kw), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d_relu_pool`, and if `grad_output` or `codes` does not have the shape of the
        results.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> y, codes = kernels.conv2d_relu_pool(x, w)
    >>> dx, dw, db = kernels.conv2d_relu_pool_backward(np.ones_like(y), codes, x, w)
    >>> dx[0, 0], dw[0, 0], db
    (array([[0., 0., 0.],
           [0., 1., 1.],
           [0., 1., 1.]]), array([[4., 5.],
           [7., 8.]]), array([1.]))
    """
    f = "conv2d_relu_pool_backward"
    codes = _check.integers(f, "codes", codes, 4, UINT8)
    x, weight, _, g = checked(f, x, weight, None, stride, padding, dilation, groups)
    shape = geometry.pool(f, g.y_shape, 2).y_shape
    expected = "(n, o, oh / 2, ow / 2)"
    grad_output = _check.like(f, "grad_output", grad_output, "x", x, shape, expected)
    _check.same_shape(f, "codes", codes.shape, "grad_output.shape", grad_output.shape)
    needs = _check.needs(f, needs)
    if not sparse_backward_pays(g, x.dtype):
        full = relu_pool_backward(grad_output, codes, g.y_shape)
        return conv2d_backward(full, x, weight, stride, padding, dilation, groups, needs)
    shapes = g.x_shape, g.weight_shape, (g.o,)
    dx, dw, db = _memory.empty_needed(shapes, needs, x.dtype)
    call("conv2d_relu_pool_backward", grad_output, codes, x, weight, dx, dw, db, g.sizes2d)
    return dx, dw, db


def relu_pool(x: Array) -> tuple[Array, Array]:
    """``max_pool2d(relu(x), 2)``, without an intermediate array.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        At least two rows and columns.

    Returns
    -------
    y : ndarray, shape (n, c, h // 2, w // 2)
    codes : uint8 ndarray, shape (n, c, h // 2, w // 2)
        As those of `conv2d_relu_pool`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, codes = kernels.relu_pool(np.array([[[[1.0, 2, -1, -2], [4, 3, -3, 0]]]]))
    >>> y[0, 0], codes[0, 0]
    (array([[4., 0.]]), array([[2, 4]], dtype=uint8))
    """
    x = _check.array("relu_pool", "x", x, 4)
    g = geometry.pool("relu_pool", x.shape, 2)
    y, codes = _memory.empty(g.y_shape, x.dtype), _memory.empty(g.y_shape, UINT8)
    call("relu_pool", x, y, codes, g.sizes2d)
    return y, codes


def relu_pool_backward(grad_output: Array, codes: Array, x_shape: Sequence[int]) -> Array:
    """Gradient of `relu_pool` with respect to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, h // 2, w // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `relu_pool` or `conv2d_relu_pool`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> codes = np.array([[[[3]]]], np.uint8)
    >>> kernels.relu_pool_backward(np.ones((1, 1, 1, 1)), codes, (1, 1, 2, 2))[0, 0]
    array([[0., 0.],
           [0., 1.]])
    """
    f = "relu_pool_backward"
    grad_output = _check.array(f, "grad_output", grad_output, 4)
    codes = _check.integers(f, "codes", codes, 4, UINT8)
    g = geometry.pool(f, _check.shape(f, "x_shape", x_shape), 2)
    _check.same_shape(f, "grad_output", grad_output.shape, "(n, c, h / 2, w / 2)", g.y_shape)
    _check.same_shape(f, "codes", codes.shape, "grad_output.shape", grad_output.shape)
    dx = _memory.empty(g.x_shape, grad_output.dtype)
    call("relu_pool_backward", grad_output, codes, dx, g.sizes2d)
    return dx
