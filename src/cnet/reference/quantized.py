"""Images of 8-bit integers in blocks of 16 channels, as csrc/kernels/quantized."""

from math import prod
from typing import Any

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d, Window2d
from .conv import conv2d
from .pooling import max_pool2d

LANES = 16


def quantize(x: Array, y: Array, g: tuple[int, int, int], scale: float, zero: float) -> None:
    """y = x * scale + zero, limited to [0, 255], rounded and blocked; NaN becomes 0."""
    z = np.nan_to_num(x.reshape(g) * np.float32(scale) + np.float32(zero), posinf=255, neginf=0)
    put(y, np.rint(z.clip(0, 255)))


def dequantize(x: Array, y: Array, scale: float, zero: float) -> None:
    """y = (x - zero) * scale."""
    y[...] = ((x.astype(np.float32) - np.float32(zero)) * np.float32(scale)).reshape(y.shape)


def plain(x: Array, shape: tuple[int, ...]) -> Array:
    """Blocked images as plain ones of a shape."""
    n, c, *sizes = shape
    planes = x.reshape(n, -1, prod(sizes), LANES).swapaxes(2, 3).reshape(n, -1, prod(sizes))
    return planes[:, :c].reshape(shape)


def put(y: Array, z: Array) -> None:
    """y = z in blocks, which are filled up with zeros."""
    n, c, *sizes = z.shape
    padded = np.zeros((n, -(-c // LANES) * LANES, prod(sizes)), z.dtype)
    padded[:, :c] = z.reshape(n, c, -1)
    y[...] = padded.reshape(n, -1, LANES, prod(sizes)).swapaxes(2, 3).reshape(y.shape)


def prepare_quantized_conv2d(
    scale: Array, bias: Array, weight: Array, g: Conv2d, zero: int, dots: int
) -> tuple[Array, Array, Array]:
    """The weights of `quantized_conv2d`."""
    return scale, bias, weight


def quantized_conv2d(
    x: Array, prepared: Any, residual: Array | None, y: Array, g: Conv2d, zero: int,
    residual_scale: float, low: float, high: float, quantized: bool, dots: int,
) -> None:  # fmt: skip
    """y = conv2d(x - zero, weight) * scale + bias + residual * residual_scale, limited; rounded if
    `quantized`."""
    scale, bias, weight = prepared
    sums = np.empty((g.n, g.o, g.oh, g.ow))
    images = plain(x, (g.n, g.c, g.h, g.w)).astype(np.float64) - zero
    conv2d(images, weight.astype(np.float64), None, sums, g, 0)
    of_output = 1, -1, 1, 1
    z = sums.astype(np.float32) * scale.reshape(of_output) + bias.reshape(of_output)
    if residual is not None:
        z += plain(residual, sums.shape).astype(np.float32) * np.float32(residual_scale)
    z = z.clip(np.float32(low), np.float32(high))
    put(y, np.rint(z) if quantized else z)


def quantized_max_pool2d(x: Array, y: Array, g: Window2d) -> None:
    """Maxima of windows."""
    z = np.empty((g.n, g.c, g.oh, g.ow))
    max_pool2d(plain(x, (g.n, g.c, g.h, g.w)).astype(np.float64), z, None, g)
    put(y, z)
