"""Kernels limited by memory bandwidth, on arrays larger than the caches."""

from typing import Any

from cnet.bench.cases import Case, Work, arrays

IMAGE = 64, 56, 56
IMAGE_BYTES = 4 * 64 * 56 * 56
WINDOW = {"kernel_size": (3, 3), "padding": 1}
WINDOW_SIZE = 9


def _relu(side: Any, batch: int) -> Work:
    x = side.asarray(*arrays((batch, *IMAGE)))
    return lambda: side.relu(x)


def _max_pool2d(side: Any, batch: int) -> Work:
    x = side.asarray(*arrays((batch, *IMAGE)))
    return lambda: side.max_pool2d(x, 2)[0]


def _max_pool2d_backward(side: Any, batch: int) -> Work:
    x, grad_output = map(side.asarray, arrays((batch, *IMAGE), (batch, 64, 28, 28)))
    _, saved = side.max_pool2d(x, 2)
    return lambda: side.max_pool2d_backward(grad_output, saved)


def _im2col(side: Any, batch: int) -> Work:
    x = side.asarray(*arrays((batch, *IMAGE)))
    return lambda: side.im2col(x, **WINDOW)


def _col2im(side: Any, batch: int) -> Work:
    channels, height, width = IMAGE
    (cols,) = arrays((batch, channels * WINDOW_SIZE, height * width))
    cols = side.asarray(cols)
    return lambda: side.col2im(cols, (batch, *IMAGE), **WINDOW)


def _case(title: str, bind: Any, batch: int, images_moved: float) -> Case:
    """`images_moved`: bytes read and written, in units of the input image."""
    return Case(title, bind, batch, "memory", images_moved * IMAGE_BYTES)


CASES = {
    "relu": _case("ReLU", _relu, 64, 2),
    "max_pool2d": _case("max-pool 2x2, forward", _max_pool2d, 64, 1 + 1 / 4 + 1 / 4),
    "max_pool2d_backward": _case("max-pool 2x2, backward", _max_pool2d_backward, 64, 3 / 2),
    "im2col": _case("im2col 3x3", _im2col, 8, 1 + WINDOW_SIZE),
    "col2im": _case("col2im 3x3", _col2im, 8, 1 + WINDOW_SIZE),
}
