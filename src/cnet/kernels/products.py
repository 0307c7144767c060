"""Matrix products."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from .. import _check, _core, geometry
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
    a, b = _factor("a", a), _factor("b", b)
    if a.dtype is not b.dtype:
        _check.same_dtype("matmul", a=a, b=b)
    return _product("matmul", a, b)


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
    return _product("linear", x, weight.T, bias, bool(relu))


def _factor(name: str, x: Array) -> Array:
    """Check an operand, which must have a dimension; its strides are not changed."""
    if _core.is_plain(x) and x.ndim:
        return x
    if not isinstance(x, np.ndarray):
        raise TypeError(f"matmul: {name} must be a NumPy array (got {type(x).__name__})")
    if x.ndim == 0:
        raise ValueError(f"matmul: {name} must have at least 1 dimension (got 0)")
    dtype = x.dtype
    if (dtype is FLOAT32 or dtype is FLOAT64) and x.flags.aligned:
        return x if type(x) is np.ndarray else np.asarray(x)
    dtype = _check.float_dtype("matmul", f"{name}.dtype", dtype)
    return np.require(np.asarray(x), dtype, ["C", "A"])


def _product(
    function: str, a: Array, b: Array, bias: Array | None = None, relu: bool = False
) -> Array:
    """The product of operands of one dtype, whose shapes are checked here."""
    if not a.size:  # its strides may be any
        a, b = np.empty(a.shape, a.dtype), np.empty(b.shape, b.dtype)
    y_shape, g = _sizes(function, a.shape, a.strides, b.shape, b.strides, a.itemsize)
    y = _memory.empty(y_shape, a.dtype)
    if not y.size:
        return y
    if g is None:
        batch = y_shape[: max(a.ndim, b.ndim) - 2]
        a, b = [
            np.ascontiguousarray(np.broadcast_to(x, (*batch, *x.shape[-2:])) if x.ndim > 2 else x)
            for x in (a, b)
        ]
        _, g = _sizes(function, a.shape, a.strides, b.shape, b.strides, a.itemsize)
    call("gemm", a, b, bias, y, g, relu)
    return y


@lru_cache(maxsize=1024)
def _sizes(
    function: str, a_shape: Shape, a_strides: Shape, b_shape: Shape, b_strides: Shape, size: int
) -> tuple[Shape, tuple[int, ...] | None]:
    """The shape of a product, and its geometry; None if the kernel does not take the strides.

    ValueError if the shapes do not fit.
    """
    k = b_shape[-2:][0]
    if a_shape[-1] != k:
        raise ValueError(
            f"{function}: a.shape[-1] must equal b.shape[{-1 if len(b_shape) == 1 else -2}] "
            f"(got {a_shape[-1]} and {k})"
        )
    batch = _batch(function, a_shape, b_shape)
    y_shape = *batch, *a_shape[-2:-1], *(b_shape[-1:] if len(b_shape) > 1 else ())
    geometry.check_size(function, "the result", y_shape)
    columns, column = (b_shape[-1], b_strides[-1]) if len(b_shape) > 1 else (1, 0)
    if len(b_shape) <= 2:  # one product, with the rows of all matrices of a
        rows = _joined(a_shape[:-1], a_strides[:-1], [0] * (len(a_shape) - 1))
        axes = []
    else:
        rows = [(a_shape[-2], a_strides[-2], 0)] if len(a_shape) > 1 else []
        axes = _joined(batch, *(
            [0] * (len(batch) - len(shape[:-2]))
            + [0 if n == 1 else stride for n, stride in zip(shape[:-2], strides, strict=False)]
            for shape, strides in ((a_shape, a_strides), (b_shape, b_strides))
        ))  # fmt: skip
    steps = zip(a_shape + b_shape, a_strides + b_strides, strict=True)
    if len(rows) > 1 or len(axes) > 2 or any(n > 1 and step % size for n, step in steps):
        return y_shape, None
    m, row, _ = rows[0] if rows else (1, 0, 0)
    (outer, a_outer, b_outer), (inner, a_inner, b_inner) = [(1, 0, 0)] * (2 - len(axes)) + axes
    strides = row, a_strides[-1], b_strides[-2:][0], column, a_outer, a_inner, b_outer, b_inner
    ar, ac, br, bc, *of_matrices = [stride // size for stride in strides]
    return y_shape, (m, columns, a_shape[-1], ar, ac, br, bc, outer, inner, *of_matrices)


def _batch(function: str, a_shape: Shape, b_shape: Shape) -> Shape:
    """The shape to which the axes before the matrices are broadcast."""
    a_batch, b_batch = a_shape[:-2], b_shape[:-2]
    try:
        return np.broadcast_shapes(a_batch, b_batch)
    except ValueError:
        raise ValueError(
            f"{function}: a.shape[:-2] and b.shape[:-2] must broadcast "
            f"(got {a_batch} and {b_batch})"
        ) from None


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
