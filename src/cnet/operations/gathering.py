"""Elements at positions along a dimension.

`gather`, `scatter` and `take_along_dim` take a position for each element; the `index_` functions
take one position for a whole slice.
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..kernels import plain
from ..replay import again
from ..tensor import Tensor, TensorLike, array_of
from ._dims import broadcast, dim_of
from ._positions import elements_at, from_the_end, integers_of, scattered, slices_at
from .registry import numpy_function, operation
from .shape import Reshape, expanded

__all__ = ["gather", "index_select", "take", "take_along_dim"]


def element_positions(function: str, x: Array, axis: int, index: Any) -> Array:
    """Check the shape of positions of elements along an axis, and give them the axes of x.

    `elements_at` and `scattered` check the positions themselves.
    """
    positions = integers_of(function, index)
    x_shape = x.shape
    if _leads(positions.shape, x_shape, axis):
        return positions
    shape = x_shape or (1,)
    if not positions.size:
        return positions
    if x.ndim != positions.ndim and (positions.size > 1 or max(x.ndim, positions.ndim) > 1):
        raise ValueError(
            f"{function}: index must have as many dimensions as input "
            f"(got {positions.ndim} and {x.ndim})"
        )
    positions = positions.reshape(positions.shape or (1,)) if x.ndim else positions.reshape(())
    if any(positions.shape[d] > shape[d] for d in range(positions.ndim) if d != axis):
        raise ValueError(
            f"{function}: index must not be larger than input except in dim {axis} "
            f"(got {positions.shape} and {shape})"
        )
    return positions


@lru_cache(maxsize=1024)
def _leads(shape: tuple[int, ...], other: tuple[int, ...], axis: int) -> bool:
    """Whether an array that is not empty has the shape of another except along an axis."""
    return (
        shape[:axis] == other[:axis]
        and shape[axis + 1 :] == other[axis + 1 :]
        and len(shape) == len(other) > 0
        and 0 not in shape
    )


class Gather(Operation[Tensor]):
    """Elements at positions along an axis."""

    @staticmethod
    def compute(x: Array, index: Any, *, axis: int) -> Array:
        y: Array | None = plain.gather(x, index, axis)
        if y is not None:
            return y
        positions = element_positions("gather", x, axis, index)
        return elements_at("gather", x, positions, axis).reshape(index.shape)

    @classmethod
    def forward(cls, ctx: Context, x: Array, index: Any, *, axis: int) -> Array:
        ctx.save_for_backward(element_positions("gather", x, axis, index))
        ctx.axis = axis
        return cls.compute(x, index, axis=axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        dx = np.zeros(ctx.input_shape(0), grad.dtype)
        grad = grad.reshape(index.shape)
        return scattered("gather", dx, index, grad, ctx.axis, "add"), None


@operation(Gather, methods=("gather",))
def gather(
    input: TensorLike,
    dim: int,
    index: TensorLike,
    *,
    sparse_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Elements at positions along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
    index : Tensor of integers
        A position for each element of the result. It must have as many dimensions as `input`, and
        must not be larger except along `dim`.
    sparse_grad : bool, default False
        Accepted for compatibility.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `index`

    Raises
    ------
    IndexError
        If the dimension or a position is out of range.
    TypeError
        If `index` does not contain integers.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1, 2], [3, 4]])
    >>> cnet.gather(x, 1, cnet.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    return Gather.apply(input, index, axis=dim_of("gather", dim, input.ndim))


@operation(Gather, methods=("take_along_dim",))
def take_along_dim(
    input: TensorLike, indices: TensorLike, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Elements at positions along a dimension, where the other dimensions broadcast.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    indices : Tensor of integers
        A position for each element of the result.
    dim : int, optional
        By default, both tensors are flattened first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension or a position is out of range.
    TypeError
        If `indices` does not contain integers.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[3, 1], [2, 4]])
    >>> cnet.take_along_dim(x, cnet.argsort(x), dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    positions = array_of(indices)
    if dim is None:
        flat = Reshape.apply(input, shape=(-1,))
        return gather(flat, 0, _ascending(positions.reshape(-1), flat.shape[0]))
    if input.ndim != positions.ndim:
        raise ValueError(
            "take_along_dim: input and indices must have the same number of dimensions "
            f"(got {input.ndim} and {positions.ndim})"
        )
    axis = dim_of("take_along_dim", dim, input.ndim)
    if _leads(positions.shape, input.shape, axis):
        positions = integers_of("take_along_dim", positions, "indices")
        return Gather.apply(input, _ascending(positions, input.shape[axis]), axis=axis)
    rest = broadcast(
        "take_along_dim",
        *[(*shape[:axis], 1, *shape[axis + 1 :]) for shape in (input.shape, positions.shape)],
    )
    before, after = rest[:axis], rest[axis + 1 :]
    x = expanded("take_along_dim", input, (*before, input.shape[axis], *after))
    positions = _ascending(positions, input.shape[axis])
    return gather(x, axis, np.broadcast_to(positions, (*before, positions.shape[axis], *after)))


def _ascending(positions: Array, size: int) -> Array:
    return again("take_along_dim", from_the_end, positions, size)  # type: ignore[no-any-return]


@numpy_function(np.take_along_axis)
def _numpy_take_along_axis(arr: TensorLike, indices: TensorLike, axis: int | None = -1) -> Tensor:
    return take_along_dim(arr, indices, axis)


class IndexSelect(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, index: Array, *, axis: int) -> Array:
        return slices_at("index_select", x, index, axis)

    @classmethod
    def forward(cls, ctx: Context, x: Array, index: Array, *, axis: int) -> Array:
        ctx.save_for_backward(index)
        ctx.axis = axis
        return cls.compute(x, index, axis=axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        dx = np.zeros(ctx.input_shape(0), grad.dtype)
        return scattered("index_select", dx, index, grad, ctx.axis, "add", whole=True), None


def slice_positions(function: str, x: TensorLike, dim: Any, index: Any) -> tuple[Array, int]:
    """Check that there is a vector of positions along a dimension; return both.

    `slices_at` and `scattered` check the positions themselves.
    """
    axis = dim_of(function, dim, x.ndim)
    positions = integers_of(function, index)
    if positions.ndim > 1:
        raise ValueError(f"{function}: index must have at most 1 dimension (got {positions.ndim})")
    return positions if positions.ndim else positions.reshape(1), axis


@operation(IndexSelect, methods=("index_select",))
def index_select(
    input: TensorLike, dim: int, index: TensorLike, *, out: Tensor | None = None
) -> Tensor:
    """The slices of a tensor at positions along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
    index : Tensor of integers, at most 1 dimension
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        A copy, with the size of `index` along the dimension.

    Raises
    ------
    IndexError
        If the dimension or a position is out of range.
    TypeError
        If `index` does not contain integers.
    ValueError
        If `index` has more than 1 dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.index_select(cnet.tensor([[1, 2], [3, 4]]), 1, cnet.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    positions, axis = slice_positions("index_select", input, dim, index)
    if input.ndim:
        return IndexSelect.apply(input, positions, axis=axis)
    if positions.size != 1:
        raise ValueError(
            "index_select: index must have one element for an input without dimensions "
            f"(got {positions.size})"
        )
    return Reshape.apply(input, shape=())


class TakeFlat(Operation[Tensor]):
    """Elements at positions in the flattened array."""

    @staticmethod
    def compute(x: Array, index: Any) -> Array:
        y: Array | None = plain.gather(x, index, None)
        if y is not None:
            return y
        positions = from_the_end(integers_of("take", index).reshape(-1), x.size)
        return elements_at("take", x.reshape(-1), positions, 0).reshape(index.shape)

    @classmethod
    def forward(cls, ctx: Context, x: Array, index: Any) -> Array:
        ctx.save_for_backward(from_the_end(integers_of("take", index), x.size))
        return cls.compute(x, index)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (positions,) = ctx.saved
        shape = ctx.input_shape(0)
        dx = np.zeros(prod(shape), grad.dtype)
        return scattered("take", dx, positions, grad, 0, "add", whole=True).reshape(shape), None


@operation(TakeFlat, methods=("take",))
def take(input: TensorLike, index: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Elements at positions in the flattened tensor; negative positions count from the end.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    index : Tensor of integers, any shape
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `index`

    Raises
    ------
    IndexError
        If a position is out of range.
    TypeError
        If `index` does not contain integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.take(cnet.tensor([[1, 2], [3, 4]]), cnet.tensor([0, -1]))
    tensor([1, 4])
    """
    return TakeFlat.apply(input, index)
