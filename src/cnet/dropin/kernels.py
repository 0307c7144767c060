"""The functions of `cnet.kernels`, for arrays as NumPy code has them.

`cnet.kernels` takes only float32 or float64 arrays of one dtype and of exact shapes. The functions
here have the same names and arguments, and accept more:

- arrays of different dtypes, integers, booleans, nested lists: all are converted to one dtype, the
  one that NumPy promotes all of them and float32 to. So uint8 images with float32 weights give
  float32, and an array of float64 or int64 gives float64;
- one image of shape (c, h, w) instead of a batch; the result then has no batch axis either;
- a bias of shape (o, 1), (o, 1, 1), (1, o, 1, 1) and so on, or with one element for all channels;
- shapes as lists or arrays, sizes as NumPy integers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import Array
from ._arrays import floats, shape_of

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "col2im",
    "conv2d",
    "conv2d_backward",
    "im2col",
    "linear",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "relu",
    "relu_backward",
]


def _dtype(*arrays: Any) -> Any:
    """The dtype that NumPy promotes the arrays and float32 to, but at most float64."""
    dtype = np.result_type(np.float32, *(np.asarray(x).dtype for x in arrays if x is not None))
    return np.float32 if dtype == np.float32 else np.float64


def _images(function: str, name: str, x: Any, dtype: Any) -> tuple[Array, bool]:
    """Images as a batch, and whether it was one image without a batch axis."""
    array = floats(function, name, x, dtype, 3, 4)
    return (array[np.newaxis], True) if array.ndim == 3 else (array, False)


def _bias(function: str, bias: Any, channels: int, dtype: Any) -> Array | None:
    if bias is None:
        return None
    array = floats(function, "bias", bias, dtype)
    if array.size not in (1, channels) or max(array.shape, default=1) != array.size:
        raise ValueError(
            f"{function}: bias must have {channels} elements along one axis (got shape "
            f"{array.shape})"
        )
    return np.broadcast_to(array.reshape(-1), channels)


def _batch_shape(function: str, x_shape: Any) -> tuple[tuple[int, ...], bool]:
    shape = shape_of(function, "x_shape", x_shape)
    return ((1, *shape), True) if len(shape) == 3 else (shape, False)


def conv2d(x: Any, weight: Any, bias: Any = None, *args: Any, **options: Any) -> Array:
    """Cross-correlate images with filters; the arguments are those of `cnet.kernels.conv2d`.

    Parameters
    ----------
    x : array_like, shape (n, c, h, w) or (c, h, w)
    weight : array_like, shape (o, c / groups, kh, kw)
    bias : array_like with o elements or 1, optional
    *args, **options
        ``stride, padding, dilation, groups`` and ``algorithm`` of `cnet.kernels.conv2d`.

    Returns
    -------
    ndarray, shape (n, o, oh, ow) or (o, oh, ow)

    Raises
    ------
    TypeError, ValueError
        If an array does not hold real numbers, or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    >>> kernels.conv2d(image, np.ones((1, 1, 2, 2)), bias=[[0.5]])
    array([[[ 8.5, 12.5],
            [20.5, 24.5]]])
    """
    dtype = _dtype(x, weight, bias)
    images, is_single = _images("conv2d", "x", x, dtype)
    filters = floats("conv2d", "weight", weight, dtype, 4)
    y = kernels.conv2d(
        images, filters, _bias("conv2d", bias, len(filters), dtype), *args, **options
    )
    return y[0] if is_single else y


def conv2d_backward(
    grad_output: Any, x: Any, weight: Any, *args: Any, **options: Any
) -> tuple[Array | None, Array | None, Array | None]:
    """Gradients of `conv2d`: dx in the shape of `x`, dw in that of `weight`, db of shape (o,).

    The arguments are those of `cnet.kernels.conv2d_backward`.
    """
    f = "conv2d_backward"
    dtype = _dtype(grad_output, x, weight)
    grad, _ = _images(f, "grad_output", grad_output, dtype)
    images, is_single = _images(f, "x", x, dtype)
    filters = floats(f, "weight", weight, dtype, 4)
    dx, dw, db = kernels.conv2d_backward(grad, images, filters, *args, **options)
    return (dx[0] if is_single and dx is not None else dx), dw, db


def max_pool2d(x: Any, *args: Any, **options: Any) -> tuple[Array, Array]:
    """The maximum of each window and its position; arguments as of `cnet.kernels.max_pool2d`."""
    images, is_single = _images("max_pool2d", "x", x, _dtype(x))
    y, argmax = kernels.max_pool2d(images, *args, **options)
    return (y[0], argmax[0]) if is_single else (y, argmax)


def max_pool2d_backward(grad_output: Any, argmax: Any, x_shape: Sequence[int]) -> Array:
    """The gradient of `max_pool2d`, in the shape `x_shape`."""
    f = "max_pool2d_backward"
    grad, _ = _images(f, "grad_output", grad_output, _dtype(grad_output))
    shape, is_single = _batch_shape(f, x_shape)
    positions = np.asarray(argmax)
    dx = kernels.max_pool2d_backward(grad, positions.reshape(-1, *positions.shape[-3:]), shape)
    return dx[0] if is_single else dx


def avg_pool2d(x: Any, *args: Any, **options: Any) -> Array:
    """The mean of each window; arguments as of `cnet.kernels.avg_pool2d`."""
    images, is_single = _images("avg_pool2d", "x", x, _dtype(x))
    y = kernels.avg_pool2d(images, *args, **options)
    return y[0] if is_single else y


def avg_pool2d_backward(
    grad_output: Any, x_shape: Sequence[int], *args: Any, **options: Any
) -> Array:
    """The gradient of `avg_pool2d`, in the shape `x_shape`."""
    f = "avg_pool2d_backward"
    grad, _ = _images(f, "grad_output", grad_output, _dtype(grad_output))
    shape, is_single = _batch_shape(f, x_shape)
    dx = kernels.avg_pool2d_backward(grad, shape, *args, **options)
    return dx[0] if is_single else dx


def im2col(x: Any, *args: Any, **options: Any) -> Array:
    """The windows of images as columns; arguments as of `cnet.kernels.im2col`."""
    images, is_single = _images("im2col", "x", x, _dtype(x))
    cols = kernels.im2col(images, *args, **options)
    return cols[0] if is_single else cols


def col2im(cols: Any, x_shape: Sequence[int], *args: Any, **options: Any) -> Array:
    """Add columns back into images of shape `x_shape`; arguments as of `cnet.kernels.col2im`."""
    shape, is_single = _batch_shape("col2im", x_shape)
    columns = floats("col2im", "cols", cols, _dtype(cols), 2 if is_single else 3)
    x = kernels.col2im(columns[np.newaxis] if is_single else columns, shape, *args, **options)
    return x[0] if is_single else x


def linear(x: Any, weight: Any, bias: Any = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, with ReLU if `relu`; arguments as of `cnet.kernels.linear`."""
    dtype = _dtype(x, weight, bias)
    matrix = floats("linear", "weight", weight, dtype, 2)
    vector = _bias("linear", bias, len(matrix), dtype)
    return kernels.linear(floats("linear", "x", x, dtype), matrix, vector, relu)


def matmul(a: Any, b: Any) -> Array:
    """``a @ b``, in the dtype that NumPy promotes both and float32 to."""
    dtype = _dtype(a, b)
    return kernels.matmul(floats("matmul", "a", a, dtype), floats("matmul", "b", b, dtype))


def relu(x: Any) -> Array:
    """``max(0, x)``."""
    return kernels.relu(floats("relu", "x", x, _dtype(x)))


def relu_backward(grad_output: Any, y: Any) -> Array:
    """The gradient of `relu` from its result `y` or its input."""
    dtype = _dtype(grad_output, y)
    grad = floats("relu_backward", "grad_output", grad_output, dtype)
    return kernels.relu_backward(grad, floats("relu_backward", "y", y, dtype))
