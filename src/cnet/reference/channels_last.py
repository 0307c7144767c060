"""Convolution and pooling with channels last: those of channels first, of transposed views."""

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d, Window2d
from . import conv, pooling
from ._windows import padding, positions, zeros


def _first(x: Array) -> Array:
    """(n, h, w, c) as (n, c, h, w)."""
    return x.transpose(0, 3, 1, 2)


def transpose(x: Array, y: Array, g: tuple[int, int, int]) -> None:
    """y[n, column, row] = x[n, row, column]."""
    y[...] = x.swapaxes(1, 2)


def conv2d_nhwc(x: Array, weight: Array, bias: Array | None, y: Array, g: Conv2d) -> None:
    """y[n, y, x, o] of conv2d, with weight[i, j, c, o]."""
    images = np.empty((g.n, g.o, g.oh, g.ow), y.dtype)
    conv.conv2d(_first(x), weight.transpose(3, 2, 0, 1), bias, images, g, 0)
    y[...] = images.transpose(0, 2, 3, 1)


def conv2d_nhwc_backward(
    grad_output: Array, x: Array | None, weight: Array | None, dx: Array | None, dw: Array | None,
    db: Array | None, g: Conv2d,
) -> None:  # fmt: skip
    """dx[n, h, w, c], dw[i, j, c, o] and db[o] of conv2d_backward."""
    dtype = grad_output.dtype
    images = None if dx is None else np.empty((g.n, g.c, g.h, g.w), dtype)
    filters = None if dw is None else np.empty((g.o, g.c, g.kh, g.kw), dtype)
    conv.conv2d_backward(
        np.ascontiguousarray(_first(grad_output)), None if x is None else _first(x),
        None if weight is None else weight.transpose(3, 2, 0, 1), images, filters, db, g, 0,
    )  # fmt: skip
    if dx is not None and images is not None:
        dx[...] = images.transpose(0, 2, 3, 1)
    if dw is not None and filters is not None:
        dw[...] = filters.transpose(2, 3, 1, 0)


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


def max_pool2d_ties_backward(
    grad_output: Array, x: Array, y: Array, dx: Array, g: Window2d, ties: int
) -> None:
    """dx gets grad_output[y, x] at the cells that equal y[y, x]: at all, in shares, or the last."""
    values = np.pad(_first(x), padding(g))
    inside = np.pad(np.ones((1, 1, g.h, g.w), bool), padding(g))
    maxima, grad = _first(y), _first(grad_output)
    is_max = [
        place & ((cells == maxima) | (np.isnan(cells) & np.isnan(maxima)))
        for (_, _, cells), (_, _, place) in zip(
            positions(values, g), positions(inside, g), strict=True
        )
    ]
    count = sum(mask.astype(int) for mask in is_max)
    padded, images = zeros(g, dx.dtype)
    seen = np.zeros(maxima.shape, int)
    for mask, (_, _, cells) in zip(is_max, positions(padded, g), strict=True):
        seen += mask
        if ties == 1:
            cells += mask * (grad / np.maximum(count, 1)).astype(dx.dtype)
        else:
            cells += (mask & ((seen == count) | (ties == 0))) * grad
    dx[...] = images.transpose(0, 2, 3, 1)
