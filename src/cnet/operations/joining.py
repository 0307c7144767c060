"""Concatenation, stacking and padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from ._common import also_dim
from ._promotion import result_type
from .registry import operation

__all__ = ["cat", "concat", "concatenate", "stack"]


class Cat(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, *arrays: Array, axis: int) -> Array:
        dtype = _common_dtype("cat", arrays)
        # Arrays of shape (0,) are ignored, because loops often start with an empty array.
        joined = [array for array in arrays if array.shape != (0,)]
        sizes = [0 if array.shape == (0,) else array.shape[axis] for array in arrays]
        ctx.axis = axis
        ctx.ends = np.cumsum(sizes[:-1])
        ctx.left_out = [array.shape == (0,) for array in arrays]
        return np.concatenate(joined or arrays, axis, dtype=dtype)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        parts = np.split(grad, ctx.ends, ctx.axis)
        return tuple(
            part.reshape(0) if left_out else part
            for part, left_out in zip(parts, ctx.left_out, strict=True)
        )


def _common_dtype(function: str, arrays: Sequence[Array]) -> np.dtype[Any]:
    if not arrays:
        raise ValueError(f"{function}: tensors must not be empty")
    if len({getattr(array, "dtype", None) for array in arrays}) == 1:
        arrays = arrays[:1]
    return result_type(function, *arrays)


@operation(Cat, numpy=(np.concatenate,))
@also_dim
def cat(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Concatenate tensors along an existing axis.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        The shapes must be equal except along the axis. Tensors of shape (0,) are ignored.
    axis : int, default 0
        The axis along which the tensors are joined. PyTorch's name is `dim`.

    Returns
    -------
    Tensor
        In the promoted dtype.

    Raises
    ------
    ValueError
        If there are no tensors, or their shapes differ in other axes.
    IndexError
        If the axis is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0]])
    >>> cnet.cat([x, 10 * x])
    tensor([[ 1.,  2.],
            [10., 20.]])
    """
    return Cat.apply(*tensors, axis=axis)


class Stack(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, *arrays: Array, axis: int) -> Array:
        ctx.axis = axis
        return np.stack(arrays, axis, dtype=_common_dtype("stack", arrays))

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return tuple(np.moveaxis(grad, ctx.axis, 0))


@operation(Stack, numpy=(np.stack,))
@also_dim
def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Join tensors along a new axis.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        All must have the same shape.
    axis : int, default 0
        The position of the new axis in the result. PyTorch's name is `dim`.

    Returns
    -------
    Tensor
        In the promoted dtype.

    Raises
    ------
    ValueError
        If there are no tensors, their shapes differ, or the axis is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.stack([x, 10 * x], axis=1)
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    return Stack.apply(*tensors, axis=axis)


concat = concatenate = cat
