"""Matrix products."""

from collections.abc import Iterable
from functools import lru_cache
from math import prod

import numpy as np

from .. import _check, geometry
from ..arrays import FLOAT32, FLOAT64, Array, Shape
from . import _memory
from ._dispatch import call


def matmul(a: Array, b: Array) -> Array:
    """Matrix product, as `numpy.matmul`, computed by cnet's threads.

    Parameters
    ----------
    a : ndarray, shape (..., m, k) or (k,)
    b : ndarray, shape (..., k, n) or (k,)
        Float32 or float64, both of the same dtype. Leading dimensions are broadcast. Transposed
        operands are read without a copy.

    Returns
    -------
    ndarray, shape (..., m, n)
        Without the axis m or n if that operand has one dimension.

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
    a, b = _factors(a, b)
    if a.ndim == 2 and b.ndim == 2:
        return _product(a, b)
    a2 = a[np.newaxis] if a.ndim == 1 else a
    b2 = b[:, np.newaxis] if b.ndim == 1 else b
    if b2.ndim == 2 and a2.ndim > 2:
        y = _product(_rows(a2), b2).reshape(*a2.shape[:-1], b2.shape[1])
    elif b2.ndim == 2:
        y = _product(a2, b2)
    else:
        y = _batched_product(a2, b2)
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


def column_sums(x: Array) -> Array:
    """The sum of each column of a matrix.

    Parameters
    ----------
    x : ndarray, shape (n, c)
        Float32 or float64.

    Returns
    -------
    ndarray, shape (c,)
        Computed in float64.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a matrix of a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.column_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    x = _check.array("column_sums", "x", x, 2)
    y = _memory.empty(x.shape[1:], x.dtype)
    call("column_sums", x, y, x.shape)
    return y


def linear(x: Array, weight: Array, bias: Array | None = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, optionally followed by ReLU.

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
    x = _check.array("linear", "x", x)
    weight = _check.array("linear", "weight", weight, 2)
    if x.ndim == 0:
        raise ValueError("linear: x must have at least 1 dimension (got 0)")
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x.shape[-1] must equal weight.shape[1] "
            f"(got {x.shape[-1]} and {weight.shape[1]})"
        )
    if weight.dtype is not x.dtype:
        _check.same_dtype("linear", x=x, weight=weight)
    if bias is not None:
        shape = weight.shape[:1]
        bias = _check.like("linear", "bias", bias, "x", x, shape, "(weight.shape[0],)")
    geometry.check_size("linear", "the result", (*x.shape[:-1], weight.shape[0]))
    if x.ndim == 2:
        return _product(x, weight.T, bias, bool(relu))
    return _product(_rows(x), weight.T, bias, bool(relu)).reshape(*x.shape[:-1], weight.shape[0])


def _factors(a: Array, b: Array) -> tuple[Array, Array]:
    """Check operands with at least one dimension; strides are not changed."""
    a, b = _factor("a", a), _factor("b", b)
    if a.dtype is not b.dtype:
        _check.same_dtype("matmul", a=a, b=b)
    a_shape, b_shape = a.shape, b.shape
    inner = b_shape[0] if len(b_shape) == 1 else b_shape[-2]
    if a_shape[-1] != inner:
        raise ValueError(
            f"matmul: a.shape[-1] must equal b.shape[{-1 if b.ndim == 1 else -2}] "
            f"(got {a_shape[-1]} and {inner})"
        )
    batch = _batch(a_shape, b_shape)
    geometry.check_size("matmul", "the result", (*batch, *a_shape[-2:-1], *b_shape[-1:]))
    return a, b


def _factor(name: str, x: Array) -> Array:
    if not isinstance(x, np.ndarray):
        raise TypeError(f"matmul: {name} must be a NumPy array (got {type(x).__name__})")
    if x.ndim == 0:
        raise ValueError(f"matmul: {name} must have at least 1 dimension (got 0)")
    dtype = x.dtype
    if (dtype is FLOAT32 or dtype is FLOAT64) and x.flags.aligned:
        return x if type(x) is np.ndarray else np.asarray(x)
    dtype = _check.float_dtype("matmul", f"{name}.dtype", dtype)
    return np.require(np.asarray(x), dtype, ["C", "A"])


def _batch(a_shape: Shape, b_shape: Shape) -> Shape:
    """The shape to which the axes before the matrices are broadcast."""
    a_batch, b_batch = a_shape[:-2], b_shape[:-2]
    if a_batch == b_batch:
        return a_batch
    try:
        return np.broadcast_shapes(a_batch, b_batch)
    except ValueError:
        raise ValueError(
            f"matmul: a.shape[:-2] and b.shape[:-2] must broadcast (got {a_batch} and {b_batch})"
        ) from None


def _product(a: Array, b: Array, bias: Array | None = None, relu: bool = False) -> Array:
    y = _memory.empty((a.shape[0], b.shape[1]), a.dtype)
    size, (ar, ac), (br, bc) = a.itemsize, a.strides, b.strides
    if (ar | ac | br | bc) % size:  # not all are multiples of size, a power of two
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        (ar, ac), (br, bc) = a.strides, b.strides
    g = (
        a.shape[0], b.shape[1], a.shape[1], ar // size, ac // size, br // size, bc // size,
        1, 1, 0, 0, 0, 0,
    )  # fmt: skip
    call("gemm", a, b, bias, y, g, relu)
    return y


def _batched_product(a: Array, b: Array) -> Array:
    y_shape, g = _batched_sizes(a.shape, a.strides, b.shape, b.strides, a.itemsize)
    y = _memory.empty(y_shape, a.dtype)
    if not y.size:
        return y
    if g is None:
        a = np.ascontiguousarray(np.broadcast_to(a, y_shape[:-2] + a.shape[-2:]))
        b = np.ascontiguousarray(np.broadcast_to(b, y_shape[:-2] + b.shape[-2:]))
        _, g = _batched_sizes(a.shape, a.strides, b.shape, b.strides, a.itemsize)
    call("gemm", a, b, None, y, g, False)
    return y


@lru_cache(maxsize=1024)
def _batched_sizes(
    a_shape: Shape, a_strides: Shape, b_shape: Shape, b_strides: Shape, size: int
) -> tuple[Shape, tuple[int, ...] | None]:
    """The shape of the result, and the geometry; None if the kernel does not take the strides."""
    batch = _batch(a_shape, b_shape)
    y_shape = (*batch, a_shape[-2], b_shape[-1])
    axes = _joined(batch, *(
        [0] * (len(y_shape) - len(shape))
        + [0 if n == 1 else stride for n, stride in zip(shape[:-2], strides, strict=False)]
        for shape, strides in ((a_shape, a_strides), (b_shape, b_strides))
    ))  # fmt: skip
    if len(axes) > 2 or any(stride % size for stride in a_strides + b_strides):
        return y_shape, None
    (outer, a_outer, b_outer), (inner, a_inner, b_inner) = [(1, 0, 0)] * (2 - len(axes)) + axes
    strides = (*a_strides[-2:], *b_strides[-2:])
    strides_of_matrices = a_outer, a_inner, b_outer, b_inner
    return y_shape, (
        *y_shape[-2:], a_shape[-1], *[stride // size for stride in strides], outer, inner,
        *[stride // size for stride in strides_of_matrices],
    )  # fmt: skip


def _joined(
    batch: Shape, a_strides: Iterable[int], b_strides: Iterable[int]
) -> list[tuple[int, int, int]]:
    """The sizes of the axes of a batch and their strides in both operands; joined if possible."""
    axes: list[tuple[int, int, int]] = []
    for size, a_stride, b_stride in zip(batch, a_strides, b_strides, strict=True):
        if axes and axes[-1][1:] == (size * a_stride, size * b_stride):
            axes[-1] = axes[-1][0] * size, a_stride, b_stride
        elif size > 1:
            axes.append((size, a_stride, b_stride))
    return axes


def _rows(x: Array) -> Array:
    """Merge all axes except the last. (-1 would be ambiguous if the last axis is empty.)"""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])
