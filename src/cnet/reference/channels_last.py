"""Pooling of images with channels last: that of channels first, of transposed views."""

import numpy as np

from ..arrays import Array
from ..geometry import Window2d
from . import pooling


def _first(x: Array) -> Array:
    """(n, h, w, c) as (n, c, h, w)."""
    return x.transpose(0, 3, 1, 2)


def transpose(x: Array, y: Array, g: tuple[int, int, int]) -> None:
    """y[n, column, row] = x[n, row, column]."""
    y[...] = x.swapaxes(1, 2)


def max_pool2d_nhwc(x: Array, y: Array, indices: Array | None, g: Window2d) -> None:
    """y[n, y, x, c] and indices[n, y, x, c] of max_pool2d."""
    pooling.max_pool2d(_first(x), _first(y), None if indices is None else _first(indices), g)


def max_pool2d_nhwc_backward(grad_output: Array, indices: Array, dx: Array, g: Window2d) -> int:
    """dx[n, h, w, c] of max_pool2d_backward."""
    images = np.empty((g.n, g.c, g.h, g.w), dx.dtype)
    invalid = pooling.max_pool2d_backward(_first(grad_output), _first(indices), images, g)
    dx[...] = images.transpose(0, 2, 3, 1)
    return invalid


def avg_pool2d_nhwc(
    x: Array, y: Array, g: Window2d, count_include_pad: bool, divisor_override: int
) -> None:
    """y[n, y, x, c] of avg_pool2d."""
    pooling.avg_pool2d(_first(x), _first(y), g, count_include_pad, divisor_override)


def avg_pool2d_nhwc_backward(
    grad_output: Array, dx: Array, g: Window2d, count_include_pad: bool, divisor_override: int
) -> None:
    """dx[n, h, w, c] of avg_pool2d_backward."""
    pooling.avg_pool2d_backward(
        _first(grad_output), _first(dx), g, count_include_pad, divisor_override
    )
