"""Repetition and reordering of elements. Results are copies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..kernels.strided import assemble, rolled
from ..replay import values_of
from ..tensor import Tensor, TensorLike, array_of
from ._common import also_dim
from ._dims import dim_of, dims_of, integer, variadic
from ._positions import bits_of
from ._sums import total
from .arithmetic import LARGE
from .gathering import index_select
from .registry import numpy_function, operation
from .shape import Reshape

__all__ = ["flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90", "tile"]


class Tile(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, repeats: tuple[int, ...]) -> Array:
        ctx.repeats = repeats
        return np.tile(x, repeats)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        shape = ctx.input_shape(0)
        padded = (1,) * (len(ctx.repeats) - len(shape)) + shape
        parts = [size for pair in zip(ctx.repeats, padded, strict=True) for size in pair]
        return grad.reshape(parts).sum(tuple(range(0, len(parts), 2))).reshape(shape)


def _tiled(function: str, x: TensorLike, repeats: tuple[int, ...]) -> Tensor:
    if min(repeats, default=0) < 0:
        raise ValueError(f"{function}: repeats must not be negative (got {repeats})")
    return Tile.apply(x, repeats=repeats)


@operation(Tile, methods=("repeat",))
@variadic("repeats")
def repeat(self: TensorLike, *repeats: int | Sequence[int]) -> Tensor:
    """Repeat a tensor along its dimensions; surplus numbers add leading dimensions."""
    if len(repeats) < self.ndim:
        raise ValueError(
            "repeat: repeats must have at least one number for each dimension "
            f"(got {repeats} and {self.ndim} dimensions)"
        )
    return _tiled("repeat", self, repeats)  # type: ignore[arg-type]


@operation(Tile, methods=("tile",), numpy=(np.tile,))
@variadic("dims")
def tile(input: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """Repeat a tensor along its dimensions, like `numpy.tile`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    *dims : int, or one sequence of int
        How often to repeat along the last dimensions. Surplus numbers add leading dimensions.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.tile(cnet.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    missing = (1,) * max(input.ndim - len(dims), 0)
    return _tiled("tile", input, (*missing, *dims))  # type: ignore[arg-type]


class RepeatEach(Operation[Tensor]):
    """Repeats each element along an axis `count` times."""

    @staticmethod
    def compute(x: Array, *, count: int, axis: int) -> Array:
        return x.repeat(count, axis)

    @staticmethod
    def forward(ctx: Context, x: Array, *, count: int, axis: int) -> Array:
        ctx.count, ctx.axis = count, axis
        return x.repeat(count, axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        shape, axis = ctx.input_shape(0), ctx.axis
        parts = grad.reshape(*shape[: axis + 1], ctx.count, *shape[axis + 1 :])
        return total(parts, (axis + 1,))


@operation(methods=("repeat_interleave",), numpy=(np.repeat,))
@also_dim
def repeat_interleave(
    input: TensorLike, repeats: Any = None, dim: int | None = None, *,
    output_size: int | None = None,
) -> Tensor:  # fmt: skip
    """Repeat each element, like `numpy.repeat`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    repeats : int or Tensor of integers
        How often to repeat all elements, or each of them. If it is the only argument, the result
        contains the positions of its elements.
    dim : int, optional
        The dimension along which to repeat; by default the tensor is flattened first. NumPy's name
        is `axis`.
    output_size : int, optional
        Accepted for compatibility.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If a number is negative, or the number of repeats does not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.repeat_interleave(cnet.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        if array_of(input).ndim != 1:
            raise ValueError(
                f"repeat_interleave: repeats must have 1 dimension (got {array_of(input).ndim})"
            )
        input, repeats = np.arange(len(input)), input
    if dim is None:
        input, dim = Reshape.apply(input, shape=(-1,)), 0
    axis = dim_of("repeat_interleave", dim, input.ndim)
    if type(repeats) is int and repeats >= 0 and input.ndim:
        return RepeatEach.apply(input, count=repeats, axis=axis)
    counts, size = array_of(repeats), input.shape[axis] if input.ndim else 1
    if not isinstance(repeats, int):
        values_of("repeat_interleave", counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"repeat_interleave: repeats must be integers (got {counts.dtype})")
    if counts.ndim > 1 or counts.size not in (1, size) or (counts < 0).any():
        raise ValueError(
            "repeat_interleave: repeats must be one number, or one for each element along dim, and "
            f"not negative (got shape {counts.shape} and {size} elements)"
        )
    if counts.size == 1 and input.ndim:
        return RepeatEach.apply(input, count=int(counts.reshape(())), axis=axis)
    return index_select(input, axis, np.repeat(np.arange(size), counts))


_REVERSED = slice(None, None, -1)


def _flipped(x: Array, axes: tuple[int, ...]) -> Array:
    bits = bits_of(x) if x.size >= LARGE else None
    if bits is not None:
        return kernels.flip(bits, axes).view(x.dtype)
    place: list[Any] = [slice(None)] * x.ndim
    for axis in axes:
        place[axis] = _REVERSED
    y: Array = x[(*place, ...)].copy()  # an array also without dimensions
    return y


class Flip(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, *, axes: tuple[int, ...]) -> Array:
        return _flipped(x, axes)

    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: tuple[int, ...]) -> Array:
        ctx.axes = axes
        return _flipped(x, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _flipped(grad, ctx.axes)


@operation(Flip, methods=("flip",))
@variadic("dims")
def flip(input: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """Reverse the order of the elements along dimensions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    *dims : int, or one sequence of int
        The dimensions.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If a dimension is given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.flip(cnet.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    axes = dims_of("flip", dims, input.ndim)
    return Flip.apply(input, axes=axes if input.ndim else ())


@operation(Flip, methods=("fliplr",), numpy=(np.fliplr,))
def fliplr(input: TensorLike) -> Tensor:
    """Reverse the order of the columns, the second dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.fliplr(cnet.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise ValueError(f"fliplr: input must have at least 2 dimensions (got {input.ndim})")
    return Flip.apply(input, axes=(1,))


@operation(Flip, methods=("flipud",), numpy=(np.flipud,))
def flipud(input: TensorLike) -> Tensor:
    """Reverse the order of the rows, the first dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.flipud(cnet.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise ValueError(f"flipud: input must have at least 1 dimension (got {input.ndim})")
    return Flip.apply(input, axes=(0,))


class Roll(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, *, shifts: tuple[int, ...], axes: tuple[int, ...] | None) -> Array:
        return _rolled(x, shifts, axes)

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, shifts: tuple[int, ...], axes: tuple[int, ...] | None
    ) -> Array:
        ctx.shifts, ctx.axes = shifts, axes
        return _rolled(x, shifts, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _rolled(grad, [-shift for shift in ctx.shifts], ctx.axes)


def _rolled(x: Array, shifts: Sequence[int], axes: Sequence[int] | None) -> Array:
    """`np.roll`, which has more overhead."""
    y = x.reshape(-1) if axes is None else x
    for shift, axis in zip(shifts, axes or (0,), strict=True):
        if y.dtype is FLOAT32 or y.dtype is FLOAT64:
            y = assemble((y, y), y.shape, rolled(y.shape, shift, axis))
            continue
        before, y = y, empty(y.shape, y.dtype)
        size = y.shape[axis]
        begin = shift % size if size else 0
        place = (slice(None),) * axis
        for first, to, count in ((0, begin, size - begin), (size - begin, 0, begin)):
            y[(*place, slice(to, to + count))] = before[(*place, slice(first, first + count))]
    return y.reshape(x.shape)


@operation(Roll, methods=("roll",))
def roll(
    input: TensorLike, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Tensor:
    """Shift elements along dimensions; those that leave at the end reappear at the beginning.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    shifts : int or sequence of int
        By how many positions to shift, for each dimension.
    dims : int or sequence of int, optional
        The dimensions; by default the tensor is shifted as if it were flattened.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If the numbers of shifts and dimensions differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.roll(cnet.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    steps = tuple([integer("roll", "shifts", step) for step in _several(shifts)])
    given = () if dims is None else _several(dims)
    if not given:
        if len(steps) != 1:
            raise ValueError(f"roll: shifts must be one number without dims (got {steps})")
        return Roll.apply(input, shifts=steps, axes=None)
    axes = tuple([dim_of("roll", dim, input.ndim, "dims") for dim in given])
    if input.ndim == 0:
        raise np.exceptions.AxisError("roll: dims must be in range for 0 dimensions")
    if len(axes) != len(steps):
        raise ValueError(
            f"roll: shifts and dims must have the same length (got {shifts} and {dims})"
        )
    return Roll.apply(input, shifts=steps, axes=axes)


def _several(numbers: Any) -> Sequence[Any]:
    """One number, or several, as a sequence."""
    return numbers if type(numbers) is not int and isinstance(numbers, Sequence) else (numbers,)


@numpy_function(np.roll)
def _numpy_roll(a: TensorLike, shift: Any, axis: Any = None) -> Tensor:
    return roll(a, shift, axis)


@numpy_function(np.flip)
def _numpy_flip(m: TensorLike, axis: Any = None) -> Tensor:
    return flip(m, tuple(range(m.ndim)) if axis is None else axis)


class Rot90(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, *, k: int, axes: tuple[int, int]) -> Array:
        # A rotation by one right angle is a reversal and an exchange of the axes.
        reversed_axes = ((), axes[1:], axes, axes[:1])[k % 4]
        y = _flipped(x, reversed_axes)
        return y.swapaxes(*axes) if k % 2 else y

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, k: int, axes: tuple[int, int]) -> Array:
        ctx.k, ctx.axes = k, axes
        return cls.compute(x, k=k, axes=axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return np.rot90(grad, -ctx.k, ctx.axes)


@operation(Rot90, methods=("rot90",))
def rot90(input: TensorLike, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by right angles in the plane of two dimensions.

    Parameters
    ----------
    input : Tensor or ndarray, at least 2 dimensions
    k : int, default 1
        How many right angles; positive from the first to the second dimension.
    dims : pair of int, default (0, 1)
        The dimensions.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If `dims` are not two different dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.rot90(cnet.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2 or input.ndim < 2:
        raise ValueError(
            "rot90: dims must be two dimensions of input "
            f"(got {tuple(dims)} and {input.ndim} dimensions)"
        )
    axes = dims_of("rot90", dims, input.ndim)
    return Rot90.apply(input, k=integer("rot90", "k", k), axes=axes)
