"""How data of all kinds become the array of a tensor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._warning import warn
from .arrays import Array
from .autograd.engine import Variable
from .dtypes import DType, as_dtype, of_number
from .size import Size


def to_array(function: str, data: Any, dtype: DType = None) -> Array:
    """The array of a tensor, or of data that can be converted to one."""
    chosen = None if dtype is None else as_dtype(function, dtype)
    if isinstance(data, Variable):
        array = data._array
    elif isinstance(data, (list, tuple)) or type(data) in of_number:
        array = _from_numbers(function, data, chosen)
    else:
        array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{function}: data must be real numbers (got dtype {array.dtype})")
    if chosen is None and array.dtype == np.float64 and not _has_dtype(data):
        chosen = of_number[float]
    return array if chosen is None else array.astype(chosen, copy=False)


def constructed(data: Sequence[Any], dtype: DType = None) -> Array:
    """The array of ``Tensor(*data)``: of data, or of sizes as in PyTorch.

    If `dtype` is None, arrays keep their dtype, and everything else has the default dtype.
    """
    if len(data) == 1 and type(data[0]) is np.ndarray and dtype is None:
        return data[0] if data[0].dtype.kind in "biuf" else to_array("Tensor", data[0])
    if len(data) == 1 and isinstance(data[0], (np.ndarray, np.generic, Variable)):
        return to_array("Tensor", data[0], dtype)
    dtype = of_number[float] if dtype is None else dtype
    if all(type(size) is int for size in data) or (len(data) == 1 and isinstance(data[0], Size)):
        sizes = data[0] if data and isinstance(data[0], Size) else data or (0,)
        if any(size < 0 for size in sizes):
            raise ValueError(f"Tensor: sizes must not be negative (got {sizes})")
        return np.empty(sizes, dtype)
    if len(data) != 1 or type(data[0]) in of_number:
        raise TypeError(
            f"Tensor: data must be one array or sequence, or sizes; use tensor() for a number "
            f"(got {', '.join(map(repr, data))})"
        )
    return to_array("Tensor", data[0], dtype)


def _from_numbers(function: str, data: Any, dtype: np.dtype[Any] | None) -> Array:
    plain = _without_tensors(data)
    try:
        array = np.asarray(plain)
        if dtype is None or array.dtype.kind not in "iu":
            return array
        return np.asarray(plain, dtype)  # finds integers that do not fit
    except OverflowError as error:
        raise OverflowError(f"{function}: {error}") from None
    except ValueError:
        raise ValueError(
            f"{function}: all sequences of one dimension must have the same length"
        ) from None


def _without_tensors(data: Any) -> Any:
    """Nested sequences with tensors replaced by their arrays."""
    if isinstance(data, (list, tuple)) and data:
        if isinstance(data[0], Variable):
            return [item._array if isinstance(item, Variable) else item for item in data]
        if isinstance(data[0], (list, tuple)):
            return [_without_tensors(item) for item in data]
    return data


def _has_dtype(data: Any) -> bool:
    """Whether the data, or the first item of nested sequences, has a dtype."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def numbers(x: Any) -> Any:
    """Anything but a tensor as an array of numbers."""
    array = _from_numbers("array_of", x, None) if isinstance(x, (list, tuple)) else np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"array_of: x must be numbers (got {type(x).__name__})")
    return array


def note_volatile(volatile: Any) -> None:
    """Warn of an option of PyTorch's older ``Variable``."""
    if volatile is not None:
        warn("Variable: volatile has no effect; use torch.no_grad()")
