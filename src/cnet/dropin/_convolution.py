"""Convolution of images in any layout, with any padding, and its gradients."""

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import _check, geometry
from .._sizes import plain
from ..arrays import Array, Shape
from ..kernels import channels_last, conv
from ._arrays import ends, plain_ends, same_floats, same_ndim
from ._layouts import CHANNELS_LAST, FILTERS_LAST, Layout, filters, images, text

VECTOR_BYTES, TILE_ROWS = 32, 6
"""The tiles of the kernels for channels last: vectors of columns, and rows."""

BLOCKS = 16
"""The least number of blocks of images whose weight gradients are added."""

DIRECT, WINOGRAD, MOVED, ADDED, CALL = 1.2, 0.45, 25, 7, 60_000
"""Times in units of a product in the kernels for channels first: of a product in those for channels
last, of one that Winograd's algorithm saves in part, of transposing an element, of adding an
element of the weight gradient of a block, and of the calls that transpose. Measured with AVX2,
where the choices that follow take 0.9 % more time than the best ones, on average."""


def is_faster(g: geometry.Conv, result: str, dtype: Any) -> bool:
    """Whether the kernels for channels last compute a result faster than those for channels first.

    `result` is "y", "dx" or "dw". Both compute the products of the convolution. Those for channels
    last also compute what fills up their tiles, and add weight gradients of blocks of images. The
    others transpose three arrays; images with one channel or filter are the same in both layouts.
    """
    kernel = tuple([axis.kernel for axis in g.axes])
    taps, outputs, cells = prod(kernel), g.n * prod(g.output), g.n * prod(a.size for a in g.axes)
    products = outputs * taps * g.c * g.o
    lanes, added = VECTOR_BYTES // dtype.itemsize, 0
    if result == "y":
        computed = outputs * taps * g.c * _columns(g.o, g.c, lanes)
    elif result == "dx":
        strides = prod(axis.stride for axis in g.axes)
        computed = cells * taps * g.o * _columns(g.c, g.o, lanes) // strides
    else:
        computed = outputs * _filled(taps * g.c, TILE_ROWS) * _filled(g.o, lanes)
        added = max(g.n, BLOCKS) * taps * g.c * g.o
    is_plain = all(axis.stride == axis.dilation == 1 for axis in g.axes)
    has_winograd = is_plain and kernel in ((3, 3), (5, 5)) and min(g.c, g.o) >= 16
    moved = cells * g.c * (g.c > 1) + outputs * g.o * (g.o > 1) + 2 * taps * g.c * g.o
    others = products * (WINOGRAD if has_winograd else 1) + moved * MOVED + CALL
    return computed * DIRECT + added * ADDED < others


def _columns(count: int, depth: int, lanes: int) -> float:
    """How many columns are computed for `count`: whole vectors.

    If vectors hold the depth instead, it takes the time of half as many columns again.
    """
    return 1.5 * count if 2 * count <= lanes and depth % lanes == 0 else _filled(count, lanes)


def _filled(count: int, size: int) -> int:
    """The smallest multiple of `size` that is at least `count`."""
    return -(-count // size) * size


class _Plan(NamedTuple):
    """What is known of a convolution from the shapes of its arrays and its options."""

    is_last: bool
    """Whether the kernels for channels last compute it."""
    x: Layout
    weight: Layout
    y: Layout
    g: geometry.Conv
    of_dx: Any
    """The plan of the gradient of the images, if other kernels compute it, else None."""


def _plan(
    function: str, x: Array, weight: Array, stride: Any, padding: Any, dilation: Any, groups: Any,
    algorithm: str, layout: Any, weight_layout: Any,
    needs: tuple[bool, bool, bool] | None = None,
) -> _Plan:  # fmt: skip
    """`needs` are the gradients to compute, None for the convolution itself."""
    if x is None or weight is None:
        raise TypeError(f"{function}: x and weight must be arrays (got None)")
    if type(layout) is not str:
        text(function, "layout", layout)
    if weight_layout is not None and type(weight_layout) is not str:
        text(function, "weight_layout", weight_layout)
    if not (type(stride) is type(padding) is type(dilation) is type(groups) is int):
        stride = plain(function, "stride", stride, 2)
        dilation = plain(function, "dilation", dilation, 2)
        groups = geometry.integer(function, "groups", groups)
        padding = plain_ends(function, padding)
    return _made(
        function, x.shape, weight.shape, x.dtype, stride, padding, dilation, groups,
        algorithm == "auto", layout, weight_layout, needs,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _made(
    function: str, x_shape: Shape, weight_shape: Shape, dtype: Any, stride: Any, padding: Any,
    dilation: Any, groups: int, is_auto: bool, layout: str, weight_layout: str | None,
    needs: tuple[bool, bool, bool] | None,
) -> _Plan:  # fmt: skip
    """`_plan` for arguments of exact types, which are the key of this cache."""
    of_x = images(function, layout, len(x_shape))
    of_weight = filters(function, weight_layout, len(weight_shape), of_x)
    n = "n" if "n" in of_x.axes else ""
    c = "c" if "c" in of_x.axes or "o" in of_weight.axes else ""
    of_y = of_x.with_axes(f"{n}{c}hw")
    full = of_weight.shape_to_kernels(weight_shape)
    window = full[2:]
    g = geometry.conv(
        function, of_x.shape_to_kernels(x_shape), full, stride,
        ends(function, padding, window, dilation), dilation, groups,
    )  # fmt: skip
    if needs is None:
        results = ["y"]
    else:
        results = [result for result, need in zip(("dx", "dw"), needs, strict=False) if need]
    is_possible = of_x.full == CHANNELS_LAST and groups == 1 and is_auto
    choices = [is_possible and is_faster(g, result, dtype) for result in results]
    is_last = choices[-1] if choices else is_possible
    if g.c == 1:
        of_x = of_x.with_single("c")
    if g.o == 1:
        of_y = of_y.with_single("c")
    if is_last:
        of_x, of_y = of_x.for_kernels(CHANNELS_LAST), of_y.for_kernels(CHANNELS_LAST)
        of_weight = of_weight.for_kernels(FILTERS_LAST)
    of_dx = None
    if len(set(choices)) == 2:
        of_dx = _made(
            function, x_shape, weight_shape, dtype, stride, padding, dilation, groups, is_auto,
            layout, weight_layout, (True, False, False),
        )  # fmt: skip
    return _Plan(is_last, of_x, of_weight, of_y, g, of_dx)


# ---- Convolution ---------------------------------------------------------------------------------


def bias_of(bias: Array | None, count: int) -> tuple[Array | None, Array | None]:
    """The bias of each filter, or the bias of each cell of the result."""
    if bias is None:
        return None, None
    if bias.size == count:
        return bias if bias.ndim == 1 else bias.reshape(-1), None
    return (np.full(count, bias.item(), bias.dtype), None) if bias.size == 1 else (None, bias)


def add_to_cells(y: Array, axes: str, bias: Array, filters: int) -> None:
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
    x, weight, bias = same_floats(f, ("x", "weight", "bias"), (x, weight, bias))
    is_last, of_x, of_weight, of_y, g, _ = _plan(
        f, x, weight, stride, padding, dilation, groups, algorithm, layout, weight_layout
    )
    each, cells = bias_of(bias, g.o)
    x, weight = of_x.to_kernels(x), of_weight.to_kernels(weight)
    if is_last:
        y = of_y.from_kernels(channels_last.conv(x, weight, each, g))
    else:
        y = of_y.from_kernels(conv.conv(f, x, weight, each, g, algorithm))
    if cells is not None:
        add_to_cells(y, of_y.axes, cells, g.o)
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
    names, arrays = ("grad_output", "x", "weight"), (grad_output, x, weight)
    arrays = same_floats(f, names, arrays)
    _, x, weight = arrays
    needs = _check.needs(f, needs)
    plan = _plan(
        f, x, weight, stride, padding, dilation, groups, algorithm, layout, weight_layout, needs
    )
    if plan.of_dx is None:
        return _gradients(f, plan, arrays, needs, algorithm)
    dx, _, _ = _gradients(f, plan.of_dx, arrays, (True, False, False), algorithm)
    return dx, *_gradients(f, plan, arrays, (False, *needs[1:]), algorithm)[1:]


def _gradients(
    f: str, plan: _Plan, arrays: tuple[Array, ...], needs: tuple[bool, bool, bool], algorithm: str
) -> tuple[Array | None, Array | None, Array | None]:
    """`conv2d_backward` of arrays from `same_floats`, by one plan."""
    is_last, of_x, of_weight, of_y, g, _ = plan
    same_ndim(f, "grad_output", arrays[0], of_y.axes)
    grad = of_y.to_kernels(arrays[0])
    x = of_x.to_kernels(arrays[1]) if needs[1] else None
    weight = of_weight.to_kernels(arrays[2]) if needs[0] else None
    if is_last:
        n, o, *size = g.y_shape
        _check.same_shape(f, "grad_output", grad.shape, "(n, oh, ow, o)", (n, *size, o))
        dx, dw, db = channels_last.conv_backward(grad, x, weight, g, needs)
    else:
        _check.same_shape(f, "grad_output", grad.shape, "(n, o, oh, ow)", g.y_shape)
        dx, dw, db = conv.conv_backward(f, grad, x, weight, g, needs, algorithm)
    if dx is not None:
        dx = of_x.from_kernels(dx)
    if dw is not None:
        dw = of_weight.from_kernels(dw)
    return dx, dw, db
