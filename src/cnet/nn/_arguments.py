"""Checks of constructor arguments that several layers share."""

from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dtypes import DType, as_dtype, get_default_dtype


def integer(function: str, name: str, value: object, minimum: int = 1) -> int:
    """Convert `value` to an int, and check that it is at least `minimum`."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{function}: {name} must be an int (got {value!r})") from None
    if number < minimum:
        raise ValueError(f"{function}: {name} must be at least {minimum} (got {number})")
    return number


def float_dtype(function: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Convert to a dtype, and check that it is float32 or float64 in native byte order."""
    # NumPy reads None as float64, which the caller may not have meant.
    resolved = None if dtype is None else as_dtype(function, dtype)
    if resolved not in (np.float32, np.float64):
        raise TypeError(f"{function}: dtype must be float32 or float64 (got {resolved})")
    return resolved


def parameter_dtype(function: str, device: object, dtype: DType) -> np.dtype[Any]:
    """The dtype of a layer's parameters, from the arguments that PyTorch's constructors have.

    None means the CPU and the default dtype.

    Raises
    ------
    RuntimeError
        If `device` is not the CPU.
    TypeError
        If `dtype` is not float32 or float64.
    """
    if device is not None and str(device) not in ("cpu", "cpu:0"):
        raise RuntimeError(f"{function}: device must be 'cpu' (got {device!r})")
    return float_dtype(function, get_default_dtype() if dtype is None else dtype)


def choice(function: str, name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Check that `value` is one of the strings in `allowed`."""
    if not (isinstance(value, str) and value in allowed):
        raise ValueError(f"{function}: {name} must be one of {allowed} (got {value!r})")
    return value


def cpu_device(function: str, device: object) -> bool:
    """Whether `device` names the CPU; False if it is not a device, RuntimeError for any other one.

    Objects of other classes are identified by their ``str``.
    """
    name, _, number = str(device).partition(":")
    if isinstance(device, int) or name in OTHER_DEVICES:
        raise RuntimeError(f"{function}: device must be the CPU (got {device!r})")
    return name == "cpu" and number in ("", "0")


OTHER_DEVICES = ("cuda", "mps", "xpu", "xla", "hpu", "ipu", "mtia", "vulkan", "meta")
"""PyTorch's names of devices that are not supported."""
