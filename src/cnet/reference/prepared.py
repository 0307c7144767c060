"""Layers with prepared weights. Here, prepared weights are the pair (weight, bias)."""

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d
from .conv import conv2d
from .fused import pooling_of
from .pooling import max_pool2d

Prepared = tuple[Array, Array | None]


def prepare_conv2d(weight: Array, bias: Array | None, g: Conv2d) -> Prepared:
    """The weights of `prepared_conv2d`."""
    return weight, bias


def prepared_conv2d(
    x: Array, prepared: Prepared, y: Array, g: Conv2d, relu: bool, pool: bool
) -> None:
    """y = conv2d(x, weight, bias), then ReLU if `relu`, then 2 x 2 max-pooling if `pool`."""
    z = np.empty((g.n, g.o, g.oh, g.ow), x.dtype)
    conv2d(x, *prepared, z, g, 0)
    if relu:
        np.copyto(z, 0, where=z <= 0)
    if pool:
        max_pool2d(z, y, None, pooling_of(g))
    else:
        y[...] = z


def prepare_linear(weight: Array, bias: Array | None, g: tuple[int, int, int]) -> Prepared:
    """The weights of `prepared_linear`."""
    return weight, bias


def prepared_linear(
    x: Array, prepared: Prepared, y: Array, g: tuple[int, int, int], relu: bool
) -> None:
    """y[i, j] = bias[j] + Σ_k x[i, k] weight[j, k], then ReLU if `relu`.

    `g` is (rows, outputs, inputs).
    """
    rows, _, inputs = g
    weight, bias = prepared
    z = x.reshape(rows, inputs) @ weight.T
    if bias is not None:
        z += bias
    if relu:
        np.copyto(z, 0, where=z <= 0)
    y[...] = z.reshape(y.shape)
