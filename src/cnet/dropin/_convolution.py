"""Convolution of images in any layout, with any padding, and its gradients."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import _check, kernels
from ..arrays import Array, Shape
from ..kernels import channels_last
from ._arrays import ends, float_dtype, floats, pair, same_ndim
from ._layouts import CHANNELS_LAST, FILTERS_LAST, Layout, filters, images, text

VECTOR_BYTES = 64


class _Layouts(NamedTuple):
    """The layouts of images and filters, and that of the result of their convolution."""

    x: Layout
    weight: Layout
    y: Layout

    def for_last(self) -> "_Layouts":
        x, weight, y = self.x, self.weight, self.y
        last, filters_last = x.for_kernels(CHANNELS_LAST), weight.for_kernels(FILTERS_LAST)
        return _Layouts(last, filters_last, y.for_kernels(CHANNELS_LAST))


def _layouts(
    function: str, layout: object, weight_layout: object, x: Array, weight: Array
) -> tuple[_Layouts, _Layouts | None]:
    """The layouts, and those for the kernels with channels last if they may be used."""
    text(function, "layout", layout)
    if weight_layout is not None:
        text(function, "weight_layout", weight_layout)
    return _read(function, layout, weight_layout, x.ndim, weight.ndim)


@lru_cache(maxsize=1024)
def _read(
    function: str, layout: object, weight_layout: object, x_ndim: int, weight_ndim: int
) -> tuple[_Layouts, _Layouts | None]:
    x = images(function, layout, x_ndim)
    weight = filters(function, weight_layout, weight_ndim, x)
    n = "n" if "n" in x.axes else ""
    c = "c" if "c" in x.axes or "o" in weight.axes else ""
    found = _Layouts(x, weight, x.with_axes(f"{n}{c}hw"))
    return found, found.for_last() if x.full == CHANNELS_LAST else None


# ---- Which kernels -------------------------------------------------------------------------------


def is_faster(channels: int, filters: int, window: Shape, stride: Shape, dtype: Any) -> bool:
    """Whether these kernels are faster than transposing, by measurements.

    They need filters that fill a vector. `cnet.kernels.conv2d` is faster for many channels with a
    window that Winograd's algorithm computes.
    """
    is_winograd = window in ((3, 3), (5, 5)) and stride == (1, 1) and channels >= 32
    return filters * dtype.itemsize >= VECTOR_BYTES and not is_winograd


# ---- Convolution ---------------------------------------------------------------------------------


def bias_of(function: str, bias: Any, count: int, dtype: Any) -> tuple[Array | None, Array | None]:
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
    first, last = _layouts(f, layout, weight_layout, x, weight)
    o, c, *window = first.weight.shape_to_kernels(weight.shape)
    each, cells = bias_of(f, bias, o, dtype)
    options = stride, ends(f, padding, window, dilation), dilation
    if (
        last is not None
        and groups == 1
        and algorithm == "auto"
        and is_faster(c, o, tuple(window), pair(f, "stride", stride), dtype)
    ):
        arrays = last.x.to_kernels(x), last.weight.to_kernels(weight), each
        y = last.y.from_kernels(
            channels_last.conv(*channels_last.checked_conv(f, *arrays, *options))
        )
    else:
        arrays = first.x.to_kernels(x), first.weight.to_kernels(weight), each
        y = first.y.from_kernels(kernels.conv2d(*arrays, *options, groups, algorithm))
    if cells is not None:
        _add_to_cells(y, first.y.axes, cells, o)
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
    first, last = _layouts(f, layout, weight_layout, x, weight)
    same_ndim(f, "grad_output", grad, first.y.axes)
    o, c, *window = first.weight.shape_to_kernels(weight.shape)
    options = stride, ends(f, padding, window, dilation), dilation
    needs = _check.needs(f, needs)
    found: list[Array | None] = [None, None, None]
    if last is not None and groups == 1 and algorithm == "auto":
        size, step = tuple(window), pair(f, "stride", stride)
        by_dx = needs[0] and step == (1, 1) and is_faster(o, c, size, step, dtype)
        by_dw = needs[1] and is_faster(c, o, size, step, dtype)
        if by_dx or by_dw:
            done = by_dx, by_dw, needs[2]
            found = _gradients_last(f, grad, x, weight, last, options, done)
            left = [need and not is_done for need, is_done in zip(needs, done, strict=True)]
            needs = left[0], left[1], left[2]
            if not any(needs):
                return found[0], found[1], found[2]
    arrays = first.y.to_kernels(grad), first.x.to_kernels(x), first.weight.to_kernels(weight)
    dx, dw, db = kernels.conv2d_backward(*arrays, *options, groups, needs, algorithm)
    if dx is not None:
        found[0] = first.x.from_kernels(dx)
    if dw is not None:
        found[1] = first.weight.from_kernels(dw)
    return found[0], found[1], found[2] if db is None else db


def _gradients_last(
    function: str, grad: Array, x: Array, weight: Array, of: _Layouts, options: Any,
    needs: tuple[bool, bool, bool],
) -> list[Array | None]:  # fmt: skip
    """Those gradients that are needed, by the kernels for channels last."""
    arrays = of.x.to_kernels(x), of.weight.to_kernels(weight), None
    x, weight, _, g = channels_last.checked_conv(function, *arrays, *options)
    grad = of.y.to_kernels(grad)
    n, o, *size = g.y_shape
    _check.same_shape(function, "grad_output", grad.shape, "(n, oh, ow, o)", (n, *size, o))
    dx, dw, db = channels_last.conv_backward(grad, x, weight, g, needs)
    return [
        None if dx is None else of.x.from_kernels(dx),
        None if dw is None else of.weight.from_kernels(dw),
        db,
    ]
