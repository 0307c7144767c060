"""The fast layers of Stanford's CS231n, assignment 2: ``fast_layers`` and ``im2col``.

``from cnet.dropin.cs231n import conv_forward_fast, conv_backward_fast, ...``. Results have the
dtype of the input, float32 or float64; integers become float64. A layer is a pair of functions. The
`cache` that the first passes to the second has the same entries as in the assignment; ``x_cols``,
which is large and rarely used, is computed on access.

The variants of a function (``_fast``, ``_im2col``, ``_strides``, ``_reshape``) compute the same
values. They differ in their caches and, for max pooling, in the gradient of equal maxima:
``_reshape`` divides it equally among them, ``_im2col`` gives it to the first. ``_fast`` is
``_reshape`` where windows are squares that tile the images, else ``_im2col``.

Differences from the code of the assignment: if a stride does not divide the size evenly, the
remaining rows and columns are ignored and no error is raised; `im2col_cython` is correct for
windows that are not square.

Reference: Stanford University, CS231n "Convolutional neural networks for visual recognition".
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explain_module
from ..arrays import Array
from ._arrays import entries, floats, has_ndim, same_floats, same_shape, shape_of

# ---- im2col and col2im -----------------------------------------------------------------------


def im2col_indices(
    x: Any, field_height: int, field_width: int, padding: int = 1, stride: int = 1
) -> Array:
    """Unfold images: columns are window positions (y, x, n), rows the window's cells (c, i, j).

    Parameters
    ----------
    x : array_like, shape (n, c, h, w)
    field_height, field_width : int
        The window.
    padding, stride : int, default 1

    Returns
    -------
    ndarray, shape (c * field_height * field_width, oh * ow * n)

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.cs231n import im2col_indices
    >>> im2col_indices(np.arange(9.0).reshape(1, 1, 3, 3), 2, 2, padding=0)[0]
    array([0., 1., 3., 4.])
    """
    images = floats("im2col_indices", "x", x, None, 4)
    cols = kernels.im2col(images, (field_height, field_width), stride, padding)
    return np.ascontiguousarray(cols.transpose(1, 2, 0)).reshape(cols.shape[1], -1)


def col2im_indices(
    cols: Any,
    x_shape: Sequence[int],
    field_height: int = 3,
    field_width: int = 3,
    padding: int = 1,
    stride: int = 1,
) -> Array:
    """Fold the columns of `im2col_indices` back into images; overlapping values are added.

    Parameters
    ----------
    cols : array_like, shape (c * field_height * field_width, oh * ow * n)
    x_shape : (int, int, int, int)
        (n, c, h, w).
    field_height, field_width : int, default 3
    padding, stride : int, default 1

    Returns
    -------
    ndarray, shape `x_shape`
    """
    x_shape = shape_of("col2im_indices", "x_shape", x_shape)
    values = floats("col2im_indices", "cols", cols, None, 2)
    values = values.reshape(len(values), -1, x_shape[0]).transpose(2, 0, 1)
    return kernels.col2im(values, x_shape, (field_height, field_width), stride, padding)


def im2col_cython(x: Any, field_height: int, field_width: int, padding: int, stride: int) -> Array:
    """The same as `im2col_indices`."""
    return im2col_indices(x, field_height, field_width, padding, stride)


def col2im_cython(
    cols: Any,
    N: int,
    C: int,
    H: int,
    W: int,
    field_height: int,
    field_width: int,
    padding: int,
    stride: int,
) -> Array:
    """The same as `col2im_indices`."""
    return col2im_indices(cols, (N, C, H, W), field_height, field_width, padding, stride)


def col2im_6d_cython(
    cols: Any, N: int, C: int, H: int, W: int, HH: int, WW: int, pad: int, stride: int
) -> Array:
    """Fold columns of shape (C, HH, WW, N, oh, ow) back into images (N, C, H, W)."""
    values = floats("col2im_6d_cython", "cols", cols, None, 6)
    c, hh, ww, n, oh, ow = values.shape
    same_shape("col2im_6d_cython", "cols[:4]", values.shape[:4], "(C, HH, WW, N)", (C, HH, WW, N))
    values = values.transpose(3, 0, 1, 2, 4, 5).reshape(n, c * hh * ww, oh * ow)
    return kernels.col2im(values, (N, C, H, W), (HH, WW), stride, pad)


# ---- Layers ----------------------------------------------------------------------------------


class _Cache(Sequence[Any]):
    """A tuple in which some entries are computed on access."""

    def __init__(self, *entries: Any, argmax: Array | None = None) -> None:
        self._entries = entries
        self.argmax = argmax

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        entry = self._entries[index]
        return entry() if isinstance(entry, partial) else entry


STRIDE_AND_PAD = itemgetter("stride", "pad")
WINDOW_AND_STRIDE = itemgetter("pool_height", "pool_width", "stride")


def _cols_by_image(x: Array, window: tuple[int, int], stride: int, pad: int) -> Array:
    """Columns in the order (n, y, x)."""
    cols = kernels.im2col(x, window, stride, pad)
    return np.ascontiguousarray(cols.swapaxes(0, 1)).reshape(cols.shape[1], -1)


def _conv_forward(
    function: str, cols_of: Callable[..., Array], x: Any, w: Any, b: Any, conv_param: Any
) -> tuple[Array, _Cache]:
    stride, pad = entries(function, "conv_param", conv_param, STRIDE_AND_PAD)
    names, arrays = ("x", "w", "b"), (x, w, np.asarray(b))
    images, filters, bias = same_floats(function, names, arrays)
    has_ndim(function, "x", images, 4)
    has_ndim(function, "w", filters, 4)
    out = kernels.conv2d(images, filters, bias.reshape(-1), stride, pad)
    return out, _Cache(x, w, b, conv_param, partial(cols_of, images, filters, stride, pad))


def conv_forward_strides(x: Any, w: Any, b: Any, conv_param: Any) -> tuple[Array, _Cache]:
    """Cross-correlate images with filters and add a bias.

    Parameters
    ----------
    x : array_like, shape (n, c, h, w)
    w : array_like, shape (f, c, hh, ww)
    b : array_like, shape (f,)
    conv_param : mapping
        ``{'stride': int, 'pad': int}``.

    Returns
    -------
    out : ndarray, shape (n, f, oh, ow)
    cache : sequence
        ``(x, w, b, conv_param, x_cols)``.

    Raises
    ------
    TypeError, ValueError
        If shapes or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.cs231n import conv_backward_fast, conv_forward_fast
    >>> x, w, b = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2)), np.zeros(1)
    >>> out, cache = conv_forward_fast(x, w, b, {"stride": 1, "pad": 0})
    >>> out[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> dx, dw, db = conv_backward_fast(np.ones_like(out), cache)
    >>> dw[0, 0], db
    (array([[ 8., 12.],
           [20., 24.]]), array([4.]))
    """

    def cols(images: Array, filters: Array, stride: int, pad: int) -> Array:
        return _cols_by_image(images, filters.shape[2:], stride, pad)

    return _conv_forward("conv_forward", cols, x, w, b, conv_param)


def conv_forward_im2col(x: Any, w: Any, b: Any, conv_param: Any) -> tuple[Array, _Cache]:
    """Like `conv_forward_strides`, with the columns of `im2col_indices` in the cache."""

    def cols(images: Array, filters: Array, stride: int, pad: int) -> Array:
        height, width = filters.shape[2:]
        return im2col_indices(images, height, width, pad, stride)

    return _conv_forward("conv_forward", cols, x, w, b, conv_param)


def conv_backward_strides(dout: Any, cache: Sequence[Any]) -> tuple[Array, Array, Array]:
    """Gradients of a convolution.

    Parameters
    ----------
    dout : array_like, shape (n, f, oh, ow)
    cache : sequence
        The cache that the forward function returned.

    Returns
    -------
    dx, dw, db : ndarray
        Gradients in the shapes of x, w and b.
    """
    f = "conv_backward"
    x, w, b, conv_param = cache[:4]
    stride, pad = entries(f, "conv_param", conv_param, STRIDE_AND_PAD)
    images, filters, _ = same_floats(f, ("x", "w", "b"), (x, w, b))
    grad = floats(f, "dout", dout, images.dtype, 4)
    gradients: Any = kernels.conv2d_backward(grad, images, filters, stride, pad)
    return gradients


conv_backward_im2col = conv_backward_strides
conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides


def _pool(function: str, x: Any, pool_param: Any) -> tuple[Array, tuple[int, int], int]:
    height, width, stride = entries(function, "pool_param", pool_param, WINDOW_AND_STRIDE)
    return floats(function, "x", x, None, 4), (height, width), stride


def _tiles(images: Array, window: tuple[int, int], stride: int) -> bool:
    """Whether windows are squares that cover the images without overlap."""
    height, width = window
    h, w = images.shape[2:]
    return height == width == stride and h % height == 0 and w % width == 0


def max_pool_forward_im2col(x: Any, pool_param: Any) -> tuple[Array, _Cache]:
    """The maximum of each window.

    Parameters
    ----------
    x : array_like, shape (n, c, h, w)
    pool_param : mapping
        ``{'pool_height': int, 'pool_width': int, 'stride': int}``.

    Returns
    -------
    out : ndarray, shape (n, c, oh, ow)
    cache : sequence
        ``(x, x_cols, x_cols_argmax, pool_param)``.
    """
    images, window, stride = _pool("max_pool_forward_im2col", x, pool_param)
    n, c, h, w = images.shape
    planes = images.reshape(n * c, 1, h, w)
    out, argmax = kernels.max_pool2d(images, window, stride)
    cols = partial(im2col_indices, planes, *window, 0, stride)
    return out, _Cache(x, cols, partial(_first_maxima, cols), pool_param, argmax=argmax)


def _first_maxima(cols: Callable[[], Array]) -> Any:
    return cols().argmax(axis=0)


def max_pool_backward_im2col(dout: Any, cache: Sequence[Any]) -> Array:
    """The gradient of max pooling; the first of equal maxima gets it."""
    f = "max_pool_backward_im2col"
    images, window, stride = _pool(f, cache[0], cache[3])
    argmax = getattr(cache, "argmax", None)
    if argmax is None:
        _, argmax = kernels.max_pool2d(images, window, stride)
    grad = floats(f, "dout", dout, images.dtype, 4)
    return kernels.max_pool2d_backward(grad, argmax, images.shape)


def max_pool_forward_reshape(x: Any, pool_param: Any) -> tuple[Array, tuple[Any, Array, Array]]:
    """The maximum of each window; windows must be squares that tile the images.

    Parameters
    ----------
    x : array_like, shape (n, c, h, w)
    pool_param : mapping
        As in `max_pool_forward_im2col`.

    Returns
    -------
    out : ndarray, shape (n, c, oh, ow)
    cache : tuple
        ``(x, x_reshaped, out)``.

    Raises
    ------
    ValueError
        If windows do not tile the images.
    """
    f = "max_pool_forward_reshape"
    images, window, stride = _pool(f, x, pool_param)
    if not _tiles(images, window, stride):
        raise ValueError(
            f"{f}: windows must be squares that tile the images "
            f"(got windows {window}, stride {stride} and images {images.shape[2:]})"
        )
    out, _ = kernels.max_pool2d(images, window)
    n, c, oh, ow = out.shape
    return out, (x, images.reshape(n, c, oh, stride, ow, stride), out.copy())


def max_pool_backward_reshape(dout: Any, cache: Sequence[Any]) -> Array:
    """The gradient of max pooling, divided equally among the maxima of a window."""
    f = "max_pool_backward_reshape"
    _, x, out = cache
    grad = floats(f, "dout", dout, out.dtype, 4)
    same_shape(f, "dout", grad.shape, "out.shape", out.shape)
    n, c, oh, height, ow, width = x.shape
    shape = n, c, oh * height, ow * width
    is_max = {(i, j): x[:, :, :, i, :, j] == out for i in range(height) for j in range(width)}
    counter = np.min_scalar_type(height * width)
    count = sum((cells.astype(counter) for cells in is_max.values()), np.zeros((), counter))
    if (count == 1).all():
        _, argmax = kernels.max_pool2d(x.reshape(shape), (height, width))
        return kernels.max_pool2d_backward(grad, argmax, shape)
    share = grad / count
    dx = np.zeros_like(x)
    for (i, j), cells in is_max.items():
        np.copyto(dx[:, :, :, i, :, j], share, where=cells)
    return dx.reshape(shape)


def max_pool_forward_fast(x: Any, pool_param: Any) -> tuple[Array, tuple[str, Sequence[Any]]]:
    """The maximum of each window.

    Parameters
    ----------
    x : array_like, shape (n, c, h, w)
    pool_param : mapping
        As in `max_pool_forward_im2col`.

    Returns
    -------
    out : ndarray, shape (n, c, oh, ow)
    cache : tuple
        ``('reshape', cache)`` where windows are squares that tile the images, else
        ``('im2col', cache)``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.cs231n import max_pool_backward_fast, max_pool_forward_fast
    >>> x = np.array([[[[1.0, 3.0], [3.0, 2.0]]]])
    >>> param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    >>> out, cache = max_pool_forward_fast(x, param)
    >>> max_pool_backward_fast(np.ones_like(out), cache)[0, 0]
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    if _tiles(*_pool("max_pool_forward_fast", x, pool_param)):
        out, reshape_cache = max_pool_forward_reshape(x, pool_param)
        return out, ("reshape", reshape_cache)
    out, im2col_cache = max_pool_forward_im2col(x, pool_param)
    return out, ("im2col", im2col_cache)


def max_pool_backward_fast(dout: Any, cache: tuple[str, Sequence[Any]]) -> Array:
    """The gradient of `max_pool_forward_fast`."""
    method, rest = cache
    if method == "reshape":
        return max_pool_backward_reshape(dout, rest)
    if method == "im2col":
        return max_pool_backward_im2col(dout, rest)
    raise ValueError(
        f"max_pool_backward_fast: cache[0] must be 'reshape' or 'im2col' (got {method!r})"
    )


explain_module(__name__)
