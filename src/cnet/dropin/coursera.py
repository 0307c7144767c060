"""The layers of "Convolutional Model: Step by Step", of the Deep Learning Specialization.

``from cnet.dropin.coursera import conv_forward, pool_forward, ...``. Images have the shape
(m, n_H, n_W, n_C), filters (f, f, n_C_prev, n_C). A `cache` has the same entries as in the course.

Differences from common solutions: `conv_backward` works without padding; `pool_backward` returns
float32 for float32.

Reference: A. Ng et al., "Convolutional Neural Networks" (deeplearning.ai, Coursera), week 1.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from .._explained import explain_module
from ..arrays import Array
from . import _courses, kernels
from ._arrays import entries, same_shape, shape_of

__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
    "pool_forward",
    "zero_pad",
]


STRIDE_AND_PAD, F_AND_STRIDE = itemgetter("stride", "pad"), itemgetter("f", "stride")


def zero_pad(X: Any, pad: int) -> Array:
    """Images (m, n_H, n_W, n_C) with `pad` zeros on all four sides.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.coursera import zero_pad
    >>> zero_pad(np.ones((4, 3, 3, 2)), 2).shape
    (4, 7, 7, 2)
    """
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def conv_single_step(a_slice_prev: Any, W: Any, b: Any) -> Any:
    """``sum(a_slice_prev * W) + b`` for one position of one filter; `b` has one element."""
    shapes = np.shape(a_slice_prev), np.shape(W)
    same_shape("conv_single_step", "a_slice_prev", shapes[0], "W.shape", shapes[1])
    return np.sum(np.multiply(a_slice_prev, W)) + np.asarray(b).item()


def conv_forward(
    A_prev: Any, W: Any, b: Any, hparameters: Mapping[str, Any]
) -> tuple[Array, tuple[Any, ...]]:
    """Cross-correlate images with filters and add a bias.

    Parameters
    ----------
    A_prev : array_like, shape (m, n_H_prev, n_W_prev, n_C_prev)
    W : array_like, shape (f, f, n_C_prev, n_C)
    b : array_like, shape (1, 1, 1, n_C)
    hparameters : mapping
        ``{'stride': int, 'pad': int}``.

    Returns
    -------
    Z : ndarray, shape (m, n_H, n_W, n_C)
    cache : tuple
        ``(A_prev, W, b, hparameters)``.

    Raises
    ------
    TypeError, ValueError
        If shapes or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.coursera import conv_backward, conv_forward
    >>> A_prev, W, b = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1))
    >>> Z, cache = conv_forward(A_prev, W, b, {"stride": 1, "pad": 0})
    >>> Z[0, :, :, 0]
    array([[4., 4.],
           [4., 4.]])
    >>> dA_prev, dW, db = conv_backward(np.ones_like(Z), cache)
    >>> dA_prev[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    stride, pad = entries("conv_forward", "hparameters", hparameters, STRIDE_AND_PAD)
    Z = kernels.conv2d(A_prev, W, b, stride, pad, **_courses.LAYOUTS)
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: Any, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """Gradients of `conv_forward`.

    Parameters
    ----------
    dZ : array_like, shape (m, n_H, n_W, n_C)
    cache : tuple
        From `conv_forward`.

    Returns
    -------
    dA_prev : ndarray, shape (m, n_H_prev, n_W_prev, n_C_prev)
    dW : ndarray, shape (f, f, n_C_prev, n_C)
    db : ndarray, shape (1, 1, 1, n_C)
    """
    A_prev, W, _, hparameters = cache
    stride, pad = entries("conv_backward", "hparameters", hparameters, STRIDE_AND_PAD)
    return _courses.conv_gradients(dZ, A_prev, W, stride, pad)


def pool_forward(
    A_prev: Any, hparameters: Mapping[str, Any], mode: str = "max"
) -> tuple[Array, tuple[Any, ...]]:
    """The maximum or the mean of each window.

    Parameters
    ----------
    A_prev : array_like, shape (m, n_H_prev, n_W_prev, n_C)
    hparameters : mapping
        ``{'f': int, 'stride': int}``.
    mode : {'max', 'average'}, default 'max'

    Returns
    -------
    A : ndarray, shape (m, n_H, n_W, n_C)
    cache : tuple
        ``(A_prev, hparameters)``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.coursera import pool_backward, pool_forward
    >>> A_prev = np.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 2, 2, 1)
    >>> A, cache = pool_forward(A_prev, {"f": 2, "stride": 1})
    >>> pool_backward(np.ones_like(A), cache)[0, :, :, 0]
    array([[0., 1.],
           [1., 0.]])
    """
    f, stride = entries("pool_forward", "hparameters", hparameters, F_AND_STRIDE)
    A = _courses.pooled("pool_forward", A_prev, f, stride, mode)
    return A, (A_prev, hparameters)


def create_mask_from_window(x: Any) -> Any:
    """Where `x` equals its maximum."""
    return np.asarray(x) == np.max(x)


def distribute_value(dz: Any, shape: Any) -> Array:
    """An array of this shape whose elements are equal and add up to `dz`."""
    rows, columns = shape_of("distribute_value", "shape", shape)
    return np.full((rows, columns), dz / (rows * columns))


def pool_backward(dA: Any, cache: tuple[Any, ...], mode: str = "max") -> Array:
    """The gradient of `pool_forward`; all of equal maxima get that of their window.

    Parameters
    ----------
    dA : array_like, shape (m, n_H, n_W, n_C)
    cache : tuple
        From `pool_forward`.
    mode : {'max', 'average'}, default 'max'

    Returns
    -------
    dA_prev : ndarray, shape (m, n_H_prev, n_W_prev, n_C)
    """
    A_prev, hparameters = cache
    f, stride = entries("pool_backward", "hparameters", hparameters, F_AND_STRIDE)
    return _courses.pool_gradient("pool_backward", dA, A_prev, f, stride, mode)


explain_module(__name__)
