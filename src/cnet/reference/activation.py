"""ReLU."""

import numpy as np

from ..arrays import Array


def relu(x: Array, y: Array) -> None:
    """y = 0 where x ≤ 0, else x; NaN passes."""
    y[...] = np.where(x <= 0, 0, x)


def relu_backward(grad_output: Array, y: Array, dx: Array) -> None:
    """dx = 0 where y ≤ 0, else grad_output."""
    dx[...] = np.where(y <= 0, 0, grad_output)
