"""Elementwise operations as functions of tensors."""

from typing import ClassVar

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Function
from ..tensor import Tensor


class Operation(Function[Tensor]):
    """An operation of `cnet.kernels.elementwise`, with its parameters `a` and `b`."""

    operation: ClassVar[str]

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, a: float = 0.0, b: float = 0.0) -> Array:
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        y = kernels.elementwise(x, cls.operation, a, b)
        ctx.save_for_backward(x if kernels.SAVED[cls.operation] == "x" else y)
        ctx.parameters = a, b
        return y

    @classmethod
    def backward(cls, ctx: Context, grad_output: Array) -> Array:
        (saved,) = ctx.saved
        return kernels.elementwise_backward(grad_output, saved, cls.operation, *ctx.parameters)
