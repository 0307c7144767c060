"""Convolution, ReLU and 2×2 max-pooling in one kernel."""

import numpy as np

from .. import geometry
from ..arrays import Array
from ..geometry import Conv2d, Window2d
from .conv import conv2d, conv2d_backward


def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array | None, y: Array, codes: Array, g: Conv2d
) -> None:
    """y = max_pool2d(relu(conv2d(x, weight, bias)), 2), and the position of each maximum."""
    z = np.empty((g.n, g.o, g.oh, g.ow), x.dtype)
    conv2d(x, weight, bias, z, g, 0)
    relu_pool(z, y, codes, pooling_of(g))


def conv2d_relu_pool_backward(
    grad_output: Array, codes: Array, x: Array, weight: Array, dx: Array | None, dw: Array | None,
    db: Array | None, g: Conv2d,
) -> None:  # fmt: skip
    """The chain rule: first the pooling with ReLU, then the convolution."""
    dz = np.empty((g.n, g.o, g.oh, g.ow), x.dtype)
    relu_pool_backward(grad_output, codes, dz, pooling_of(g))
    conv2d_backward(dz, x, weight, dx, dw, db, g, 0)


def pooling_of(g: Conv2d) -> Window2d:
    """The geometry of the pooling of a convolution's result."""
    return geometry.pool("conv2d_relu_pool", (g.n, g.o, g.oh, g.ow), 2).sizes2d


def relu_pool(x: Array, y: Array, codes: Array, g: Window2d) -> None:
    """y = max_pool2d(relu(x), 2), and the position of each maximum.

    A code is 2 row + column of the maximum in its 2 x 2 cells, or 4 where y is 0.
    """
    y[...], codes[...] = 0, 4
    for code in range(4):
        cells = x[:, :, code // 2 : 2 * g.oh : 2, code % 2 : 2 * g.ow : 2]
        larger = (cells > y) | np.isnan(cells)
        np.copyto(y, cells, where=larger)
        codes[larger] = code


def relu_pool_backward(grad_output: Array, codes: Array, dx: Array, g: Window2d) -> None:
    """dx[n, c, 2 y + i, 2 x + j] = grad_output[n, c, y, x] where codes[n, c, y, x] is 2 i + j."""
    dx[...] = 0
    for code in range(4):
        cells = dx[:, :, code // 2 : 2 * g.oh : 2, code % 2 : 2 * g.ow : 2]
        np.copyto(cells, grad_output, where=codes == code)
