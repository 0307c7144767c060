"""Convolutions of sequences (n, c, w), as convolutions of images with one row."""

from typing import Any

import numpy as np

from ..arrays import FLOAT64, Array
from ._arrays import floats
from ._convolution import convolved, gradients


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
        self, function: str, weight: Any, stride: Any, padding: Any = 0, dilation: Any = 1
    ) -> None:
        self.function = function
        self.weight = floats(function, "weight", weight, FLOAT64, 3, 4)
        self.is_1d = self.weight.ndim == 3
        if self.is_1d:
            step = stride if isinstance(stride, int) else np.ravel(stride).tolist()[-1]
            stride, dilation = (1, step), (1, dilation)
            padding = padding if isinstance(padding, str) else (0, padding)
        self.options = stride, padding, dilation

    def _images(self, name: str, x: Any) -> Array:
        array = floats(self.function, name, x, FLOAT64, self.weight.ndim)
        return array[:, :, np.newaxis] if self.is_1d else array

    def _filters(self) -> Array:
        return self.weight[:, :, np.newaxis] if self.is_1d else self.weight

    def _given(self, x: Array) -> Array:
        return x[:, :, 0] if self.is_1d else x

    def forward(self, x: Any, bias: Any) -> Array:
        arrays = self._images("x", x), self._filters(), bias
        return self._given(convolved(self.function, *arrays, *self.options))

    def backward(self, grad_output: Any, x: Any) -> tuple[Array, Array, Array]:
        """dx, dw and db."""
        grad, images = self._images("grad_output", grad_output), self._images("x", x)
        found: Any = gradients(self.function, grad, images, self._filters(), *self.options)
        dx, dw, db = found
        return self._given(dx), self._given(dw), db
