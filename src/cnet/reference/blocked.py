"""Images in blocks of channels: (n, blocks, h, w, elements of a block), as csrc/kernels/blocked.

A block is 64 bytes long. Channels beyond the last are 0.
"""

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d, Window2d
from .conv import conv2d
from .norm import Sizes
from .pooling import avg_pool2d, max_pool2d
from .prepared import Prepared


def block(x: Array, y: Array, g: Sizes) -> None:
    """y[n, c // b, t, c % b] = x[n, c, t] for blocks of b channels."""
    n, c, size = g
    lanes = 64 // x.itemsize
    padded = np.zeros((n, -(-c // lanes) * lanes, size), x.dtype)
    padded[:, :c] = x.reshape(g)
    y[...] = padded.reshape(n, -1, lanes, size).swapaxes(2, 3).reshape(y.shape)


def unblock(x: Array, y: Array, g: Sizes) -> None:
    """y[n, c, t] = x[n, c // b, t, c % b]."""
    n, c, size = g
    lanes = 64 // x.itemsize
    planes = x.reshape(n, -1, size, lanes).swapaxes(2, 3).reshape(n, -1, size)
    y[...] = planes[:, :c].reshape(y.shape)


def _plain(x: Array, shape: tuple[int, int, int, int]) -> Array:
    y = np.empty(shape, x.dtype)
    unblock(x, y, (shape[0], shape[1], shape[2] * shape[3]))
    return y


def _put(y: Array, z: Array) -> None:
    block(z, y, (z.shape[0], z.shape[1], z.shape[2] * z.shape[3]))


def prepare_blocked_conv2d(
    weight: Array, bias: Array | None, g: Conv2d, algorithm: int
) -> Prepared:
    """The weights of `blocked_conv2d`."""
    return weight, bias


def blocked_conv2d(
    x: Array, prepared: Prepared, residual: Array | None, y: Array, g: Conv2d, algorithm: int,
    low: float, high: float,
) -> None:  # fmt: skip
    """y = conv2d(x, weight, bias) + residual, limited; x is plain if it has few channels."""
    is_depthwise = 1 < g.g == g.c == g.o
    is_plain = g.c < 64 // x.itemsize and not is_depthwise
    images = x.reshape(g.n, g.c, g.h, g.w) if is_plain else _plain(x, (g.n, g.c, g.h, g.w))
    z = np.empty((g.n, g.o, g.oh, g.ow), x.dtype)
    conv2d(images, *prepared, z, g, 0)
    if residual is not None:
        z += _plain(residual, z.shape)
    np.copyto(z, low, where=z <= low)
    np.copyto(z, high, where=z > high)
    _put(y, z)


def blocked_pool2d(x: Array, y: Array, g: Window2d, is_maximum: bool) -> None:
    """Maxima or means of windows."""
    z = np.empty((g.n, g.c, g.oh, g.ow), x.dtype)
    images = _plain(x, (g.n, g.c, g.h, g.w))
    if is_maximum:
        max_pool2d(images, z, None, g)
    else:
        avg_pool2d(images, z, g, True, 0)
    _put(y, z)
