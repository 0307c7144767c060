"""Convolution, ReLU and 2×2 max-pooling as one."""

from collections.abc import Sequence

from .. import _check, _core
from .._check import Array
from ..geometry import Padding, Size2d
from . import _memory
from ._dispatch import KERNELS, kernel, run
from .algorithms import FORWARD, algorithm_number
from .conv import conv2d_backward


@kernel
def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """``max_pool2d(relu(conv2d(x, weight, bias, ...)), 2)``, without the arrays in between.

    Values are those of the three functions one after the other, with the algorithm 'direct', bit
    for bit.

    Parameters
    ----------
    x, weight, bias, stride, padding, dilation, groups
        As in `conv2d`; its result must have at least two rows and columns.

    Returns
    -------
    y : ndarray, shape (n, o, oh // 2, ow // 2)
    codes : uint8 ndarray, shape (n, o, oh // 2, ow // 2)
        Where the maximum was in its 2 x 2 cells: ``2 * row + column``, or 4 where `y` is 0.

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
    x, weight, bias, g, window = _check.conv2d_relu_pool(
        x, weight, bias, stride, padding, dilation, groups
    )
    y, codes = _memory.empty(window.y_shape, x.dtype), _memory.empty(window.y_shape, _check.UINT8)
    if y.size:
        if x.size:
            algorithm_number("conv2d_relu_pool", "direct", g, (FORWARD,), x)
        run(KERNELS["conv2d_relu_pool"], x, weight, bias, y, codes, g)
    return y, codes


@kernel
def conv2d_relu_pool_backward(
    grad_output: Array, codes: Array, x: Array, weight: Array, stride: Size2d = 1,
    padding: Padding = 0, dilation: Size2d = 1, groups: int = 1,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d_relu_pool` with respect to its input, weights and bias.

    They are those of `conv2d_backward` for the gradient that `relu_pool_backward` gives. For small
    images they are computed without that array, from its at most one number in four that is not
    zero.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh // 2, ow // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `conv2d_relu_pool`.
    x, weight, stride, padding, dilation, groups
        What `conv2d_relu_pool` was called with.
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
        As `conv2d_relu_pool`, and if `grad_output` or `codes` does not have the shape of its
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
    grad_output, codes, x, weight, g, needs = _check.conv2d_relu_pool_backward(
        grad_output, codes, x, weight, stride, padding, dilation, groups, needs
    )
    query = KERNELS["conv2d_relu_pool_backward"], *[None] * 7, g
    if _core.choose(x.dtype.num, *query) is None:
        full = relu_pool_backward(grad_output, codes, g.y_shape)
        return conv2d_backward(full, x, weight, stride, padding, dilation, groups, needs)
    shapes = g.x_shape, g.weight_shape, (g.o,)
    dx, dw, db = _memory.empty_needed(shapes, needs, x.dtype)
    run(KERNELS["conv2d_relu_pool_backward"], grad_output, codes, x, weight, dx, dw, db, g)
    return dx, dw, db


@kernel
def relu_pool(x: Array) -> tuple[Array, Array]:
    """``max_pool2d(relu(x), 2)``, without the array in between.

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
    x, window = _check.relu_pool(x)
    y, codes = _memory.empty(window.y_shape, x.dtype), _memory.empty(window.y_shape, _check.UINT8)
    run(KERNELS["relu_pool"], x, y, codes, window)
    return y, codes


@kernel
def relu_pool_backward(grad_output: Array, codes: Array, x_shape: Sequence[int]) -> Array:
    """Gradient with respect to what `relu_pool` pooled, as `conv2d_relu_pool` does within.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, h // 2, w // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `conv2d_relu_pool`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the convolution's result.

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
    grad_output, codes, window = _check.relu_pool_backward(grad_output, codes, x_shape)
    dx = _memory.empty(window.x_shape, grad_output.dtype)
    run(KERNELS["relu_pool_backward"], grad_output, codes, dx, window)
    return dx
