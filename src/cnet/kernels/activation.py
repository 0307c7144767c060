"""ReLU."""

from .. import _check
from .._check import Array
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def relu(x: Array) -> Array:
    """``max(x, 0)``; NaN stays NaN.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError
        If `x` is no array of a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    x = _check.array("relu", "x", x)
    y = _memory.empty(x.shape, x.dtype)
    run(KERNELS["relu"], x, y)
    return y


@kernel
def relu_backward(grad_output: Array, y: Array) -> Array:
    """Gradient of `relu`, from its result: `grad_output` where ``y > 0``, else 0.

    Parameters
    ----------
    grad_output, y : ndarray, the same shape and dtype
        Gradient with respect to the result of `relu`, and that result.

    Returns
    -------
    ndarray, the same shape

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu_backward(np.array([3.0, 4.0]), np.array([0.0, 2.0]))
    array([0., 4.])
    """
    grad_output, y = _check.relu_backward(grad_output, y)
    dx = _memory.empty(y.shape, y.dtype)
    run(KERNELS["relu_backward"], grad_output, y, dx)
    return dx
