"""Seeds, batches, initial weights, and the loss."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._explained import explain_module
from ...arrays import Array
from .._arrays import same_shape, size
from . import nn
from .graph import Node


def set_seed(seed: int = 42) -> None:
    """Seed the generators of NumPy and of Python."""
    np.random.seed(seed)
    random.seed(seed)


def batch_iterator(
    X: Array, y: Array, batch_size: int = 256, shuffle: bool = True
) -> Iterator[tuple[Array, Array]]:
    """Batches of rows, in an order drawn by ``np.random.shuffle``."""
    f = "batch_iterator"
    batch_size = size(f, "batch_size", batch_size, 1)
    same_shape(f, "y", np.shape(y)[:1], "X.shape[:1]", np.shape(X)[:1])
    return _batches(np.asarray(X), np.asarray(y), batch_size, bool(shuffle))


def _batches(X: Array, y: Array, batch_size: int, shuffle: bool) -> Iterator[tuple[Array, Array]]:
    order = np.arange(len(X))
    if shuffle:
        np.random.shuffle(order)
    for start in range(0, len(X), batch_size):
        batch = order[start : start + batch_size]
        yield X[batch], y[batch]


def init_model_weights(model: Any) -> None:
    """Draw new weights for the layers of a `Sequential`, and set their biases to 0."""
    for layer in getattr(model, "layers", []):
        if not isinstance(layer, (nn.Linear, nn.Conv2d)):
            continue
        shape = layer.weight.value.shape
        inputs = shape[0] if isinstance(layer, nn.Linear) else np.prod(shape[1:])
        layer.weight.value[:] = np.random.randn(*shape) * np.sqrt(2 / inputs)
        layer.bias.value[:] = 0


def cross_entropy_loss_stable(logits_node: Node, labels_numpy: Any) -> Node:
    """The mean cross-entropy of rows of scores with integer labels.

    Parameters
    ----------
    logits_node : Node, shape (n, c)
    labels_numpy : array_like of int, shape (n,)

    Returns
    -------
    Node, shape ()
    """
    logits = logits_node.value
    labels = np.asarray(labels_numpy)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "cross_entropy_loss_stable: labels_numpy must have shape (n,) for logits (n, c) "
            f"(got {labels.shape} and {logits.shape})"
        )
    n, c = logits.shape
    if n and not -c <= labels.min() <= labels.max() < c:
        raise ValueError(
            "cross_entropy_loss_stable: labels_numpy must be less than the number of classes "
            f"(got {labels.max()} and {c})"
        )
    shifted = logits_node - Node(np.max(logits, axis=1, keepdims=True))
    log_probs = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
    one_hot = np.zeros((n, c), dtype=np.float32)
    one_hot[np.arange(n), labels] = 1
    return -(Node(one_hot) * log_probs).sum() * (1.0 / n)


explain_module(__name__)
