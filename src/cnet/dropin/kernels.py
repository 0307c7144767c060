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
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import Array
from ._arrays import ends, floats, has_ndim, pair, same_floats, shape_of
from ._convolution import bias_of, conv2d, conv2d_backward
from ._layouts import images
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
    x = floats("im2col", "x", x, None)
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
    columns = floats(f, "cols", cols, None, 3 if is_batch else 2)
    pads = ends(f, padding, pair(f, "kernel_size", kernel_size), dilation)
    x = kernels.col2im(
        columns if is_batch else columns[np.newaxis], of_x.shape_to_kernels(shape), kernel_size,
        stride, pads, dilation,
    )  # fmt: skip
    return of_x.from_kernels(x)


def linear(x: Any, weight: Any, bias: Any = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, with ReLU if `relu`; arguments as of `cnet.kernels.linear`."""
    names, arrays = ("x", "weight", "bias"), (x, weight, bias)
    x, weight, bias = same_floats("linear", names, arrays)
    has_ndim("linear", "weight", weight, 2)
    each, cells = bias_of(bias, len(weight))
    if cells is not None:
        raise ValueError(
            f"linear: bias must have {len(weight)} elements or 1 (got shape {cells.shape})"
        )
    return kernels.linear(x, weight, each, relu)


def matmul(a: Any, b: Any) -> Array:
    """``a @ b``, in float32 or float64."""
    return kernels.matmul(*same_floats("matmul", ("a", "b"), (a, b)))


def relu(x: Any) -> Array:
    """``max(0, x)``."""
    return kernels.relu(floats("relu", "x", x, None))


def relu_backward(grad_output: Any, y: Any) -> Array:
    """The gradient of `relu` from its result `y` or its input."""
    names, arrays = ("grad_output", "y"), (grad_output, y)
    return kernels.relu_backward(*same_floats("relu_backward", names, arrays))
