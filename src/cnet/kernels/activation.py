"""ReLU."""

from .. import _check
from ..arrays import Array
from . import _memory
from ._dispatch import call


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
    call("relu", x, y)
    return y


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
    f = "relu_backward"
    grad_output, y = _check.array(f, "grad_output", grad_output), _check.array(f, "y", y)
    _check.same_shape(f, "grad_output", grad_output.shape, "y.shape", y.shape)
    _check.same_dtype(f, y=y, grad_output=grad_output)
    dx = _memory.empty(y.shape, y.dtype)
    call("relu_backward", grad_output, y, dx)
    return dx
