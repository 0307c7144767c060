"""Layers without stored inputs: `forward(x)`, `grad_x(x, grad_out)`, `grad_params(x, grad_out)`.

Everything is float64. `grad_params` returns pairs of a parameter and its gradient. The parameter is
the array of the layer itself, so ``param -= learning_rate * grad`` updates the layer. A vector is
treated as one row, an array of shape (h, w) as one image.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from .. import kernels
from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import floats, has_ndim, integers, numbers, same_shape, size

Pairs: TypeAlias = list[tuple[Array, Array]]


def _rows(function: str, name: str, x: Any) -> Array:
    x = floats(function, name, x, FLOAT64)
    return x[np.newaxis] if x.ndim == 1 else x


def _matrix(function: str, name: str, x: Any) -> Array:
    x = floats(function, name, x, FLOAT64)
    has_ndim(function, name, x, 1, 2)
    return x[np.newaxis] if x.ndim == 1 else x


def _gradient(function: str, grad_out: Any, y: Array) -> Array:
    """The gradient of `y`, in the same shape."""
    grad = _rows(function, "grad_out", grad_out)
    same_shape(function, "grad_out", grad.shape, "the shape of the result", y.shape)
    return grad


def _parameter(function: str, name: str, value: Any) -> Array:
    """An array that the layer updates: `value` itself if it is one of float64."""
    return np.asarray(numbers(function, name, value), dtype=float)


def _images(function: str, name: str, x: Any) -> Array:
    """Images (n, h, w), or one image (h, w), as images with one channel."""
    x = floats(function, name, x, FLOAT64)
    has_ndim(function, name, x, 2, 3)
    return x.reshape(-1, 1, *x.shape[-2:])


class Layer:
    """The base class of layers. A subclass defines `forward` and `grad_x`."""

    def forward(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def grad_x(self, x: Any, grad_out: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define grad_x")

    def grad_params(self, x: Any, grad_out: Any) -> Pairs:
        return []

    def num_params(self) -> int:
        return 0


class LinearLayer(Layer):
    """``x @ W + b``.

    Parameters
    ----------
    in_features, out_features : int
    W : array_like, shape (in_features, out_features), optional
        Drawn by ``rng.uniform(-limit, limit)`` with limit √(6 / (in_features + out_features)).
    b : array_like, shape (out_features,), optional
        Zeros.
    rng : numpy.random.Generator, optional
        A new ``default_rng()``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.stateless import LinearLayer
    >>> layer = LinearLayer(2, 1, W=[[2.0], [3.0]])
    >>> layer.forward([1.0, 1.0])
    array([[5.]])
    >>> for param, grad in layer.grad_params([1.0, 1.0], [10.0]):
    ...     param -= 0.1 * grad
    >>> layer.W, layer.b
    (array([[1.],
           [2.]]), array([-1.]))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        W: Any = None,
        b: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng() if rng is None else rng
        in_features = size("LinearLayer", "in_features", in_features)
        out_features = size("LinearLayer", "out_features", out_features)
        if W is None:
            limit = np.sqrt(6.0 / (in_features + out_features))
            W = rng.uniform(-limit, limit, size=(in_features, out_features))
        self.W = _parameter("LinearLayer", "W", W)
        self.b = np.zeros(out_features) if b is None else _parameter("LinearLayer", "b", b)
        shapes = (in_features, out_features), (out_features,)
        same_shape("LinearLayer", "W", self.W.shape, "(in_features, out_features)", shapes[0])
        same_shape("LinearLayer", "b", self.b.shape, "(out_features,)", shapes[1])

    def forward(self, x: Any) -> Array:
        x = _matrix("LinearLayer.forward", "x", x)
        return kernels.linear(x, self.W.T, self.b)

    def grad_x(self, x: Any, grad_out: Any) -> Array:
        return kernels.matmul(_matrix("LinearLayer.grad_x", "grad_out", grad_out), self.W.T)

    def grad_params(self, x: Any, grad_out: Any) -> Pairs:
        x = _matrix("LinearLayer.grad_params", "x", x)
        grad = _matrix("LinearLayer.grad_params", "grad_out", grad_out)
        return [(self.W, kernels.matmul(x.T, grad)), (self.b, grad.sum(axis=0))]

    def num_params(self) -> int:
        return self.W.size + self.b.size


class ReLU(Layer):
    """``max(0, x)``; the gradient is 0 except where ``x > 0``."""

    def forward(self, x: Any) -> Array:
        return kernels.relu(_rows("ReLU.forward", "x", x))

    def grad_x(self, x: Any, grad_out: Any) -> Array:
        x = _rows("ReLU.grad_x", "x", x)
        return kernels.relu_backward(_rows("ReLU.grad_x", "grad_out", grad_out), x)


class Sigmoid(Layer):
    """1 / (1 + exp(-x)), computed without overflow."""

    def forward(self, x: Any) -> Array:
        x = _rows("Sigmoid.forward", "x", x)
        power = np.exp(-np.abs(x))
        y: Array = np.where(x >= 0, 1, power) / (1 + power)
        return y

    def grad_x(self, x: Any, grad_out: Any) -> Array:
        y = self.forward(x)
        return _gradient("Sigmoid.grad_x", grad_out, y) * y * (1 - y)


class Softmax(Layer):
    """The softmax of each row: positive numbers with the sum 1."""

    def forward(self, x: Any) -> Array:
        x = _matrix("Softmax.forward", "x", x)
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        y: Array = powers / powers.sum(axis=1, keepdims=True)
        return y

    def grad_x(self, x: Any, grad_out: Any) -> Array:
        y = self.forward(x)
        grad = _gradient("Softmax.grad_x", grad_out, y)
        dx: Array = y * (grad - (grad * y).sum(axis=1, keepdims=True))
        return dx


class CrossEntropy:
    """The mean or the sum over all rows of ``-sum(y_true * log(y_pred + eps))``.

    Parameters
    ----------
    eps : float, default 1e-8
    reduction : {'mean', 'sum'}, default 'mean'
    """

    def __init__(self, eps: float = 1e-8, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f"CrossEntropy: reduction must be 'mean' or 'sum' (got {reduction!r})")
        self.eps = float(eps)
        self.reduction = reduction

    def __call__(self, y_pred: Any, y_true: Any) -> float:
        return self.forward(y_pred, y_true)

    def forward(self, y_pred: Any, y_true: Any) -> float:
        y, t = self._arrays("CrossEntropy.forward", y_pred, y_true)
        losses = -np.sum(t * np.log(y + self.eps), axis=1)
        return float(losses.mean() if self.reduction == "mean" else losses.sum())

    def grad_x(self, y_pred: Any, y_true: Any) -> Array:
        y, t = self._arrays("CrossEntropy.grad_x", y_pred, y_true)
        gradient: Array = -(t / (y + self.eps))
        return gradient / len(y) if self.reduction == "mean" else gradient

    @staticmethod
    def _arrays(function: str, y_pred: Any, y_true: Any) -> tuple[Array, Array]:
        y, t = _matrix(function, "y_pred", y_pred), _matrix(function, "y_true", y_true)
        same_shape(function, "y_true", t.shape, "y_pred.shape", y.shape)
        return y, t


def one_hot(y: Any, num_classes: int) -> Array:
    """Rows of zeros with a 1 in the column of each label.

    Examples
    --------
    >>> from cnet.dropin.stateless import one_hot
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    num_classes = size("one_hot", "num_classes", num_classes)
    labels = integers("one_hot", "y", y).reshape(-1)
    if labels.size and not -num_classes <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"one_hot: y must be less than num_classes (got {labels.max()} and {num_classes})"
        )
    rows = np.zeros((labels.size, num_classes))
    rows[np.arange(labels.size), labels] = 1
    return rows


class NeuralNetwork:
    """Layers in sequence and a loss, trained by gradient descent.

    Parameters
    ----------
    layers : iterable of Layer
    loss : CrossEntropy
        Any object with ``grad_x(y_pred, y_true)``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.stateless import CrossEntropy, LinearLayer, NeuralNetwork, Softmax, one_hot
    >>> rng = np.random.default_rng(0)
    >>> net = NeuralNetwork([LinearLayer(2, 2, rng=rng), Softmax()], CrossEntropy())
    >>> x = rng.normal(size=(200, 2))
    >>> net.fit_one_epoch(x, one_hot(x[:, 0] > 0, 2), batch_size=10, learning_rate=1.0, rng=rng)
    >>> float(np.mean(net(x).argmax(1) == (x[:, 0] > 0))) > 0.9
    True
    """

    def __init__(self, layers: Iterable[Any], loss: Any) -> None:
        self.layers = list(layers)
        self.loss = loss

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def num_params(self) -> int:
        return sum(layer.num_params() for layer in self.layers if hasattr(layer, "num_params"))

    def _inputs(self, x: Any) -> tuple[list[Any], Any]:
        """The input of each layer, and the output of the last one."""
        inputs = []
        for layer in self.layers:
            inputs.append(x)
            x = layer.forward(x)
        return inputs, x

    def grad_x(self, x: Any, y_true: Any) -> Any:
        """The gradient of the loss with respect to `x`."""
        inputs, y = self._inputs(x)
        grad = self.loss.grad_x(y, y_true)
        for layer, x_in in zip(reversed(self.layers), reversed(inputs), strict=True):
            grad = layer.grad_x(x_in, grad)
        return grad

    def train_one_step(self, X_batch: Any, Y_batch: Any, learning_rate: float) -> None:
        """Update each parameter; the input gradient of a layer uses its updated parameters."""
        inputs, y = self._inputs(X_batch)
        grad = self.loss.grad_x(y, Y_batch)
        for position in reversed(range(len(self.layers))):
            layer, x = self.layers[position], inputs[position]
            for param, dparam in layer.grad_params(x, grad):
                param -= learning_rate * dparam
            if position:
                grad = layer.grad_x(x, grad)

    def fit_one_epoch(
        self,
        X: Any,
        Y: Any,
        batch_size: int,
        learning_rate: float,
        shuffle: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Do one step per `batch_size` rows, in an order drawn by ``rng.shuffle``."""
        rng = np.random.default_rng() if rng is None else rng
        x = floats("NeuralNetwork.fit_one_epoch", "X", X, FLOAT64)
        y = floats("NeuralNetwork.fit_one_epoch", "Y", Y, FLOAT64)
        if len(x) != len(y):
            raise ValueError(
                f"NeuralNetwork.fit_one_epoch: X and Y must have the same number of rows "
                f"(got {len(x)} and {len(y)})"
            )
        order = np.arange(len(x))
        if shuffle:
            rng.shuffle(order)
        batch_size = size("NeuralNetwork.fit_one_epoch", "batch_size", batch_size, 1)
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            self.train_one_step(x[batch], y[batch], learning_rate)


class SimpleConv(Layer):
    """Cross-correlate images with one kernel, without padding, and add a bias.

    Parameters
    ----------
    kernel : array_like, shape (kh, kw)
    bias : float, default 0

    Attributes
    ----------
    K : ndarray, shape (kh, kw)
    b : ndarray, shape (1,)

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.stateless import SimpleConv
    >>> conv = SimpleConv([[1, 0], [0, 1]], bias=0.5)
    >>> x = np.arange(9.0).reshape(3, 3)
    >>> conv.forward(x)
    array([[[ 4.5,  6.5],
            [10.5, 12.5]]])
    >>> [grad for param, grad in conv.grad_params(x, np.ones((2, 2)))]
    [array([[ 8., 12.],
           [20., 24.]]), array([4.])]
    """

    def __init__(self, kernel: Any, bias: float = 0.0) -> None:
        self.K = _parameter("SimpleConv", "kernel", kernel)
        self.b = _parameter("SimpleConv", "bias", [bias])

    def forward(self, x: Any) -> Array:
        f = "SimpleConv.forward"
        return kernels.conv2d(_images(f, "x", x), self._filters(f), self.b)[:, 0]

    def grad_x(self, x: Any, grad_out: Any) -> Array:
        gradient = self._gradients("SimpleConv.grad_x", x, grad_out, (True, False, False))[0]
        return gradient[:, 0]

    def grad_params(self, x: Any, grad_out: Any) -> Pairs:
        f = "SimpleConv.grad_params"
        _, dw, db = self._gradients(f, x, grad_out, (False, True, True))
        return [(self.K, dw[0, 0]), (self.b, db)]

    def num_params(self) -> int:
        return self.K.size + self.b.size

    def _filters(self, function: str) -> Array:
        return floats(function, "K", self.K, FLOAT64, 2)[np.newaxis, np.newaxis]

    def _gradients(
        self, function: str, x: Any, grad_out: Any, needs: tuple[bool, bool, bool]
    ) -> Any:
        grad = _images(function, "grad_out", grad_out)
        images, filters = _images(function, "x", x), self._filters(function)
        return kernels.conv2d_backward(grad, images, filters, needs=needs)


def finite_diff_grad(f: Callable[[Array], float], x: Any, eps: float = 1e-6) -> Array:
    """The gradient of `f` at `x` by central differences.

    Parameters
    ----------
    f : callable
        A function from an array to a number.
    x : array_like
        A float64 array is changed in place, one number at a time, while `f` is called, and restored
        afterwards. Other input is copied.
    eps : float, default 1e-6
        The step in both directions.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.stateless import finite_diff_grad
    >>> finite_diff_grad(lambda x: (x**2).sum(), np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    x = _parameter("finite_diff_grad", "x", x)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        try:
            x[index] = value + eps
            above = f(x)
            x[index] = value - eps
            below = f(x)
        finally:
            x[index] = value
        gradient[index] = (above - below) / (2 * eps)
    return gradient


explain_module(__name__)
