"""Layers that store their input: ``forward(x)``, then ``backward(grad_output)``.

Layers take one image or one vector at a time, in float64. `backward` returns the gradient of the
input and stores the gradients of the parameters in attributes, for updates such as
``layer.kernel -= lr * layer.grad_weights``.

Differences from common code in this style:

- `Relu` stores its input, so that its `backward` works;
- `Model.backward` returns the gradient of the input;
- `SoftmaxCrossEntropyLoss` also takes the logits and the labels of a single example, as `Dense`
  returns them;
- an unknown `pool_type` of `Pooling`, and `backward` before `forward`, are errors.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import floats, has_ndim, same_shape

_ONE = np.ones(())  # with a small array, NumPy computes faster than with a Python number


def _image(function: str, name: str, x: Any) -> Array:
    """One image, in the shape that the kernels need."""
    return floats(function, name, x, FLOAT64, 2)[np.newaxis, np.newaxis]


def _vector(function: str, name: str, x: Any, of: str, size: int) -> Array:
    """`x` as a float64 vector of this size; quick if it is a vector of numbers already."""
    if type(x) is np.ndarray and x.ndim == 1 and len(x) == size:
        dtype = x.dtype
        if dtype is FLOAT64:
            return x
        if dtype.kind in "fiub":
            return x.astype(FLOAT64)
    vector = floats(function, name, x, FLOAT64, 1)
    same_shape(function, name, vector.shape, of, (size,))
    return vector


def _kept(layer: Any, name: str) -> Any:
    """The value that `forward` stored for `backward`."""
    try:
        return getattr(layer, name)
    except AttributeError:
        raise RuntimeError(f"{type(layer).__name__}.backward: call forward first") from None


class Conv2d:
    """Cross-correlate an image with one kernel, without padding.

    Parameters
    ----------
    kernel_size : int, default 3
        Height and width of the kernel.

    Attributes
    ----------
    kernel : ndarray, shape (kernel_size, kernel_size)
        Drawn by ``np.random.randn(...) * 0.1``.
    grad_weights : ndarray, the same shape
        After `backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.layerwise import Conv2d
    >>> conv = Conv2d(2)
    >>> conv.kernel = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> conv.forward(np.arange(9.0).reshape(3, 3))
    array([[ 4.,  6.],
           [10., 12.]])
    >>> conv.backward(np.ones((2, 2)))
    array([[1., 1., 0.],
           [1., 2., 1.],
           [0., 1., 1.]])
    >>> conv.grad_weights
    array([[ 8., 12.],
           [20., 24.]])
    """

    def __init__(self, kernel_size: int = 3) -> None:
        self.kernel = np.random.randn(kernel_size, kernel_size) * 0.1

    def forward(self, x: Any) -> Array:
        image = _image("Conv2d.forward", "x", x)
        y = kernels.conv2d(image, _image("Conv2d.forward", "kernel", self.kernel))
        self.input = x
        return y[0, 0]

    def backward(self, grad_output: Any) -> Array:
        f = "Conv2d.backward"
        image, kernel = _image(f, "input", _kept(self, "input")), _image(f, "kernel", self.kernel)
        grad = _image(f, "grad_output", grad_output)
        dx, dw, _ = kernels.conv2d_backward(grad, image, kernel, needs=(True, True, False))
        assert dx is not None
        assert dw is not None
        self.grad_weights = dw[0, 0]
        return dx[0, 0]


class Relu:
    """max(0, x); the gradient is 0 where the input is not positive."""

    def forward(self, x: Any) -> Array:
        self.input = x
        return np.maximum(0, x)

    def backward(self, grad_output: Any) -> Array:
        x = np.asarray(_kept(self, "input"))
        grad_output = np.asarray(grad_output)
        same_shape("Relu.backward", "grad_output", grad_output.shape, "input.shape", x.shape)
        return np.where(x <= 0, grad_output.dtype.type(0), grad_output)


class Sigmoid:
    """1 / (1 + exp(-x)); stores the result as `output` for `backward`."""

    def forward(self, x: Any) -> Array:
        if type(x) is not np.ndarray or x.dtype is not FLOAT64:
            x = floats("Sigmoid.forward", "x", x, FLOAT64)
        powers = np.exp(-x)
        powers += _ONE
        self.output: Array = np.reciprocal(powers, powers)
        return self.output.copy()

    def backward(self, grad_output: Any) -> Array:
        y = _kept(self, "output")
        if type(grad_output) is not np.ndarray or grad_output.dtype is not FLOAT64:
            grad_output = floats("Sigmoid.backward", "grad_output", grad_output, FLOAT64)
        same_shape("Sigmoid.backward", "grad_output", grad_output.shape, "output.shape", y.shape)
        dx: Array = grad_output * y * (_ONE - y)
        return dx


class Dense:
    """``weights @ x + biases`` of a vector x.

    Parameters
    ----------
    input_size, output_size : int

    Attributes
    ----------
    weights : ndarray, shape (output_size, input_size)
    biases : ndarray, shape (output_size,)
        Drawn, in this order, by ``np.random.randn(...) * 0.1``.
    grad_weights, grad_biases : ndarray, the same shapes
        After `backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.layerwise import Dense
    >>> dense = Dense(2, 1)
    >>> dense.weights, dense.biases = np.array([[2.0, 3.0]]), np.array([1.0])
    >>> dense.forward(np.array([1.0, 1.0]))
    array([6.])
    >>> dense.backward(np.array([10.0]))
    array([20., 30.])
    """

    def __init__(self, input_size: int, output_size: int) -> None:
        self.weights = np.random.randn(output_size, input_size) * 0.1
        self.biases = np.random.randn(output_size) * 0.1

    def forward(self, x: Any) -> Array:
        weights = self.weights
        vector = _vector("Dense.forward", "x", x, "(weights.shape[1],)", weights.shape[1])
        self.input = x
        y: Array = weights.dot(vector) + self.biases
        return y

    def backward(self, grad_output: Any) -> Array:
        f, weights = "Dense.backward", self.weights
        x = _kept(self, "input")
        grad = _vector(f, "grad_output", grad_output, "biases.shape", len(weights))
        self.grad_weights = np.multiply(grad[:, np.newaxis], x, dtype=FLOAT64)
        self.grad_biases = grad.copy()
        dx: Array = weights.T.dot(grad)
        return dx


class Pooling:
    """The maximum or the mean of each window of an image; windows move by 1 and overlap.

    Parameters
    ----------
    pool_type : {'max', 'avg'}, default 'max'
    kernel_size : (int, int), default (3, 3)
        Height and width of the window.

    Attributes
    ----------
    indices : list of (int, int)
        Row and column of each maximum, in row-major order; the first of equal maxima. Empty for
        'avg'.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.layerwise import Pooling
    >>> pool = Pooling("max", (2, 2))
    >>> pool.forward(np.array([[1, 5, 4], [9, 2, 1], [6, 3, 2]]))
    array([[9., 5.],
           [9., 3.]])
    >>> pool.indices
    [(1, 0), (0, 1), (1, 0), (2, 1)]
    >>> pool.backward(np.array([[1, 2], [3, 4]]))
    array([[0., 2., 0.],
           [4., 0., 0.],
           [0., 4., 0.]])
    """

    def __init__(self, pool_type: str = "max", kernel_size: Sequence[int] = (3, 3)) -> None:
        if pool_type not in ("max", "avg"):
            raise ValueError(f"Pooling: pool_type must be 'max' or 'avg' (got {pool_type!r})")
        self.pool_type = pool_type
        self.kernel_size = kernel_size
        self._argmax = np.zeros((1, 1, 0, 0), np.int32)

    @property
    def indices(self) -> list[tuple[int, int]]:
        if self._argmax.size == 0:
            return []
        rows, columns = np.divmod(self._argmax.ravel(), self.input_shape[1])
        return list(zip(rows.tolist(), columns.tolist(), strict=True))

    def forward(self, x: Any) -> Array:
        image = _image("Pooling.forward", "x", x)
        self.input_shape: tuple[int, int] = image.shape[2:]
        if self.pool_type == "avg":
            return kernels.avg_pool2d(image, self.kernel_size, 1)[0, 0]
        y, self._argmax = kernels.max_pool2d(image, self.kernel_size, 1)
        return y[0, 0]

    def backward(self, grad_output: Any) -> Array:
        shape = (1, 1, *_kept(self, "input_shape"))
        grad = _image("Pooling.backward", "grad_output", grad_output)
        if self.pool_type == "avg":
            return kernels.avg_pool2d_backward(grad, shape, self.kernel_size, 1)[0, 0]
        return kernels.max_pool2d_backward(grad, self._argmax, shape)[0, 0]


class Flatten:
    """Flattens an array to a vector; `backward` restores the shape."""

    def forward(self, x: Any) -> Array:
        x = np.asarray(x)
        self.input_shape = x.shape
        return x.flatten()

    def backward(self, grad_output: Any) -> Array:
        shape = _kept(self, "input_shape")
        grad_output = np.asarray(grad_output)
        if grad_output.size != prod(shape):
            raise ValueError(
                f"Flatten.backward: grad_output.size must equal input.size "
                f"(got {grad_output.size} and {prod(shape)})"
            )
        return grad_output.reshape(shape).copy()


class Model:
    """Layers in sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.layerwise import Conv2d, Dense, Flatten, Model, Relu
    >>> model = Model([Conv2d(3), Relu(), Flatten(), Dense(26 * 26, 10)])
    >>> model.forward(np.zeros((28, 28))).shape
    (10,)
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad_output: Any) -> Any:
        for layer in reversed(self.layers):
            grad_output = layer.backward(grad_output)
        return grad_output


class SoftmaxCrossEntropyLoss:
    """The mean over rows of ``-sum(labels * log(softmax(logits) + 1e-9))``.

    `forward` takes logits and one-hot labels of shape (n, c) or (c,), and stores `probs` and
    `labels`; `backward` returns the gradient of the logits, ``(probs - labels) / n``.
    """

    def forward(self, logits: Any, labels: Any) -> Any:
        f = "SoftmaxCrossEntropyLoss.forward"
        rows = floats(f, "logits", logits, FLOAT64)
        has_ndim(f, "logits", rows, 1, 2)
        targets = floats(f, "labels", labels, FLOAT64)
        same_shape(f, "labels", targets.shape, "logits.shape", rows.shape)
        powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
        self.probs: Array = powers / powers.sum(axis=-1, keepdims=True)
        self.labels = labels
        return -np.sum(targets * np.log(self.probs + 1e-9)) / _rows(rows)

    def backward(self) -> Array:
        probs = _kept(self, "probs")
        gradient: Array = (probs - np.asarray(self.labels)) / _rows(probs)
        return gradient


def _rows(x: Array) -> int:
    return len(x) if x.ndim == 2 else 1


explain_module(__name__)
