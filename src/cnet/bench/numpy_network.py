"""The training step of the reference CNN in pure NumPy, for both NumPy sides."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .sides import Array

LR = 5e-4
BETAS = 0.9, 0.999
EPS = 1e-8


class Trainer:
    """The reference CNN with the convolution, ReLU, max-pooling and Adam of the module `style`.

    Like cnet's graph, it does not compute the gradient of the images.
    """

    def __init__(self, style: Any, parameters: Sequence[Array]) -> None:
        self.parameters = [parameter.copy() for parameter in parameters]
        self.gradients: list[Array] = []
        self._style = style
        self._adam = style.Adam(self.parameters)

    def step(self, x: Array, target: npt.NDArray[np.int64]) -> float:
        style = self._style
        w1, b1, w2, b2, w3, b3, w4, b4 = self.parameters

        y, conv1 = style.conv2d(x, w1, b1, padding=2)
        relu1 = style.relu(y)
        y, pool1 = style.max_pool2d(relu1, 2)
        y, conv2 = style.conv2d(y, w2, b2, padding=1)
        relu2 = style.relu(y)
        pooled, pool2 = style.max_pool2d(relu2, 2)
        features = pooled.reshape(len(x), -1)
        hidden = style.relu(features @ w3.T + b3)
        loss, d = _cross_entropy(hidden @ w4.T + b4, target)

        dw4, db4 = d.T @ hidden, d.sum(0)
        d = style.relu_backward(d @ w4, hidden)
        dw3, db3 = d.T @ features, d.sum(0)
        d = style.max_pool2d_backward((d @ w3).reshape(pooled.shape), pool2)
        d, dw2, db2 = style.conv2d_backward(style.relu_backward(d, relu2), conv2)
        d = style.max_pool2d_backward(d, pool1)
        _, dw1, db1 = style.conv2d_backward(style.relu_backward(d, relu1), conv1, need_dx=False)

        self.gradients = [dw1, db1, dw2, db2, dw3, db3, dw4, db4]
        self._adam.step(self.gradients)
        return loss


def _cross_entropy(logits: Array, target: npt.NDArray[np.int64]) -> tuple[float, Array]:
    """The mean loss, and its gradient."""
    rows = np.arange(len(target))
    shifted = logits - logits.max(1, keepdims=True)
    exp = np.exp(shifted)
    total = exp.sum(1, keepdims=True)
    loss = (np.log(total[:, 0]) - shifted[rows, target]).mean()
    gradient = exp / total
    gradient[rows, target] -= 1
    return float(loss), gradient / np.float32(len(target))
