"""How activation functions apply the operations of the kernels."""

from typing import Literal

from ..inplace import apply_in_place
from ..operations._elementwise import COMPILED
from ..operations._promotion import common_number, require_float
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._deferred import Deferred


def activated(
    function: str,
    input: TensorLike,
    inplace: bool = False,
    kernel: str | None = None,
    a: float = 0,
    b: float = 0,
    dtypes: Literal["floats", "numbers"] = "floats",
) -> Tensor:
    """Apply an operation of the kernels, by default the one with the name of the function."""
    operation = COMPILED[kernel or function]
    result: Tensor | None = None
    if type(input) is Deferred:
        result = input.activated(operation, float(a), float(b), inplace)
        if result is not None:
            return result
    if dtypes == "floats":
        require_float(function, input)
    else:
        common_number(function, array_of(input))
    if inplace:
        result = apply_in_place(operation, as_tensor(input), a=float(a), b=float(b))
    else:
        result = operation.apply(input, a=float(a), b=float(b))
    return result
