"""Softmax and its logarithm."""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations import operation
from ..tensor import Tensor, TensorLike
from ._common import also_dim


class Softmax(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Any:
        y = np.exp(x - _greatest(x, axis))
        y /= y.sum(axis, keepdims=True)
        ctx.save_for_backward(y)
        ctx.axis = axis
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return y * (grad - (grad * y).sum(ctx.axis, keepdims=True))


def _greatest(x: Array, axis: int) -> Any:
    return np.max(x, axis, keepdims=True, initial=-np.inf)


@operation(Softmax, methods=("softmax",))
@also_dim
def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    r"""Positive numbers that add up to 1: :math:`y_i = e^{x_i} / \sum_j e^{x_j}`.

    Parameters
    ----------
    x : Tensor or ndarray of a float dtype
    axis : int, default -1
        The axis along which numbers add up to 1. PyTorch's name is `dim`.

    Returns
    -------
    Tensor
        In the shape of `x`.

    Examples
    --------
    >>> import cnet
    >>> cnet.softmax(cnet.tensor([[1.0, 1.0], [0.0, 1000.0]]), axis=1)
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """
    return Softmax.apply(x, axis=axis)


class LogSoftmax(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Any:
        y = x - _greatest(x, axis)
        y -= np.log(np.exp(y).sum(axis, keepdims=True))
        ctx.save_for_backward(y)
        ctx.axis = axis
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return grad - np.exp(y) * grad.sum(ctx.axis, keepdims=True)


@operation(LogSoftmax, methods=("log_softmax",))
@also_dim
def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    r"""The logarithm of `softmax`: :math:`y_i = x_i - \log \sum_j e^{x_j}`.

    Parameters
    ----------
    x : Tensor or ndarray of a float dtype
    axis : int, default -1
        The axis along which the exponentials add up to 1. PyTorch's name is `dim`.

    Returns
    -------
    Tensor
        In the shape of `x`.

    Examples
    --------
    >>> import cnet
    >>> cnet.log_softmax(cnet.tensor([[1.0, 1.0], [0.0, 1000.0]]), axis=1)
    tensor([[-6.9315e-01, -6.9315e-01],
            [-1.0000e+03,  0.0000e+00]])
    """
    return LogSoftmax.apply(x, axis=axis)
