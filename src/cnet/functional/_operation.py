"""Elementwise operations as functions of tensors."""

from typing import ClassVar

from .. import kernels
from ..autograd import Array, Context, Function
from ..kernels.elementwise import SAVED
from ..tensor import Tensor
from ._promotion import floating


class Operation(Function[Tensor]):
    """An operation of `cnet.kernels.elementwise`, with its parameters `a` and `b`."""

    operation: ClassVar[str]

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, a: float = 0.0, b: float = 0.0) -> Array:
        x = floating(cls.operation, x)
        y = kernels.elementwise(x, cls.operation, a, b)
        ctx.save_for_backward(x if SAVED[cls.operation] == "x" else y)
        ctx.parameters = a, b
        return y

    @classmethod
    def backward(cls, ctx: Context, grad_output: Array) -> Array:
        (saved,) = ctx.saved
        return kernels.elementwise_backward(grad_output, saved, cls.operation, *ctx.parameters)
