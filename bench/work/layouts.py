"""Convolutions and pools of `cnet.dropin.kernels` on images in both layouts.

Results are views with channels first, so that all sides return the same. Of the gradients of a
convolution, the one of the bias is returned, which has no layout.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from cnet.bench.cases import Case, Work, arrays

CHANNELS = {1: 8, 3: 16, 8: 8, 32: 32, 64: 64, 256: 256}
"""The channels of images, and how many filters are applied to them."""

SIZES = (8, 64), (28, 8), (112, 1)
"""Rows and columns of images, and their number."""

WINDOWS = (1, 1), (3, 1), (3, 2), (5, 1)
POOLS = (2, 2, 0), (3, 2, 1)
"""Kernel, stride and, for pools, padding; convolutions keep the size with stride 1."""

MOST_PRODUCTS = 4e8
FEW = 3
"""Images with so few channels are also the first of a network, without a gradient."""


def _conv2d(channels: int, size: int, kernel: int, stride: int) -> Any:
    filters, padding = CHANNELS[channels], kernel // 2

    def bind(side: Any, batch: int) -> Work:
        shapes = (batch, channels, size, size), (filters, channels, kernel, kernel), (filters,)
        x, weight, bias = arrays(*shapes)
        x, weight = side.images(x), side.filters(weight)
        return lambda: side.result(side.conv2d(x, weight, bias, stride, padding))

    return bind


def _conv2d_backward(channels: int, size: int, kernel: int, stride: int, need_dx: bool) -> Any:
    filters, padding = CHANNELS[channels], kernel // 2
    outputs = (size - 1) // stride + 1

    def bind(side: Any, batch: int) -> Work:
        x, weight, grad = arrays(
            (batch, channels, size, size), (filters, channels, kernel, kernel),
            (batch, filters, outputs, outputs),
        )  # fmt: skip
        x, weight, grad = side.images(x), side.filters(weight), side.images(grad)
        return lambda: side.conv2d_backward(grad, x, weight, stride, padding, need_dx)[2]

    return bind


def _pool(kind: str, channels: int, size: int, *window: int) -> Any:
    def bind(side: Any, batch: int) -> Work:
        x = side.images(*arrays((batch, channels, size, size)))
        if kind == "max":
            return lambda: side.result(side.max_pool2d(x, *window)[0])
        return lambda: side.result(side.avg_pool2d(x, *window))

    return bind


def _pool_backward(kind: str, channels: int, size: int, *window: int) -> Any:
    def bind(side: Any, batch: int) -> Work:
        x = side.images(*arrays((batch, channels, size, size)))
        if kind == "max":
            y, indices = side.max_pool2d(x, *window)
            return lambda: side.result(side.max_pool2d_backward(y, indices, x.shape))
        y = side.avg_pool2d(x, *window)
        return lambda: side.result(side.avg_pool2d_backward(y, x.shape, *window))

    return bind


def _convolutions() -> Iterator[Case]:
    for (channels, filters), (size, batch), (kernel, stride) in product(
        CHANNELS.items(), SIZES, WINDOWS
    ):
        if channels * filters * (size // stride * kernel) ** 2 * batch > MOST_PRODUCTS:
            continue
        title = f"{channels} > {filters}, {size}x{size}, k{kernel} s{stride}, n{batch}"
        sizes = channels, size, kernel, stride
        yield Case(f"{title}, forward", _conv2d(*sizes), batch)
        yield Case(f"{title}, backward", _conv2d_backward(*sizes, True), batch)
        if channels <= FEW:
            yield Case(f"{title}, backward without dx", _conv2d_backward(*sizes, False), batch)


def _pools() -> Iterator[Case]:
    size, batch = SIZES[1]
    for kind, channels, window in product(("max", "avg"), CHANNELS, POOLS):
        title = f"{kind} pool {window[0]}x{window[0]}, {channels} channels, {size}x{size}"
        yield Case(f"{title}, forward", _pool(kind, channels, size, *window), batch)
        yield Case(f"{title}, backward", _pool_backward(kind, channels, size, *window), batch)


CASES = {case.title: case for case in (*_convolutions(), *_pools())}
