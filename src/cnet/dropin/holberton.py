"""The functions of Holberton School's projects "Convolutional Neural Networks" and
"Convolutions and Pooling".

``from cnet.dropin.holberton import conv_forward, pool_forward, ...``. Images have the shape
(m, h, w, c), filters (kh, kw, c_prev, c_new). The names of arguments are those of the projects.

Padding 'same' adds ``ceil(((h - 1) * sh + kh - h) / 2)`` cells on each side, as most solutions do;
some round down, which differs if the number is odd. Differences from common solutions: with padding
'valid', or with a padding of one axis only, `conv_backward` works; an unknown `mode` or `padding`
is an error.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .._explained import explain_module
from .._sizes import plain
from ..arrays import Array, Shape
from . import _courses, kernels
from ._arrays import pair, shape_at

__all__ = [
    "conv_backward",
    "conv_forward",
    "convolve",
    "convolve_channels",
    "convolve_grayscale",
    "convolve_grayscale_padding",
    "convolve_grayscale_same",
    "convolve_grayscale_valid",
    "pool",
    "pool_backward",
    "pool_forward",
]


def _padding(function: str, padding: Any, images: Any, kernel: Any, stride: Any) -> Any:
    """The padding of rows and of columns."""
    if padding == "valid":
        return 0, 0
    if not isinstance(padding, str):
        return padding
    if padding != "same":
        raise ValueError(f"{function}: padding must be 'same', 'valid' or a pair (got {padding!r})")
    return _same(function, shape_at(images)[1:3], plain(function, "stride", stride, 2), kernel)


@lru_cache(maxsize=1024)
def _same(function: str, sizes: Shape, stride: Any, kernel: Shape) -> Shape:
    strides = pair(function, "stride", stride)
    totals = [(n - 1) * s + k - n for n, s, k in zip(sizes, strides, kernel, strict=True)]
    return tuple(max(0, (total + 1) // 2) for total in totals)


# ---- Convolutional Neural Networks ---------------------------------------------------------------


def conv_forward(
    A_prev: Any, W: Any, b: Any, activation: Callable[[Array], Any], padding: Any = "same",
    stride: Sequence[int] = (1, 1),
) -> Any:  # fmt: skip
    """``activation(convolution of A_prev with W + b)``.

    Parameters
    ----------
    A_prev : array_like, shape (m, h_prev, w_prev, c_prev)
    W : array_like, shape (kh, kw, c_prev, c_new)
    b : array_like, shape (1, 1, 1, c_new)
    activation : callable
        Called once, with an array of shape (m, h_new, w_new, c_new).
    padding : {'same', 'valid'} or (int, int), default 'same'
    stride : (int, int), default (1, 1)

    Returns
    -------
    The result of `activation`.

    Raises
    ------
    TypeError, ValueError
        If shapes or sizes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.holberton import conv_backward, conv_forward
    >>> A_prev, W, b = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1))
    >>> A = conv_forward(A_prev, W, b, np.tanh, padding="valid")
    >>> A.shape
    (1, 2, 2, 1)
    >>> dA_prev, dW, db = conv_backward(np.ones((1, 2, 2, 1)), A_prev, W, b, padding="valid")
    >>> dW[:, :, 0, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    pads = _padding("conv_forward", padding, A_prev, shape_at(W)[:2], stride)
    return activation(kernels.conv2d(A_prev, W, b, stride, pads, **_courses.LAYOUTS))


def pool_forward(
    A_prev: Any, kernel_shape: Sequence[int], stride: Sequence[int] = (1, 1), mode: str = "max"
) -> Array:
    """The maximum or the mean of each window.

    Parameters
    ----------
    A_prev : array_like, shape (m, h_prev, w_prev, c_prev)
    kernel_shape : (int, int)
    stride : (int, int), default (1, 1)
    mode : {'max', 'avg'}, default 'max'

    Returns
    -------
    ndarray, shape (m, h_new, w_new, c_prev)
    """
    return _courses.pooled("pool_forward", A_prev, kernel_shape, stride, mode)


def conv_backward(
    dZ: Any, A_prev: Any, W: Any, b: Any, padding: Any = "same", stride: Sequence[int] = (1, 1)
) -> tuple[Array, Array, Array]:
    """Gradients of the convolution in `conv_forward`.

    Parameters
    ----------
    dZ : array_like, shape (m, h_new, w_new, c_new)
        Gradient with respect to the convolution before the activation.
    A_prev, W, b, padding, stride
        The arguments of `conv_forward`; `b` is not read.

    Returns
    -------
    dA_prev, dW : ndarray
        In the shapes of `A_prev` and `W`.
    db : ndarray, shape (1, 1, 1, c_new)
    """
    pads = _padding("conv_backward", padding, A_prev, shape_at(W)[:2], stride)
    return _courses.conv_gradients(dZ, A_prev, W, stride, pads)


def pool_backward(
    dA: Any, A_prev: Any, kernel_shape: Sequence[int], stride: Sequence[int] = (1, 1),
    mode: str = "max",
) -> Array:  # fmt: skip
    """The gradient of `pool_forward`; all of equal maxima get that of their window.

    Parameters
    ----------
    dA : array_like, shape (m, h_new, w_new, c)
    A_prev, kernel_shape, stride, mode
        The arguments of `pool_forward`.

    Returns
    -------
    ndarray, shape of `A_prev`
    """
    return _courses.pool_gradient("pool_backward", dA, A_prev, kernel_shape, stride, mode)


# ---- Convolutions and Pooling --------------------------------------------------------------------


def convolve_grayscale_valid(images: Any, kernel: Any) -> Array:
    """Images (m, h, w) with a kernel (kh, kw), without padding."""
    return kernels.conv2d(images, kernel, layout="nhw", weight_layout="hw")


def convolve_grayscale_same(images: Any, kernel: Any) -> Array:
    """The same, padded so that results have the shape of the images.

    For kernels of an even size, the odd cell of padding is above and to the left.
    """
    return kernels.conv2d(images, kernel, padding="same_lower", layout="nhw", weight_layout="hw")


def convolve_grayscale_padding(images: Any, kernel: Any, padding: Sequence[int]) -> Array:
    """The same, with `padding` (ph, pw)."""
    return kernels.conv2d(images, kernel, padding=padding, layout="nhw", weight_layout="hw")


def convolve_grayscale(
    images: Any, kernel: Any, padding: Any = "same", stride: Sequence[int] = (1, 1)
) -> Array:
    """The same, with `padding` 'same', 'valid' or (ph, pw), and `stride` (sh, sw).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.holberton import convolve_grayscale
    >>> convolve_grayscale(np.ones((5, 28, 28)), np.ones((3, 3)), "valid", (2, 2)).shape
    (5, 13, 13)
    """
    pads = _padding("convolve_grayscale", padding, images, shape_at(kernel), stride)
    return kernels.conv2d(images, kernel, None, stride, pads, layout="nhw", weight_layout="hw")


def convolve_channels(
    images: Any, kernel: Any, padding: Any = "same", stride: Sequence[int] = (1, 1)
) -> Array:
    """Images (m, h, w, c) with one kernel (kh, kw, c): results (m, nh, nw)."""
    return convolve(images, np.asarray(kernel)[..., np.newaxis], padding, stride)[..., 0]


def convolve(
    images: Any, kernels: Any, padding: Any = "same", stride: Sequence[int] = (1, 1)
) -> Array:
    """Images (m, h, w, c) with kernels (kh, kw, c, nc): results (m, nh, nw, nc)."""
    return conv_forward(images, kernels, None, lambda Z: Z, padding, stride)


def pool(
    images: Any, kernel_shape: Sequence[int], stride: Sequence[int], mode: str = "max"
) -> Array:
    """The maximum or the mean ('avg') of each window of images (m, h, w, c)."""
    return _courses.pooled("pool", images, kernel_shape, stride, mode)


explain_module(__name__)
