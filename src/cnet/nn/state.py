"""Loads named arrays into tensors; all checks are made before any tensor is changed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """Names that were missing in a state dict, and names that it has in addition."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(
    owner: str, tensors: Mapping[str, Tensor], values: Mapping[str, Any], strict: bool
) -> IncompatibleKeys:
    """Copy `values` into the tensors of the same names; on errors, no tensor is changed."""
    if not isinstance(values, Mapping):
        raise TypeError(
            f"load_state_dict: state_dict must be a mapping (got {type(values).__name__})"
        )
    result = IncompatibleKeys(
        [name for name in tensors if name not in values],
        [name for name in values if name not in tensors],
    )
    problems = []
    if strict:
        problems += [f"{name} is missing" for name in result.missing_keys]
        problems += [f"{name} is unexpected" for name in result.unexpected_keys]
    arrays = {}
    for name, tensor in tensors.items():
        if name in values:
            array = _array(values[name])
            problems += _mismatches(name, tensor._array, array)
            arrays[name] = array
    if problems:
        raise ValueError(
            f"load_state_dict: state_dict does not fit {owner}:"
            + "".join(f"\n  {problem}" for problem in problems)
        )
    for name, array in arrays.items():
        tensors[name]._array[...] = array
        tensors[name].note_change("load_state_dict")
    return result


def _array(value: Any) -> np.ndarray[Any, Any]:
    return value._array if isinstance(value, Tensor) else np.asarray(value)


def _mismatches(name: str, target: np.ndarray[Any, Any], value: np.ndarray[Any, Any]) -> list[str]:
    problems = []
    if value.shape != target.shape:
        problems.append(f"{name}: shape must be {target.shape} (got {value.shape})")
    if not np.can_cast(value.dtype, target.dtype, "same_kind"):
        problems.append(f"{name}: dtype must fit into {target.dtype} (got {value.dtype})")
    if not target.flags.writeable:
        problems.append(f"{name}: the array of the tensor must be writable")
    return problems
