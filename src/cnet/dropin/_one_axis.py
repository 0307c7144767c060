"""Convolutions of sequences (n, c, w), as convolutions of images with one row."""

from typing import Any

import numpy as np

from ..arrays import Array
from . import kernels
from ._arrays import floats


class Convolution:
    """A convolution with one or two spatial axes, on the arrays of one call.

    Parameters
    ----------
    function : str
        For error messages.
    weight : array_like, shape (o, c, k) or (o, c, kh, kw)
    stride : int or sequence of int
    padding : default 0
        As in `cnet.dropin.kernels.conv2d`; for one axis, a number, 'same_lower' or 'valid'.
    """

    def __init__(
        self, function: str, weight: Any, stride: Any, padding: Any = 0, dilation: int = 1
    ) -> None:
        self.function = function
        self.weight = floats(function, "weight", weight, np.float64, 3, 4)
        self.is_1d = self.weight.ndim == 3
        numbers = np.ravel(stride).tolist()
        self.options: dict[str, Any] = {
            "stride": (1, numbers[-1]) if self.is_1d else stride,
            "padding": (0, padding) if self.is_1d and not isinstance(padding, str) else padding,
            "dilation": (1, dilation) if self.is_1d else dilation,
        }

    def _images(self, name: str, x: Any) -> Array:
        array = floats(self.function, name, x, np.float64, self.weight.ndim)
        return array[:, :, np.newaxis] if self.is_1d else array

    def _given(self, x: Array) -> Array:
        return x[:, :, 0] if self.is_1d else x

    def forward(self, x: Any, bias: Any) -> Array:
        filters = self.weight[:, :, np.newaxis] if self.is_1d else self.weight
        return self._given(kernels.conv2d(self._images("x", x), filters, bias, **self.options))

    def backward(self, grad_output: Any, x: Any) -> tuple[Array, Array, Array]:
        """dx, dw and db."""
        filters = self.weight[:, :, np.newaxis] if self.is_1d else self.weight
        gradients: Any = kernels.conv2d_backward(
            self._images("grad_output", grad_output), self._images("x", x), filters, **self.options
        )
        dx, dw, db = gradients
        return self._given(dx), self._given(dw), db
