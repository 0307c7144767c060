"""Functions of single elements, and of rows."""

import numpy as np

from ..arrays import Array


def relu(x: Array, y: Array) -> None:
    """y = 0 where x ≤ 0, else x; NaN passes."""
    y[...] = np.where(x <= 0, 0, x)


def relu_backward(grad_output: Array, y: Array, dx: Array) -> None:
    """dx = 0 where y ≤ 0, else grad_output."""
    dx[...] = np.where(y <= 0, 0, grad_output)


def activate(x: Array, y: Array, function: str, negative_slope: float) -> None:
    """y = x where x > 0, else negative_slope x; 1 / (1 + exp(-x)); or tanh(x)."""
    if function == "leaky_relu":
        y[...] = np.where(x > 0, x, x * x.dtype.type(negative_slope))
    elif function == "sigmoid":
        decayed = np.exp(-np.abs(x))
        y[...] = np.where(x >= 0, 1, decayed) / (1 + decayed)
    else:
        np.tanh(x, out=y)


def softmax(x: Array, y: Array, g: tuple[int, int], logarithm: bool) -> None:
    """y[i, j] = exp(x[i, j]) / Σ_k exp(x[i, k]), or the logarithm of that.

    `g` is (rows, columns).
    """
    rows = x.reshape(g)
    shifted = rows - rows.max(1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    y[...] = (shifted if logarithm else np.exp(shifted)).reshape(y.shape)


def add(a: Array, b: Array, y: Array) -> None:
    """y = a + b."""
    y[...] = a.reshape(y.shape) + b.reshape(y.shape)


def copy(x: Array, y: Array) -> None:
    """y = x."""
    y[...] = x.reshape(y.shape)
