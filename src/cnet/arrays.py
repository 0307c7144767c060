"""Types and dtypes that every module uses."""

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]
Size: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
"""One number for all spatial axes of an image, or one number for each axis."""

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
UINT8 = np.dtype(np.uint8)
INT32 = np.dtype(np.int32)
INT64 = np.dtype(np.int64)


def boolean(function: str, name: str, value: object) -> bool:
    """Check a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be a bool (got {value!r})")
    return bool(value)
