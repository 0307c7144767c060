"""Functions of tensors and arrays, with the names of `torch.nn.functional` and `torch`.

Each family of functions has its own file, which defines each operation and its derivative. The
import of this package registers the operators and methods of `Tensor`.
"""

from . import comparison
from .activation import gelu
from .arithmetic import add, div, floor_divide, mul, neg, pow, remainder, sub
from .conv import conv2d
from .dropout import dropout
from .elementwise import abs, clip, clone, exp, leaky_relu, log, relu, sigmoid, sqrt, tanh
from .extrema import amax, amin, argmax, argmin, max, min
from .joining import cat, pad, stack
from .linear import linear, matmul
from .loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from .norm import batch_norm
from .pooling import avg_pool2d, max_pool2d
from .reductions import logsumexp, mean, std, sum, var
from .selection import maximum, minimum, where
from .shape import (
    broadcast_to,
    expand,
    flatten,
    permute,
    reshape,
    squeeze,
    transpose,
    unsqueeze,
)
from .softmax import log_softmax, softmax
from .sorting import argsort, sort, topk

clamp = clip
concatenate = cat
expand_dims = unsqueeze

__all__ = [
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "argsort",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "cat",
    "clamp",
    "clip",
    "clone",
    "concatenate",
    "conv2d",
    "cross_entropy",
    "div",
    "dropout",
    "exp",
    "expand",
    "expand_dims",
    "flatten",
    "floor_divide",
    "gelu",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "neg",
    "nll_loss",
    "pad",
    "permute",
    "pow",
    "relu",
    "remainder",
    "reshape",
    "sigmoid",
    "softmax",
    "sort",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tanh",
    "topk",
    "transpose",
    "unsqueeze",
    "var",
    "where",
]
