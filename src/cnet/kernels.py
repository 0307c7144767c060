"""The compiled kernels as functions of NumPy arrays.

Each checks its arguments, allocates its result and calls C; `cnet.reference` holds the same
functions in plain NumPy, and `cnet.use_isa("reference")` runs those instead. Arrays are float32 or
float64, of any layout (other layouts than C-contiguous cost a copy), and never modified unless a
docstring says so; results are new, C-contiguous arrays. Letters as in `cnet.geometry`.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from . import _check, _core, geometry, reference, runtime
from ._check import Array
from .geometry import Padding, Shape, Size2d

P = ParamSpec("P")
R = TypeVar("R")


def _kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Calls its namesake in `reference` while that is the chosen implementation."""
    oracle: Callable[P, R] = getattr(reference, function.__name__)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if runtime.reference_is_active():
            return oracle(*args, **kwargs)
        return function(*args, **kwargs)

    return call


CACHED_BYTES = 1 << 16
FORWARD, DX, DW = range(3)  # cnet_pass in cnet.h
_ALGORITHM_NAMES = {number: name for name, number in _core.algorithms.items()}


def _empty(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Every result of a kernel comes from here: large ones from memory that is used again."""
    if prod(shape) * dtype.itemsize < CACHED_BYTES or len(shape) > 8:
        return np.empty(shape, dtype)
    return _core.empty(shape, dtype.num, dtype.itemsize)


def _algorithm(
    function: str, name: str, g: geometry.Conv2d, passes: Sequence[int], dtype: np.dtype[Any]
) -> int:
    """The number of an algorithm, once it is certain that it can do these passes."""
    if name == "auto" and runtime.exact_is_on():
        name = "exact"
    algorithm = _core.algorithms[name]
    if name in ("auto", "exact"):
        return algorithm
    for direction in passes:
        if not _core.conv2d_suits(g, direction, algorithm, dtype.num):
            raise _check.unsuitable(function, name, g)
    return algorithm


@_kernel
def im2col(
    x: Array, kernel_size: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1
) -> Array:
    """Unfold images into columns: one column for every position of a sliding window.

    ``cols[n, (c, i, j), (y, x)] = x[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]``, and 0 where that
    lies outside of the image.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride, dilation : int or (int, int), default 1
        Steps of the window, and distance of its taps.
    padding : int, (int, int), 'valid' or 'same', default 0
        Zeros around the image.

    Returns
    -------
    ndarray, shape (n, c*kh*kw, oh*ow)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2)[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    x, window = _check.im2col(x, kernel_size, stride, padding, dilation)
    cols = _empty(window.cols_shape, x.dtype)
    _core.im2col(x, cols, window)
    return cols


@_kernel
def col2im(
    cols: Array, x_shape: Sequence[int], kernel_size: Size2d, stride: Size2d = 1,
    padding: Padding = 0, dilation: Size2d = 1,
) -> Array:  # fmt: skip
    """Fold columns back into images, adding where windows overlap: the adjoint of `im2col`.

    Parameters
    ----------
    cols : ndarray, shape (n, c*kh*kw, oh*ow)
        Columns, float32 or float64.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the images.
    kernel_size, stride, padding, dilation
        As in `im2col`.

    Returns
    -------
    ndarray, shape `x_shape`
        The terms of a cell are added in the order of (i, j).

    Raises
    ------
    TypeError, ValueError
        As `im2col`, and if `cols` does not have the shape that follows from the other arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.col2im(np.ones((1, 4, 4)), (1, 1, 3, 3), 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    cols, window = _check.col2im(cols, x_shape, kernel_size, stride, padding, dilation)
    x = _empty(window.x_shape, cols.dtype)
    _core.col2im(cols, x, window)
    return x


@_kernel
def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, algorithm: str = "auto",
) -> Array:  # fmt: skip
    """Convolve images with filters (cross-correlation, as every CNN library does).

    ``y[n, o, y, x] = bias[o] + sum over c, i, j of
    weight[o, c, i, j] * x[n, c0(o) + c, y*sh + i*dh - ph, x*sw + j*dw - pw]``, where c0(o) is the
    first channel of the group of o and x is 0 outside of the image.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    weight : ndarray, shape (o, c / groups, kh, kw)
        Filters, of the same dtype.
    bias : ndarray, shape (o,), optional
        Added to each output channel.
    stride, dilation : int or (int, int), default 1
        Steps of the filter, and distance of its taps.
    padding : int, (int, int), 'valid' or 'same', default 0
        Zeros around the image; 'same' keeps its size and needs stride 1.
    groups : int, default 1
        Parts of the channels that are convolved apart; must divide c and o.
    algorithm : str, default 'auto'
        'auto' takes the fastest for the sizes. 'winograd' (3x3 and 5x5 kernels with stride 1)
        multiplies less and rounds more: its largest error is some ten times that of the others,
        about 1e-6 of the largest output in float32. It computes tiles of 4x4 or 2x2 outputs
        together, so an infinity or NaN spreads over every tile that sees it. 'exact' takes the
        fastest of the others, also wherever `cnet.use_exact` holds. These can be asked for by name:
        'depthwise' (groups of one channel, at most 8 filters for each, strides up to 8),
        'pointwise' (1x1 kernels without padding), 'direct', 'fold' (gradients of the input only)
        and 'product', which can compute all.

    Returns
    -------
    ndarray, shape (n, o, oh, ow)
        With oh = (h + 2*ph - dh*(kh - 1) - 1) // sh + 1, and ow likewise.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, shapes do not fit each other, or an
        algorithm asked for by name cannot compute this convolution.

    References
    ----------
    Lavin and Gray (2016), "Fast algorithms for convolutional neural networks" (Winograd's).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> kernels.conv2d(x, np.ones((1, 1, 2, 2)))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    x, weight, bias, g = _check.conv2d(
        x, weight, bias, stride, padding, dilation, groups, algorithm
    )
    number = _algorithm("conv2d", algorithm, g, (FORWARD,), x.dtype)
    y = _empty(g.y_shape, x.dtype)
    _core.conv2d(x, weight, bias, y, g, number)
    return y


@_kernel
def conv2d_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, needs: tuple[bool, bool, bool] = (True, True, True),
    algorithm: str = "auto",
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d` with respect to its input, weights and bias.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh, ow)
        Gradient with respect to the result of `conv2d`.
    x, weight, stride, padding, dilation, groups
        What `conv2d` was called with.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.
    algorithm : str, default 'auto'
        As in `conv2d`; one that is asked for by name must be able to compute what is needed.
        'fold' computes dx only: row by row for each column of the filter, moved and added.

    Returns
    -------
    dx : ndarray, shape (n, c, h, w), or None
    dw : ndarray, shape (o, c / groups, kh, kw), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w, dy = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    >>> dx, dw, db = kernels.conv2d_backward(dy, x, w, needs=(False, True, True))
    >>> dx is None, dw[0, 0], db
    (True, array([[4., 4.],
           [4., 4.]]), array([4.]))
    """
    grad_output, x, weight, g, needs = _check.conv2d_backward(
        grad_output, x, weight, stride, padding, dilation, groups, needs, algorithm
    )
    passes = [direction for direction, need in ((DX, needs[0]), (DW, needs[1])) if need]
    number = _algorithm("conv2d_backward", algorithm, g, passes, x.dtype)
    shapes = g.x_shape, g.weight_shape, (g.o,)
    dx, dw, db = (
        _empty(shape, x.dtype) if need else None for shape, need in zip(shapes, needs, strict=True)
    )
    _core.conv2d_backward(grad_output, x, weight, dx, dw, db, g, number)
    return dx, dw, db


def conv2d_algorithm(
    x_shape: Sequence[int], weight_shape: Sequence[int], stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, dtype: npt.DTypeLike = np.float32,
) -> str:  # fmt: skip
    """The algorithm that `conv2d` takes by itself for arrays of these shapes.

    Parameters
    ----------
    x_shape, weight_shape : (int, int, int, int)
        Shapes (n, c, h, w) and (o, c / groups, kh, kw).
    stride, padding, dilation, groups
        As in `conv2d`.
    dtype : dtype, default float32
        Of the arrays: float32 or float64.

    Returns
    -------
    str
        'depthwise', 'winograd', 'pointwise', 'direct' or 'product'.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`.

    Examples
    --------
    >>> from cnet import kernels
    >>> kernels.conv2d_algorithm((8, 64, 56, 56), (64, 64, 3, 3), padding=1)
    'winograd'
    """
    shapes = (
        _check.shape4("conv2d_algorithm", "x_shape", x_shape),
        _check.shape4("conv2d_algorithm", "weight_shape", weight_shape),
    )
    g = geometry.conv2d("conv2d_algorithm", *shapes, stride, padding, dilation, groups)
    return conv2d_choice(g, _check.float_dtype("conv2d_algorithm", "dtype", np.dtype(dtype)))


def conv2d_choice(g: geometry.Conv2d, dtype: np.dtype[Any]) -> str:
    """`conv2d_algorithm` for a geometry that has been checked already."""
    wanted = _core.algorithms["exact" if runtime.exact_is_on() else "auto"]
    return _ALGORITHM_NAMES[_core.conv2d_choice(g, FORWARD, wanted, dtype.num)]


@_kernel
def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """``max_pool2d(relu(conv2d(x, weight, bias, ...)), 2)``, without the arrays in between.

    Values are those of the three functions one after the other, with the algorithm 'direct', bit
    for bit.

    Parameters
    ----------
    x, weight, bias, stride, padding, dilation, groups
        As in `conv2d`; its result must have at least two rows and columns.

    Returns
    -------
    y : ndarray, shape (n, o, oh // 2, ow // 2)
    codes : uint8 ndarray, shape (n, o, oh // 2, ow // 2)
        Where the maximum was in its 2 x 2 cells: ``2 * row + column``, or 4 where `y` is 0.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, with the algorithm 'direct', and `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> y, codes = kernels.conv2d_relu_pool(x, np.ones((1, 1, 1, 1)))
    >>> y[0, 0], codes[0, 0]
    (array([[ 5.,  7.],
           [13., 15.]]), array([[3, 3],
           [3, 3]], dtype=uint8))
    """
    x, weight, bias, g, window = _check.conv2d_relu_pool(
        x, weight, bias, stride, padding, dilation, groups
    )
    y, codes = _empty(window.y_shape, x.dtype), _empty(window.y_shape, _check.UINT8)
    if y.size:
        if x.size:
            _algorithm("conv2d_relu_pool", "direct", g, (FORWARD,), x.dtype)
        _core.conv2d_relu_pool(x, weight, bias, y, codes, g)
    return y, codes


@_kernel
def conv2d_relu_pool_backward(
    grad_output: Array, codes: Array, x: Array, weight: Array, stride: Size2d = 1,
    padding: Padding = 0, dilation: Size2d = 1, groups: int = 1,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv2d_relu_pool` with respect to its input, weights and bias.

    They are those of `conv2d_backward` for the gradient that `relu_pool_backward` gives. For small
    images they are computed without that array, from its at most one number in four that is not
    zero.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh // 2, ow // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `conv2d_relu_pool`.
    x, weight, stride, padding, dilation, groups
        What `conv2d_relu_pool` was called with.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.

    Returns
    -------
    dx : ndarray, shape (n, c, h, w), or None
    dw : ndarray, shape (o, c / groups, kh, kw), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv2d_relu_pool`, and if `grad_output` or `codes` does not have the shape of its
        results.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> y, codes = kernels.conv2d_relu_pool(x, w)
    >>> dx, dw, db = kernels.conv2d_relu_pool_backward(np.ones_like(y), codes, x, w)
    >>> dx[0, 0], dw[0, 0], db
    (array([[0., 0., 0.],
           [0., 1., 1.],
           [0., 1., 1.]]), array([[4., 5.],
           [7., 8.]]), array([1.]))
    """
    grad_output, codes, x, weight, g, needs = _check.conv2d_relu_pool_backward(
        grad_output, codes, x, weight, stride, padding, dilation, groups, needs
    )
    if not _core.conv2d_relu_pool_backward_pays(x, g):
        full = relu_pool_backward(grad_output, codes, g.y_shape)
        return conv2d_backward(full, x, weight, stride, padding, dilation, groups, needs)
    dx = _empty(g.x_shape, x.dtype) if needs[0] else None
    dw = _empty(g.weight_shape, x.dtype) if needs[1] else None
    db = _empty((g.o,), x.dtype) if needs[2] else None
    _core.conv2d_relu_pool_backward(grad_output, codes, x, weight, dx, dw, db, g)
    return dx, dw, db


@_kernel
def relu_pool(x: Array) -> tuple[Array, Array]:
    """``max_pool2d(relu(x), 2)``, without the array in between.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        At least two rows and columns.

    Returns
    -------
    y : ndarray, shape (n, c, h // 2, w // 2)
    codes : uint8 ndarray, shape (n, c, h // 2, w // 2)
        As those of `conv2d_relu_pool`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, codes = kernels.relu_pool(np.array([[[[1.0, 2, -1, -2], [4, 3, -3, 0]]]]))
    >>> y[0, 0], codes[0, 0]
    (array([[4., 0.]]), array([[2, 4]], dtype=uint8))
    """
    x, window = _check.relu_pool(x)
    y, codes = _empty(window.y_shape, x.dtype), _empty(window.y_shape, _check.UINT8)
    _core.relu_pool(x, y, codes, window)
    return y, codes


@_kernel
def relu_pool_backward(grad_output: Array, codes: Array, x_shape: Sequence[int]) -> Array:
    """Gradient with respect to what `relu_pool` pooled, as `conv2d_relu_pool` does within.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, h // 2, w // 2)
        Gradient with respect to ``y``.
    codes : uint8 ndarray, shape of `grad_output`
        From `conv2d_relu_pool`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the convolution's result.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> codes = np.array([[[[3]]]], np.uint8)
    >>> kernels.relu_pool_backward(np.ones((1, 1, 1, 1)), codes, (1, 1, 2, 2))[0, 0]
    array([[0., 0.],
           [0., 1.]])
    """
    grad_output, codes, window = _check.relu_pool_backward(grad_output, codes, x_shape)
    dx = _empty(window.x_shape, grad_output.dtype)
    _core.relu_pool_backward(grad_output, codes, dx, window)
    return dx


@_kernel
def max_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    dilation: Size2d = 1, ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """The largest cell of every window, and where it was.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Steps of the window; the size of the window by default.
    padding : int or (int, int), default 0
        Cells of minus infinity around the image; at most half of the window.
    dilation : int or (int, int), default 1
        Distance of the cells of a window.
    ceil_mode : bool, default False
        Whether a last window that only partly lies in the padded image counts.

    Returns
    -------
    y : ndarray, shape (n, c, oh, ow)
    argmax : int32 ndarray, shape (n, c, oh, ow)
        Position ``ih * w + iw`` in the plane. Of equal cells it is the first; NaN wins over
        numbers, the last NaN of a window over the others. A window that holds no cell of the image
        has -1, and -inf in `y`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, argmax = kernels.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> y[0, 0], argmax[0, 0]
    (array([[ 5.,  7.],
           [13., 15.]]), array([[ 5,  7],
           [13, 15]], dtype=int32))
    """
    x, window = _check.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _empty(window.y_shape, x.dtype)
    argmax = _empty(window.y_shape, _check.INT32)
    _core.max_pool2d(x, y, argmax, window)
    return y, argmax


@_kernel
def max_pool2d_backward(grad_output: Array, argmax: Array, x_shape: Sequence[int]) -> Array:
    """Scatter gradients to the cells that `max_pool2d` took, adding where windows share one.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow)
        Gradient with respect to ``y``.
    argmax : integer ndarray, shape (n, c, oh, ow)
        From `max_pool2d`.
    x_shape : (int, int, int, int)
        Shape (n, c, h, w) of the input.

    Returns
    -------
    ndarray, shape `x_shape`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit, or an index lies outside of its plane.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.max_pool2d_backward(np.ones((1, 1, 1, 2)), np.array([[[[0, 3]]]]), (1, 1, 2, 2))
    array([[[[1., 0.],
             [0., 1.]]]])
    """
    grad_output, argmax, window = _check.max_pool2d_backward(grad_output, argmax, x_shape)
    dx = _empty(window.x_shape, grad_output.dtype)
    if _core.max_pool2d_backward(grad_output, argmax, dx, window):
        raise _check.argmax_range(argmax, window.h * window.w)
    return dx


@_kernel
def avg_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """The mean of every window.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    kernel_size, stride, padding, ceil_mode
        As in `max_pool2d`, but the padding is zeros.
    count_include_pad : bool, default True
        Whether the padding counts in the mean.
    divisor_override : int, optional
        Divide the sum of a window by this instead of by its size.

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
    x, window = _check.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, divisor_override)
    y = _empty(window.y_shape, x.dtype)
    _core.avg_pool2d(x, y, window, count_include_pad, divisor_override or 0)
    return y


@_kernel
def avg_pool2d_backward(
    grad_output: Array, x_shape: Sequence[int], kernel_size: Size2d, stride: Size2d | None = None,
    padding: Size2d = 0, ceil_mode: bool = False, count_include_pad: bool = True,
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
        What `avg_pool2d` was called with.

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
    grad_output, window = _check.avg_pool2d_backward(
        grad_output, x_shape, kernel_size, stride, padding, ceil_mode, divisor_override
    )
    dx = _empty(window.x_shape, grad_output.dtype)
    _core.avg_pool2d_backward(grad_output, dx, window, count_include_pad, divisor_override or 0)
    return dx


@_kernel
def matmul(a: Array, b: Array) -> Array:
    """Matrix product, as `numpy.matmul`, in cnet's own threads.

    Parameters
    ----------
    a : ndarray, shape (..., m, k) or (k,)
    b : ndarray, shape (..., k, n) or (k,)
        Float32 or float64, both the same. Leading dimensions are broadcast. Transposed operands are
        read in place.

    Returns
    -------
    ndarray, shape (..., m, n)
        Without m or n where an operand has one dimension.

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
    a, b = _check.matmul(a, b)
    a2 = a[np.newaxis] if a.ndim == 1 else a
    b2 = b[:, np.newaxis] if b.ndim == 1 else b
    if b2.ndim == 2 and a2.ndim > 2:
        y = _product(_rows(a2), b2).reshape(*a2.shape[:-1], b2.shape[1])
    elif a2.ndim == 2 and b2.ndim == 2:
        y = _product(a2, b2)
    else:
        y = _batched_product(a2, b2)
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


def _rows(x: Array) -> Array:
    """All axes but the last as one. (A -1 would be ambiguous where the last is empty.)"""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _batched_product(a: Array, b: Array) -> Array:
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = _empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    for index in np.ndindex(batch):
        _gemm(a[index], b[index], y[index])
    return y


def _product(a: Array, b: Array, bias: Array | None = None, relu: bool = False) -> Array:
    y = _empty((a.shape[0], b.shape[1]), a.dtype)
    _gemm(a, b, y, bias, relu)
    return y


def _gemm(a: Array, b: Array, y: Array, bias: Array | None = None, relu: bool = False) -> None:
    size, (ar, ac), (br, bc) = a.itemsize, a.strides, b.strides
    if (ar | ac | br | bc) % size:  # of any of them: the size is a power of two
        return _gemm(np.ascontiguousarray(a), np.ascontiguousarray(b), y, bias, relu)
    strides = ar // size, ac // size, br // size, bc // size
    return _core.gemm(a, b, bias, y, (a.shape[0], b.shape[1], a.shape[1], *strides), relu)


@_kernel
def linear(x: Array, weight: Array, bias: Array | None = None, relu: bool = False) -> Array:
    """``x @ weight.T + bias``, and ReLU of it.

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
    x, weight, bias = _check.linear(x, weight, bias)
    y = _product(_rows(x), weight.T, bias, relu)
    return y.reshape(*x.shape[:-1], weight.shape[0])


@_kernel
def relu(x: Array) -> Array:
    """``max(x, 0)``; NaN stays NaN.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError
        If `x` is no array of a float dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    x = _check.array("relu", "x", x)
    y = _empty(x.shape, x.dtype)
    _core.relu(x, y)
    return y


@_kernel
def relu_backward(grad_output: Array, y: Array) -> Array:
    """Gradient of `relu`, from its result: `grad_output` where ``y > 0``, else 0.

    Parameters
    ----------
    grad_output, y : ndarray, the same shape and dtype
        Gradient with respect to the result of `relu`, and that result.

    Returns
    -------
    ndarray, the same shape

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.relu_backward(np.array([3.0, 4.0]), np.array([0.0, 2.0]))
    array([0., 4.])
    """
    grad_output, y = _check.relu_backward(grad_output, y)
    dx = _empty(y.shape, y.dtype)
    _core.relu_backward(grad_output, y, dx)
    return dx


def _runs(x: Array) -> tuple[int, int, int]:
    """(n, c, size): cnet_norm in cnet.h."""
    return x.shape[0], x.shape[1], prod(x.shape[2:])


@_kernel
def batch_norm_stats(x: Array) -> tuple[Array, Array]:
    """Mean and variance of every channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64, with at least one number in every channel.

    Returns
    -------
    mean, var : ndarray, shape (c,)
        Over all axes but the second; the variance is the mean of the squared deviations (ddof 0).

    Raises
    ------
    TypeError, ValueError
        If `x` is no such array.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> mean, var = kernels.batch_norm_stats(np.array([[[1.0, 3.0]], [[5.0, 7.0]]]))
    >>> float(mean[0]), float(var[0])
    (4.0, 5.0)
    """
    x = _check.batch_norm_stats(x)
    mean, var = (_empty(x.shape[1:2], x.dtype) for _ in range(2))
    _core.batch_norm_stats(x, mean, var, _runs(x))
    return mean, var


@_kernel
def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None = None, bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:  # fmt: skip
    """``(x - mean) / sqrt(var + eps) * weight + bias``, channel by channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64.
    mean, var : ndarray, shape (c,)
        Of the same dtype.
    weight, bias : ndarray, shape (c,), optional
        Ones and zeros by default.
    eps : float, default 1e-5
        Keeps the square root away from 0.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[1.0, 3.0]]])
    >>> kernels.batch_norm(x, np.array([2.0]), np.array([4.0]), eps=0.0)
    array([[[-0.5,  0.5]]])
    """
    x, mean, var, weight, bias = _check.batch_norm(x, mean, var, weight, bias, eps)
    y = _empty(x.shape, x.dtype)
    _core.batch_norm(x, mean, var, weight, bias, y, _runs(x), eps)
    return y


@_kernel
def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None = None,
    eps: float = 1e-5, from_batch: bool = True,
    needs: Sequence[bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `batch_norm`.

    With ``s = 1 / sqrt(var + eps)``, ``h = (x - mean) * s`` and sums over a channel of m numbers:
    ``db = sum(dy)``, ``dw = sum(dy * h)`` and ``dx = weight * s * (dy - (db + h * dw) / m)``, or
    ``dx = weight * s * dy`` where the statistics are constants.

    Parameters
    ----------
    grad_output, x : ndarray, shape (n, c, ...)
        Gradient with respect to the result (dy), and the input.
    mean, var, weight, eps
        As given to `batch_norm`.
    from_batch : bool, default True
        Whether `mean` and `var` are those of `x`, so that they vary with it.
    needs : (bool, bool, bool), default all
        Whether the gradients of x, weight and bias are wanted.

    Returns
    -------
    dx : ndarray, shape (n, c, ...), or None
    dw, db : ndarray, shape (c,), or None

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[1.0, 3.0]]])
    >>> dx, dw, db = kernels.batch_norm_backward(np.ones_like(x), x, *kernels.batch_norm_stats(x))
    >>> float(dw[0]), float(db[0])
    (0.0, 2.0)
    """
    grad_output, x, mean, var, weight = _check.batch_norm_backward(
        grad_output, x, mean, var, weight, eps
    )
    shapes = x.shape, mean.shape, mean.shape
    dx, dw, db = (
        _empty(shape, x.dtype) if need else None for shape, need in zip(shapes, needs, strict=True)
    )
    _core.batch_norm_backward(
        grad_output, x, mean, var, weight, dx, dw, db, _runs(x), eps, from_batch
    )
    return dx, dw, db


@_kernel
def cross_entropy(
    logits: Array, target: Array, weight: Array | None = None, label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Array, Array]:  # fmt: skip
    """Softmax cross-entropy of every row.

    ``losses[i] = sum over j of q[i, j] * weight[j] * (lse[i] - logits[i, j])`` with
    ``q[i, j] = (1 - label_smoothing) * [j == target[i]] + label_smoothing / c``.

    Parameters
    ----------
    logits : ndarray, shape (n, c)
        Unnormalised log-probabilities, float32 or float64.
    target : integer ndarray, shape (n,)
        Classes from 0 to c - 1.
    weight : ndarray, shape (c,), optional
        Weights of the classes; ones by default.
    label_smoothing : float, default 0
        Share of the target spread over all classes, from 0 to 1.
    ignore_index : int, default -100
        Target of rows whose loss is 0.

    Returns
    -------
    losses : ndarray, shape (n,)
    lse : ndarray, shape (n,)
        ``log(sum(exp(logits[i])))``, for the backward pass.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or a target is no class.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7
    (label smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> losses, lse = kernels.cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> bool(np.isclose(losses[0], np.log(4)))
    True
    """
    logits, target, weight = _check.cross_entropy(
        "cross_entropy", logits, target, weight, label_smoothing, ignore_index
    )
    losses, lse = _empty(target.shape, logits.dtype), _empty(target.shape, logits.dtype)
    if _core.cross_entropy(logits, target, weight, losses, lse, label_smoothing, ignore_index):
        raise _check.targets("cross_entropy", target, logits.shape[1], ignore_index)
    return losses, lse


@_kernel
def cross_entropy_backward(
    grad_losses: Array, logits: Array, target: Array, lse: Array, weight: Array | None = None,
    label_smoothing: float = 0.0, ignore_index: int = -100,
) -> Array:  # fmt: skip
    """Gradient of `cross_entropy` with respect to the logits.

    Parameters
    ----------
    grad_losses : ndarray, shape (n,)
        Gradient with respect to ``losses``.
    lse : ndarray, shape (n,)
        From `cross_entropy`.
    logits, target, weight, label_smoothing, ignore_index
        What `cross_entropy` was called with.

    Returns
    -------
    ndarray, shape (n, c)

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`, and if `grad_losses` or `lse` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> logits, target = np.zeros((1, 2)), np.array([0])
    >>> losses, lse = kernels.cross_entropy(logits, target)
    >>> kernels.cross_entropy_backward(np.ones(1), logits, target, lse)
    array([[-0.5,  0.5]])
    """
    grad_losses, logits, target, lse, weight = _check.cross_entropy_backward(
        grad_losses, logits, target, lse, weight, label_smoothing, ignore_index
    )
    dlogits = _empty(logits.shape, logits.dtype)
    if _core.cross_entropy_backward(
        grad_losses, logits, target, lse, weight, dlogits, label_smoothing, ignore_index
    ):
        raise _check.targets("cross_entropy_backward", target, logits.shape[1], ignore_index)
    return dlogits


@_kernel
def sgd_step(
    param: Array, grad: Array, momentum_buffer: Array | None = None, *, lr: float,
    momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> None:  # fmt: skip
    """One step of stochastic gradient descent, in place.

    Parameters
    ----------
    param : ndarray, any shape
        Parameters; updated. C-contiguous and writable, float32 or float64.
    grad : ndarray, shape of `param`
        Their gradient.
    momentum_buffer : ndarray, shape of `param`, optional
        Velocity; updated. None for steps without momentum.
    lr, momentum, dampening, weight_decay : float
        ``d = grad + weight_decay * param``,
        ``v = momentum * v + (1 - dampening) * d``, ``param -= lr * v``.
    nesterov : bool, default False
        Step by ``d + momentum * v`` instead of ``v``.
    maximize : bool, default False
        Step against the sign of the gradient.
    first : bool, default False
        Whether this is the first step: then ``v = d``.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or an array cannot be updated in place.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in
    deep learning".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> param = np.array([1.0])
    >>> kernels.sgd_step(param, np.array([2.0]), lr=0.25)
    >>> param
    array([0.5])
    """
    param, grad, momentum_buffer = _check.sgd_step(
        param, grad, momentum_buffer, lr, momentum, dampening, weight_decay
    )
    _core.sgd_step(
        param, grad, momentum_buffer, lr, momentum, dampening, weight_decay, nesterov, maximize,
        first,
    )  # fmt: skip


@_kernel
def adam_step(
    param: Array, grad: Array, exp_avg: Array, exp_avg_sq: Array, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, step: int, maximize: bool = False,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """One step of Adam, in place.

    Parameters
    ----------
    param : ndarray, any shape
        Parameters; updated. C-contiguous and writable, float32 or float64.
    grad : ndarray, shape of `param`
        Their gradient.
    exp_avg, exp_avg_sq : ndarray, shape of `param`
        Running means of the gradient and of its square, zeros at first; updated.
    lr, beta1, beta2, eps, weight_decay : float
        As in the paper; `weight_decay` is added to the gradient as ``weight_decay * param``.
    step : int
        Number of this step, from 1.
    maximize : bool, default False
        Step against the sign of the gradient.
    decoupled : bool, default False
        AdamW: shrink the parameters by ``1 - lr * weight_decay`` instead.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or an array cannot be updated in place.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1; Loshchilov and
    Hutter (2019), "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> param, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> kernels.adam_step(param, np.array([2.0]), m, v, 0.1, 0.9, 0.999, 0.0, 0.0, step=1)
    >>> param
    array([0.9])
    """
    param, grad, exp_avg, exp_avg_sq = _check.adam_step(
        param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, eps, weight_decay, step
    )
    _core.adam_step(
        param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, eps, weight_decay, step, maximize,
        decoupled,
    )  # fmt: skip
