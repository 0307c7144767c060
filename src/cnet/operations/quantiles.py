"""Medians, quantiles and the most frequent element."""

from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..replay import again, values_of
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._common import also_dim
from ._dims import dim_of, integer
from ._positions import elements_at
from ._promotion import require_float
from ._strided import axis_last
from .arithmetic import mul, sub
from .axes import movedim
from .extrema import Taken, ValuesAndIndices, paired, take
from .gathering import gather
from .masks import masked_fill
from .reductions import kept_shape
from .registry import operation
from .sorting import numbers_of, sort

__all__ = ["kthvalue", "median", "mode", "nanmedian", "nanquantile", "quantile"]


class Median(Operation[Tensor]):
    """The lower median of all elements; equal elements get equal parts of the gradient."""

    @staticmethod
    def compute(x: Array, *, nan: str) -> Array:
        flat = x.reshape(-1)
        if flat.size == 0:
            return np.array(np.nan if x.dtype.kind in "bf" else np.iinfo(x.dtype).min, x.dtype)
        y, _ = _kth(flat, 0, (flat.size - 1) // 2, nan)
        return y

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, nan: str) -> Array:
        y = cls.compute(x, nan=nan)
        if x.size:
            ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        if not ctx.saved:
            return np.zeros(ctx.input_shape(0), grad.dtype)
        x, y = ctx.saved
        ties = np.isnan(x) if np.isnan(y) else x == y
        return ties * (grad / ties.sum())


class Kth(Taken):
    """The elements that sorting moves to a position along an axis, and where they are first."""

    @staticmethod
    def compute(x: Array, *, axis: int, k: int, nan: str, keepdims: bool) -> tuple[Array, Array]:
        values, indices = _kth(x, axis, k, nan)
        if not keepdims:
            return values, indices
        shape = kept_shape(x.shape, (axis,))
        return values.reshape(shape), indices.reshape(shape)


def _kth(x: Array, axis: int, k: int, nan: str) -> tuple[Array, Array]:
    """The values and indices of `kernels.kth`, without the axis."""
    numbers, integers = numbers_of(x)
    nan = "greatest" if integers else nan
    values, indices = kernels.kth(numbers, k, axis, nan=nan, integers=integers)
    if values.dtype is not x.dtype:
        at = indices.reshape(kept_shape(x.shape, (axis,)))
        values = elements_at("kth", x, at, axis).reshape(indices.shape)
    return values, indices


def _searched(function: str, x: TensorLike, dim: Any) -> tuple[int, int]:
    """The axis of a dimension, and its size, which is 0 for a tensor without dimensions."""
    shape = x.shape
    axis = dim_of(function, dim, len(shape))
    size = shape[axis] if shape else 0
    if shape and not size:
        raise IndexError(f"{function}: dim must have elements (got shape {shape}, dim {axis})")
    return axis, size


def _itself(x: TensorLike) -> ValuesAndIndices:
    """The element of a tensor without dimensions, and its position."""
    return ValuesAndIndices(as_tensor(x).reshape(()), Tensor(np.zeros((), np.int64)))


def _median(function: str, x: TensorLike, dim: Any, keepdim: bool, nan: str) -> Any:
    if dim is None:
        return Median.apply(x, nan=nan)
    axis, size = _searched(function, x, dim)
    if not size:
        return _itself(x)
    return paired(Kth.apply(x, axis=axis, k=(size - 1) // 2, nan=nan, keepdims=keepdim))


@operation(Median, methods=("median",))
@also_dim
def median(
    input: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> Any:
    """The median of all elements or along a dimension; the lower of two middle elements.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, optional
        The dimension; by default the result is the median of all elements.
    keepdim : bool, default False
        Whether to keep the dimension with size 1.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    Tensor, or (values, indices)
        With `dim`, a named tuple with the positions of the medians. NaN if an element is NaN.

    Raises
    ------
    IndexError
        If the dimension is out of range, or has no elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.median(cnet.tensor([1.0, 4.0, 2.0, 3.0]))
    tensor(2.)
    """
    return _median("median", input, dim, keepdim, "wins")


@operation(Median, methods=("nanmedian",))
@also_dim
def nanmedian(
    input: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> Any:
    """The median of the elements that are not NaN; arguments and errors are those of `median`.

    Examples
    --------
    >>> import cnet
    >>> cnet.nanmedian(cnet.tensor([1.0, float("nan"), 3.0]))
    tensor(1.)
    """
    return _median("nanmedian", input, dim, keepdim, "ignored")


@operation(methods=("kthvalue",))
@also_dim
def kthvalue(
    input: TensorLike,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """The k-th smallest element along a dimension, and its position.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    k : int
        From 1 to the size of the dimension.
    dim : int, default -1
    keepdim : bool, default False
        Whether to keep the dimension with size 1.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple.

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If `k` is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.kthvalue(cnet.tensor([4.0, 1.0, 3.0]), 2).values
    tensor(3.)
    """
    number = integer("kthvalue", "k", k)
    size = (input.shape or (1,))[dim_of("kthvalue", dim, input.ndim)]
    if not 1 <= number <= size:
        raise ValueError(f"kthvalue: k must be between 1 and the size of dim (got {k} and {size})")
    axis, _ = _searched("kthvalue", input, dim)
    if not input.ndim:
        return _itself(input)
    return paired(Kth.apply(input, axis=axis, k=number - 1, nan="greatest", keepdims=keepdim))


@operation(methods=("mode",))
@also_dim
def mode(
    input: TensorLike,
    dim: int = -1,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """The most frequent element along a dimension, and its last position.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, default -1
    keepdim : bool, default False
        Whether to keep the dimension with size 1.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple. Of equally frequent elements, the smallest is chosen.

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.mode(cnet.tensor([3, 1, 3, 2])).values
    tensor(3)
    """
    axis, size = _searched("mode", input, dim)
    if not size:
        return _itself(input)
    return take(input, again("mode", _most_frequent, array_of(input), axis), axis, keepdim)


def _most_frequent(x: Array, axis: int) -> Array:
    rows = axis_last(x, axis)
    order = np.argsort(rows, -1, stable=True)
    ordered = np.take_along_axis(rows, order, -1)
    positions = np.arange(rows.shape[-1])
    starts = np.ones(rows.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    start = np.maximum.accumulate(np.where(starts, positions, 0), -1)
    last = np.argmax(positions - start, -1)[..., np.newaxis]  # the first of the longest runs
    return np.moveaxis(np.take_along_axis(order, last, -1), -1, axis)


_ROUNDINGS: dict[str, Any] = {
    "lower": np.floor, "higher": np.ceil, "nearest": np.rint, "linear": None, "midpoint": None,
}  # fmt: skip


def _quantile(
    function: str, input: TensorLike, q: Any, dim: Any, keepdim: bool, interpolation: str,
    ignore_nan: bool,
) -> Tensor:  # fmt: skip
    require_float(function, input)
    levels = np.asarray(array_of(q), np.float64)
    if levels.ndim > 1 or not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"{function}: q must be numbers between 0 and 1, at most 1 dimension")
    if isinstance(q, (Tensor, np.ndarray)) and q.dtype != input.dtype:
        raise TypeError(f"{function}: q must have the dtype of input ({q.dtype}, {input.dtype})")
    if interpolation not in _ROUNDINGS:
        raise ValueError(
            f"{function}: interpolation must be one of {', '.join(_ROUNDINGS)} "
            f"(got {interpolation!r})"
        )
    x = as_tensor(input)
    shape = x.shape
    x = x.reshape(-1) if dim is None or not x.ndim else movedim(
        x, dim_of(function, dim, x.ndim), -1
    )  # fmt: skip
    if x.shape[-1] == 0:
        raise ValueError(f"{function}: input must have elements (got shape {shape})")
    ordered = sort(x, -1).values
    reach = np.full((*x.shape[:-1], 1), x.shape[-1] - 1)
    if ignore_nan:
        numbers = np.sum(~np.isnan(values_of(function, x._array)), -1, keepdims=True)
        reach = np.maximum(numbers - 1, 0)
    level = as_tensor(q, np.float64).reshape(-1) if isinstance(q, Tensor) else levels.reshape(-1)
    result = _between_ranks(ordered, level, reach, interpolation)
    if not ignore_nan:
        missing = again(function, _lacks_numbers, x._array)
        result = masked_fill(result, missing, np.nan)
    if keepdim:
        axis = None if dim is None else dim_of(function, dim, len(shape))
        kept = [1 if axis in (None, i) else size for i, size in enumerate(shape)]
    else:
        kept = list(x.shape[:-1])
    if levels.ndim:
        return movedim(result, -1, 0).reshape(levels.size, *kept)
    return result.reshape(kept)


def _lacks_numbers(rows: Array) -> Any:
    return np.isnan(rows).any(-1, keepdims=True)


def _between_ranks(ordered: Tensor, level: Any, reach: Array, interpolation: str) -> Tensor:
    """The elements of sorted rows at the ranks ``level * reach``, which need not be integers."""
    ranks = array_of(level) * reach
    rounding = _ROUNDINGS[interpolation]
    if rounding is not None:
        return gather(ordered, -1, rounding(ranks).astype(np.int64))
    below = np.floor(ranks)
    if interpolation == "linear":
        weight = sub(mul(level, reach.astype(np.float64)), below)
    else:
        weight = as_tensor(np.where(ranks == below, 0, 0.5))
    low = gather(ordered, -1, below.astype(np.int64))
    high = gather(ordered, -1, np.ceil(ranks).astype(np.int64))
    return low + (high - low) * weight.astype(ordered.dtype)


@operation(methods=("quantile",))
@also_dim
def quantile(
    input: TensorLike,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Quantiles of all elements or along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    q : float, or Tensor of floats with at most 1 dimension
        The levels, between 0 and 1.
    dim : int, optional
        The dimension; all elements by default.
    keepdim : bool, default False
        Whether to keep the dimension with size 1.
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}, default "linear"
        How to choose between two neighbours.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        The levels form the first dimension, if there are several. NaN if an element is NaN.

    Raises
    ------
    IndexError
        If the dimension is out of range.
    TypeError
        If the dtypes differ, or are not floats.
    ValueError
        If a level is not between 0 and 1, or there are no elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.quantile(cnet.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@operation(methods=("nanquantile",))
@also_dim
def nanquantile(
    input: TensorLike,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Quantiles of the elements that are not NaN; arguments and errors are those of `quantile`.

    Examples
    --------
    >>> import cnet
    >>> cnet.nanquantile(cnet.tensor([1.0, float("nan"), 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
