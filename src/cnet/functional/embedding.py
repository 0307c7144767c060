"""Rows of a table by their numbers: embeddings, sums of embeddings, one-hot vectors."""

from typing import Any, Literal

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels.resample import uniform
from ..operations._positions import scattered, slices_at
from ..replay import again, values_of
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._resampling import Matrix

__all__ = ["embedding", "embedding_bag", "one_hot"]

_RENORM_EPSILON = 1e-7

_REPEATS = 1000
"""Up to this many gradients of a row are added one after the other, more in pairs."""


class Embedding(Operation[Tensor]):
    @staticmethod
    def forward(
        ctx: Context, weight: Array, *, rows: Array, padding_idx: int | None, by_frequency: bool
    ) -> Any:
        ctx.save_for_backward(rows)
        ctx.padding_idx, ctx.by_frequency = padding_idx, by_frequency
        taken = slices_at("embedding", weight, rows.reshape(-1), 0)
        return taken.reshape(*rows.shape, weight.shape[1])

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (rows,) = ctx.saved
        shape = ctx.input_shape(0)
        return _table_gradient(
            rows.ravel(), grad.reshape(rows.size, shape[1]), shape, ctx.padding_idx,
            ctx.by_frequency,
        )  # fmt: skip


def _table_gradient(
    rows: Array, grad: Array, shape: tuple[int, ...], padding_idx: int | None, by_frequency: bool
) -> Array:
    """Add the gradients of the rows that were taken from a table, shape (m, d)."""
    counts = np.bincount(rows, minlength=shape[0])
    if counts.max(initial=0) <= _REPEATS:
        dweight = scattered(
            "embedding", np.zeros(shape, grad.dtype), rows, grad, 0, "add", whole=True
        )
    else:
        order = np.argsort(rows, kind="stable")
        dweight = _segment_sums(grad[order], rows[order], shape[0])
    if by_frequency:
        dweight /= np.maximum(counts, 1).astype(grad.dtype)[:, np.newaxis]
    if padding_idx is not None:
        dweight[padding_idx] = 0
    return dweight


def _starts(segments: Array) -> Array:
    """The first position of each segment; segment numbers are sorted."""
    return np.flatnonzero(np.diff(segments, prepend=-1))


def _segment_sums(x: Array, segments: Array, count: int) -> Array:
    """Sum the rows with the same segment number, in place; sums of no rows are 0.

    Each round adds every second row of a segment to the row before it, so that long sums keep their
    digits.
    """
    while True:
        starts = _starts(segments)
        if len(starts) == len(segments):
            break
        ranks = np.arange(len(segments)) - np.repeat(starts, np.diff(starts, append=len(segments)))
        odd = ranks % 2 == 1
        second = np.flatnonzero(odd)
        x[second - 1] += x[second]
        x, segments = x[~odd], segments[~odd]
    y = np.zeros((count, x.shape[1]), x.dtype)
    y[segments] = x
    return y


def _checked(
    function: str, input: TensorLike, weight: TensorLike, padding_idx: int | None
) -> tuple[Array, Tensor, int | None]:
    """Check the arguments, but not the range of the rows; `padding_idx` becomes non-negative."""
    rows, weight = array_of(input), as_tensor(weight)
    shape = weight._array.shape
    if len(shape) != 2:
        raise ValueError(f"{function}: weight must have 2 dimensions (got {len(shape)})")
    count = shape[0]
    if rows.dtype.kind not in "iu":
        raise TypeError(f"{function}: input.dtype must be an integer dtype (got {rows.dtype})")
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ValueError(
                f"{function}: padding_idx must be between {-count} and {count - 1} "
                f"(got {padding_idx})"
            )
        padding_idx %= count
    return rows, weight, padding_idx


def _check_range(function: str, rows: Array, weight: Tensor) -> None:
    count = len(weight)
    if rows.size and not 0 <= rows.min() <= rows.max() < count:
        outside = rows[(rows < 0) | (rows >= count)]
        raise IndexError(
            f"{function}: input must be at least 0 and less than weight.shape[0] "
            f"(got {outside[0]} and {count})"
        )


def _renorm(weight: Tensor, rows: Array, max_norm: float, norm_type: float) -> None:
    """Scale the rows whose norm is greater than `max_norm` in place; not recorded."""
    rows = np.unique(rows)
    norms = np.linalg.norm(weight._array[rows], norm_type, axis=1)
    large = norms > max_norm
    scale = (max_norm / (norms[large] + _RENORM_EPSILON)).astype(weight.dtype)
    weight._array[rows[large]] *= scale[:, np.newaxis]
    weight.note_change("embedding_renorm_")


@explained
def embedding(
    input: TensorLike,
    weight: TensorLike,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Take rows of a table: ``weight[input]``.

    Parameters
    ----------
    input : Tensor or ndarray of integers, any shape
        The numbers of the rows.
    weight : Tensor or ndarray, shape (n, d)
        The table.
    padding_idx : int, optional
        The number of a row that gets no gradient; negative numbers count from the end.
    max_norm : float, optional
        Rows that are taken and have a greater norm are first scaled to this norm, in place.
    norm_type : float, default 2.0
        The exponent of the norm.
    scale_grad_by_freq : bool, default False
        Divide the gradient of a row by the number of its occurrences in `input`.
    sparse : bool, default False
        Has no effect: the gradient of `weight` is an ordinary tensor with the same values.

    Returns
    -------
    Tensor, shape ``(*input.shape, d)``

    Raises
    ------
    TypeError
        If `input` has no integer dtype.
    IndexError
        If a number of a row is out of range.
    ValueError
        If `weight` is not a matrix, or `padding_idx` is out of range.

    Examples
    --------
    >>> import cnet
    >>> table = cnet.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> cnet.functional.embedding(cnet.tensor([1, 1, 0]), table)
    tensor([[2., 3.],
            [2., 3.],
            [0., 1.]])
    """
    rows, weight, padding_idx = _checked("embedding", input, weight, padding_idx)
    if max_norm is not None:
        _check_range("embedding", rows, weight)
        _renorm(weight, rows, max_norm, norm_type)
    try:
        return Embedding.apply(
            weight, rows=rows, padding_idx=padding_idx, by_frequency=scale_grad_by_freq
        )
    except IndexError:
        _check_range("embedding", rows, weight)
        raise


class EmbeddingBag(Operation[Tensor]):
    """Reduce the rows of each bag; `lengths` are the numbers of rows of the bags."""

    @staticmethod
    def forward(
        ctx: Context,
        weight: Array,
        sample_weights: Array | None,
        *,
        rows: Array,
        lengths: Array,
        mode: str,
        by_frequency: bool,
    ) -> Any:
        ctx.mode, ctx.by_frequency, winners, sizes = mode, by_frequency, None, None
        need_samples = ctx.needs_input_grad[1]
        taken = np.take(weight, rows, 0) if need_samples else None
        if mode == "max":
            y, winners = _segment_maxima(np.take(weight, rows, 0), _numbered(lengths), len(lengths))
        else:
            y = _bag_sums(weight, rows, lengths, sample_weights)
            if mode == "mean":
                sizes = np.maximum(lengths, 1).astype(y.dtype)
                y /= uniform(sizes) or sizes[:, np.newaxis]
        ctx.save_for_backward(rows, lengths, sizes, winners, sample_weights, taken)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        rows, lengths, sizes, winners, sample_weights, taken = ctx.saved
        bags = _numbered(lengths)
        need_weight, need_samples = ctx.needs_input_grad
        dweight = dsamples = None
        if need_samples:
            dsamples = (grad[bags] * taken).sum(1)
        if need_weight:
            shape = ctx.input_shape(0)
            if winners is not None:
                filled, places = winners
                each = np.zeros((len(rows), shape[1]), grad.dtype)
                np.put_along_axis(each, places, grad[filled], 0)
            else:
                each = (grad if sizes is None else grad / sizes[:, np.newaxis])[bags]
            if sample_weights is not None:
                each = each * sample_weights[:, np.newaxis]
            dweight = _table_gradient(rows, each, shape, None, ctx.by_frequency)
        return dweight, dsamples


def _numbered(lengths: Array) -> Array:
    """The number of the bag of each row."""
    return np.repeat(np.arange(len(lengths)), lengths)


def _bag_sums(weight: Array, rows: Array, lengths: Array, factors: Array | None) -> Array:
    """The sums of the rows of each bag: the product with a sparse matrix."""
    if weight.itemsize < 4 or lengths.max(initial=0) > _REPEATS:
        taken = np.take(weight, rows, 0)
        taken = taken if factors is None else taken * factors[:, np.newaxis]
        return _segment_sums(taken, _numbered(lengths), len(lengths))
    factors = np.ones(len(rows), weight.dtype) if factors is None else factors
    return Matrix(lengths, rows, factors, len(weight)).multiply(weight, 0)


def _segment_maxima(x: Array, segments: Array, count: int) -> tuple[Array, tuple[Array, Array]]:
    """The maxima of the rows of each segment, the segments with rows, and the maxima's rows."""
    y = np.zeros((count, x.shape[1]), x.dtype)
    if not segments.size:
        return y, (segments, np.zeros((0, x.shape[1]), np.int64))
    starts = _starts(segments)
    filled = segments[starts]
    y[filled] = np.maximum.reduceat(x, starts)
    positions = np.arange(len(x))[:, np.newaxis]
    candidates = np.where((x == y[segments]) | np.isnan(x), positions, len(x))
    return y, (filled, np.minimum.reduceat(candidates, starts))


@explained
def embedding_bag(
    input: TensorLike,
    weight: TensorLike,
    offsets: TensorLike | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: Literal["sum", "mean", "max"] = "mean",
    sparse: bool = False,
    per_sample_weights: TensorLike | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Take rows of a table, and add, average or compare those of each bag.

    Parameters
    ----------
    input : Tensor or ndarray of integers, shape (n, m) or (m,)
        The numbers of the rows: n bags of m rows, or bags that begin at `offsets`.
    weight : Tensor or ndarray, shape (rows, d)
        The table.
    offsets : Tensor or ndarray of integers, shape (n,), optional
        The start of each bag, for an `input` of one dimension. The first is 0.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As in `embedding`.
    mode : {"sum", "mean", "max"}, default "mean"
        The reduction of a bag; an empty bag gives zeros.
    per_sample_weights : Tensor or ndarray, shape of `input`, optional
        The factors of the rows, for mode "sum".
    include_last_offset : bool, default False
        Whether the last offset is the end of the last bag, instead of the start of another.
    padding_idx : int, optional
        The number of a row that is left out of all bags.

    Returns
    -------
    Tensor, shape (n, d)

    Raises
    ------
    TypeError
        If `input` or `offsets` has no integer dtype.
    IndexError
        If a number of a row is out of range.
    ValueError
        If shapes do not match, offsets are out of order, or an option is invalid.
    NotImplementedError
        If `per_sample_weights` is given and `mode` is not "sum".

    Examples
    --------
    >>> import cnet
    >>> table = cnet.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> rows, offsets = cnet.tensor([1, 1, 0]), cnet.tensor([0, 2])
    >>> cnet.functional.embedding_bag(rows, table, offsets, mode="sum")
    tensor([[4., 6.],
            [0., 1.]])
    """
    function = "embedding_bag"
    rows, weight, padding_idx = _checked(function, input, weight, padding_idx)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{function}: mode must be 'sum', 'mean' or 'max' (got {mode!r})")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ValueError(f"{function}: mode 'max' allows neither scale_grad_by_freq nor sparse")
    samples = None if per_sample_weights is None else as_tensor(per_sample_weights)
    if samples is not None:
        _check_samples(samples, rows, mode)
        samples = samples.reshape(-1)
    lengths = _lengths(rows, offsets, include_last_offset)
    rows = rows.reshape(-1)
    if max_norm is not None:
        _renorm(weight, rows, max_norm, norm_type)
    if padding_idx is not None:
        kept = np.flatnonzero(values_of(function, rows) != padding_idx)
        rows, bags = rows[kept], _numbered(lengths)[kept]
        lengths = np.bincount(bags, minlength=len(lengths))
        samples = None if samples is None else samples[kept]
    return EmbeddingBag.apply(
        weight, samples, rows=rows, lengths=lengths, mode=mode, by_frequency=scale_grad_by_freq
    )


def _check_samples(samples: Tensor, rows: Array, mode: str) -> None:
    if samples.shape != rows.shape:
        raise ValueError(
            "embedding_bag: per_sample_weights.shape must equal input.shape "
            f"(got {samples.shape} and {rows.shape})"
        )
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights is only supported for mode 'sum' (got {mode!r})"
        )


def _lengths(rows: Array, offsets: TensorLike | None, include_last_offset: bool) -> Array:
    """The number of rows of each bag."""
    if rows.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag: offsets must be None if input has 2 dimensions")
        return np.full(len(rows), rows.shape[1])
    if rows.ndim != 1:
        raise ValueError(f"embedding_bag: input must have 1 or 2 dimensions (got {rows.ndim})")
    if offsets is None:
        raise ValueError("embedding_bag: offsets must be given if input has 1 dimension")
    ends = values_of("embedding_bag", array_of(offsets))
    if ends.dtype.kind not in "iu":
        raise TypeError(f"embedding_bag: offsets.dtype must be an integer dtype (got {ends.dtype})")
    ends = ends if include_last_offset else np.append(ends, len(rows))
    sizes = np.diff(ends)
    if ends.ndim != 1 or not ends.size or ends[0] != 0 or (sizes < 0).any() or ends[-1] > len(rows):
        raise ValueError(
            "embedding_bag: offsets must have 1 dimension, begin with 0, and increase up to at "
            f"most the length of input (got {array_of(offsets).tolist()} and {len(rows)})"
        )
    return sizes


@explained
def one_hot(input: TensorLike, num_classes: int = -1) -> Tensor:
    """Vectors with a 1 at the place of each class, and 0 elsewhere.

    Parameters
    ----------
    input : Tensor or ndarray of integers, any shape
        Classes, at least 0.
    num_classes : int, default -1
        The length of the vectors; -1 means one more than the greatest class.

    Returns
    -------
    Tensor of int64, shape ``(*input.shape, num_classes)``

    Raises
    ------
    TypeError
        If `input` has no integer dtype.
    ValueError
        If a class is negative or not less than `num_classes`, or `input` is empty and `num_classes`
        is not positive.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.one_hot(cnet.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    classes = array_of(input)
    if classes.dtype.kind not in "iu":
        raise TypeError(f"one_hot: input.dtype must be an integer dtype (got {classes.dtype})")
    if num_classes == -1 and classes.size:
        num_classes = int(values_of("one_hot", classes).max()) + 1
    if num_classes < 1:
        raise ValueError(
            f"one_hot: num_classes must be positive, or -1 if input is not empty "
            f"(got {num_classes} and shape {classes.shape})"
        )
    return as_tensor(again("one_hot", _one_hot, classes, num_classes))


def _one_hot(classes: Array, num_classes: int) -> Array:
    y = np.zeros((classes.size, num_classes), np.int64)
    try:
        scattered("one_hot", y, classes.reshape(-1, 1), 1, 1)
    except IndexError:
        outside = classes[(classes < 0) | (classes >= num_classes)]
        raise ValueError(
            f"one_hot: input must be at least 0 and less than num_classes "
            f"(got {outside[0]} and {num_classes})"
        ) from None
    return y.reshape(*classes.shape, num_classes)
