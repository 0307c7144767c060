"""Convolution and pooling with channels first, as courses have them, without other options.

The functions convert the arrays once, under the names that the caller gives them, and call the
kernels for checked arrays.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .. import _check, geometry
from .._sizes import plain
from ..arrays import FLOAT64, Array, Shape
from ..kernels import conv, pooling
from ._arrays import ends, floats, has_ndim, same_floats
from ._convolution import add_to_cells, bias_of

# ---- Convolution ---------------------------------------------------------------------------------


def _geometry(function: str, x: Array, weight: Array, stride: Any, padding: Any) -> geometry.Conv:
    ndim = weight.ndim
    if not ndim == x.ndim == 4:
        has_ndim(function, "weight", weight, 3, 4)
        has_ndim(function, "x", x, ndim)
    if ndim == 3 and type(stride) is not int:
        stride = stride[-1] if type(stride) is tuple else np.ravel(stride).tolist()[-1]
    if type(padding) is str:
        stride = plain(function, "stride", stride, ndim - 2)
        return _padded(function, x.shape, weight.shape, stride, padding)
    return geometry.conv(function, x.shape, weight.shape, stride, padding)


@lru_cache(maxsize=1024)
def _padded(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Any, padding: str
) -> geometry.Conv:
    """The geometry for padding with a name, of windows with one or two axes."""
    window = weight_shape[2:]
    pads: Any = ends(function, padding, (*window, 1)[:2])
    pads = pads and pads[: len(window)]
    return geometry.conv(function, x_shape, weight_shape, stride, pads)


def convolved(
    function: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any = 0,
    dtype: Any = FLOAT64,
) -> Array:  # fmt: skip
    """The cross-correlation of images (n, c, h, w) or sequences (n, c, w) with filters.

    `stride` is a number or one for each axis, of which sequences take the last; `padding` a number,
    a pair (begin, end) for each axis, or 'same_lower'. Sequences are images with one row. Without
    `dtype`, it is that of the arrays, as `float_dtype` has it.
    """
    names, arrays = ("x", "weight", "bias"), (x, weight, bias)
    x, weight, bias = same_floats(function, names, arrays, dtype)
    g = _geometry(function, x, weight, stride, padding)
    each, cells = bias_of(bias, g.o)
    if weight.ndim == 4:
        y = conv.conv(function, x, weight, each, g, "auto")
    else:
        i = g.images
        x, weight = x.reshape(i.x_shape), weight.reshape(i.weight_shape)
        y = conv.conv(function, x, weight, each, i, "auto").reshape(g.y_shape)
    if cells is not None:
        add_to_cells(y, "nchw" if y.ndim == 4 else "ncw", cells, g.o)
    return y


def gradients(
    function: str, grad_output: Any, x: Any, weight: Any, stride: Any, padding: Any = 0,
    dtype: Any = FLOAT64, has_weights: bool = True,
) -> Any:  # fmt: skip
    """dx, dw and db of `convolved`; with `has_weights=False`, dw and db are None."""
    names, arrays = ("grad_output", "x", "weight"), (grad_output, x, weight)
    grad, x, weight = same_floats(function, names, arrays, dtype)
    g = _geometry(function, x, weight, stride, padding)
    _check.same_shape(function, "grad_output", grad.shape, "that of the result", g.y_shape)
    i = g
    if weight.ndim == 3:
        i = g.images
        grad, x = grad.reshape(i.y_shape), x.reshape(i.x_shape)
        weight = weight.reshape(i.weight_shape)
    needs = True, has_weights, has_weights
    dx, dw, db = conv.conv_backward(function, grad, x, weight, i, needs, "auto")
    if i is not g:
        assert dx is not None
        assert dw is not None
        return dx.reshape(g.x_shape), dw.reshape(g.weight_shape), db
    return dx, dw, db


# ---- Pooling -------------------------------------------------------------------------------------


def max_pool(
    function: str, name: str, x: Any, dtype: Any, window: Any, stride: Any, wanted: bool = True
) -> tuple[Array, Any]:
    """The maximum of each window of images (n, c, h, w), and the position of the first one.

    Without positions, None, unless they are `wanted`.
    """
    x = floats(function, name, x, dtype, 4)
    return pooling.max_pool(x, geometry.pool(function, x.shape, window, stride), wanted)


def max_pool_backward(
    function: str, name: str, grad: Any, dtype: Any, indices: Array, shape: Shape
) -> Array:
    """The gradient of `max_pool` for images of this shape."""
    grad = floats(function, name, grad, dtype, 4)
    return pooling.max_pool_backward(function, grad, indices, shape)


def avg_pool(function: str, name: str, x: Any, dtype: Any, window: Any, stride: Any) -> Array:
    """The mean of each window of images (n, c, h, w)."""
    x = floats(function, name, x, dtype, 4)
    return pooling.avg_pool(x, geometry.pool(function, x.shape, window, stride), True, 0)


def avg_pool_backward(
    function: str, name: str, grad: Any, dtype: Any, shape: Shape, window: Any, stride: Any
) -> Array:
    """The gradient of `avg_pool` for images of this shape."""
    grad = floats(function, name, grad, dtype, 4)
    g = geometry.pool(function, shape, window, stride)
    _check.same_shape(function, name, grad.shape, "that of the result", g.y_shape)
    return pooling.avg_pool_backward(grad, g, True, 0)
