"""Initial values of parameters, with PyTorch's names and distributions.

Each function takes a tensor or an ndarray, fills it and returns it. Random numbers are drawn in
float64 and then rounded, so that a float32 and a float64 model with the same seed start from the
same values.
"""

from .basic import constant_, normal_, ones_, trunc_normal_, uniform_, zeros_
from .deprecated import (
    constant,
    dirac,
    eye,
    kaiming_normal,
    kaiming_uniform,
    normal,
    orthogonal,
    sparse,
    uniform,
    xavier_normal,
    xavier_uniform,
)
from .structured import dirac_, eye_, orthogonal_, sparse_
from .variance import (
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)
from .variance import layer_defaults_ as layer_defaults_  # for layers

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]
