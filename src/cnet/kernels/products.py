"""Matrix products."""

from math import prod

import numpy as np

from .. import _check
from .._check import Array
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def matmul(a: Array, b: Array) -> Array:
    """Matrix product, as `numpy.matmul`, in cnet's own threads.

    Parameters
    ----------
    a : ndarray, shape (..., m, k) or (k,)
    b : ndarray, shape (..., k, n) or (k,)
        Float32 or float64, both the same. Leading dimensions are broadcast. Transposed operands are
        read in place.

    Returns
    -------
    ndarray, shape (..., m, n)
        Without m or n where an operand has one dimension.

    Raises
    ------
    TypeError, ValueError
        If an operand has no dimension, dtypes differ, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.matmul(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    a, b = _check.matmul(a, b)
    a2 = a[np.newaxis] if a.ndim == 1 else a
    b2 = b[:, np.newaxis] if b.ndim == 1 else b
    if b2.ndim == 2 and a2.ndim > 2:
        y = _product(_rows(a2), b2).reshape(*a2.shape[:-1], b2.shape[1])
    elif a2.ndim == 2 and b2.ndim == 2:
        y = _product(a2, b2)
    else:
        y = _batched_product(a2, b2)
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


@kernel
def linear(x: Array, weight: Array, bias: Array | None = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, and ReLU of it.

    Parameters
    ----------
    x : ndarray, shape (..., in_features)
        Float32 or float64.
    weight : ndarray, shape (out_features, in_features)
    bias : ndarray, shape (out_features,), optional
    relu : bool, default False
        Whether to return ``max(x @ weight.T + bias, 0)``; NaN stays NaN.

    Returns
    -------
    ndarray, shape (..., out_features)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.linear(np.ones((1, 2)), np.array([[1.0, 2.0]]), np.array([0.5]))
    array([[3.5]])
    >>> kernels.linear(np.ones((1, 2)), np.array([[1.0, -2.0]]), relu=True)
    array([[0.]])
    """
    x, weight, bias = _check.linear(x, weight, bias)
    y = _product(_rows(x), weight.T, bias, relu)
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _product(a: Array, b: Array, bias: Array | None = None, relu: bool = False) -> Array:
    y = _memory.empty((a.shape[0], b.shape[1]), a.dtype)
    _gemm(a, b, y, bias, relu)
    return y


def _batched_product(a: Array, b: Array) -> Array:
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = _memory.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    for index in np.ndindex(batch):
        _gemm(a[index], b[index], y[index])
    return y


def _gemm(a: Array, b: Array, y: Array, bias: Array | None = None, relu: bool = False) -> None:
    size, (ar, ac), (br, bc) = a.itemsize, a.strides, b.strides
    if (ar | ac | br | bc) % size:  # of any of them: the size is a power of two
        return _gemm(np.ascontiguousarray(a), np.ascontiguousarray(b), y, bias, relu)
    strides = ar // size, ac // size, br // size, bc // size
    run(KERNELS["gemm"], a, b, bias, y, (a.shape[0], b.shape[1], a.shape[1], *strides), relu)


def _rows(x: Array) -> Array:
    """All axes but the last as one. (A -1 would be ambiguous where the last is empty.)"""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])
