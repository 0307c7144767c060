"""Convolutional networks on NumPy arrays: C kernels, autograd, a PyTorch-shaped API."""

from importlib import import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING, Any

from . import (
    autograd,
    dtypes,
    functional,
    kernels,
    layouts,
    nn,
    operations,
    optim,
    random,
    settings,
)
from .autograd import (
    Function,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .devices import device
from .dtypes import *
from .functional import conv2d, dropout, log_softmax, relu, softmax
from .gradcheck import GradcheckError, gradcheck
from .graphs import graph
from .layouts import *
from .operations import *
from .printing import set_printoptions
from .random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state
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
from .settings import *
from .size import Size
from .tensor import Tensor, as_tensor, tensor

if TYPE_CHECKING:
    from . import data
    from .checkpoint import CheckpointError, load, save
    from .generator import Generator
    from .plan import compile

__version__ = "0.1.0"
newaxis = None

__all__ = [
    "CheckpointError",
    "Function",
    "Generator",
    "GradcheckError",
    "Size",
    "Tensor",
    "as_tensor",
    "autograd",
    "available_isas",
    "compile",
    "config",
    "conv2d",
    "current_isa",
    "data",
    "device",
    "dropout",
    "empty_cache",
    "enable_grad",
    "exact_is_on",
    "functional",
    "get_num_threads",
    "get_rng_state",
    "gradcheck",
    "graph",
    "inference_mode",
    "initial_seed",
    "is_grad_enabled",
    "kernels",
    "load",
    "log_softmax",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "random",
    "relu",
    "save",
    "seed",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "show_config",
    "softmax",
    "tensor",
    "use_exact",
    "use_isa",
    "use_threads",
]
__all__ += dtypes.__all__
__all__ += layouts.__all__
__all__ += operations.__all__
__all__ += settings.__all__
__all__.sort()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_LAZY_MODULES = {"accelerator", "backends", "cuda", "data", "linalg", "version"}
_LAZY = {
    "CheckpointError": "checkpoint",
    "Generator": "generator",
    "compile": "plan",
    "default_generator": "generator",
    "load": "checkpoint",
    "save": "checkpoint",
}
"""Names that are imported when they are used, each with its module."""
_LAZY.update(dict.fromkeys(dtypes.TENSOR_TYPES, "legacy"))


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    reason = f": {dtypes.REFUSED[name]}" if name in dtypes.REFUSED else ""
    raise AttributeError(f"module 'cnet' has no attribute {name!r}{reason}")
