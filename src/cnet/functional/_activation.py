"""How activation functions apply the operations of the kernels."""

from typing import Literal

from ..arrays import FLOAT32, FLOAT64
from ..autograd.inplace import apply_in_place
from ..operations._elementwise import COMPILED
from ..operations._promotion import common_number, require_float
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._deferred import Deferred

UNUSED = 0.0
"""The parameters of operations without parameters."""


def activated(
    function: str,
    input: TensorLike,
    inplace: bool = False,
    kernel: str | None = None,
    a: float = UNUSED,
    b: float = UNUSED,
    dtypes: Literal["floats", "numbers"] = "floats",
) -> Tensor:
    """Apply an operation of the kernels, by default the one with the name of the function."""
    operation = COMPILED[kernel or function]
    if type(input) is Deferred:
        result = input.activated(operation, float(a), float(b), inplace)
        if result is not None:
            return result
    dtype = getattr(input, "dtype", None)
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        if dtypes == "floats" or (isinstance(input, Tensor) and input.dtype.kind == "f"):
            require_float(function, input)
        else:
            common_number(function, array_of(input))
    parameters = {} if a is UNUSED else {"a": float(a), "b": float(b)}
    y: Tensor
    if inplace:
        y = apply_in_place(operation, as_tensor(input), **parameters)
    else:
        y = operation.apply(input, **parameters)
    return y
