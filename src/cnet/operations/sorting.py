"""Sorting. NaN counts as greater than any number; equal elements keep their order."""

from operator import index
from typing import Any

import numpy as np

from ..autograd import Array
from ..kernels._memory import empty
from ..tensor import Tensor, TensorLike, array_of
from ._common import also_dim
from ._dims import reduced_axes
from ._strided import axis_last
from ._sums import any_of
from .extrema import ValuesAndIndices, take
from .registry import operation

__all__ = ["argsort", "msort", "sort", "topk"]


_FEW = 4
"""`topk` sorts everything if more than this part of the elements is wanted."""
_SELECTED = 1 << 14
"""`topk` also sorts everything if there are fewer elements than these."""
_MANY = 128
"""`np.argsort` has less overhead for fewer elements."""
_MOST_PLACES = 1 << 32
"""Positions that fit beside a key of 32 bits."""
_GREATEST = np.int32(2**31 - 1)


def _order(function: str, x: TensorLike, dim: int, descending: bool) -> tuple[Array, int]:
    """The positions that sort along a dimension, and the dimension as a non-negative number."""
    axes = reduced_axes(function, x, index(dim))
    array = array_of(x)
    if not axes:
        return np.zeros((), np.int64), 0
    return _sorting(array, axes[0], descending), axes[0]


def _sorting(array: Array, axis: int, descending: bool) -> Array:
    """The positions that sort along an axis; equal elements keep their order."""
    axis %= array.ndim
    size = array.shape[axis]
    many = array.size >= _MANY and 1 < size <= _MOST_PLACES
    keys = _keys(array) if many else None
    if keys is not None:
        # Keys and positions are sorted together, as one number: faster than `np.argsort`.
        if descending:
            np.invert(keys, out=keys)
        np.left_shift(keys, 32, out=keys)
        np.bitwise_or(keys, np.arange(size).reshape(-1, *(1,) * (array.ndim - 1 - axis)), out=keys)
        keys.sort(axis)
        return np.bitwise_and(keys, _MOST_PLACES - 1, out=keys)
    if not descending:
        return np.argsort(array, axis, stable=True)
    backwards = np.argsort(np.flip(array, axis), axis, stable=True)
    order: Array = array.shape[axis] - 1 - np.flip(backwards, axis)
    return order


def _keys(array: Array) -> Array | None:
    """Integers of 32 bits in the order of the elements, as int64; None for longer elements."""
    kind = array.dtype.kind
    if array.itemsize > (2 if kind == "u" else 4) or kind not in "biuf":
        return None
    if kind != "f":
        return array.astype(np.int64)
    numbers = array.astype(np.float32, copy=False) + np.float32(0)  # no negative zeros
    keys = numbers.view(np.int32)
    is_nan = np.isnan(numbers) if np.isnan(numbers.max(initial=0)) else None
    keys ^= (keys >> 31) & _GREATEST  # the bits of negative numbers are in the opposite order
    if is_nan is not None:
        keys[is_nan] = _GREATEST
    return keys.astype(np.int64)


def kth(rows: Array, k: int) -> Array:
    """The element of each row that sorting moves to position k, with the axis kept."""
    parted = empty(rows.shape, rows.dtype)
    parted[...] = rows
    parted.partition(k, -1)
    return parted[..., k : k + 1]


def first_positions(rows: Array, elements: Array) -> Array:
    """The position in each row of the first element that equals that of `elements`."""
    found: Array = (rows == elements).argmax(-1)
    return found


def kth_positions(rows: Array, k: int) -> Array:
    """The position in each row of the element that sorting moves to position k; the first one."""
    bound = kth(rows, k)
    found = first_positions(rows, bound)
    if rows.dtype.kind == "f" and any_of(np.isnan(bound)):
        found = np.where(np.isnan(bound[..., 0]), np.isnan(rows).argmax(-1), found)
    return found


def _leading(rows: Array, k: int, largest: bool) -> Array | None:
    """The sorted positions of the k first elements of each row; None if they could be NaN."""
    size = rows.shape[-1]
    place = size - k if largest else k - 1
    bound = kth(rows, place)
    if any_of(np.isnan(bound)):
        return None
    candidates = ~(rows < bound) if largest else rows <= bound
    positions = np.flatnonzero(candidates)
    if len(positions) * size > k * rows.size:  # several elements equal the bound
        positions = np.flatnonzero(_first_candidates(rows, bound, k, largest))
    positions = (positions % size).reshape(*rows.shape[:-1], k)
    order = _sorting(np.take_along_axis(rows, positions, -1), -1, largest)
    return np.take_along_axis(positions, order, -1)


def _first_candidates(rows: Array, bound: Array, k: int, largest: bool) -> Array:
    """Which elements are the k first of each row; of those equal to the bound, the first."""
    better = ~(rows <= bound) if largest else rows < bound
    ties = rows == bound
    missing = k - better.sum(-1, keepdims=True)
    chosen: Array = better | (ties & (np.cumsum(ties, -1) <= missing))
    return chosen


@operation(methods=("sort",))
def sort(
    input: TensorLike,
    dim: int = -1,
    descending: bool = False,
    stable: bool = True,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """Sort elements along a dimension, and return their original positions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, default -1
        The dimension to sort along.
    descending : bool, default False
        Whether to start with the greatest element.
    stable : bool, default True
        Accepted for compatibility; equal elements always keep their order.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple of tensors in the shape of `input`; `indices` has dtype int64. The gradient
        of a value goes to its original element.

    Raises
    ------
    ValueError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> values, indices = cnet.sort(cnet.tensor([3.0, 1.0, 2.0]))
    >>> values, indices
    (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    order, axis = _order("sort", input, dim, descending)
    return _taken(input, order, axis)


@operation(methods=("msort",))
def msort(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Sort elements along the first dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.msort(cnet.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0).values


@operation(methods=("argsort",), numpy=(np.argsort,))
@also_dim
def argsort(
    input: TensorLike, dim: int = -1, descending: bool = False, stable: bool | None = True
) -> Tensor:
    """The positions that sort a tensor along a dimension; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, default -1
        The dimension to sort along. NumPy's name is `axis`.
    descending : bool, default False
        Whether to start with the greatest element.
    stable : bool, default True
        Accepted for compatibility; equal elements always keep their order.

    Returns
    -------
    Tensor of int64
        In the shape of `input`.

    Raises
    ------
    ValueError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.argsort(cnet.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return Tensor(_order("argsort", input, dim, descending)[0])


@operation(methods=("topk",))
def topk(
    input: TensorLike,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """The `k` greatest elements along a dimension, and their positions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    k : int
        The number of elements, at most the size of the dimension.
    dim : int, default -1
        The dimension to sort along.
    largest : bool, default True
        Whether to return the greatest elements, or the smallest if False.
    sorted : bool, default True
        Accepted for compatibility; the result is always sorted, the greatest (or smallest) first.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple of tensors with `k` elements along the dimension; `indices` has dtype int64.
        Of equal elements, the first are chosen. The gradient of a value goes to its original
        element.

    Raises
    ------
    ValueError
        If the dimension or `k` is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.topk(cnet.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    axes = reduced_axes("topk", input, index(dim))
    size = input.shape[axes[0]] if axes else 1
    if not 0 <= index(k) <= size:
        raise ValueError(f"topk: k must be between 0 and the size of dim (got {k} and {size})")
    if not axes:
        if k == 0:
            raise ValueError("topk: k must be 1 for a tensor without dimensions (got 0)")
        return _taken(input, np.zeros((), np.int64), 0)
    if 0 < k <= size // _FEW and array_of(input).size >= _SELECTED:
        found = _leading(axis_last(array_of(input), axes[0]), index(k), largest)
        if found is not None:
            return _taken(input, np.moveaxis(found, -1, axes[0]), axes[0])
    order = _order("topk", input, dim, largest)[0]
    return _taken(input, order[(*[slice(None)] * axes[0], slice(k))], axes[0])


def _taken(x: TensorLike, order: Array, axis: int) -> ValuesAndIndices:
    if order.ndim:
        return take(x, order, axis)
    values: Any = take(x.reshape(1), order.reshape(1), 0)
    return ValuesAndIndices(*[tensor.reshape(()) for tensor in values])
