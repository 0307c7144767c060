"""Pooling of images in any layout, with any padding, and with rules for equal maxima."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import _check, geometry
from .._sizes import plain
from ..arrays import INT32, Array, Shape
from ..kernels import channels_last, pooling
from ..kernels.pooling import checked_divisor
from ._arrays import ends, floats, plain_ends, same_floats, same_ndim, same_shape, shape_of
from ._layouts import CHANNELS_LAST, IMAGES, Layout, images, text

TIES = ("first", "last", "all", "share")
NONE, BORDER = -1, -2
"""Instead of a position: no maximum, and a maximum in the padding."""


def _images(function: str, layout: object, shape: Shape) -> tuple[Layout, Any]:
    """The layout of images, as the kernels for it take them, and the module of these kernels.

    Images with one channel are the same in memory with channels first, whose kernels are faster:
    their vectors hold cells of a row.
    """
    given = images(function, layout, len(shape))
    if given.full != CHANNELS_LAST or "c" not in given.axes:
        return given, pooling
    if shape[-1] == 1:
        return given.with_single("c"), pooling
    return given.for_kernels(CHANNELS_LAST), channels_last


class _Plan(NamedTuple):
    """What is known of pooling from the shape of the images and the options."""

    form: Layout
    module: Any
    g: geometry.Window
    border: tuple[geometry.Axis, ...] | None
    """The axes of the images without a border, if the images get one instead of padding."""


def _plan(
    function: str, shape: Shape, window: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, layout: Any, has_border: bool = False,
) -> _Plan:  # fmt: skip
    if type(layout) is not str:
        text(function, "layout", layout)
    stride = window if stride is None else stride
    if not (type(window) is type(stride) is type(padding) is type(dilation) is int):
        window = plain(function, "kernel_size", window, 2)
        stride = plain(function, "stride", stride, 2)
        dilation = plain(function, "dilation", dilation, 2)
        padding = plain_ends(function, padding)
    ceil_mode = bool(ceil_mode)
    return _made(function, shape, layout, has_border, window, stride, padding, dilation, ceil_mode)


@lru_cache(maxsize=1024)
def _made(
    function: str, shape: Shape, layout: str, has_border: bool, window: Any, stride: Any,
    padding: Any, dilation: Any, ceil_mode: bool,
) -> _Plan:  # fmt: skip
    """`_plan` for arguments of exact types, which are the key of this cache."""
    form, module = _images(function, layout, shape)
    sizes = form.for_kernels(IMAGES).shape_to_kernels(shape)
    pads = ends(function, padding, window, dilation)
    options = dilation, ceil_mode, True
    g = geometry.pool(function, sizes, window, stride, pads, *options)
    if not has_border:
        return _Plan(form, module, g, None)
    padded = *sizes[:2], *(axis.padded for axis in g.axes)
    return _Plan(form, module, geometry.pool(function, padded, window, stride, 0, *options), g.axes)


def _check_ties(function: str, ties: object) -> None:
    if ties not in TIES:
        raise ValueError(
            f"{function}: ties must be 'first', 'last', 'all' or 'share' (got {ties!r})"
        )


# ---- Maximum -------------------------------------------------------------------------------------


def _along(layout: Layout, rows: slice, columns: slice) -> tuple[slice, ...]:
    """The index that takes these rows and columns of images."""
    parts = {"h": rows, "w": columns}
    return tuple([parts.get(letter, slice(None)) for letter in layout.target])


def _taps(
    x: Array, y: Array, g: geometry.Window, layout: Layout
) -> Iterator[tuple[tuple[slice, ...], Array, Array]]:
    """For each tap: the outputs for which it is in the image, where it is the maximum, positions.

    A NaN equals a maximum that is NaN.
    """
    vertical, horizontal = g.axes
    sizes = {"h": vertical.size, "w": horizontal.size}
    places = np.arange(vertical.size * horizontal.size, dtype=INT32)
    places = places.reshape([sizes.get(letter, 1) for letter in layout.target])
    has_nan = bool(np.isnan(y).any())
    for i in range(vertical.kernel):
        for j in range(horizontal.kernel):
            (rows, rows_of_x), (columns, columns_of_x) = vertical.cells(i), horizontal.cells(j)
            outputs = _along(layout, rows, columns)
            cells = _along(layout, rows_of_x, columns_of_x)
            is_max = x[cells] == y[outputs]
            if has_nan:
                is_max |= np.isnan(x[cells]) & np.isnan(y[outputs])
            yield outputs, is_max, places[cells]


def _last_maxima(x: Array, y: Array, g: geometry.Window, layout: Layout) -> Array:
    """The position of the last maximum of each window."""
    indices = np.full(y.shape, NONE, INT32)
    for outputs, is_max, places in _taps(x, y, g, layout):
        np.copyto(indices[outputs], places, where=is_max)
    return indices


def _all_maxima(x: Array, y: Array, g: geometry.Window, layout: Layout) -> Array:
    """The positions of the taps that equal the maximum, on an axis after that of columns."""
    vertical, horizontal = g.axes
    indices = np.full((vertical.kernel * horizontal.kernel, *y.shape), NONE, INT32)
    for tap, (outputs, is_max, places) in enumerate(_taps(x, y, g, layout)):
        indices[tap][outputs] = np.where(is_max, places, np.int32(NONE))
    return np.ascontiguousarray(np.moveaxis(indices, 0, layout.target.index("w") + 1))


def _with_border(x: Array, plan: _Plan, value: float) -> Array:
    """The images as the kernels take them, with cells of this value around if there is a border."""
    cells = plan.form.to_kernels(x)
    if plan.border is None:
        return cells
    vertical, horizontal = plan.border
    n, c = plan.g.n, plan.g.c
    sizes = {"n": n, "c": c, "h": vertical.padded, "w": horizontal.padded}
    padded = np.full([sizes[letter] for letter in plan.form.target], value, x.dtype)
    padded[_inner(plan)] = cells
    return padded


def _inner(plan: _Plan) -> tuple[slice, ...]:
    """The index of the images in those with a border."""
    assert plan.border is not None
    rows, columns = (slice(axis.begin, axis.begin + axis.size) for axis in plan.border)
    return _along(plan.form, rows, columns)


def _without_border(indices: Array, width: int, border: tuple[geometry.Axis, ...]) -> Array:
    """Positions in the images from those in padded images with this width; `BORDER` if outside."""
    vertical, horizontal = border
    rows, columns = np.divmod(indices, width)
    rows -= vertical.begin
    columns -= horizontal.begin
    is_outside = (rows < 0) | (rows >= vertical.size) | (columns < 0) | (columns >= horizontal.size)
    positions = np.where(is_outside, BORDER, rows * horizontal.size + columns)
    return np.where(indices < 0, indices, positions).astype(INT32)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, *, layout: str = "nchw", ties: str = "first",
    pad_value: float = -np.inf,
) -> tuple[Array, Array]:  # fmt: skip
    """The maximum of each window, and its position.

    Parameters
    ----------
    x : array_like
        Images, with axes as in `layout`.
    kernel_size, stride, dilation, ceil_mode
        As in `cnet.kernels.max_pool2d`.
    padding : default 0
        See the top of the module; it may be larger than the window.
    layout : str, default 'nchw'
        The order of the axes.
    ties : {'first', 'last', 'all', 'share'}, default 'first'
        Which of equal maxima of a window get its gradient: one of them, or all of them. With
        'share', it is divided equally among them.
    pad_value : float, default -inf
        The number in the padding. Other numbers than -inf may be the maximum of a window; then
        nothing gets its gradient.

    Returns
    -------
    y : ndarray
        With axes as in `layout`.
    indices : int32 ndarray
        Positions ``ih * w + iw`` in the plane, of the shape of `y`; -1 if the maximum is in the
        padding. For 'all' and 'share', with another axis after that of columns: one entry for each
        cell of the window, -1 if the cell is not a maximum, and -2 if it is one in the padding.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> x = np.array([[1, 3], [3, 2]])
    >>> y, indices = kernels.max_pool2d(x, 2, ties="share")
    >>> y, indices
    (array([[3.]]), array([[[-1,  1,  2, -1]]], dtype=int32))
    >>> kernels.max_pool2d_backward(np.ones_like(y), indices, x.shape, ties="share")
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    f = "max_pool2d"
    _check_ties(f, ties)
    x = floats(f, "x", x, None)
    plan = _plan(
        f, x.shape, kernel_size, stride, padding, dilation, ceil_mode, layout, pad_value != -np.inf
    )
    form, module, g, border = plan
    cells = _with_border(x, plan, pad_value)
    y, indices = module.max_pool(cells, g)
    if ties == "last":
        indices = _last_maxima(cells, y, g, form)
    elif ties != "first":
        indices = _all_maxima(cells, y, g, form)
    if border is not None:
        indices = _without_border(indices, g.axes[1].size, border)
    of_indices = form
    if ties in ("all", "share"):
        of_indices = form.with_taps()
    elif border is not None:
        indices[indices == BORDER] = NONE
    return form.from_kernels(y), of_indices.from_kernels(indices)


def maxima(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, layout: str,
    pad_value: float = -np.inf,
) -> Array:  # fmt: skip
    """The result of `max_pool2d` without positions."""
    f = "max_pool2d"
    x = floats(f, "x", x, None)
    has_border = pad_value != -np.inf
    plan = _plan(f, x.shape, kernel_size, stride, padding, 1, False, layout, has_border)
    y, _ = plan.module.max_pool(_with_border(x, plan, pad_value), plan.g, False)
    return plan.form.from_kernels(y)


def max_pool2d_backward(
    grad_output: Any, indices: Any, x_shape: Sequence[int], *, layout: str = "nchw",
    ties: str = "first",
) -> Array:  # fmt: skip
    """Gradient of `max_pool2d` with respect to its input.

    Parameters
    ----------
    grad_output : array_like
        Gradient with respect to ``y``, with its axes.
    indices : array_like of int
        From `max_pool2d`.
    x_shape : sequence of int
        The shape of the images.
    layout, ties : str
        The arguments of `max_pool2d`.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not agree, or an index is outside of its plane.
    """
    f = "max_pool2d_backward"
    _check_ties(f, ties)
    grad = floats(f, "grad_output", grad_output, None)
    shape = shape_of(f, "x_shape", x_shape)
    text(f, "layout", layout)
    form, of_indices, module, four = _scatter_plan(f, layout, shape, ties in ("all", "share"))
    same_ndim(f, "grad_output", grad, form.axes)
    positions = _check.integers(f, "indices", np.asarray(indices), None, INT32)
    same_ndim(f, "indices", positions, of_indices.axes)
    grad, positions = form.to_kernels(grad), of_indices.to_kernels(positions)
    if of_indices is not form:
        grad, positions = _of_taps(grad, positions, form.target.index("w"), ties == "share")
    return form.from_kernels(module.max_pool_backward(f, grad, positions, four))


@lru_cache(maxsize=1024)
def _scatter_plan(
    function: str, layout: str, shape: Shape, has_taps: bool
) -> tuple[Layout, Layout, Any, Shape]:
    """The layouts of images and of positions, the module, and the shape as its kernels take it."""
    _check.shape(function, "x_shape", shape, len(shape))
    form, module = _images(function, layout, shape)
    return form, form.with_taps() if has_taps else form, module, form.shape_to_kernels(shape)


def _of_taps(grad: Array, indices: Array, columns: int, is_shared: bool) -> tuple[Array, Array]:
    """A gradient for each entry of `indices`, with the axis of taps as part of that of columns."""
    if is_shared:
        grad = grad / np.maximum((indices != NONE).sum(columns + 1), 1).astype(grad.dtype)
    taps = indices.shape[columns + 1]
    shape = *grad.shape[:columns], grad.shape[columns] * taps, *grad.shape[columns + 1 :]
    indices = np.where(indices == BORDER, NONE, indices)
    return np.repeat(grad, taps, columns), indices.reshape(shape)


def max_pool2d_gradient(
    grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False, *, layout: str = "nchw", ties: str = "first",
    pad_value: float = -np.inf,
) -> Array:  # fmt: skip
    """Gradient of `max_pool2d` with respect to its input, from the images instead of indices.

    For code that does not keep indices, and faster for equal maxima.

    Parameters
    ----------
    grad_output : array_like
        Gradient with respect to ``y``, with its axes.
    x, kernel_size, stride, padding, dilation, ceil_mode, layout, ties, pad_value
        The arguments of `max_pool2d`.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> kernels.max_pool2d_gradient([[8]], [[1, 3], [3, 2]], 2, ties="all")
    array([[0., 8.],
           [8., 0.]])
    """
    f = "max_pool2d_gradient"
    _check_ties(f, ties)
    grad, x = same_floats(f, ("grad_output", "x"), (grad_output, x))
    plan = _plan(
        f, x.shape, kernel_size, stride, padding, dilation, ceil_mode, layout, pad_value != -np.inf
    )
    form, module, g, border = plan
    cells = _with_border(x, plan, pad_value)
    same_ndim(f, "grad_output", grad, form.axes)
    grad = form.to_kernels(grad)
    y, indices = module.max_pool(cells, g, ties == "first")
    same_shape(f, "grad_output", grad.shape, "that of the result", y.shape)
    if ties == "first":
        dx = module.max_pool_backward(f, grad, indices, cells.shape)
    else:
        dx = _spread(module, grad, cells, y, g, ties)
    return form.from_kernels(dx if border is None else dx[_inner(plan)].copy())


def _spread(module: Any, grad: Array, x: Array, y: Array, g: geometry.Window, ties: str) -> Array:
    """The gradient for equal maxima; planes of channels first are images with one channel."""
    if module is channels_last:
        return channels_last.max_pool_ties_backward(grad, x, y, g, ties)
    planes = geometry.Window(g.n * g.c, 1, g.axes)
    grad, cells, maxima = (a.reshape(-1, *a.shape[2:], 1) for a in (grad, x, y))
    dx = channels_last.max_pool_ties_backward(grad, cells, maxima, planes, ties)
    return dx.reshape(x.shape)


# ---- Average -------------------------------------------------------------------------------------


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, layout: str = "nchw",
) -> Array:  # fmt: skip
    """The mean of each window.

    Parameters
    ----------
    x : array_like
        Images, with axes as in `layout`.
    kernel_size, stride, ceil_mode, count_include_pad, divisor_override
        As in `cnet.kernels.avg_pool2d`.
    padding : default 0
        Zeros around the images. See the top of the module; it may be larger than the window.
    layout : str, default 'nchw'
        The order of the axes.

    Returns
    -------
    ndarray
        With axes as in `layout`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin import kernels
    >>> kernels.avg_pool2d(np.arange(4).reshape(2, 2), 2)
    array([[1.5]])
    """
    f = "avg_pool2d"
    x = floats(f, "x", x, None)
    form, module, g, _ = _plan(f, x.shape, kernel_size, stride, padding, 1, ceil_mode, layout)
    divisor = checked_divisor(f, divisor_override)
    return form.from_kernels(module.avg_pool(form.to_kernels(x), g, count_include_pad, divisor))


def avg_pool2d_backward(
    grad_output: Any, x_shape: Sequence[int], kernel_size: Any, stride: Any = None,
    padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None, *, layout: str = "nchw",
) -> Array:  # fmt: skip
    """The gradient of `avg_pool2d`, in the shape `x_shape`; the other arguments are the same."""
    f = "avg_pool2d_backward"
    grad = floats(f, "grad_output", grad_output, None)
    shape = shape_of(f, "x_shape", x_shape)
    form, module, g, _ = _plan(f, shape, kernel_size, stride, padding, 1, ceil_mode, layout)
    divisor = checked_divisor(f, divisor_override)
    same_ndim(f, "grad_output", grad, form.axes)
    four = form.to_kernels(grad)
    n, c, *size = g.y_shape
    expected = (n, *size, c) if form.target == CHANNELS_LAST else g.y_shape
    same_shape(f, "grad_output", four.shape, "that of the result", expected)
    return form.from_kernels(module.avg_pool_backward(four, g, count_include_pad, divisor))
