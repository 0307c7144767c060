"""Pooling of images in any layout, with any padding, and with rules for equal maxima."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import geometry, kernels
from ..arrays import INT32, Array
from ..kernels import channels_last, pooling
from ..kernels.pooling import checked_divisor
from ._arrays import ends, float_dtype, floats, pair, same_ndim, same_shape, shape_of
from ._layouts import CHANNELS_LAST, IMAGES, Layout, images

TIES = ("first", "last", "all", "share")
NONE, BORDER = -1, -2
"""Instead of a position: no maximum, and a maximum in the padding."""


def _images(function: str, layout: object, ndim: int) -> tuple[Layout, Any]:
    """The layout of images, as the kernels for it take them, and the module of these kernels."""
    given = images(function, layout, ndim)
    if given.full == CHANNELS_LAST and "c" in given.axes:
        return given._replace(target=CHANNELS_LAST), channels_last
    return given, pooling


def _geometry(
    function: str, layout: Layout, shape: Sequence[int], window: Any, stride: Any, padding: Any,
    dilation: Any, ceil_mode: bool,
) -> geometry.Window:  # fmt: skip
    sizes = layout._replace(target=IMAGES).shape_to_kernels(tuple(shape))
    return geometry.pool(
        function, sizes, window, stride, padding, dilation, ceil_mode, any_padding=True
    )


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


def _all_maxima(x: Array, y: Array, g: geometry.Window, layout: Layout) -> Array:
    """The positions of the taps that equal the maximum, on an axis after that of columns; else -1.

    Where the maximum is NaN, those of all NaN.
    """
    vertical, horizontal = g.axes
    after = layout.target.index("w") + 1
    shape = *y.shape[:after], vertical.kernel * horizontal.kernel, *y.shape[after:]
    indices = np.full(shape, NONE, INT32)
    places = np.arange(vertical.size * horizontal.size, dtype=INT32)
    places = places.reshape(
        [{"h": vertical.size, "w": horizontal.size}.get(letter, 1) for letter in layout.target]
    )
    for i in range(vertical.kernel):
        for j in range(horizontal.kernel):
            (rows, rows_of_x), (columns, columns_of_x) = vertical.cells(i), horizontal.cells(j)
            outputs = _along(layout, rows, columns)
            cells = _along(layout, rows_of_x, columns_of_x)
            values, maxima = x[cells], y[outputs]
            is_max = values == maxima
            if np.isnan(maxima).any():
                is_max |= np.isnan(values)
            tap = np.moveaxis(indices, after, 0)[i * horizontal.kernel + j]
            np.copyto(tap[outputs], places[cells], where=is_max)
    return indices


def _padded(x: Array, layout: Layout, padding: Any, value: Any) -> tuple[Array, tuple[int, int]]:
    """Images with a border of `value`, and the number of rows and columns before the images."""
    begins, ends_ = zip(*padding, strict=True)
    widths = {"h": (begins[0], ends_[0]), "w": (begins[1], ends_[1])}
    pads = [widths.get(letter, (0, 0)) for letter in layout.axes]
    return np.pad(x, pads, constant_values=value), begins


def _without_border(indices: Array, width: int, begins: tuple[int, int], size: Any) -> Array:
    """Positions in the images from those in padded images with this width; `BORDER` if outside."""
    rows, columns = np.divmod(indices, width)
    rows -= begins[0]
    columns -= begins[1]
    is_outside = (rows < 0) | (rows >= size[0]) | (columns < 0) | (columns >= size[1])
    positions = np.where(is_outside, BORDER, rows * size[1] + columns)
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
    x = floats(f, "x", x, float_dtype(x))
    form, module = _images(f, layout, x.ndim)
    window = pair(f, "kernel_size", kernel_size)
    pads = ends(f, padding, window, dilation)
    begins = None
    if pad_value != -np.inf:
        size = _geometry(f, form, x.shape, window, stride, pads, dilation, ceil_mode).axes
        x, begins = _padded(x, form, [(axis.begin, axis.end) for axis in size], pad_value)
        pads = 0
    g = _geometry(f, form, x.shape, window, stride, pads, dilation, ceil_mode)
    cells = form.to_kernels(x)
    y, indices = module.max_pool(cells, g)
    if ties != "first":
        indices = _all_maxima(cells, y, g, form)
    if ties == "last":
        indices = indices.max(form.target.index("w") + 1)
    if begins is not None:
        sizes = size[0].size, size[1].size
        indices = _without_border(indices, g.axes[1].size, begins, sizes)
    of_indices = form
    if ties in ("all", "share"):
        of_indices = form.with_taps()
    elif begins is not None:
        indices[indices == BORDER] = NONE
    return form.from_kernels(y), of_indices.from_kernels(indices)


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
    grad = floats(f, "grad_output", grad_output, float_dtype(grad_output))
    shape = shape_of(f, "x_shape", x_shape)
    form, module = _images(f, layout, len(shape))
    same_ndim(f, "grad_output", grad, form.axes)
    positions = np.asarray(indices)
    of_indices = form.with_taps() if ties in ("all", "share") else form
    same_ndim(f, "indices", positions, of_indices.axes)
    grad, positions = form.to_kernels(grad), of_indices.to_kernels(positions)
    if of_indices is not form:
        grad, positions = _of_taps(grad, positions, form.target.index("w"), ties == "share")
    scatter = (
        kernels.max_pool2d_nhwc_backward if module is channels_last
        else kernels.max_pool2d_backward
    )  # fmt: skip
    return form.from_kernels(scatter(grad, positions, form.shape_to_kernels(shape)))


def _of_taps(grad: Array, indices: Array, columns: int, is_shared: bool) -> tuple[Array, Array]:
    """A gradient for each entry of `indices`, with the axis of taps as part of that of columns."""
    if is_shared:
        grad = grad / np.maximum((indices != NONE).sum(columns + 1), 1).astype(grad.dtype)
    taps = indices.shape[columns + 1]
    shape = *grad.shape[:columns], grad.shape[columns] * taps, *grad.shape[columns + 1 :]
    indices = np.where(indices == BORDER, NONE, indices)
    return np.repeat(grad, taps, columns), indices.reshape(shape)


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
    x = floats(f, "x", x, float_dtype(x))
    form, module = _images(f, layout, x.ndim)
    divisor = checked_divisor(f, divisor_override)
    window = pair(f, "kernel_size", kernel_size)
    g = _geometry(f, form, x.shape, window, stride, ends(f, padding, window), 1, ceil_mode)
    return form.from_kernels(module.avg_pool(form.to_kernels(x), g, count_include_pad, divisor))


def avg_pool2d_backward(
    grad_output: Any, x_shape: Sequence[int], kernel_size: Any, stride: Any = None,
    padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None, *, layout: str = "nchw",
) -> Array:  # fmt: skip
    """The gradient of `avg_pool2d`, in the shape `x_shape`; the other arguments are the same."""
    f = "avg_pool2d_backward"
    grad = floats(f, "grad_output", grad_output, float_dtype(grad_output))
    shape = shape_of(f, "x_shape", x_shape)
    form, module = _images(f, layout, len(shape))
    divisor = checked_divisor(f, divisor_override)
    window = pair(f, "kernel_size", kernel_size)
    g = _geometry(f, form, shape, window, stride, ends(f, padding, window), 1, ceil_mode)
    same_ndim(f, "grad_output", grad, form.axes)
    four = form.to_kernels(grad)
    expected = tuple(dict(zip(IMAGES, g.y_shape, strict=True))[letter] for letter in form.target)
    same_shape(f, "grad_output", four.shape, "that of the result", expected)
    return form.from_kernels(module.avg_pool_backward(four, g, count_include_pad, divisor))
