"""Initial values of parameters, with PyTorch's names and distributions.

Each function takes a tensor or an ndarray, fills it and returns it. Random numbers are drawn in
float64 and then rounded, so that a float32 and a float64 model with the same seed start from the
same values.
"""

from importlib import import_module
from typing import Any

from .basic import constant_, normal_, ones_, trunc_normal_, uniform_, zeros_
from .structured import dirac_, eye_, orthogonal_, sparse_
from .variance import _calculate_fan_in_and_fan_out as _calculate_fan_in_and_fan_out
from .variance import (
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)
from .variance import layer_defaults_ as layer_defaults_  # for layers

_DEPRECATED = (
    "constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal",
    "sparse", "uniform", "xavier_normal", "xavier_uniform",
)  # fmt: skip
"""Old names of the functions with an underscore at the end."""

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def __getattr__(name: str) -> Any:
    """Deprecated names, which warn when they are called."""
    if name in _DEPRECATED:
        return import_module(".deprecated", __name__).deprecated(globals()[f"{name}_"])
    raise AttributeError(f"module 'cnet.nn.init' has no attribute {name!r}")
