"""Writing into a tensor, in place: what assignments and in-place methods have in common."""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..autograd.inplace import apply_in_place
from ..dtypes import can_hold
from ..tensor import Tensor
from ._common import unbroadcast, weak


class SetItem(Operation[Tensor]):
    """Writes a value into a part of a tensor; exists only as an in-place operation."""

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, **kwargs: Any) -> None:
        (value,), index = args, kwargs["index"]
        ctx.save_for_backward(index)
        try:
            x[index] = value
        except ValueError:
            if np.asarray(value).dtype.kind not in "biuf":
                raise TypeError(f"setitem: value must be real numbers (got {value!r})") from None
            part = np.shape(x[index])
            raise ValueError(
                f"setitem: shapes {np.shape(value)} and {part} do not broadcast to the latter"
            ) from None

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        need_x, need_value = ctx.needs_input_grad
        dx = dvalue = None
        if need_value:
            dvalue = _to_shape(grad[index], ctx.input_shape(1))
        if need_x:
            dx = grad.copy()
            dx[index] = 0
        return dx, dvalue


def _to_shape(grad: Any, shape: tuple[int, ...]) -> Any:
    """Reduce the gradient of the written part to the shape of the value."""
    grad = np.asarray(grad)
    surplus = max(len(shape) - grad.ndim, 0)  # leading axes of length 1
    return unbroadcast(grad, shape[surplus:]).reshape(shape)


def fill(x: Tensor, value: Any, index: Any = ...) -> Tensor:
    """Write a value into a tensor or a part of it, in place, and return the tensor."""
    result: Tensor = apply_in_place(SetItem, x, weak(value), index=index)
    return result


def write_back(function: str, x: Tensor, result: Tensor) -> Tensor:
    """Write the result of an operation on `x` into `x`.

    RuntimeError if it has another shape, or cannot be cast to the dtype of `x`.
    """
    if result.shape != x.shape:
        raise RuntimeError(
            f"{function}: the result must have the shape of the tensor "
            f"(got {result.shape} and {x.shape})"
        )
    if not can_hold(x.dtype, result.dtype):
        raise RuntimeError(
            f"{function}: result type {result.dtype} can't be cast to the desired output type "
            f"{x.dtype}"
        )
    return fill(x, result)
