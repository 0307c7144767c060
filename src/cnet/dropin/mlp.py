"""A perceptron with an explicit chain rule, and its functions.

Everything is float64. The loss is the mean of all squared errors, but the gradient is divided by
the number of rows only; for one output, both agree. Networks in this style are so small that plain
NumPy computes them fastest. This module computes each intermediate value only once.
"""

from typing import Any

import numpy as np

from .._explained import explain_module
from ..arrays import FLOAT64, Array
from ._arrays import floats, same_shape


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), with `x` clipped to the range from -500 to 500."""
    return 1 / (1 + np.exp(-np.minimum(np.maximum(x, -500), 500)))


def sigmoid_derivative(x: Any) -> Any:
    """sigmoid(x) * (1 - sigmoid(x))."""
    y = sigmoid(x)
    return y * (1 - y)


def relu(x: Any) -> Any:
    """max(0, x)."""
    return np.maximum(0, x)


def relu_derivative(x: Any) -> Array:
    """1.0 where ``x > 0``, else 0.0."""
    return (np.asarray(x) > 0).astype(float)


class SingleNeuron:
    """``a = sigmoid(w * x + b)`` and its squared error.

    Attributes
    ----------
    w, b : float
        Drawn, in this order, by ``np.random.randn()``.
    x, target, z, a, loss : float
        Values of the last `forward`; ``z = w * x + b``.

    Examples
    --------
    >>> from cnet.dropin.mlp import SingleNeuron
    >>> neuron = SingleNeuron()
    >>> neuron.w, neuron.b = 1.0, -2.0
    >>> a, loss = neuron.forward(2.0, 1.0)
    >>> float(a), float(loss)
    (0.5, 0.25)
    >>> [float(gradient) for gradient in neuron.backward()]
    [-0.5, -0.25]
    """

    def __init__(self) -> None:
        self.w = np.random.randn()
        self.b = np.random.randn()

    def forward(self, x: Any, target: Any) -> tuple[Any, Any]:
        """The prediction and the loss."""
        self.x = x
        self.target = target
        self.z = self.w * x + self.b
        self.a = sigmoid(self.z)
        self.loss = (self.a - target) ** 2
        return self.a, self.loss

    def backward(self) -> tuple[Any, Any]:
        """The derivatives of the loss with respect to `w` and `b`."""
        if "a" not in vars(self):
            raise RuntimeError("SingleNeuron.backward: call forward first")
        dz = 2 * (self.a - self.target) * sigmoid_derivative(self.z)
        return dz * self.x, dz


class MLPFromScratch:
    """Two layers: ``sigmoid(relu(X @ W1 + b1) @ W2 + b2)``, trained on squared errors.

    Parameters
    ----------
    input_dim, hidden_dim, output_dim : int

    Attributes
    ----------
    W1, b1, W2, b2 : ndarray
        Weights of shape (in, out), drawn in this order by ``np.random.randn(...) * √(2 / in)``;
        biases are zeros.
    z1, a1, z2, a2 : ndarray
        Weighted sums and activations of the last `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.dropin.mlp import MLPFromScratch
    >>> np.random.seed(42)
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0.0]])
    >>> mlp = MLPFromScratch(2, 8, 1)
    MLP 생성: 2 → 8 → 1
    >>> for epoch in range(400):
    ...     y_pred = mlp.forward(X)
    ...     mlp.update(mlp.backward(X, y), lr=1.0)
    >>> print(f"{mlp.loss(y_pred, y):.6f}")
    0.001076
    """

    def __init__(self, input_dim: int, hidden_dim: int, output_dim: int) -> None:
        self.W1 = np.random.randn(input_dim, hidden_dim) * np.sqrt(2.0 / input_dim)
        self.b1 = np.zeros(hidden_dim)
        self.W2 = np.random.randn(hidden_dim, output_dim) * np.sqrt(2.0 / hidden_dim)
        self.b2 = np.zeros(output_dim)
        print(f"MLP 생성: {input_dim} → {hidden_dim} → {output_dim}")

    def forward(self, X: Any) -> Array:
        """The outputs, one row for each row of X."""
        x = floats("MLPFromScratch.forward", "X", X, FLOAT64, 2)
        self.z1 = x @ self.W1 + self.b1
        self.a1 = np.maximum(0, self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.a2: Array = sigmoid(self.z2)
        return self.a2.copy()

    def loss(self, y_pred: Any, y_true: Any) -> Any:
        """The mean of the squared errors."""
        y_pred, y_true = np.asarray(y_pred), np.asarray(y_true)
        same_shape("MLPFromScratch.loss", "y_true", y_true.shape, "y_pred.shape", y_pred.shape)
        return np.mean((y_pred - y_true) ** 2)

    def backward(self, X: Any, y_true: Any) -> dict[str, Array]:
        """The gradients by name: 'W1', 'b1', 'W2', 'b2'."""
        f = "MLPFromScratch.backward"
        if "a2" not in vars(self):
            raise RuntimeError(f"{f}: call forward first")
        x = floats(f, "X", X, FLOAT64, 2)
        y = floats(f, "y_true", y_true, FLOAT64)
        same_shape(f, "y_true", y.shape, "(len(X), output_dim)", (len(x), len(self.b2)))
        same_shape(f, "X", x.shape, "X.shape of forward", (len(self.a2), len(self.W1)))
        dz2 = 2 * (self.a2 - y) / len(x) * (self.a2 * (1 - self.a2))
        dz1 = dz2 @ self.W2.T * (self.z1 > 0)
        return {
            "W1": x.T @ dz1,
            "b1": dz1.sum(axis=0),
            "W2": self.a1.T @ dz2,
            "b2": dz2.sum(axis=0),
        }

    def update(self, grads: dict[str, Array], lr: float) -> None:
        """Gradient descent, in place."""
        for name in ("W1", "b1", "W2", "b2"):
            parameter, step = getattr(self, name), lr * grads[name]
            if getattr(step, "shape", ()) != parameter.shape:
                f, of = "MLPFromScratch.update", f"{name}.shape"
                same_shape(f, f"grads[{name!r}]", np.shape(step), of, parameter.shape)
            parameter -= step


def numerical_gradient(
    model: MLPFromScratch, X: Any, y: Any, param_name: str, h: float = 1e-5
) -> Array:
    """The gradient of ``model.loss(model.forward(X), y)`` by central differences.

    Parameters
    ----------
    model : MLPFromScratch
    X, y : ndarray
        Inputs and targets.
    param_name : str
        The name of the parameter, for example 'W1'. The parameter is restored afterwards.
    h : float, default 1e-5
        The step in both directions.
    """
    from .stateless import finite_diff_grad

    parameter = getattr(model, param_name)
    return finite_diff_grad(lambda _: float(model.loss(model.forward(X), y)), parameter, h)


explain_module(__name__)
