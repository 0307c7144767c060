"""Tensors put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations import operation
from ..tensor import Tensor, TensorLike, as_tensor
from ._common import also_dim
from .indexing import Index


class Cat(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, *arrays: Array, axis: int) -> Array:
        ctx.axis = axis
        ctx.ends = np.cumsum([array.shape[axis] for array in arrays[:-1]])
        return np.concatenate(arrays, axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return tuple(np.split(grad, ctx.ends, ctx.axis))


@operation(Cat, numpy=(np.concatenate,))
@also_dim
def cat(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors put together along an axis they have.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        Equal in shape but for that axis.
    axis : int, default 0
        PyTorch's name is `dim`.

    Returns
    -------
    Tensor

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
        return np.stack(arrays, axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return tuple(np.moveaxis(grad, ctx.axis, 0))


@operation(Stack, numpy=(np.stack,))
@also_dim
def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors put together along a new axis.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        Equal in shape.
    axis : int, default 0
        Where the new axis is in the result. PyTorch's name is `dim`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.stack([x, 10 * x], axis=1)
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    return Stack.apply(*tensors, axis=axis)


class Pad(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, widths: list[tuple[int, int]], value: float) -> Array:
        ctx.inside = tuple(
            [slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True)]
        )
        return np.pad(x, widths, constant_values=value)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad[ctx.inside]


_NUMPY_MODES: dict[str, Any] = {
    "constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


def pad(x: TensorLike, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """With more, or fewer, elements at the ends of the last axes.

    Parameters
    ----------
    x : Tensor or ndarray
    pad : sequence of int
        How many elements to add before and after, first for the last axis, then for the one before
        it, and so on. Negative numbers cut off.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
        What to add: `value`, the mirror image without the edge, the edge, or the opposite end.
    value : float, default 0

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `pad` has an odd length, is longer than `x` has axes or cuts off too much, or `mode` is
        another.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0, 3.0]])
    >>> cnet.functional.pad(x, (1, 0, 0, 1))
    tensor([[0., 1., 2., 3.],
            [0., 0., 0., 0.]])
    >>> cnet.functional.pad(x, (2, -1), mode="circular")
    tensor([[1., 2., 1., 2.]])
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(
            f"pad: pad must have two numbers for each of at most {x.ndim} axes (got {tuple(pad)})"
        )
    if mode not in _NUMPY_MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_NUMPY_MODES)} (got {mode!r})")
    pairs = [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    ends = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    kept = [
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(x.shape, ends, strict=True)
    ]
    if any(part.start > part.stop for part in kept):
        raise ValueError(f"pad: pad cuts off too much (got {tuple(pad)} and shape {x.shape})")
    if min(pad, default=0) < 0:
        x = Index.apply(x, index=tuple(kept))
    widths = [(max(before, 0), max(after, 0)) for before, after in ends]
    if mode == "constant":
        return Pad.apply(x, widths=widths, value=value)
    for axis, width in enumerate(widths):
        if any(width):
            positions = np.pad(np.arange(x.shape[axis]), width, mode=_NUMPY_MODES[mode])
            x = Index.apply(x, index=(*[slice(None)] * axis, positions))
    return as_tensor(x)
