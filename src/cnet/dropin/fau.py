"""The layers of FAU's "Deep Learning" exercises: ``Layers.Conv``, ``Layers.Pooling``, ``Flatten``.

``from cnet.dropin.fau import Conv, Pooling, Flatten``. Everything is float64. A layer has
``forward(input_tensor)`` and ``backward(error_tensor)``; those with weights update them in
`backward` if they have an optimizer.

Differences from common solutions: the gradient of the input is right for kernels of an even size;
`Conv` has the right output size for every stride with one spatial axis.

Reference: Pattern Recognition Lab, Friedrich-Alexander-Universität Erlangen-Nürnberg, "Deep
Learning", exercise 2.
"""

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from typing import Any

import numpy as np

from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import shape_at, shape_of
from ._channels_first import convolved, gradients, max_pool, max_pool_backward

__all__ = ["BaseLayer", "Conv", "Flatten", "Pooling"]


class BaseLayer:
    """What all layers have.

    Attributes
    ----------
    trainable : bool
        Whether the layer has weights.
    testing_phase : bool
    """

    def __init__(self) -> None:
        self.trainable = False
        self.testing_phase = False


def _kept(layer: Any, name: str) -> Any:
    try:
        return getattr(layer, name)
    except AttributeError:
        raise RuntimeError(f"{type(layer).__name__}.backward: call forward first") from None


class Conv(BaseLayer):
    """Cross-correlation, padded so that stride 1 keeps the size, of images or of sequences.

    Parameters
    ----------
    stride_shape : int or sequence of int
        The stride of each spatial axis, or of all.
    convolution_shape : (c, m) or (c, m, n)
        Input channels and the size of the kernel; its length determines the number of spatial axes.
    num_kernels : int

    Attributes
    ----------
    weights : ndarray, shape (num_kernels, *convolution_shape)
    bias : ndarray, shape (num_kernels,)
        Drawn, in this order, by ``np.random.uniform(0, 1, ...)``.
    gradient_weights, gradient_bias : ndarray
        After `backward`.
    optimizer : object with ``calculate_update(weights, gradient)``, or None
        Updates the weights; setting it sets `bias_optimizer` to a copy.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.fau import Conv
    >>> conv = Conv((2, 2), (3, 5, 5), 4)
    >>> y = conv.forward(np.ones((2, 3, 10, 9)))
    >>> y.shape, conv.backward(y).shape
    ((2, 4, 5, 5), (2, 3, 10, 9))
    """

    def __init__(
        self, stride_shape: Any, convolution_shape: Sequence[int], num_kernels: int
    ) -> None:
        super().__init__()
        self.trainable = True
        self.stride_shape = stride_shape
        self.convolution_shape = shape_of("Conv", "convolution_shape", convolution_shape)
        self.num_kernels = num_kernels
        if len(self.convolution_shape) not in (2, 3):
            raise ValueError(
                f"Conv: convolution_shape must be (c, m) or (c, m, n) (got {convolution_shape!r})"
            )
        self.weights: Array = np.random.uniform(0, 1, (num_kernels, *self.convolution_shape))
        self.bias: Array = np.random.uniform(0, 1, num_kernels)
        self.gradient_weights: Array = np.zeros_like(self.weights)
        self.gradient_bias: Array = np.zeros_like(self.bias)
        self._optimizer: Any = None
        self.bias_optimizer: Any = None

    @property
    def optimizer(self) -> Any:
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self.bias_optimizer = deepcopy(optimizer)

    def initialize(self, weights_initializer: Any, bias_initializer: Any) -> None:
        """Draw `weights` and `bias`, by ``initialize(shape, fan_in, fan_out)``."""
        fan_in = prod(self.convolution_shape)
        fan_out = self.num_kernels * prod(self.convolution_shape[1:])
        shape = self.num_kernels, *self.convolution_shape
        self.weights = weights_initializer.initialize(shape, fan_in, fan_out)
        self.bias = bias_initializer.initialize((self.num_kernels,), fan_in, fan_out)

    def forward(self, input_tensor: Any) -> Array:
        y = convolved(
            "Conv.forward", input_tensor, self.weights, self.bias, self.stride_shape, "same_lower"
        )
        self.input_tensor = input_tensor
        return y

    def backward(self, error_tensor: Any) -> Array:
        x = _kept(self, "input_tensor")
        dx, self.gradient_weights, self.gradient_bias = gradients(
            "Conv.backward", error_tensor, x, self.weights, self.stride_shape, "same_lower"
        )
        if self._optimizer is not None:
            self.weights = self._optimizer.calculate_update(self.weights, self.gradient_weights)
        if self.bias_optimizer is not None:
            self.bias = self.bias_optimizer.calculate_update(self.bias, self.gradient_bias)
        return dx


class Pooling(BaseLayer):
    """The maximum of each window, without padding; the first of equal maxima gets the gradient.

    Parameters
    ----------
    stride_shape, pooling_shape : (int, int)

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.fau import Pooling
    >>> pool = Pooling((2, 2), (2, 2))
    >>> pool.forward(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    def __init__(self, stride_shape: Sequence[int], pooling_shape: Sequence[int]) -> None:
        super().__init__()
        self.stride_shape = stride_shape
        self.pooling_shape = pooling_shape

    def forward(self, input_tensor: Any) -> Array:
        window = self.pooling_shape, self.stride_shape
        y, self._indices = max_pool(
            "Pooling.forward", "input_tensor", input_tensor, FLOAT64, *window
        )
        self.input_tensor = input_tensor
        return y

    def backward(self, error_tensor: Any) -> Array:
        shape = shape_at(_kept(self, "input_tensor"))
        return max_pool_backward(
            "Pooling.backward", "error_tensor", error_tensor, FLOAT64, self._indices, shape
        )


class Flatten(BaseLayer):
    """Images as rows; `backward` restores the shape."""

    def forward(self, input_tensor: Any) -> Array:
        x = np.asarray(input_tensor)
        self.shape = x.shape
        return x.reshape(len(x), -1).copy()

    def backward(self, error_tensor: Any) -> Array:
        return np.asarray(error_tensor).reshape(_kept(self, "shape")).copy()


explain_module(__name__)
