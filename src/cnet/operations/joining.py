"""Concatenation, stacking and grids."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explained
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation
from ..kernels import _memory, plain
from ..kernels.strided import assemble, joined
from ..tensor import Tensor, TensorLike, as_tensor
from ._common import also_dim
from ._dims import dim_of, integer
from ._promotion import result_type
from .arithmetic import is_copied_by_kernel
from .registry import operation
from .shape import expanded

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "cartesian_prod", "cat", "column_stack",
    "concat", "concatenate", "dstack", "hstack", "meshgrid", "row_stack", "stack", "vstack",
]  # fmt: skip

Tensors = Sequence[TensorLike]


class Cat(Operation[Tensor]):
    owns_result = True

    @classmethod
    def forward(cls, ctx: Context, *arrays: Array, axis: int) -> Array:
        ctx.shapes = [array.shape for array in arrays]
        ctx.axis = _joined_axis(axis, tuple(ctx.shapes))
        return cls.compute(*arrays, axis=ctx.axis)

    @staticmethod
    def compute(*arrays: Array, axis: int) -> Array:
        y: Array | None = plain.join(arrays, axis, False)
        if y is not None:
            return y
        dtype = result_type("cat", *arrays)
        axis = _joined_axis(axis, tuple([array.shape for array in arrays]))
        # Loops often start with an empty array.
        arrays = tuple([array for array in arrays if array.shape != (0,)]) or arrays[:1]
        if _are_floats(arrays, dtype):
            are_long, shape, parts = joined(tuple([array.shape for array in arrays]), axis)
            if are_long or is_copied_by_kernel(dtype, prod(shape)):
                return assemble(arrays, shape, parts)
        return np.concatenate(arrays, axis, dtype=dtype)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        contiguous = prod(grad.shape[: ctx.axis]) == 1
        sizes = [0 if shape == (0,) else shape[ctx.axis] for shape in ctx.shapes]
        if is_copied_by_kernel(grad.dtype, grad.size) and not contiguous:
            parts: Any = _split(grad, sizes, ctx.axis)
        else:
            place = (slice(None),) * ctx.axis
            begins = accumulate(sizes, initial=0)
            parts = [grad[(*place, slice(b, b + n))] for b, n in zip(begins, sizes, strict=False)]
        return tuple(
            part.reshape(0) if shape == (0,) else part
            for part, shape in zip(parts, ctx.shapes, strict=True)
        )


def _are_floats(arrays: Sequence[Array], dtype: np.dtype[Any]) -> bool:
    """Whether all arrays have this dtype, and it is float32 or float64."""
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return False
    for array in arrays:  # noqa: SIM110, faster than a generator
        if array.dtype is not dtype:
            return False
    return True


def _split(x: Array, sizes: Sequence[int], axis: int) -> list[Array]:
    """Copies of the parts of an array, by a kernel."""
    parts = [_memory.empty(_resized(x.shape, axis, size), x.dtype) for size in sizes]
    for part, begin in zip(parts, accumulate(sizes, initial=0), strict=False):
        kernels.copy_range(x, part, axis, begin, count=part.shape[axis])
    return parts


def _resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return *shape[:axis], size, *shape[axis + 1 :]


def _listed(function: str, tensors: Any) -> Sequence[Any]:
    """The tensors of a sequence or of a tensor's first dimension; at least one."""
    if type(tensors) not in (list, tuple) and not isinstance(
        tensors, (Sequence, Tensor, np.ndarray)
    ):
        raise TypeError(f"{function}: tensors must be a sequence of tensors (got {tensors!r})")
    listed = tensors if type(tensors) is list else list(tensors)
    if not listed:
        raise ValueError(f"{function}: tensors must not be empty")
    return listed


@operation(Cat, numpy=(np.concatenate,))
@also_dim
def cat(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Concatenate tensors along an existing dimension.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        The shapes must be equal except along the dimension. Tensors of shape (0,) are ignored.
    dim : int, default 0
        The dimension along which the tensors are joined. NumPy's name is `axis`.
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor
        In the promoted dtype.

    Raises
    ------
    ValueError
        If there are no tensors, or their shapes differ in other dimensions.
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0]])
    >>> cnet.cat([x, 10 * x])
    tensor([[ 1.,  2.],
            [10., 20.]])
    """
    return Cat.apply(*_listed("cat", tensors), axis=integer("cat", "dim", dim))


@lru_cache(maxsize=1024)
def _joined_axis(dim: int, shapes: tuple[tuple[int, ...], ...]) -> int:
    """The axis along which tensors of these shapes are joined, which must fit."""
    shapes = tuple([shape for shape in shapes if shape != (0,)]) or ((0,),)
    first = shapes[0]
    axis = dim_of("cat", dim, len(first)) if first else 0
    before, after = first[:axis], first[axis + 1 :]
    for other in shapes:
        if not other:
            raise ValueError("cat: tensors must have at least 1 dimension (got 0)")
        if len(first) != len(other) or other[:axis] != before or other[axis + 1 :] != after:
            raise ValueError(
                f"cat: the shapes of tensors must be equal except in dim {axis} "
                f"(got {first} and {other})"
            )
    return axis


class Stack(Operation[Tensor]):
    @classmethod
    def forward(cls, ctx: Context, *arrays: Array, axis: int) -> Array:
        ctx.axis = dim_of("stack", axis, arrays[0].ndim + 1)
        return cls.compute(*arrays, axis=ctx.axis)

    @staticmethod
    def compute(*arrays: Array, axis: int) -> Array:
        y: Array | None = plain.join(arrays, axis, True)
        if y is not None:
            return y
        dtype, shape = result_type("stack", *arrays), arrays[0].shape
        for array in arrays:
            if array.shape != shape:
                raise ValueError(
                    f"stack: all tensors must have the same shape (got {shape} and {array.shape})"
                )
        axis = dim_of("stack", axis, len(shape) + 1)
        if _are_floats(arrays, dtype):
            part = *shape[:axis], 1, *shape[axis:]
            are_long, y_shape, parts = joined((part,) * len(arrays), axis)
            if are_long:
                return assemble(arrays, y_shape, parts)
        y = _memory.empty((*shape[:axis], len(arrays), *shape[axis:]), dtype)
        for position, array in enumerate(arrays):
            y[(slice(None),) * axis + (position,)] = array
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return tuple(np.moveaxis(grad, ctx.axis, 0))


@operation(Stack, numpy=(np.stack,))
@also_dim
def stack(tensors: Tensors, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Join tensors along a new dimension.

    Parameters
    ----------
    tensors : sequence of Tensor or ndarray
        All must have the same shape.
    dim : int, default 0
        The position of the new dimension in the result. NumPy's name is `axis`.
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor
        In the promoted dtype.

    Raises
    ------
    ValueError
        If there are no tensors, or their shapes differ.
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.stack([x, 10 * x], dim=1)
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    return Stack.apply(*_listed("stack", tensors), axis=integer("stack", "dim", dim))


concat = concatenate = cat


def _atleast(function: str, ndim: int, tensors: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return tuple([_atleast(function, ndim, (x,)) for x in tensors[0]])
    if len(tensors) > 1:
        return tuple([_atleast(function, ndim, (x,)) for x in tensors])
    (x,) = tensors
    if not isinstance(x, (Tensor, np.ndarray)):
        raise TypeError(f"{function}: tensors must be tensors (got {type(x).__name__})")
    shape = x.shape
    if len(shape) >= ndim:
        return as_tensor(x)
    if ndim == 3:
        shape = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
    else:
        shape = (1,) * (ndim - len(shape)) + shape
    return as_tensor(x).reshape(shape)


@explained
def atleast_1d(*tensors: TensorLike) -> Any:
    """Give tensors without dimensions one of size 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.atleast_1d(cnet.tensor(2.0))
    tensor([2.])
    """
    return _atleast("atleast_1d", 1, tensors)


@explained
def atleast_2d(*tensors: TensorLike) -> Any:
    """Give tensors with less than 2 dimensions leading dimensions of size 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.atleast_2d(cnet.tensor([1.0, 2.0]))
    tensor([[1., 2.]])
    """
    return _atleast("atleast_2d", 2, tensors)


@explained
def atleast_3d(*tensors: TensorLike) -> Any:
    """Give tensors with less than 3 dimensions dimensions of size 1, as `numpy.atleast_3d`.

    Examples
    --------
    >>> import cnet
    >>> cnet.atleast_3d(cnet.tensor([1.0, 2.0])).shape
    (1, 2, 1)
    """
    return _atleast("atleast_3d", 3, tensors)


def _stacked(function: str, ndim: int, dim: int, tensors: Tensors) -> Tensor:
    listed = _listed(function, tensors)
    try:
        result: Tensor = cat(_atleast(function, ndim, (listed,)), dim)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("cat:", f"{function}:", 1)) from None
    return result


@operation(numpy=(np.hstack,))
def hstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Join tensors side by side: along the second dimension, vectors along the first.

    Examples
    --------
    >>> import cnet
    >>> cnet.hstack([cnet.tensor([1, 2]), cnet.tensor([3])])
    tensor([1, 2, 3])
    """
    listed = _listed("hstack", tensors)
    ndim = getattr(listed[0], "ndim", 1)
    return _stacked("hstack", 1, 0 if ndim <= 1 else 1, listed)


@operation(numpy=(np.vstack,))
def vstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Join tensors one below the other: along the first dimension; vectors are rows.

    Examples
    --------
    >>> import cnet
    >>> cnet.vstack([cnet.tensor([1, 2]), cnet.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return _stacked("vstack", 2, 0, tensors)


row_stack = vstack


@operation(numpy=(np.dstack,))
def dstack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Join tensors one behind the other: along the third dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.dstack([cnet.tensor([1, 2]), cnet.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return _stacked("dstack", 3, 2, tensors)


@operation(numpy=(np.column_stack,))
def column_stack(tensors: Tensors, *, out: Tensor | None = None) -> Tensor:
    """Join tensors side by side, where vectors are columns.

    Examples
    --------
    >>> import cnet
    >>> cnet.column_stack([cnet.tensor([1, 2]), cnet.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    listed = _listed("column_stack", tensors)
    columns = [x if x.ndim > 1 else as_tensor(x).reshape(-1, 1) for x in listed]
    return _stacked("column_stack", 2, 1, columns)


@explained
def meshgrid(*tensors: TensorLike, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates: each vector is repeated along the dimensions of the others.

    Parameters
    ----------
    *tensors : Tensor or ndarray, at most 1 dimension; or one sequence of them
        The coordinates along each dimension.
    indexing : {"ij", "xy"}, default "ij"
        With "xy", the first two dimensions of the grids are exchanged.

    Returns
    -------
    tuple of Tensor
        Read-only views.

    Raises
    ------
    ValueError
        If there are no tensors, one has more than 1 dimension, or the dtypes differ.

    Examples
    --------
    >>> import cnet
    >>> rows, columns = cnet.meshgrid(cnet.arange(2), cnet.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy' (got {indexing!r})")
    vectors = [as_tensor(x) for x in _listed("meshgrid", tensors)]
    if any(x.ndim > 1 for x in vectors):
        raise ValueError("meshgrid: tensors must have at most 1 dimension")
    if len({x.dtype for x in vectors}) > 1:
        raise ValueError("meshgrid: all tensors must have the same dtype")
    exchange = indexing == "xy" and len(vectors) > 1
    if exchange:
        vectors[:2] = vectors[1::-1]
    shape = tuple([x.numel() for x in vectors])
    grids = [
        expanded("meshgrid", x.reshape((-1,) + (1,) * (len(shape) - 1 - axis)), shape)
        for axis, x in enumerate(vectors)
    ]
    if exchange:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@explained
def cartesian_prod(*tensors: TensorLike) -> Tensor:
    """All combinations of the elements of vectors, one a row.

    Examples
    --------
    >>> import cnet
    >>> cnet.cartesian_prod(cnet.tensor([1, 2]), cnet.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1:
        return as_tensor(tensors[0])
    grids = meshgrid(*tensors, indexing="ij")
    return stack([grid.reshape(-1) for grid in grids], 1)


@explained
def block_diag(*tensors: TensorLike) -> Tensor:
    """The matrix with the given matrices along its diagonal, and zeros elsewhere.

    Examples
    --------
    >>> import cnet
    >>> cnet.block_diag(cnet.tensor([[1, 2]]), cnet.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    blocks = [_atleast("block_diag", 2, (x,)) for x in _listed("block_diag", tensors)]
    width, start = sum(x.shape[1] for x in blocks), 0
    rows: list[Tensor] = []
    for x in blocks:
        height, size = x.shape
        before = Tensor(np.zeros((height, start), x.dtype))
        after = Tensor(np.zeros((height, width - start - size), x.dtype))
        rows.append(cat([before, x, after], 1))
        start += size
    return cat(rows)
