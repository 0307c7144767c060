"""Convolutional networks on NumPy arrays: C kernels, autograd, a PyTorch-shaped API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import autograd, functional, kernels, nn, optim
from .autograd import (
    Function,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .functional import (
    abs,
    add,
    amax,
    amin,
    argmax,
    argmin,
    argsort,
    broadcast_to,
    cat,
    clamp,
    clip,
    clone,
    concatenate,
    div,
    exp,
    expand_dims,
    flatten,
    floor_divide,
    log,
    log_softmax,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    mul,
    neg,
    permute,
    pow,
    relu,
    remainder,
    reshape,
    sigmoid,
    softmax,
    sort,
    sqrt,
    squeeze,
    stack,
    std,
    sub,
    sum,
    tanh,
    topk,
    transpose,
    unsqueeze,
    var,
    where,
)
from .gradcheck import GradcheckError, gradcheck
from .graphs import graph
from .random import get_rng_state, manual_seed, set_rng_state
from .runtime import (
    available_isas,
    config,
    current_isa,
    empty_cache,
    exact_is_on,
    get_num_threads,
    set_num_threads,
    show_config,
    use_exact,
    use_isa,
    use_threads,
)
from .size import Size
from .tensor import Tensor, as_tensor, tensor

if TYPE_CHECKING:
    from . import data, func
    from .checkpoint import CheckpointError, load, save
    from .plan import compile

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "Function",
    "GradcheckError",
    "Size",
    "Tensor",
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "argsort",
    "as_tensor",
    "autograd",
    "available_isas",
    "broadcast_to",
    "cat",
    "clamp",
    "clip",
    "clone",
    "compile",
    "concatenate",
    "config",
    "current_isa",
    "data",
    "div",
    "empty_cache",
    "enable_grad",
    "exact_is_on",
    "exp",
    "expand_dims",
    "flatten",
    "floor_divide",
    "func",
    "functional",
    "get_num_threads",
    "get_rng_state",
    "gradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "kernels",
    "load",
    "log",
    "log_softmax",
    "logsumexp",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "nn",
    "no_grad",
    "optim",
    "permute",
    "pow",
    "relu",
    "remainder",
    "reshape",
    "save",
    "set_grad_enabled",
    "set_num_threads",
    "set_rng_state",
    "show_config",
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
    "tensor",
    "topk",
    "transpose",
    "unsqueeze",
    "use_exact",
    "use_isa",
    "use_threads",
    "var",
    "where",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """What reads and writes files, and what compiles networks, is imported when it is used."""
    if name in ("data", "func"):
        return import_module(f".{name}", __name__)
    if name in ("CheckpointError", "load", "save"):
        return getattr(import_module(".checkpoint", __name__), name)
    if name == "compile":
        return import_module(".plan", __name__).compile
    raise AttributeError(f"module 'cnet' has no attribute {name!r}")
