"""Initial values that preserve the variance from layer to layer."""

import math
from typing import Any

import numpy as np

from ..._explained import explained
from ...tensor import Tensor
from .._arguments import choice
from .basic import Fillable, normal_, uniform_, writable

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


@explained
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor of the standard deviation that compensates for a nonlinearity.

    Parameters
    ----------
    nonlinearity : str
        'linear', 'sigmoid', 'conv2d' or another convolution (1), 'tanh' (5/3), 'relu' (√2),
        'leaky_relu' (√(2 / (1 + param²))) or 'selu' (3/4).
    param : float, optional
        The negative slope of 'leaky_relu', by default 0.01; ignored for others.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `nonlinearity` is unknown, or `param` is not a number.

    Examples
    --------
    >>> from cnet.nn import init
    >>> init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    choice("calculate_gain", "nonlinearity", nonlinearity, (*_GAINS, "leaky_relu"))
    if nonlinearity != "leaky_relu":
        return _GAINS[nonlinearity]
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"calculate_gain: param must be a number (got {slope!r})")
    return math.sqrt(2 / (1 + slope**2))


@explained
def xavier_uniform_(
    tensor: Fillable, gain: float = 1.0, generator: "np.random.Generator | None" = None
) -> Fillable:
    """Draw from the uniform distribution on ±gain · √(6 / (fan_in + fan_out)).

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, in, ...)
        The values to replace, in place; fan_in is in · kernel size, fan_out is out · kernel size.
    gain : float, default 1
        See `calculate_gain`.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` has fewer than 2 dimensions.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.xavier_uniform_(np.empty((2, 4)))
    >>> bool((abs(w) <= 1).all())
    True
    """
    bound = math.sqrt(3) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


@explained
def xavier_normal_(
    tensor: Fillable, gain: float = 1.0, generator: "np.random.Generator | None" = None
) -> Fillable:
    """Draw from the normal distribution with standard deviation gain · √(2 / (fan_in + fan_out)).

    Parameters, result and errors are those of `xavier_uniform_`.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 12.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.xavier_normal_(np.empty((2, 4))).shape
    (2, 4)
    """
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), generator)


@explained
def kaiming_uniform_(
    tensor: Fillable,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "np.random.Generator | None" = None,
) -> Fillable:
    """Draw from the uniform distribution on ±gain · √(3 / fan).

    Parameters
    ----------
    tensor : Tensor or ndarray of float32 or float64, shape (out, in, ...)
        The values to replace, in place; fan_in is in · kernel size, fan_out is out · kernel size.
    a : float, default 0
        The negative slope of the 'leaky_relu' after the layer.
    mode : {'fan_in', 'fan_out'}, default 'fan_in'
        Whether the variance is preserved in the forward pass or in the backward pass.
    nonlinearity : str, default 'leaky_relu'
        See `calculate_gain`.
    generator : numpy.random.Generator, optional
        The source of random numbers; by default the generator that `cnet.manual_seed` seeds.

    Returns
    -------
    Tensor or ndarray
        `tensor` itself.

    Raises
    ------
    TypeError
        If `tensor` does not have a float dtype.
    ValueError
        If `tensor` has fewer than 2 dimensions, or `mode` or `nonlinearity` is unknown.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers: surpassing human-level
    performance on ImageNet classification", ICCV 2015, equations 10, 14 and 15.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> w = init.kaiming_uniform_(np.empty((8, 6)), nonlinearity="relu")
    >>> bool((abs(w) <= 1).all())
    True
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@explained
def kaiming_normal_(
    tensor: Fillable,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "np.random.Generator | None" = None,
) -> Fillable:
    """Draw from the normal distribution with standard deviation gain / √fan.

    Parameters, result, errors and reference are those of `kaiming_uniform_`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.nn import init
    >>> init.kaiming_normal_(np.empty((8, 3, 3, 3)), mode="fan_out").shape
    (8, 3, 3, 3)
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def layer_defaults_(weight: Tensor, bias: Tensor | None) -> None:
    """Draw both uniformly from ±1 / √fan_in, as PyTorch's linear and convolutional layers do.

    The bias of a layer without inputs is 0.
    """
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in = math.prod(weight.shape[1:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        uniform_(bias, -bound, bound)


def _fans(function: str, tensor: Any) -> tuple[int, int]:
    """fan_in and fan_out, each at least 1, so that an empty tensor does not divide by zero."""
    shape = writable(function, tensor).shape
    if len(shape) < 2:
        raise ValueError(
            f"{function}: tensor must have at least 2 dimensions (got {len(shape)}, shape {shape})"
        )
    kernel = math.prod(shape[2:])
    return max(1, shape[1] * kernel), max(1, shape[0] * kernel)


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """fan_in and fan_out under the name by which public code imports the function from PyTorch."""
    return _fans("_calculate_fan_in_and_fan_out", tensor)


def _xavier_std(function: str, tensor: Any, gain: float) -> float:
    return gain * math.sqrt(2 / sum(_fans(function, tensor)))


def _kaiming_std(function: str, tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = _fans(function, tensor)
    choice(function, "mode", mode, ("fan_in", "fan_out"))
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
