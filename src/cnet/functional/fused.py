"""Fused chains: one operation with the values and gradients of several, but faster."""

from typing import Any

import numpy as np

from .. import geometry, kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from .conv import conv2d
from .linear import Linear
from .pooling import max_pool2d
from .rectifiers import relu


class ConvReluPool(Operation[Tensor]):
    @staticmethod
    def forward(
        ctx: Context, x: Array, weight: Array, bias: Array | None, *, direct: bool, **options: Any
    ) -> Array:
        if direct:
            y, codes = kernels.conv2d_relu_pool(x, weight, bias, **options)
            ctx.unpooled = None
        else:
            z = kernels.conv2d(x, weight, bias, **options)
            y, codes = kernels.relu_pool(z)
            ctx.unpooled = z.shape
        ctx.save_for_backward(x, weight, codes)
        ctx.options = options
        ctx.operations = 3
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, weight, codes = ctx.saved
        need_x, need_weight, need_bias = ctx.needs_input_grad
        options = {**ctx.options, "needs": (need_x, need_weight, need_bias)}
        if ctx.unpooled is None:
            return kernels.conv2d_relu_pool_backward(grad, codes, x, weight, **options)
        unpooled = kernels.relu_pool_backward(grad, codes, ctx.unpooled)
        return kernels.conv2d_backward(unpooled, x, weight, **options)


def conv2d_relu_pool(
    x: TensorLike, weight: TensorLike, bias: TensorLike | None, **options: Any
) -> Tensor:
    """``max_pool2d(relu(conv2d(x, weight, bias, **options)), 2)``.

    For small convolutions, one kernel computes the chain. If another algorithm is faster for the
    convolution, one kernel computes ReLU and pooling after it. In both cases, no intermediate
    values are kept for the backward pass.
    """
    if getattr(x, "ndim", None) == 4 and x.dtype.type in (np.float32, np.float64):
        g = geometry.conv("conv2d", x.shape, weight.shape, **options)  # raises as conv2d does
        direct = kernels.conv2d_choice(g, x.dtype) == "direct"
        return ConvReluPool.apply(x, weight, bias, direct=direct, **options)
    y: Tensor = max_pool2d(relu(conv2d(x, weight, bias, **options)), 2)
    return y


def linear_relu(x: TensorLike, weight: TensorLike, bias: TensorLike | None) -> Tensor:
    """``relu(linear(x, weight, bias))``."""
    return Linear.apply(x, weight, bias, relu=True)
