"""Copies of a tensor in which slices or indexed elements are replaced or added.

If a position is given several times, the last slice counts, unless the function adds. Each function
has a method that writes into the tensor, with a trailing underscore.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..kernels import plain
from ..tensor import Number, Operand, Tensor, TensorLike, as_tensor
from ._common import unbroadcast
from ._dims import broadcasts_to
from ._positions import NUMBERS, scattered, slices_at
from .gathering import slice_positions
from .indexing import add_at, array_index
from .masks import fill_value
from .registry import operation

__all__ = ["index_add", "index_copy", "index_fill", "index_put"]


class IndexWrite(Operation[Tensor]):
    """Writes or adds slices, or a number, at positions along an axis."""

    @staticmethod
    def compute(
        x: Array, source: Any, index: Array, *, function: str, axis: int, factor: Number
    ) -> Array:
        operation = "add" if function == "index_add" else "write"
        if factor != 1:
            _check_slices(function, x, source, index, axis)
            source = (source * factor).astype(x.dtype)
        y: Array | None = plain.scatter(NUMBERS[operation], x, index, source, axis, True)
        if y is not None:
            return y
        _check_slices(function, x, source, index, axis)
        return scattered(function, x.copy(), index, source, axis, operation, whole=True)

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, source: Any, index: Array, *, function: str, axis: int,
        factor: Number,
    ) -> Array:  # fmt: skip
        ctx.save_for_backward(index)
        ctx.axis, ctx.add, ctx.factor = axis, function == "index_add", factor
        return cls.compute(x, source, index, function=function, axis=axis, factor=factor)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        need_x, need_source, _ = ctx.needs_input_grad
        dx = dsource = None
        if need_x:
            dx = grad if ctx.add else grad.copy()
            if not ctx.add:
                scattered("index_write", dx, index, 0, ctx.axis, whole=True)
        if need_source:
            one_number = len(ctx.input_shape(1)) == 0
            chosen = np.unique(index) if one_number else index
            dsource = slices_at("index_write", grad, chosen, ctx.axis)
            if one_number:
                dsource = dsource.sum()
            dsource = dsource * ctx.factor if ctx.factor != 1 else dsource
        return dx, dsource, None


def _check_slices(function: str, x: Array, source: Any, positions: Array, axis: int) -> None:
    """Check that an array has the slices that belong to positions."""
    if not isinstance(source, np.ndarray):
        return
    if source.dtype != x.dtype:
        raise TypeError(
            f"{function}: source must have the dtype of input (got {source.dtype} and {x.dtype})"
        )
    shape = (*x.shape[:axis], positions.size, *x.shape[axis + 1 :])
    if source.shape != shape:
        raise ValueError(
            f"{function}: source must have the shape of input, with the size of index in dim "
            f"{axis} (got {source.shape} and {shape})"
        )


def _index_write(
    function: str, x: TensorLike, dim: Any, index: Any, source: Any, factor: Number = 1
) -> Tensor:
    positions, axis = slice_positions(function, x, dim, index)
    if x.ndim:
        return IndexWrite.apply(x, source, positions, function=function, axis=axis, factor=factor)
    if isinstance(source, (Tensor, np.ndarray)):
        source = source.reshape(source.shape or 1)
    flat = IndexWrite.apply(
        as_tensor(x).reshape(1), source, positions, function=function, axis=0, factor=factor
    )
    return flat.reshape(())


@operation(IndexWrite, methods=("index_add",), written=("index_add_",))
def index_add(
    input: TensorLike,
    dim: int,
    index: TensorLike,
    source: TensorLike,
    *,
    alpha: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which slices of `source` are added at positions along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
    index : Tensor of integers, at most 1 dimension
        The position of each slice.
    source : Tensor or ndarray
        In the dtype of `input`, and in its shape, with the size of `index` along `dim`.
    alpha : number, default 1
        The factor of `source`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape and dtype of `input`

    Raises
    ------
    IndexError
        If the dimension or a position is out of range.
    TypeError
        If `index` does not contain integers, or the dtypes differ.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.index_add(cnet.zeros(3), 0, cnet.tensor([2, 2]), cnet.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    if isinstance(alpha, float) and input.dtype.kind != "f":
        raise TypeError(f"index_add: alpha must be an integer for {input.dtype} (got {alpha})")
    return _index_write("index_add", input, dim, index, as_tensor(source), alpha)


@operation(IndexWrite, methods=("index_copy",), written=("index_copy_",))
def index_copy(
    input: TensorLike, dim: int, index: TensorLike, source: TensorLike, *, out: Tensor | None = None
) -> Tensor:
    """A copy in which slices of `source` are written at positions along a dimension.

    Arguments and errors are those of `index_add`.

    Examples
    --------
    >>> import cnet
    >>> cnet.index_copy(cnet.zeros(3), 0, cnet.tensor([2, 0]), cnet.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    return _index_write("index_copy", input, dim, index, as_tensor(source))


@operation(IndexWrite, methods=("index_fill",), written=("index_fill_",))
def index_fill(input: TensorLike, dim: int, index: TensorLike, value: Operand) -> Tensor:
    """A copy in which the slices at positions along a dimension are filled with a number.

    Arguments and errors are those of `index_add`.

    Examples
    --------
    >>> import cnet
    >>> cnet.index_fill(cnet.zeros(3), 0, cnet.tensor([2, 0]), 7)
    tensor([7., 0., 7.])
    """
    return _index_write("index_fill", input, dim, index, fill_value("index_fill", input, value))


def _selected(x: Array, index: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of ``x[index]``."""
    first = index[0] if len(index) == 1 and x.ndim else None
    if isinstance(first, np.ndarray) and first.dtype.kind in "iu":
        return *first.shape, *x.shape[1:]
    return np.shape(x[index])


class IndexPut(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, values: Array, *, index: Any, accumulate: bool) -> Array:
        if accumulate and len(index) == 1:
            y: Array | None = plain.scatter(NUMBERS["add"], x, index[0], values, 0, True)
            if y is not None:
                return y
        part = _selected(x, index)
        if values.shape != part and not broadcasts_to(values.shape, part):
            raise ValueError(
                f"index_put: shapes {values.shape} and {part} do not broadcast to the latter"
            )
        y = x.copy()
        if accumulate:
            add_at(y, index, values)
        else:
            y[index] = values
        return y

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, values: Array, *, index: Any, accumulate: bool
    ) -> Array:
        ctx.save_for_backward(index)
        ctx.accumulate = accumulate
        return cls.compute(x, values, index=index, accumulate=accumulate)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        need_x, need_values = ctx.needs_input_grad
        dx = grad
        if need_x and not ctx.accumulate:
            dx = grad.copy()
            dx[index] = 0
        part = unbroadcast(grad[index], ctx.input_shape(1)) if need_values else None
        return dx if need_x else None, part


@operation(IndexPut, methods=("index_put",), written=("index_put_",))
def index_put(
    input: TensorLike, indices: Sequence[Any], values: TensorLike, accumulate: bool = False
) -> Tensor:
    """A copy with ``copy[indices] = values``.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    indices : sequence of Tensor
        Positions along the first dimensions, or masks.
    values : Tensor or ndarray
        The elements to write, in the dtype of `input`; they are broadcast.
    accumulate : bool, default False
        Whether to add the elements in place of replacing others.

    Returns
    -------
    Tensor, in the shape and dtype of `input`

    Raises
    ------
    IndexError
        If a position is out of range.
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.index_put(cnet.zeros(3), (cnet.tensor([0, 2]),), cnet.tensor(5.0))
    tensor([5., 0., 5.])
    """
    if values.dtype != input.dtype:
        raise TypeError(
            f"index_put: values must have the dtype of input (got {values.dtype} and {input.dtype})"
        )
    index = array_index(tuple(indices))
    return IndexPut.apply(input, values, index=index, accumulate=bool(accumulate))
