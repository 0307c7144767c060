"""Max pooling and average pooling.

The functions at the end take checked arrays and a window with one to three axes.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .. import _check, geometry
from ..arrays import INT32, Array, Shape, Size
from . import _memory
from ._dispatch import call


def max_pool2d(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """The maximum of every window, and its position.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step of the window; the size of the window by default.
    padding : int or (int, int), default 0
        Cells of minus infinity around the image, at most half of the window.
    dilation : int or (int, int), default 1
        Distance between the cells of a window.
    ceil_mode : bool, default False
        Whether to include a last window that is only partly inside the padded image. The window
        must start in the image or in the padding before it.

    Returns
    -------
    y : ndarray, shape (n, c, oh, ow)
    indices : int32 ndarray, shape (n, c, oh, ow)
        Position ``ih * w + iw`` in the plane. The first of equal cells is taken. NaN counts as
        larger than all numbers, and the last NaN of a window is taken. A window without a cell of
        the image has -1 here, and -inf in `y`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or the result has no window.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, indices = kernels.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> y[0, 0], indices[0, 0]
    (array([[ 5.,  7.],
           [13., 15.]]), array([[ 5,  7],
           [13, 15]], dtype=int32))
    """
    x = _check.array("max_pool2d", "x", x, 4)
    g = geometry.pool("max_pool2d", x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return max_pool(x, g)


def max_pool2d_backward(grad_output: Array, indices: Array, x_shape: Sequence[int]) -> Array:
    """Gradient of `max_pool2d` with respect to its input.

    Each gradient is added to the cell that was the maximum of its window.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow)
        Gradient with respect to ``y``.
    indices : integer ndarray, shape (n, c, oh, ow)
        From `max_pool2d`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not agree, or an index is outside its plane.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.max_pool2d_backward(np.ones((1, 1, 1, 2)), np.array([[[[0, 3]]]]), (1, 1, 2, 2))
    array([[[[1., 0.],
             [0., 1.]]]])
    """
    f = "max_pool2d_backward"
    grad_output = _check.array(f, "grad_output", grad_output, 4)
    indices = _check.integers(f, "indices", indices, 4, INT32)
    shape = _check.shape(f, "x_shape", x_shape)
    return max_pool_backward(f, grad_output, indices, shape)


def max_pool_windows(x: Array, bounds: Array, outputs: Sequence[int]) -> tuple[Array, Array]:
    """The maximum of each of a given number of windows along each axis, and its position.

    Parameters
    ----------
    x : ndarray, shape (n, c, l), (n, c, h, w) or (n, c, d, h, w)
        Sequences, images or volumes, float32 or float64.
    bounds : integer ndarray, shape (windows, 2) or (n, c, windows, 2)
        For each window along the first spatial axis, then the next ones, its first cell and the
        cell after its last; the same for all channels, or for each.
    outputs : sequence of int
        The number of windows along each spatial axis.

    Returns
    -------
    y : ndarray, shape (n, c, *outputs)
    indices : int32 ndarray, shape (n, c, *outputs)
        Row-major positions in a channel. Ties and NaN as in `max_pool2d`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or dtype, or a window is empty or not in the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[1.0, 5.0, 2.0, 4.0, 3.0]]])
    >>> kernels.max_pool_windows(x, np.array([[0, 3], [2, 5]]), (2,))
    (array([[[5., 4.]]]), array([[[1, 3]]], dtype=int32))
    """
    f = "max_pool_windows"
    x, bounds = _check.array(f, "x", x), _check.integers(f, "bounds", bounds, None, INT32)
    axes = x.ndim - 2
    if axes not in (1, 2, 3):
        raise ValueError(f"{f}: x must have 3, 4 or 5 dimensions (got {x.ndim}, shape {x.shape})")
    outputs = geometry.per_axis(f, "outputs", outputs, axes, 0)
    return max_windows(x, volume_bounds(f, x.shape, bounds, outputs), outputs)


def avg_pool2d(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """The mean of every window.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size, stride, padding, ceil_mode
        As in `max_pool2d`, but padded with zeros.
    count_include_pad : bool, default True
        Whether the mean includes the padding.
    divisor_override : int, optional
        Divisor of the sum of a window, instead of the size of the window.

    Returns
    -------
    ndarray, shape (n, c, oh, ow)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    x = _check.array("avg_pool2d", "x", x, 4)
    divisor = checked_divisor("avg_pool2d", divisor_override)
    g = geometry.pool("avg_pool2d", x.shape, kernel_size, stride, padding, 1, ceil_mode)
    return avg_pool(x, g, count_include_pad, divisor)


def avg_pool2d_backward(
    grad_output: Array, x_shape: Sequence[int], kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """Gradient of `avg_pool2d` with respect to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow)
        Gradient with respect to the result.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        The arguments of `avg_pool2d`.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.avg_pool2d_backward(np.ones((1, 1, 1, 1)), (1, 1, 2, 2), 2)[0, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    f = "avg_pool2d_backward"
    grad_output = _check.array(f, "grad_output", grad_output, 4)
    shape = _check.shape(f, "x_shape", x_shape)
    divisor = checked_divisor(f, divisor_override)
    g = geometry.pool(f, shape, kernel_size, stride, padding, 1, ceil_mode)
    _check.same_shape(f, "grad_output", grad_output.shape, "(n, c, oh, ow)", g.y_shape)
    return avg_pool_backward(grad_output, g, count_include_pad, divisor)


def checked_divisor(f: str, divisor_override: int | None) -> int:
    """The divisor for the kernels: 0 means the size of each window."""
    if divisor_override is None:
        return 0
    _check.int64(f, "divisor_override", divisor_override)
    if divisor_override == 0:
        raise ValueError(f"{f}: divisor_override must not be zero")
    return int(divisor_override)


# ---- Checked arguments, any number of axes -------------------------------------------------------


def max_pool(x: Array, g: geometry.Window, indices: bool = True) -> tuple[Array, Any]:
    """`max_pool2d` for any number of axes; indices are row-major positions in an image, or None."""
    if len(g.axes) < 3:
        return _max_pool2d(x, g, indices)
    if not indices:
        for stage in g.stages:
            x, _ = _max_pool2d(x.reshape(stage.x_shape), stage, False)
        return x.reshape(g.y_shape), None
    return _max_pool_with_indices(x, g)


def _max_pool_with_indices(x: Array, g: geometry.Window) -> tuple[Array, Array]:
    planes, across = g.stages
    y, indices = _max_pool2d(x.reshape(planes.x_shape), planes)
    inside = indices.reshape(across.n, across.c, prod(across.x_shape[2:]))
    y, chosen = _max_pool2d(y.reshape(across.x_shape), across)
    chosen = chosen.reshape(across.n, across.c, prod(across.output))
    below = np.take_along_axis(inside, np.maximum(chosen, 0), -1)
    below += chosen // across.axes[1].size * np.int32(prod(planes.x_shape[2:]))
    indices = np.where(chosen < 0, chosen, below)
    return y.reshape(g.y_shape), indices.reshape(g.y_shape)


def _max_pool2d(x: Array, g: geometry.Window, wanted: bool = True) -> tuple[Array, Any]:
    y = _memory.empty(g.y_shape, x.dtype)
    indices = _memory.empty(g.y_shape, INT32) if wanted else None
    call("max_pool2d", x, y, indices, g.sizes2d)
    return y, indices


def max_windows(x: Array, bounds: Array, outputs: Shape) -> tuple[Array, Array]:
    """`max_pool_windows` for checked arrays and `volume_bounds`."""
    g, shape = _windows(x.shape, outputs)
    y, indices = _memory.empty(shape, x.dtype), _memory.empty(shape, INT32)
    call("max_pool_windows", x, bounds, y, indices, g, bounds.ndim == 2)
    return y, indices


def volume_bounds(f: str, x_shape: Shape, bounds: Array, outputs: Shape) -> Array:
    """Check the bounds of windows, and return those of windows in a volume.

    An axis that is missing has one window, of one cell.
    """
    shared = bounds.ndim == 2
    expected = (sum(outputs), 2) if shared else (*x_shape[:2], sum(outputs), 2)
    _check.same_shape(f, "bounds", bounds.shape, "that of the windows", expected)
    first = 0
    for size, count in zip(x_shape[2:], outputs, strict=True):
        windows = bounds[..., first : first + count, :]
        begin, end = windows[..., 0], windows[..., 1]
        if windows.size and not (begin.min() >= 0 and end.max() <= size and (begin < end).all()):
            raise ValueError(
                f"{f}: bounds must be those of windows in the input, which are not empty "
                f"(got {begin.tolist()} to {end.tolist()} and {size} cells)"
            )
        first += count
    missing = 3 - len(outputs)
    if not missing:
        return bounds
    whole = np.empty((*bounds.shape[:-2], missing, 2), INT32)
    whole[:] = 0, 1
    return np.concatenate([whole, bounds], -2)


@lru_cache(maxsize=1024)
def _windows(x_shape: Shape, outputs: Shape) -> tuple[Shape, Shape]:
    """The fields of ``cnet_windows``, and the shape of the result."""
    f, shape = "max_pool_windows", (*x_shape[:2], *outputs)
    geometry.check_plane(f, "x", x_shape[2:])
    geometry.check_size(f, "y", shape)
    missing = (1,) * (3 - len(outputs))
    return (*x_shape[:2], *missing, *x_shape[2:], *missing, *outputs), shape


def max_pool_backward(f: str, grad_output: Array, indices: Array, shape: Shape) -> Array:
    """`max_pool2d_backward`, which checks the shapes of checked arrays."""
    _check.same_shape(f, "indices", indices.shape, "grad_output.shape", grad_output.shape)
    _check.same_shape(f, "grad_output", grad_output.shape[:2], "x_shape[:2]", shape[:2])
    g = geometry.scatter(f, shape, grad_output.shape)
    dx = _memory.empty(shape, grad_output.dtype)
    if call("max_pool2d_backward", grad_output, indices, dx, g.sizes2d):
        plane = shape[2] * shape[3]
        bad = indices[(indices < -1) | (indices >= plane)]
        raise ValueError(
            f"{f}: indices must be at least -1 and less than x_shape[2] * x_shape[3] "
            f"(got {bad[0]} and {plane})"
        )
    return dx


def avg_pool(x: Array, g: geometry.Window, count_include_pad: bool, divisor: int) -> Array:
    """`avg_pool2d` for any number of axes; `divisor` is 0 or `divisor_override`."""
    if len(g.axes) < 3:
        return _avg_pool2d(x, g, count_include_pad, divisor)
    for stage, number in zip(g.mean_stages, _divisors(divisor), strict=True):
        x = _avg_pool2d(x.reshape(stage.x_shape), stage, count_include_pad, number)
    return x.reshape(g.y_shape)


def _avg_pool2d(x: Array, g: geometry.Window, count_include_pad: bool, divisor: int) -> Array:
    y = _memory.empty(g.y_shape, x.dtype)
    call("avg_pool2d", x, y, g.sizes2d, bool(count_include_pad), divisor)
    return y


def avg_pool_backward(
    grad_output: Array, g: geometry.Window, count_include_pad: bool, divisor: int
) -> Array:
    """The gradient of `avg_pool` with respect to x."""
    if len(g.axes) < 3:
        return _avg_pool2d_backward(grad_output, g, count_include_pad, divisor)
    for stage, number in zip(g.mean_stages[::-1], _divisors(divisor)[::-1], strict=True):
        grad_output = grad_output.reshape(stage.y_shape)
        grad_output = _avg_pool2d_backward(grad_output, stage, count_include_pad, number)
    return grad_output.reshape(g.x_shape)


def _avg_pool2d_backward(
    grad_output: Array, g: geometry.Window, count_include_pad: bool, divisor: int
) -> Array:
    dx = _memory.empty(g.x_shape, grad_output.dtype)
    call("avg_pool2d_backward", grad_output, dx, g.sizes2d, bool(count_include_pad), divisor)
    return dx


def _divisors(divisor: int) -> tuple[int, int]:
    """The divisor of each stage."""
    return divisor, int(divisor != 0)
