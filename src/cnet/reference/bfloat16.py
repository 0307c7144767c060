"""Images of bfloat16 in blocks of 16 channels, as csrc/kernels/quantized; as arrays of uint16."""

from typing import Any

import numpy as np

from .._narrow import of_bfloat16
from .._narrow import to_bfloat16 as rounded_bits
from ..arrays import Array
from ..geometry import Conv2d, Window2d
from .conv import conv2d
from .pooling import max_pool2d
from .quantized import plain, put


def to_bfloat16(x: Array, y: Array, g: tuple[int, int, int]) -> None:
    """y = x, rounded and blocked."""
    put(y, rounded_bits(x.reshape(g)))


def from_bfloat16(x: Array, y: Array) -> None:
    """y = x."""
    y[...] = of_bfloat16(x).reshape(y.shape)


def _numbers(x: Array, shape: tuple[int, ...]) -> Array:
    return of_bfloat16(plain(x, shape))


def prepare_bfloat16_conv2d(bias: Array, weight: Array, g: Conv2d, amx: int) -> tuple[Array, Array]:
    """The weights of `bfloat16_conv2d`."""
    return bias, of_bfloat16(weight)


def bfloat16_conv2d(
    x: Array, prepared: Any, residual: Array | None, y: Array, g: Conv2d, low: float, high: float,
    rounded: bool, amx: int,
) -> None:  # fmt: skip
    """y = conv2d(x, weight, bias) + residual, limited; rounded to bfloat16 if `rounded`."""
    bias, weight = prepared
    sums = np.empty((g.n, g.o, g.oh, g.ow))
    images = _numbers(x, (g.n, g.c, g.h, g.w)).astype(np.float64)
    conv2d(images, weight.astype(np.float64), None, sums, g, 0)
    z = sums.astype(np.float32) + bias.reshape(1, -1, 1, 1)
    if residual is not None:
        z += _numbers(residual, sums.shape)
    z = z.clip(np.float32(low), np.float32(high))
    put(y, rounded_bits(z) if rounded else z)


def bfloat16_max_pool2d(x: Array, y: Array, g: Window2d) -> None:
    """Maxima of windows."""
    z = np.empty((g.n, g.c, g.oh, g.ow), np.float32)
    max_pool2d(_numbers(x, (g.n, g.c, g.h, g.w)), z, None, g)
    put(y, rounded_bits(z))
