"""The functions of `cnet.kernels`, for arrays as NumPy code has them.

`cnet.kernels` takes only float32 or float64 arrays of one dtype, in the layouts (n, c, h, w) and
(o, i, h, w). The functions here have the same names and arguments, and accept more:

- dtypes: all arrays of a call are converted to float32 if NumPy promotes them to float32, else to
  float64. So uint8 images with float32 weights give float32; integers and float16 give float64;
- ``layout``: the order of the axes of images, for example "nchw", "nhwc", "chw", "hwc", "hw" or
  "hwcn". Images may have fewer axes: no n, or neither n nor c. The result has the same order, is
  C-contiguous, and has an axis for channels if the images or the filters do;
- ``weight_layout``: the order of the axes of filters, for example "oihw", "hwio", "ohwi", "iohw",
  "ohw" or "hw". By default "hwio" if channels come last in ``layout``, else "oihw". Filters may
  have no i, or neither i nor o;
- ``padding``: a number, (vertical, horizontal), ((top, bottom), (left, right)), (top, bottom, left,
  right), "valid", "same" or "same_lower". The last two add what keeps the size of the image with
  stride 1, whatever the stride; an odd cell is added at the end, or with "same_lower" at the start;
- a bias of any shape with one element for each filter, with one element for all filters, or with
  the shape of the result for one image;
- max pooling with other rules for equal maxima, and with other numbers in the padding;
- shapes as lists or arrays, sizes as NumPy integers.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import Array
from ._arrays import ends, float_dtype, floats, pair, same_ndim, shape_of
from ._layouts import Layout, filters, images
from ._pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_gradient,
)

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
    "max_pool2d_gradient",
    "relu",
    "relu_backward",
]


@lru_cache(maxsize=1024)
def _convolved(x: Layout, weight: Layout) -> Layout:
    """The layout of the result of a convolution."""
    n = "n" if "n" in x.axes else ""
    c = "c" if "c" in x.axes or "o" in weight.axes else ""
    return x.with_axes(f"{n}{c}hw")


def _bias(function: str, bias: Any, count: int, dtype: Any) -> tuple[Array | None, Array | None]:
    """The bias of each filter, or the bias of each cell of the result."""
    if bias is None:
        return None, None
    array = floats(function, "bias", bias, dtype)
    if array.size == 1:
        return np.full(count, array.item(), dtype), None
    return (array.reshape(-1), None) if array.size == count else (None, array)


def _add_to_cells(y: Array, axes: str, bias: Array, filters: int) -> None:
    """Add the bias of each cell to the results of all images."""
    one = tuple(size for letter, size in zip(axes, y.shape, strict=True) if letter != "n")
    if bias.shape != one:
        raise ValueError(
            f"conv2d: bias must have {filters} elements, or 1, or the shape {one} of the result "
            f"for one image (got shape {bias.shape})"
        )
    y += np.expand_dims(bias, axes.index("n")) if "n" in axes else bias


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1, algorithm: str = "auto", *, layout: str = "nchw",
    weight_layout: str | None = None,
) -> Array:  # fmt: skip
    """Cross-correlate images with filters.

    Parameters
    ----------
    x : array_like
        Images, with axes as in `layout`.
    weight : array_like
        Filters, with axes as in `weight_layout`.
    bias : array_like, optional
        Any shape with one element for each filter; one element; or the shape of the result for one
        image.
    stride, dilation, groups, algorithm
        As in `cnet.kernels.conv2d`.
    padding : default 0
        See the top of this module.
    layout, weight_layout : str, default 'nchw' and its counterpart
        The order of the axes.

    Returns
    -------
    ndarray
        With axes as in `layout`.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold real numbers, a layout does not fit it, or sizes do not fit
        together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    >>> kernels.conv2d(image, np.ones((1, 1, 2, 2)), bias=[[0.5]])
    array([[[ 8.5, 12.5],
            [20.5, 24.5]]])
    >>> kernels.conv2d(np.ones((5, 28, 28, 3)), np.ones((2, 2, 3, 8)), layout="nhwc").shape
    (5, 27, 27, 8)
    """
    f = "conv2d"
    dtype = float_dtype(x, weight, bias)
    x, weight = floats(f, "x", x, dtype), floats(f, "weight", weight, dtype)
    of_x = images(f, layout, x.ndim)
    of_weight = filters(f, weight_layout, weight.ndim, of_x)
    kernel = of_weight.to_kernels(weight)
    each, cells = _bias(f, bias, len(kernel), dtype)
    pads = ends(f, padding, kernel.shape[2:], dilation)
    of_y = _convolved(of_x, of_weight)
    y = of_y.from_kernels(
        kernels.conv2d(of_x.to_kernels(x), kernel, each, stride, pads, dilation, groups, algorithm)
    )
    if cells is not None:
        _add_to_cells(y, of_y.axes, cells, len(kernel))
    return y


def conv2d_backward(
    grad_output: Any, x: Any, weight: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1, needs: tuple[bool, bool, bool] = (True, True, True), algorithm: str = "auto",
    *, layout: str = "nchw", weight_layout: str | None = None,
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d` with respect to its input, filters and bias.

    Parameters
    ----------
    grad_output : array_like
        Gradient with respect to the result, with its axes.
    x, weight, stride, padding, dilation, groups, layout, weight_layout
        The arguments of `conv2d`.
    needs, algorithm
        As in `cnet.kernels.conv2d_backward`.

    Returns
    -------
    dx, dw : ndarray or None
        In the shapes of `x` and `weight`.
    db : ndarray or None, shape (o,)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> image, kernel, grad = np.ones((3, 3)), np.ones((2, 2)), np.ones((2, 2))
    >>> dx, dw, db = kernels.conv2d_backward(grad, image, kernel, layout="hw", weight_layout="hw")
    >>> dx, dw, db
    (array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]]), array([[4., 4.],
           [4., 4.]]), array([4.]))
    """
    f = "conv2d_backward"
    dtype = float_dtype(grad_output, x, weight)
    grad = floats(f, "grad_output", grad_output, dtype)
    x, weight = floats(f, "x", x, dtype), floats(f, "weight", weight, dtype)
    of_x = images(f, layout, x.ndim)
    of_weight = filters(f, weight_layout, weight.ndim, of_x)
    of_y = _convolved(of_x, of_weight)
    same_ndim(f, "grad_output", grad, of_y.axes)
    kernel = of_weight.to_kernels(weight)
    dx, dw, db = kernels.conv2d_backward(
        of_y.to_kernels(grad), of_x.to_kernels(x), kernel, stride,
        ends(f, padding, kernel.shape[2:], dilation), dilation, groups, needs, algorithm,
    )  # fmt: skip
    dx = None if dx is None else of_x.from_kernels(dx)
    return dx, None if dw is None else of_weight.from_kernels(dw), db


def im2col(
    x: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, *,
    layout: str = "nchw",
) -> Array:  # fmt: skip
    """Unfold images into columns.

    Parameters
    ----------
    x : array_like
        Images, with axes as in `layout`.
    kernel_size, stride, padding, dilation
        As in `conv2d`.
    layout : str, default 'nchw'

    Returns
    -------
    ndarray, shape (n, c*kh*kw, oh*ow), or (c*kh*kw, oh*ow) for images without n
        For every layout, rows are in the order (c, i, j) and columns in the order (y, x).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> kernels.im2col([[1, 2], [3, 4]], (1, 2))
    array([[1., 3.],
           [2., 4.]])
    """
    x = floats("im2col", "x", x, float_dtype(x))
    of_x = images("im2col", layout, x.ndim)
    pads = ends("im2col", padding, pair("im2col", "kernel_size", kernel_size), dilation)
    cols = kernels.im2col(of_x.to_kernels(x), kernel_size, stride, pads, dilation)
    return cols if "n" in of_x.axes else cols[0]


def col2im(
    cols: Any, x_shape: Sequence[int], kernel_size: Any, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, *, layout: str = "nchw",
) -> Array:  # fmt: skip
    """Fold the columns of `im2col` back into images of shape `x_shape`; overlaps are added."""
    f = "col2im"
    shape = shape_of(f, "x_shape", x_shape)
    of_x = images(f, layout, len(shape))
    is_batch = "n" in of_x.axes
    columns = floats(f, "cols", cols, float_dtype(cols), 3 if is_batch else 2)
    pads = ends(f, padding, pair(f, "kernel_size", kernel_size), dilation)
    x = kernels.col2im(
        columns if is_batch else columns[np.newaxis], of_x.shape_to_kernels(shape), kernel_size,
        stride, pads, dilation,
    )  # fmt: skip
    return of_x.from_kernels(x)


def linear(x: Any, weight: Any, bias: Any = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, with ReLU if `relu`; arguments as of `cnet.kernels.linear`."""
    dtype = float_dtype(x, weight, bias)
    matrix = floats("linear", "weight", weight, dtype, 2)
    each, cells = _bias("linear", bias, len(matrix), dtype)
    if cells is not None:
        raise ValueError(
            f"linear: bias must have {len(matrix)} elements or 1 (got shape {cells.shape})"
        )
    return kernels.linear(floats("linear", "x", x, dtype), matrix, each, relu)


def matmul(a: Any, b: Any) -> Array:
    """``a @ b``, in float32 or float64."""
    dtype = float_dtype(a, b)
    return kernels.matmul(floats("matmul", "a", a, dtype), floats("matmul", "b", b, dtype))


def relu(x: Any) -> Array:
    """``max(0, x)``."""
    return kernels.relu(floats("relu", "x", x, float_dtype(x)))


def relu_backward(grad_output: Any, y: Any) -> Array:
    """The gradient of `relu` from its result `y` or its input."""
    dtype = float_dtype(grad_output, y)
    grad = floats("relu_backward", "grad_output", grad_output, dtype)
    return kernels.relu_backward(grad, floats("relu_backward", "y", y, dtype))
