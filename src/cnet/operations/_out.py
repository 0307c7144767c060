"""The argument `out`: a tensor that takes the elements of a result."""

from typing import Any

import numpy as np

from ..autograd import Array
from ..grad_mode import current
from ..tensor import Tensor, array_of
from ._strided import may_overlap


def written(function: str, result: Any, out: Tensor, *inputs: Any) -> Tensor:
    """Write a result into `out`, which must not share memory with `inputs`, and return `out`.

    Raises
    ------
    RuntimeError
        If the graph is recorded and `out` requires grad, the dtype cannot be cast to its dtype, or
        elements share memory.
    ValueError
        If `out` has another shape, and has elements.
    """
    array: Array = result._array if isinstance(result, Tensor) else np.asarray(result)
    records = isinstance(result, Tensor) and result.requires_grad
    if current.enabled and (out.requires_grad or records):
        raise RuntimeError(
            f"{function}: functions with out=... don't support automatic differentiation, but one "
            "of the arguments requires grad"
        )
    if not np.can_cast(array.dtype, out.dtype, "same_kind"):
        raise RuntimeError(
            f"{function}: result type {array.dtype} can't be cast to the desired output type "
            f"{out.dtype}"
        )
    target = out._array
    if may_overlap(target) or any(
        x is out or np.may_share_memory(target, array_of(x)) for x in inputs
    ):
        raise RuntimeError(
            f"{function}: unsupported operation: elements of out share memory with each other or "
            "with an input"
        )
    if out._array.shape == array.shape:
        out._array[...] = array
        out.note_change(function)
    elif out._array.size == 0:
        out._array = array.astype(out.dtype)
    else:
        raise ValueError(
            f"{function}: out.shape must equal the shape of the result "
            f"(got {out._array.shape} and {array.shape})"
        )
    return out
