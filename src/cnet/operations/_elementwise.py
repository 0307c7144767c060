"""Elementwise operations of tensors that C kernels compute."""

from typing import ClassVar

from .. import kernels
from ..autograd import Array, Context, Operation
from ..kernels.elementwise import SAVED
from ..tensor import Tensor
from ._promotion import floating


class Elementwise(Operation[Tensor]):
    """Base class of the operations in `cnet.kernels.elementwise`, with parameters `a` and `b`."""

    name: ClassVar[str]

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, a: float = 0.0, b: float = 0.0) -> Array:
        x = floating(cls.name, x)
        y = kernels.elementwise(x, cls.name, a, b)
        ctx.save_for_backward(x if SAVED[cls.name] == "x" else y)
        ctx.parameters = a, b
        return y

    @classmethod
    def backward(cls, ctx: Context, grad_output: Array) -> Array:
        (saved,) = ctx.saved
        return kernels.elementwise_backward(grad_output, saved, cls.name, *ctx.parameters)
