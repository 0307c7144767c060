"""The dtype of a result: PyTorch's promotion rules, where they differ from NumPy's.

The kinds of dtypes are ordered: bool, integer, float. The result has the highest kind among the
operands:

- An integer and a float give the dtype of the float, not a wider one.
- Arrays with axes take precedence over arrays without axes, and these over Python numbers. An
  operand of lower precedence changes the dtype only if its kind is higher. A Python float then
  counts as the default dtype, a Python int as int64.
- Operations with float results convert booleans and integers to the default dtype.

`cnet.kernels` and `cnet.dropin` keep NumPy's rules.
"""

from functools import reduce
from typing import Any

import numpy as np

from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array
from ..dtypes import of_number
from ..kernels.elementwise import as_floats
from .registry import weak

DType = np.dtype[Any]

INT64 = np.dtype(np.int64)

_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2}


def promoted(function: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Convert two operands so that the result of NumPy has the dtype of PyTorch."""
    if type(a) is np.ndarray:
        if type(b) is np.ndarray:
            if a.dtype is b.dtype:
                return a, b
        elif a.dtype.kind == "f" and type(b) in of_number:
            return a, b
    elif type(b) is np.ndarray and b.dtype.kind == "f" and type(a) in of_number:
        return a, b
    a, b = weak(a), weak(b)
    dtype = result_type(function, a, b)
    return cast(a, dtype), cast(b, dtype)


def promoted_to_float(function: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Like `promoted`, for an operation whose result has a float dtype."""
    x, y = promoted(function, a, b)
    if (x if isinstance(x, np.ndarray) else y).dtype.kind != "f":
        return cast(a, of_number[float]), cast(b, of_number[float])
    return x, y


def common(function: str, *operands: Any) -> tuple[Array, ...]:
    """Convert operands to arrays of the promoted dtype."""
    floats = as_floats(operands)
    if floats is not None:
        return floats
    first = operands[0]
    if type(first) is np.ndarray and first.dtype.kind in _KINDS:
        dtype = first.dtype
        for operand in operands:
            if type(operand) is not np.ndarray or operand.dtype is not dtype:
                break
        else:
            return operands
    operands = tuple(map(weak, operands))
    dtype = result_type(function, *operands)
    return tuple([cast(operand, dtype) for operand in operands])


def common_float(function: str, *operands: Any) -> tuple[Array, ...]:
    """Like `common`; booleans and integers become float32."""
    arrays = common(function, *operands)
    if arrays[0].dtype.kind == "f":
        return arrays
    return tuple([cast(operand, of_number[float]) for operand in operands])


def common_number(function: str, *operands: Any) -> tuple[Array, ...]:
    """Like `common`; refuses booleans."""
    return _common_of(function, "iuf", "a number dtype", operands)


def only_floats(function: str, *operands: Any) -> tuple[Array, ...]:
    """Like `common`; refuses booleans and integers."""
    return _common_of(function, "f", "a float dtype", operands)


def only_integers(function: str, *operands: Any) -> tuple[Array, ...]:
    """Like `common`; refuses booleans and floats."""
    return _common_of(function, "iu", "an integer dtype", operands)


def only_bits(function: str, *operands: Any) -> tuple[Array, ...]:
    """Like `common`; refuses floats."""
    return _common_of(function, "biu", "a boolean or integer dtype", operands)


def _common_of(
    function: str, kinds: str, expected: str, operands: tuple[Any, ...]
) -> tuple[Array, ...]:
    arrays = common(function, *operands)
    if arrays[0].dtype.kind not in kinds:
        raise TypeError(f"{function}: input must have {expected} (got {arrays[0].dtype})")
    return arrays


def floating(function: str, x: Any) -> Array:
    """Convert booleans and integers to float32; float arrays are returned unchanged."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return x
    return cast(x, of_number[float]) if _kind(function, x) < 2 else np.asarray(x)


def require_float(function: str, x: Any) -> None:
    """Raise TypeError unless an array has a float dtype."""
    dtype = getattr(x, "dtype", None)
    if dtype is not FLOAT32 and dtype is not FLOAT64 and _kind(function, x) < 2:
        raise TypeError(f"{function}: input must have a float dtype (got {x.dtype})")


def require_number(function: str, *operands: Any) -> None:
    """Raise TypeError unless the operands are arrays of numbers or Python numbers."""
    for operand in operands:
        if type(operand) not in of_number:
            _kind(function, operand)


def result_type(function: str, *operands: Any) -> DType:
    """The promoted dtype of the operands, which are arrays or Python numbers."""
    arrays: list[list[DType]] = [[], [], []]
    for operand in operands:
        if type(operand) in of_number:
            arrays[2].append(of_number[type(operand)])
        else:
            _kind(function, operand)
            arrays[0 if operand.ndim else 1].append(operand.dtype)
    common = [reduce(_wider, dtypes) for dtypes in arrays if dtypes]
    return reduce(lambda a, b: b if _KINDS[b.kind] > _KINDS[a.kind] else a, common)


def cast(x: Any, dtype: DType) -> Array:
    """Convert an array or Python number to a dtype; integers that are too large wrap around."""
    array: Array = np.asarray(x).astype(dtype, copy=False)
    return array


def _wider(a: DType, b: DType) -> DType:
    if a.kind == b.kind or _KINDS[a.kind] == _KINDS[b.kind]:
        wider = np.promote_types(a, b)
        if _KINDS[wider.kind] != _KINDS[a.kind]:
            raise TypeError(f"no integer dtype holds both {a} and {b}")
        return wider
    return a if _KINDS[a.kind] > _KINDS[b.kind] else b


def _kind(function: str, x: Any) -> int:
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.kind not in _KINDS:
        got = type(x).__name__ if dtype is None else f"dtype {dtype}"
        raise TypeError(f"{function}: operands must be tensors, arrays or numbers (got {got})")
    return _KINDS[dtype.kind]
