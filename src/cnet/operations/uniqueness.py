"""Different elements, counts, and positions in sorted sequences; none is part of the graph."""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array
from ..dtypes import int64
from ..replay import again, values_of
from ..tensor import Tensor, TensorLike, array_of
from ._dims import dim_of, integer
from .registry import numpy_function, operation

__all__ = ["bincount", "bucketize", "searchsorted", "unique", "unique_consecutive"]


def _results(values: Array, inverse: Any, counts: Any, both: tuple[bool, bool]) -> Any:
    extra = [x for x, wanted in zip((inverse, counts), both, strict=True) if wanted]
    if not extra:
        return Tensor(values)
    return (Tensor(values), *[Tensor(np.asarray(x, np.int64)) for x in extra])


@operation(methods=("unique",))
def unique(
    input: TensorLike, sorted: bool = True, return_inverse: bool = False,
    return_counts: bool = False, dim: int | None = None,
) -> Any:  # fmt: skip
    """The different elements, or slices along a dimension, in ascending order.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    sorted : bool, default True
        Accepted for compatibility; the result is always sorted.
    return_inverse : bool, default False
        Whether to return the position of each element of `input` in the result.
    return_counts : bool, default False
        Whether to return how often each element occurs.
    dim : int, optional
        The dimension of the slices; by default elements are compared.

    Returns
    -------
    Tensor, or tuple of Tensor
        The elements; then positions and counts, if they are wanted.

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.unique(cnet.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    array = values_of("unique", array_of(input))
    axis = None if dim is None else dim_of("unique", dim, array.ndim)
    if axis is not None and array.size == 0 and array.shape[axis]:
        raise ValueError(f"unique: slices along dim must have elements (got shape {array.shape})")
    if array.ndim == 0:
        axis = None
    if not (return_inverse or return_counts):
        return Tensor(np.unique(array, axis=axis, equal_nan=False))
    values, inverse, counts = np.unique(
        array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(array.shape if axis is None else -1)
    return _results(values, inverse, counts, (return_inverse, return_counts))


@operation(methods=("unique_consecutive",))
def unique_consecutive(
    input: TensorLike, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """The first element, or slice along a dimension, of each run of equal ones.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    return_inverse : bool, default False
        Whether to return the number of the run of each element.
    return_counts : bool, default False
        Whether to return the length of each run.
    dim : int, optional
        The dimension of the slices; by default elements are compared.

    Returns
    -------
    Tensor, or tuple of Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.unique_consecutive(cnet.tensor([1, 1, 3, 1]))
    tensor([1, 3, 1])
    """
    array = values_of("unique_consecutive", array_of(input))
    axis = 0 if dim is None else dim_of("unique_consecutive", dim, array.ndim)
    slices = array.reshape(-1) if dim is None or not array.ndim else np.moveaxis(array, axis, 0)
    rows = slices.reshape(len(slices), prod(slices.shape[1:]))
    starts = np.ones(len(rows), bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(1)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(rows)))
    values = slices[starts] if dim is None or not array.ndim else np.compress(starts, array, axis)
    inverse = inverse.reshape(array.shape) if dim is None else inverse
    return _results(values, inverse, counts, (return_inverse, return_counts))


@operation(methods=("bincount",))
def bincount(input: TensorLike, weights: TensorLike | None = None, minlength: int = 0) -> Tensor:
    """How often each integer occurs, or the sum of the weights of its occurrences.

    Parameters
    ----------
    input : Tensor of integers, not negative, 1 dimension
    weights : Tensor, optional
        The weight of each element.
    minlength : int, default 0
        The least number of counts.

    Returns
    -------
    Tensor
        int64; with weights, float64, or float32 for weights of this dtype.

    Raises
    ------
    TypeError
        If `input` does not contain integers.
    ValueError
        If `input` has another number of dimensions, an element or `minlength` is negative, or the
        number of weights differs.

    Examples
    --------
    >>> import cnet
    >>> cnet.bincount(cnet.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    array = values_of("bincount", array_of(input))
    if array.dtype.kind not in "iu":
        raise TypeError(f"bincount: input must contain integers (got {array.dtype})")
    if array.ndim != 1:
        raise ValueError(f"bincount: input must have 1 dimension (got {array.shape})")
    if integer("bincount", "minlength", minlength) < 0:
        raise ValueError(f"bincount: minlength must not be negative (got {minlength})")
    factors = None if weights is None else array_of(weights)
    if factors is not None and factors.shape != array.shape:
        raise ValueError(
            "bincount: weights must have the shape of input "
            f"(got {factors.shape} and {array.shape})"
        )
    try:
        sums = np.bincount(array, factors, minlength)
    except ValueError:
        raise ValueError(
            f"bincount: input must have no negative numbers (got {array.min()})"
        ) from None
    if factors is not None and factors.dtype == np.float32:
        sums = sums.astype(np.float32)
    return Tensor(sums)


@numpy_function(np.bincount)
def _numpy_bincount(x: TensorLike, /, weights: Any = None, minlength: int = 0) -> Tensor:
    return bincount(x, weights, minlength)


@operation()
def searchsorted(
    sorted_sequence: TensorLike, input: Any, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: TensorLike | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The positions at which elements can be inserted so that sequences remain sorted.

    Parameters
    ----------
    sorted_sequence : Tensor or ndarray, at least 1 dimension
        The last dimension contains ascending sequences.
    input : Tensor, ndarray or number
        The elements. Their leading dimensions must be those of the sequences, unless there is one
        sequence.
    out_int32 : bool, default False
        Whether the positions are int32, not int64.
    right : bool, default False
        Whether to insert after equal elements.
    side : {"left", "right"}, optional
        Another name of `right`.
    sorter : Tensor of integers, optional
        The positions that sort the sequences.
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor of integers, in the shape of `input`

    Raises
    ------
    ValueError
        If the shapes do not match, or `side` and `right` contradict each other.

    Examples
    --------
    >>> import cnet
    >>> cnet.searchsorted(cnet.tensor([1, 3, 5]), cnet.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(f"searchsorted: side must be 'left' or 'right' (got {side!r}, {right})")
    where: Any = "right" if right or side == "right" else "left"
    sequences, elements = array_of(sorted_sequence), array_of(input)
    if sequences.ndim == 0:
        raise ValueError("searchsorted: sorted_sequence must have at least 1 dimension (got 0)")
    if sorter is not None:
        sequences = again("searchsorted", np.take_along_axis, sequences, array_of(sorter), -1)
    dtype = np.int32 if out_int32 else int64
    return Tensor(again("searchsorted", _searched, sequences, elements, where, dtype))


def _searched(sequences: Array, elements: Array, where: Any, dtype: Any) -> Array:
    if (
        sequences.dtype in (FLOAT32, FLOAT64)
        and elements.dtype == sequences.dtype
        and (sequences.shape[:-1] in ((), elements.shape[:-1]) and sequences.shape[-1] < 2**31)
    ):
        found = kernels.searchsorted(sequences, elements, where == "right")
    elif sequences.ndim == 1:
        found = np.searchsorted(sequences, elements, where)
    else:
        if sequences.shape[:-1] != elements.shape[:-1]:
            raise ValueError(
                "searchsorted: sorted_sequence and input must have equal leading dimensions "
                f"(got {sequences.shape} and {elements.shape})"
            )
        found = np.empty(elements.shape, np.int64)
        for row in np.ndindex(elements.shape[:-1]):
            found[row] = np.searchsorted(sequences[row], elements[row], where)
    return np.asarray(found, dtype)


@operation()
def bucketize(
    input: Any, boundaries: TensorLike, *, out_int32: bool = False, right: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The number of the interval that contains each element.

    Parameters
    ----------
    input : Tensor, ndarray or number
    boundaries : Tensor or ndarray, 1 dimension
        The bounds of the intervals, ascending.
    out_int32, right, out
        As in `searchsorted`.

    Returns
    -------
    Tensor of integers, in the shape of `input`

    Raises
    ------
    ValueError
        If `boundaries` does not have 1 dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.bucketize(cnet.tensor([0, 3, 6]), cnet.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    if boundaries.ndim != 1:
        raise ValueError(f"bucketize: boundaries must have 1 dimension (got {boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
