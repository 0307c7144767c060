"""Parts of a tensor along a dimension. Results share memory with the input."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..autograd import Array, Context, ViewOperation
from ..replay import values_of
from ..tensor import Tensor, TensorLike, array_of
from ._common import also_dim
from ._dims import dim_of, integer, integers
from ._strided import strided
from .indexing import Index
from .registry import operation

__all__ = [
    "as_strided", "chunk", "dsplit", "hsplit", "narrow", "select", "split", "split_with_sizes",
    "tensor_split", "unbind", "vsplit",
]  # fmt: skip

Parts = tuple[Tensor, ...]


def _part(x: TensorLike, axis: int, chosen: int | slice) -> Tensor:
    return Index.apply(x, index=(*(slice(None),) * axis, chosen))


def _between(x: TensorLike, axis: int, bounds: Sequence[int]) -> Parts:
    """The parts between successive bounds."""
    return tuple([
        _part(x, axis, slice(start, end))
        for start, end in pairwise(bounds)
    ])  # fmt: skip


def _axis_and_size(function: str, x: TensorLike, dim: Any) -> tuple[int, int]:
    if x.ndim == 0:
        raise ValueError(f"{function}: input must have at least 1 dimension (got 0)")
    axis = dim_of(function, dim, x.ndim)
    return axis, x.shape[axis]


@operation(Index, methods=("unbind",))
@also_dim
def unbind(input: TensorLike, dim: int = 0) -> Parts:
    """All parts of a tensor along a dimension, which the parts do not have.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    dim : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.unbind(cnet.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    axis, size = _axis_and_size("unbind", input, dim)
    return tuple([_part(input, axis, position) for position in range(size)])


@operation(Index, methods=("select",))
def select(input: TensorLike, dim: int, index: int) -> Tensor:
    """The part at a position along a dimension, which the result does not have.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    dim : int
    index : int
        The position; negative numbers count from the end.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension or position is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.select(cnet.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    axis, size = _axis_and_size("select", input, dim)
    position = integer("select", "index", index)
    if not -size <= position < size:
        raise IndexError(f"select: index must be in range for size {size} (got {index})")
    return _part(input, axis, position)


@operation(Index, methods=("narrow",))
def narrow(input: TensorLike, dim: int, start: Any, length: int) -> Tensor:
    """Successive elements along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    dim : int
    start : int or Tensor of one integer
        The first position; negative numbers count from the end.
    length : int
        The number of positions.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension or `start` is out of range.
    ValueError
        If `length` is negative or too large.

    Examples
    --------
    >>> import cnet
    >>> cnet.narrow(cnet.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    axis, size = _axis_and_size("narrow", input, dim)
    first, count = integer("narrow", "start", start), integer("narrow", "length", length)
    if not -size <= first <= size:
        raise IndexError(f"narrow: start must be in range for size {size} (got {first})")
    first += size if first < 0 else 0
    if count < 0 or first + count > size:
        raise ValueError(
            f"narrow: length must be between 0 and {size - first} (got {count} from {first})"
        )
    return _part(input, axis, slice(first, first + count))


@operation(Index, methods=("chunk", "unsafe_chunk"))
def chunk(input: TensorLike, chunks: int, dim: int = 0) -> Parts:
    """Split a tensor into at most the given number of parts of equal size, but the last.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    chunks : int
        The number of parts; there can be fewer.
    dim : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If `chunks` is not positive.

    Examples
    --------
    >>> import cnet
    >>> cnet.chunk(cnet.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    axis, size = _axis_and_size("chunk", input, dim)
    count = integer("chunk", "chunks", chunks)
    if count < 1:
        raise ValueError(f"chunk: chunks must be positive (got {count})")
    step = -(-size // count)
    if step == 0:
        return tuple([_part(input, axis, slice(None)) for _ in range(count)])
    return _between(input, axis, [*range(0, size, step), size])


@operation(Index, methods=("split", "unsafe_split"))
def split(
    tensor: TensorLike, split_size_or_sections: Any = None, dim: int = 0, **names: Any
) -> Parts:
    """Split a tensor into parts of a given size, or of given sizes.

    Parameters
    ----------
    tensor : Tensor or ndarray, at least 1 dimension
    split_size_or_sections : int or sequence of int
        The size of all parts, where the last may be smaller; or the size of each part. The method
        of `Tensor` also has the name `split_size`.
    dim : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If a size is negative, or the sum of the sizes is not the size of the dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.split(cnet.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    sizes = names.pop("split_size", split_size_or_sections)
    if names:
        raise TypeError(f"split() got an unexpected keyword argument {min(names)!r}")
    if isinstance(sizes, Sequence):
        return split_with_sizes(tensor, sizes, dim)
    axis, size = _axis_and_size("split", tensor, dim)
    step = integer("split", "split_size_or_sections", sizes)
    if step < 0 or (step == 0 and size):
        raise ValueError(f"split: split_size_or_sections must be positive (got {step})")
    if size == 0:
        return (_part(tensor, axis, slice(None)),)
    return _between(tensor, axis, [*range(0, size, step), size])


@operation(Index, methods=("split_with_sizes",))
def split_with_sizes(input: TensorLike, split_sizes: Sequence[int], dim: int = 0) -> Parts:
    """Split a tensor into parts of given sizes.

    Examples
    --------
    >>> import cnet
    >>> cnet.split_with_sizes(cnet.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    axis, size = _axis_and_size("split_with_sizes", input, dim)
    sizes = integers("split_with_sizes", "split_sizes", (split_sizes,))
    if min(sizes, default=0) < 0 or sum(sizes) != size:
        raise ValueError(
            "split_with_sizes: the sizes must not be negative, and their sum must be the size of "
            f"dim (got {sizes} and {size})"
        )
    return _between(input, axis, [0, *np.cumsum(sizes, dtype=int).tolist()])


@operation(Index, methods=("tensor_split",))
def tensor_split(
    input: TensorLike, indices_or_sections: Any = None, dim: int = 0, **names: Any
) -> Parts:
    """Split a tensor into a number of parts, or at given positions, like `numpy.array_split`.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    indices_or_sections : int, or sequence or Tensor of int
        The number of parts, which differ in size by at most 1; or the positions where parts begin.
        The names `indices` and `sections` are also accepted.
    dim : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If the number of parts is not positive.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor_split(cnet.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    where = names.pop("indices", names.pop("sections", indices_or_sections))
    if names:
        raise TypeError(f"tensor_split() got an unexpected keyword argument {min(names)!r}")
    return _tensor_split("tensor_split", input, where, dim)


def _tensor_split(function: str, x: TensorLike, where: Any, dim: int, equal: bool = False) -> Parts:
    axis, size = _axis_and_size(function, x, dim)
    if isinstance(where, (Tensor, np.ndarray)):
        array = values_of(function, array_of(where))
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise ValueError(
                f"{function}: a tensor of positions must have an integer dtype and at most 1 "
                f"dimension (got {array.dtype}, shape {array.shape})"
            )
        where = array.tolist()
    if isinstance(where, Sequence):
        given = integers(function, "indices", (where,))
        starts = [0, *[max(i + size, 0) if i < 0 else min(i, size) for i in given]]
        ends = [*starts[1:], size]
        return tuple([
            _part(x, axis, slice(start, max(start, end)))
            for start, end in zip(starts, ends, strict=True)
        ])  # fmt: skip
    count = integer(function, "sections", where)
    if count < 1 or (equal and size % count):
        raise ValueError(
            f"{function}: the number of parts must be positive"
            f"{' and divide the size' if equal else ''} (got {count}, size {size})"
        )
    sizes = [size // count + (part < size % count) for part in range(count)]
    return _between(x, axis, [0, *np.cumsum(sizes, dtype=int).tolist()])


def _equal_parts(function: str, x: TensorLike, where: Any, dim: int, least: int) -> Parts:
    if x.ndim < least:
        raise ValueError(f"{function}: input must have at least {least} dimensions (got {x.ndim})")
    return _tensor_split(function, x, where, dim, equal=True)


@operation(Index, methods=("hsplit",))
def hsplit(input: TensorLike, indices_or_sections: Any) -> Parts:
    """Split columns into equal parts, or at positions, like `numpy.hsplit`.

    Examples
    --------
    >>> import cnet
    >>> cnet.hsplit(cnet.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _equal_parts("hsplit", input, indices_or_sections, min(input.ndim - 1, 1), 1)


@operation(Index, methods=("vsplit",))
def vsplit(input: TensorLike, indices_or_sections: Any) -> Parts:
    """Split rows into equal parts, or at positions, like `numpy.vsplit`.

    Examples
    --------
    >>> import cnet
    >>> cnet.vsplit(cnet.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _equal_parts("vsplit", input, indices_or_sections, 0, 2)


@operation(Index, methods=("dsplit",))
def dsplit(input: TensorLike, indices_or_sections: Any) -> Parts:
    """Split the third dimension into equal parts, or at positions, like `numpy.dsplit`.

    Examples
    --------
    >>> import cnet
    >>> [part.shape for part in cnet.dsplit(cnet.zeros(2, 2, 4), [1])]
    [(2, 2, 1), (2, 2, 3)]
    """
    return _equal_parts("dsplit", input, indices_or_sections, 2, 3)


class Unfold(ViewOperation[Tensor]):
    """Windows along an axis, which becomes the number of windows; they form a new last axis."""

    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int, size: int, step: int) -> Array:
        ctx.parameters = axis, size, step
        count = (x.shape[axis] - size) // step + 1
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
        stride = x.strides[axis]
        strides = (*x.strides[:axis], stride * step, *x.strides[axis + 1 :], stride)
        return strided(x, shape, strides)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        axis, size, step = ctx.parameters
        dx = np.zeros(ctx.input_shape(0), grad.dtype)
        moved = np.moveaxis(dx, axis, 0)
        windows = np.moveaxis(grad, axis, 0)
        for offset in range(size):
            moved[offset : offset + step * (len(windows) - 1) + 1 : step] += windows[..., offset]
        return dx


@operation(Unfold, methods=("unfold",))
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements along a dimension, `step` elements apart.

    The dimension becomes the number of windows, and the windows a new last dimension. The result
    is a view, which is read-only where windows overlap.
    """
    x = self if self.ndim else self.reshape(1)
    axis = dim_of("unfold", dimension, x.ndim, "dimension")
    width, distance = integer("unfold", "size", size), integer("unfold", "step", step)
    if not 0 <= width <= x.shape[axis]:
        raise ValueError(f"unfold: size must be between 0 and {x.shape[axis]} (got {width})")
    if distance < 1:
        raise ValueError(f"unfold: step must be positive (got {distance})")
    windows = Unfold.apply(x, axis=axis, size=width, step=distance)
    return windows if self.ndim else windows.reshape(width)


class AsStrided(ViewOperation[Tensor]):
    @staticmethod
    def forward(
        ctx: Context, x: Array, *, size: tuple[int, ...], stride: tuple[int, ...], offset: int
    ) -> Array:
        ctx.parameters = size, stride, offset
        flat = x.reshape(-1)
        positions = _positions(size, stride, offset)
        if positions.size and not 0 <= positions.min() <= positions.max() < flat.size:
            raise ValueError(
                "as_strided: all positions must be in range for the elements of input "
                f"(got 0 to {positions.max()} and {flat.size} elements)"
            )
        return strided(flat, size, [step * x.itemsize for step in stride], offset * x.itemsize)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        shape = ctx.input_shape(0)
        dx = np.zeros(shape, grad.dtype)
        np.add.at(dx.reshape(-1), _positions(*ctx.parameters), grad)
        return dx


def _positions(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    positions: Any = np.intp(offset)
    for length, step in zip(size, stride, strict=True):
        positions = np.add.outer(positions, np.arange(length) * step)
    return np.asarray(positions)


@operation(AsStrided, methods=("as_strided",))
def as_strided(
    input: TensorLike, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A view of contiguous elements with given sizes and strides.

    Parameters
    ----------
    input : Tensor or ndarray, contiguous
    size, stride : sequence of int
        The shape, and the distance of neighbours along each dimension, counted in elements.
    storage_offset : int, optional
        The position of the first element in `input`; 0 by default. Unlike in PyTorch, it counts
        from the first element of `input`.

    Returns
    -------
    Tensor
        It is read-only where elements share memory.

    Raises
    ------
    ValueError
        If `input` is not contiguous, or a position is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.as_strided(cnet.arange(5), (3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    sizes = integers("as_strided", "size", (size,))
    strides = integers("as_strided", "stride", (stride,))
    if len(sizes) != len(strides) or min(sizes + strides, default=0) < 0:
        raise ValueError(
            "as_strided: size and stride must have the same length and not be negative "
            f"(got {sizes} and {strides})"
        )
    if not array_of(input).flags.c_contiguous:
        raise ValueError("as_strided: input must be contiguous")
    offset = integer("as_strided", "storage_offset", storage_offset or 0)
    return AsStrided.apply(input, size=sizes, stride=strides, offset=offset)
