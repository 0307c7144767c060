"""Indexing: reading and writing ``x[index]``."""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array, Context, ViewOperation
from ..kernels.strided import is_basic
from ..replay import again, values_of
from ..tensor import Operand, Tensor
from ._positions import from_the_end, scattered
from ._sums import spread
from ._writing import fill
from .arithmetic import is_copied_by_kernel
from .registry import operation

__all__ = []


def array_index(index: Any) -> Any:
    """Convert the index of a tensor to an index of an array.

    Tensors, nested sequences and other objects that NumPy converts become arrays. Arrays without
    dimensions become numbers, except booleans. In the result, only arrays can select an element
    more than once.
    """
    if isinstance(index, tuple):
        return tuple([_part(part) for part in index])
    return _part(index)


def _part(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (int, bool)):
        return part
    if isinstance(part, slice):
        if part.step is not None and int(part.step) <= 0:
            raise ValueError(f"index: step must be greater than zero (got {part.step})")
        return part
    if isinstance(part, Tensor):
        array = part._array
        if array.dtype == np.uint8:  # an older form of a mask, as in PyTorch
            array = again("index", _is_true, array)
    elif isinstance(part, (list, tuple)):
        array = np.asarray([_part(item) for item in part])
    else:
        array = np.asarray(part)
    if array.size == 0 and not isinstance(part, (np.ndarray, Tensor)):
        array = array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise IndexError(
            f"index: tensors used as indices must be integers or booleans (got dtype {array.dtype})"
        )
    if array.ndim or array.dtype.kind == "b":
        return array
    return (values_of("index", array) if isinstance(part, Tensor) else array).item()


def _is_true(array: Array) -> Any:
    return array != 0


def _may_repeat(index: Any) -> bool:
    """Whether an element can be selected twice: by arrays of positions, not by slices or masks."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)


def add_at(x: Array, index: Any, values: Array) -> None:
    """``x[index] += values``, where elements that are selected several times add up."""
    merged = _one_axis(index, x.shape)
    if merged is None or not x.flags.c_contiguous:
        np.add.at(x, index, values)
        return
    axis, size, positions = merged
    rest = x.shape[:axis], x.shape[axis + len(size) :]
    shape = *rest[0], *positions.shape, *rest[1]
    flat = values if values.shape == shape else spread(values, shape)
    flat = flat.reshape(*rest[0], positions.size, *rest[1])
    merged_x = x.reshape(*rest[0], prod(size), *rest[1])
    scattered("index", merged_x, positions.reshape(-1), flat, axis, "add", whole=True)


def _one_axis(index: Any, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...], Array] | None:
    """An index of adjacent arrays of positions, among whole axes, as positions on one axis.

    Returns the first of the axes that the arrays index, the sizes of these axes, and positions on
    the axis to which they can be joined; None for any other index.
    """
    parts = index if isinstance(index, tuple) else (index,)
    axis = 0
    arrays: list[Array] = []
    for d, part in enumerate(parts):
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu":
            axis = axis if arrays else d
            if d != axis + len(arrays):
                return None
            arrays.append(part)
        elif not isinstance(part, slice) or part != slice(None):
            return None
    if not arrays:
        return None
    sizes = shape[axis : axis + len(arrays)]
    checked = [
        from_the_end(array, size).astype(np.intp, copy=False)
        for array, size in zip(arrays, sizes, strict=True)
    ]
    if len(checked) == 1:
        return axis, sizes, checked[0]
    positions = np.ravel_multi_index(np.broadcast_arrays(*checked), sizes)
    return axis, sizes, np.asarray(positions)


class Index(ViewOperation[Tensor]):
    """Selects a part of a tensor; the result is a view if the index contains no array."""

    @staticmethod
    def compute(x: Array, *, index: Any) -> Any:
        try:
            part = x[index]
        except IndexError:
            if x.ndim == 0:
                raise IndexError(
                    f"a tensor without dimensions cannot be indexed; use item() (got {index!r})"
                ) from None
            raise
        if isinstance(part, np.ndarray):
            return part
        return x[(*index, ...) if isinstance(index, tuple) else (index, ...)]

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, index: Any) -> Any:
        ctx.save_for_backward(index)
        return cls.compute(x, index=index)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        shape = ctx.input_shape(0)
        parts = index if isinstance(index, tuple) else (index,)
        if is_copied_by_kernel(grad.dtype, prod(shape)) and is_basic(parts):
            return kernels.embed(grad, shape, index)
        dx = np.zeros(shape, grad.dtype)
        if _may_repeat(index):
            add_at(dx, index, grad)
        else:
            dx[index] = grad
        return dx


@operation(Index, methods=("__getitem__",))
def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``, for slices, numbers, None, masks, and arrays or tensors of positions."""
    return Index.apply(x, index=array_index(index))


@operation(methods=("__setitem__",))
def setitem(x: Tensor, index: Any, value: Operand) -> None:
    """``x[index] = value``, in place."""
    fill(x, value, array_index(index))


@operation(methods=("fill_",))
def fill_(x: Tensor, value: Operand) -> Tensor:
    """Set all elements to a number, in place."""
    return fill(x, value)


@operation(methods=("zero_",))
def zero_(x: Tensor) -> Tensor:
    """Set all elements to 0, in place."""
    return fill(x, 0)


@operation(methods=("copy_",))
def copy_(x: Tensor, src: Operand, non_blocking: bool = False) -> Tensor:
    """Copy `src` in place; it is broadcast to the shape and converted to the dtype of `x`."""
    return fill(x, src)
