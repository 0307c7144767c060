"""The layers of "Numpy-CNN" by A. Escontrela: ``CNN.forward`` and ``CNN.backward``.

``from cnet.dropin.alescontrela import convolution, maxpool, ...``. One image (c, n, n) at a time,
filters (o, c, f, f), a bias of shape (o, 1).

Differences from the original code: images and filters need not be squares; a bias of shape (o, 1)
works with every NumPy.

Reference: A. Escontrela, "Convolutional Neural Networks from the ground up" (2018).
"""

from typing import Any

import numpy as np

from .._explained import explain_module
from ..arrays import Array
from ._arrays import floats, has_ndim, same_floats, same_shape
from ._channels_first import convolved, gradients, max_pool, max_pool_backward

__all__ = [
    "categoricalCrossEntropy",
    "convolution",
    "convolutionBackward",
    "maxpool",
    "maxpoolBackward",
    "nanargmax",
    "softmax",
]


def convolution(image: Any, filt: Any, bias: Any, s: int = 1) -> Array:
    """Cross-correlate an image with filters, with stride `s`.

    Parameters
    ----------
    image : array_like, shape (c, h, w)
    filt : array_like, shape (o, c, fh, fw)
    bias : array_like with o elements
    s : int, default 1

    Returns
    -------
    ndarray, shape (o, oh, ow)

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.alescontrela import convolution
    >>> convolution(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)), np.zeros((1, 1)))
    array([[[4., 4.],
            [4., 4.]]])
    """
    f, names = "convolution", ("image", "filt", "bias")
    x, filters, bias = same_floats(f, names, (image, filt, bias))
    has_ndim(f, "image", x, 3)
    has_ndim(f, "filt", filters, 4)
    y: Array = convolved(f, x[np.newaxis], filters, bias, s, 0, None)[0]
    return y


def maxpool(image: Any, f: int = 2, s: int = 2) -> Array:
    """The maximum of each window of `f` x `f` cells, with stride `s`."""
    x = floats("maxpool", "image", image, None, 3)[np.newaxis]
    y: Array = max_pool("maxpool", "image", x, None, f, s, False)[0][0]
    return y


def softmax(X: Any) -> Array:
    """``exp(X) / sum(exp(X))`` over the whole array."""
    powers = np.exp(X)
    result: Array = powers / np.sum(powers)
    return result


def categoricalCrossEntropy(probs: Any, label: Any) -> Any:
    """``-sum(label * log(probs))``."""
    shapes = np.shape(label), np.shape(probs)
    same_shape("categoricalCrossEntropy", "label", shapes[0], "probs.shape", shapes[1])
    return -np.sum(np.asarray(label) * np.log(probs))


def convolutionBackward(
    dconv_prev: Any, conv_in: Any, filt: Any, s: int
) -> tuple[Array, Array, Array]:
    """Gradients of `convolution`.

    Parameters
    ----------
    dconv_prev : array_like, shape (o, oh, ow)
        Gradient with respect to the result.
    conv_in, filt, s
        The arguments of `convolution`.

    Returns
    -------
    dout : ndarray, shape (c, h, w)
    dfilt : ndarray, shape (o, c, fh, fw)
    dbias : ndarray, shape (o, 1)
    """
    f = "convolutionBackward"
    names, arrays = ("dconv_prev", "conv_in", "filt"), (dconv_prev, conv_in, filt)
    grad, x, filters = same_floats(f, names, arrays)
    has_ndim(f, "conv_in", x, 3)
    has_ndim(f, "dconv_prev", grad, 3)
    dout, dfilt, dbias = gradients(f, grad[np.newaxis], x[np.newaxis], filters, s, 0, None)
    return dout[0], dfilt, dbias.reshape(-1, 1)


def maxpoolBackward(dpool: Any, orig: Any, f: int, s: int) -> Array:
    """The gradient of `maxpool` of the image `orig`; the first of equal maxima gets it."""
    name = "maxpoolBackward"
    grad, x = same_floats(name, ("dpool", "orig"), (dpool, orig))
    has_ndim(name, "orig", x, 3)
    has_ndim(name, "dpool", grad, 3)
    x = x[np.newaxis]
    _, indices = max_pool(name, "orig", x, None, f, s)
    dx: Array = max_pool_backward(name, "dpool", grad[np.newaxis], None, indices, x.shape)[0]
    return dx


def nanargmax(arr: Any) -> Any:
    """Row and column of the first maximum of a matrix; NaN do not count."""
    return np.unravel_index(np.nanargmax(arr), np.shape(arr))


explain_module(__name__)
