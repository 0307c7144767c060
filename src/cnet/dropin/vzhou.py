"""The layers of V. Zhou's "CNNs, Part 1" and "Part 2": ``Conv3x3``, ``MaxPool2``, ``Softmax``.

``from cnet.dropin.vzhou import Conv3x3, MaxPool2, Softmax``. One image at a time: (h, w) into the
convolution, (h, w, filters) out of it. `backprop` updates the weights.

Reference: V. Zhou, "CNNs, Part 2: Training a Convolutional Neural Network" (2019).
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .. import geometry
from .._explained import explain_module
from ..arrays import FLOAT64, Array, Shape
from ..kernels import channels_last
from . import kernels
from ._arrays import floats, same_shape
from ._pooling import maxima

__all__ = ["Conv3x3", "MaxPool2", "Softmax"]

LAYOUTS: Any = {"layout": "hwc", "weight_layout": "ohw"}


@lru_cache(maxsize=256)
def _geometry(function: str, image: Shape, filters: Shape) -> geometry.Conv:
    return geometry.conv(function, (1, 1, *image), (filters[0], 1, *filters[1:]))


def _kept(layer: Any, name: str) -> Any:
    try:
        return getattr(layer, name)
    except AttributeError:
        raise RuntimeError(f"{type(layer).__name__}.backprop: call forward first") from None


class Conv3x3:
    """A convolution of a gray image with filters of 3 x 3, without padding and bias.

    Parameters
    ----------
    num_filters : int

    Attributes
    ----------
    filters : ndarray, shape (num_filters, 3, 3)
        Drawn by ``np.random.randn(...) / 9``.
    last_input : ndarray
        The input of the last `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.vzhou import Conv3x3, MaxPool2
    >>> conv, pool = Conv3x3(8), MaxPool2()
    >>> pool.forward(conv.forward(np.ones((28, 28)))).shape
    (13, 13, 8)
    """

    def __init__(self, num_filters: int) -> None:
        self.num_filters = num_filters
        self.filters: Array = np.random.randn(num_filters, 3, 3) / 9

    def _arrays(self, function: str, image: Any) -> tuple[Array, Array]:
        x = floats(function, "input", image, FLOAT64, 2)
        return x, floats(function, "filters", self.filters, FLOAT64, 3)

    def forward(self, input: Any) -> Array:
        f = "Conv3x3.forward"
        x, weight = self._arrays(f, input)
        g = _geometry(f, x.shape, weight.shape)
        last = np.ascontiguousarray(weight.transpose(1, 2, 0))
        y: Array = channels_last.conv(
            x[np.newaxis, ..., np.newaxis], last[:, :, np.newaxis], None, g
        )[0]
        self.last_input = input
        return y

    def backprop(self, d_L_d_out: Any, learn_rate: float) -> None:
        """Update `filters`; there is no gradient of the image."""
        f = "Conv3x3.backprop"
        arrays = self._arrays(f, _kept(self, "last_input"))
        grad = floats(f, "d_L_d_out", d_L_d_out, FLOAT64)
        needs = False, True, False
        _, gradient, _ = kernels.conv2d_backward(grad, *arrays, needs=needs, **LAYOUTS)
        assert gradient is not None
        self.filters -= learn_rate * gradient


class MaxPool2:
    """The maximum of each window of 2 x 2 cells; all of equal maxima get the gradient."""

    def forward(self, input: Any) -> Array:
        y = maxima(input, 2, layout="hwc")
        self.last_input = input
        return y

    def backprop(self, d_L_d_out: Any) -> Array:
        x = _kept(self, "last_input")
        return kernels.max_pool2d_gradient(d_L_d_out, x, 2, layout="hwc", ties="all")


class Softmax:
    """A dense layer with softmax.

    Parameters
    ----------
    input_len, nodes : int

    Attributes
    ----------
    weights : ndarray, shape (input_len, nodes)
        Drawn by ``np.random.randn(...) / input_len``.
    biases : ndarray, shape (nodes,)
        Zeros.
    """

    def __init__(self, input_len: int, nodes: int) -> None:
        self.weights: Array = np.random.randn(input_len, nodes) / input_len
        self.biases: Array = np.zeros(nodes)

    def forward(self, input: Any) -> Array:
        x = np.asarray(input)
        self.last_input_shape = x.shape
        self.last_input: Array = x.flatten()
        totals: Array = self.last_input.dot(self.weights) + self.biases
        self.last_totals = totals
        powers = np.exp(totals)
        probabilities: Array = powers / powers.sum()
        return probabilities

    def backprop(self, d_L_d_out: Any, learn_rate: float) -> Array:
        """Update the weights; the gradient of the input.

        `d_L_d_out` has one element that is not zero, that of the label.
        """
        powers = np.exp(_kept(self, "last_totals"))
        probabilities = powers / powers.sum()
        f, grad = "Softmax.backprop", np.asarray(d_L_d_out)
        same_shape(f, "d_L_d_out", grad.shape, "biases.shape", self.biases.shape)
        d_L_d_t = probabilities * (grad - grad.dot(probabilities))
        d_L_d_inputs: Array = self.weights.dot(d_L_d_t)
        self.weights -= learn_rate * np.outer(self.last_input, d_L_d_t)
        self.biases -= learn_rate * d_L_d_t
        return d_L_d_inputs.reshape(self.last_input_shape)


explain_module(__name__)
