"""Convolutions and pools of `cnet.dropin.kernels`, with channels last and with channels first."""

from typing import Any

import numpy as np

from cnet.bench.sides import Array
from cnet.dropin import kernels


class Layout:
    """The functions for one order of the axes, "nchw" or "nhwc"."""

    def __init__(self, order: str, of_filters: str) -> None:
        self.options: dict[str, Any] = {"layout": order}
        self.places = tuple("nchw".index(letter) for letter in order)
        self.places_of_filters = tuple("oihw".index(letter) for letter in of_filters)
        self.back = tuple(order.index(letter) for letter in "nchw")

    def images(self, x: Array) -> Array:
        """Images (n, c, h, w) in this layout."""
        return np.ascontiguousarray(x.transpose(self.places))

    def filters(self, weight: Array) -> Array:
        """Filters (o, i, h, w) in the default layout for these images."""
        return np.ascontiguousarray(weight.transpose(self.places_of_filters))

    def result(self, y: Array) -> Array:
        """A view of the result with axes (n, c, h, w)."""
        return y.transpose(self.back)

    def conv2d(self, x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
        return kernels.conv2d(x, weight, bias, stride, padding, **self.options)

    def conv2d_backward(
        self, grad: Array, x: Array, weight: Array, stride: int, padding: int, need_dx: bool
    ) -> tuple[Array | None, ...]:
        needs = need_dx, True, True
        return kernels.conv2d_backward(
            grad, x, weight, stride, padding, needs=needs, **self.options
        )

    def max_pool2d(self, x: Array, *window: int) -> tuple[Array, Array]:
        return kernels.max_pool2d(x, *window, **self.options)

    def max_pool2d_backward(self, grad: Array, indices: Array, shape: tuple[int, ...]) -> Array:
        return kernels.max_pool2d_backward(grad, indices, shape, **self.options)

    def avg_pool2d(self, x: Array, *window: int) -> Array:
        return kernels.avg_pool2d(x, *window, **self.options)

    def avg_pool2d_backward(self, grad: Array, shape: tuple[int, ...], *window: int) -> Array:
        return kernels.avg_pool2d_backward(grad, shape, *window, **self.options)


channels_first, channels_last = Layout("nchw", "oihw"), Layout("nhwc", "hwio")
