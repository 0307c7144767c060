"""Types of arguments, with the names of ``torch.types``, for the annotations of public code."""

import os
from builtins import bool as _bool  # noqa: F401
from builtins import float as _float  # noqa: F401
from builtins import int as _int  # noqa: F401
from collections.abc import Sequence
from typing import IO, TypeAlias

import numpy as np

from .devices import device as _device
from .size import Size as Size
from .tensor import Tensor as Tensor

__all__ = ["Device", "FileLike", "Number"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
_dtype: TypeAlias = np.dtype
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
