"""How data of all kinds become the array of a tensor."""

from typing import Any

import numpy as np

from .arrays import Array
from .dtypes import DType, as_dtype, of_number
from .engine import Variable
from .size import Size


def to_array(function: str, data: Any, dtype: DType = None) -> Array:
    """The array of a tensor, or of data that can be converted to one."""
    array = data._array if isinstance(data, Variable) else np.asarray(_without_tensors(data))
    if dtype is not None:
        array = array.astype(as_dtype(function, dtype), copy=False)
    elif array.dtype == np.float64 and not _has_dtype(data):
        array = array.astype(of_number[float])
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{function}: data must be real numbers (got dtype {array.dtype})")
    return array


def constructed(data: tuple[Any, ...]) -> Array:
    """The array of ``Tensor(*data)``: of data, or of sizes as in PyTorch."""
    if len(data) == 1 and isinstance(data[0], (np.ndarray, np.generic, Variable)):
        return to_array("Tensor", data[0])
    if all(type(size) is int for size in data) or (len(data) == 1 and isinstance(data[0], Size)):
        sizes = data[0] if data and isinstance(data[0], Size) else data or (0,)
        if any(size < 0 for size in sizes):
            raise ValueError(f"Tensor: sizes must not be negative (got {sizes})")
        return np.empty(sizes, of_number[float])
    if len(data) != 1 or type(data[0]) in of_number:
        raise TypeError(
            f"Tensor: data must be one array or sequence, or sizes; use tensor() for a number "
            f"(got {', '.join(map(repr, data))})"
        )
    return to_array("Tensor", data[0]).astype(of_number[float], copy=False)


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
