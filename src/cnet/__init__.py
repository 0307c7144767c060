"""Convolutional networks on NumPy arrays: C kernels, autograd, a PyTorch-shaped API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import autograd, functional, kernels, nn, operations, optim
from .autograd import (
    Function,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .functional import (
    celu,
    conv2d,
    dropout,
    hardshrink,
    log_softmax,
    prelu,
    relu,
    rrelu,
    selu,
    softmax,
    threshold,
)
from .gradcheck import GradcheckError, gradcheck
from .graphs import graph
from .operations import *
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
    from . import data
    from .checkpoint import CheckpointError, load, save
    from .plan import compile

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "Function",
    "GradcheckError",
    "Size",
    "Tensor",
    "as_tensor",
    "autograd",
    "available_isas",
    "celu",
    "compile",
    "config",
    "conv2d",
    "current_isa",
    "data",
    "dropout",
    "empty_cache",
    "enable_grad",
    "exact_is_on",
    "functional",
    "get_num_threads",
    "get_rng_state",
    "gradcheck",
    "graph",
    "hardshrink",
    "inference_mode",
    "is_grad_enabled",
    "kernels",
    "load",
    "log_softmax",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "prelu",
    "relu",
    "rrelu",
    "save",
    "selu",
    "set_grad_enabled",
    "set_num_threads",
    "set_rng_state",
    "show_config",
    "softmax",
    "tensor",
    "threshold",
    "use_exact",
    "use_isa",
    "use_threads",
]
__all__ += operations.__all__
__all__.sort()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_LAZY_MODULES = {"data"}
_LAZY = {
    "CheckpointError": "checkpoint",
    "compile": "plan",
    "load": "checkpoint",
    "save": "checkpoint",
}
"""Names that are imported when they are used, each with its module."""


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    if name[-1:] == "_" != name[-2:-1] and hasattr(Tensor, name):  # in place, such as exp_
        return getattr(Tensor, name)
    raise AttributeError(f"module 'cnet' has no attribute {name!r}")
