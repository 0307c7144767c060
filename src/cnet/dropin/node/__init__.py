"""A graph of `Node` objects, a small `nn` on it, and Adam with the circular echo.

In float32. A node has `value`, `grad`, `parents` and `op`; ``topo = loss.backward()`` returns the
graph in the order of computation, and ``optimizer.step(topo_graph=topo)`` may go through it again:
``for node in reversed(topo): node._backward(node)`` adds, to the gradients of its parents, what the
gradient of each node says.

A convolution that is followed by ReLU and a 2x2 max-pool is computed with them, in one go. The
nodes in between are there all the same: their values and gradients are computed when they are read.

Where this differs from what such code often does:

- max pooling pads with -inf; its `stride` is its `kernel_size` unless given, also for a tuple;
- numbers and arrays may stand on either side of an operator;
- `train`, `eval` and `parameters` see modules and nodes inside lists, tuples and dicts, and give
  each parameter once;
- the gradient of an image is computed when it is read.
"""

from . import nn
from .graph import Node
from .optim import AdamOptimizer
from .training import batch_iterator, cross_entropy_loss_stable, init_model_weights, set_seed

__all__ = [
    "AdamOptimizer",
    "Node",
    "batch_iterator",
    "cross_entropy_loss_stable",
    "init_model_weights",
    "nn",
    "set_seed",
]
