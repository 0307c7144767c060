"""A graph of `Node` objects, a small `nn` on it, and Adam with the circular echo.

Everything is float32. A node has `value`, `grad`, `parents` and `op`. ``topo = loss.backward()``
returns the graph in the order of computation, and ``optimizer.step(topo_graph=topo)`` may traverse
it again: ``for node in reversed(topo): node._backward(node)`` propagates the gradient of each node
and adds the result to the gradients of its parents.

A convolution, the ReLU and the 2x2 max pooling that follow it are computed by one kernel. The
intermediate nodes exist nevertheless: their values and gradients are computed on access.

Differences from common code in this style:

- max pooling pads with -inf; the default of its `stride` is its `kernel_size`, also for a tuple;
- either operand of an operator may be a number or an array;
- `train`, `eval` and `parameters` include modules and nodes in lists, tuples and dicts, and each
  parameter is returned once;
- the gradient of an image is computed on access.
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
