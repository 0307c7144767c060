"""Histograms, covariances, and combinations of elements."""

from collections.abc import Sequence
from itertools import combinations as _combinations
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from .._explained import explained
from ..autograd import Array
from ..replay import values_of
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._dims import integer
from ._promotion import require_float
from .registry import operation

__all__ = ["combinations", "corrcoef", "cov", "histc", "histogram"]


def _range(function: str, x: Array, low: float, high: float, margin: float) -> tuple[float, float]:
    """The range of a histogram: that of the elements if `low` and `high` are equal.

    If it is a single number, there is a margin on both sides.
    """
    if low == high:
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
    if low == high:
        low, high = low - margin, high + margin
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{function}: the range must be finite (got {low} to {high})")
    if low > high:
        raise RuntimeError(f"{function}: max must be larger than min (got {low} to {high})")
    return low, high


@operation(methods=("histc",))
def histc(
    input: TensorLike,
    bins: int = 100,
    min: float = 0,
    max: float = 0,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The number of elements in each of several bins of equal width.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
        Elements outside of the range and NaN are not counted.
    bins : int, default 100
    min, max : float, default 0
        The ends of the range, of which both count as inside; if they are equal, the least and the
        greatest element.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, shape (bins,), in the dtype of `input`

    Raises
    ------
    RuntimeError
        If there are no bins, or the range is not finite, or its ends are in the wrong order.

    Examples
    --------
    >>> import cnet
    >>> cnet.histc(cnet.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = values_of("histc", array_of(input))
    count = integer("histc", "bins", bins)
    if count < 1:
        raise RuntimeError(f"histc: bins must be positive (got {count})")
    ends = _range("histc", x, float(min), float(max), 1.0)
    counts, _ = np.histogram(x[np.isfinite(x)], count, ends)
    return Tensor(counts.astype(x.dtype))


class Histogram(NamedTuple):
    """The results of `histogram`."""

    hist: Tensor
    bin_edges: Tensor


@operation(methods=("histogram",))
def histogram(
    input: TensorLike,
    bins: int | TensorLike,
    *,
    range: Sequence[float] | None = None,
    weight: TensorLike | None = None,
    density: bool = False,
    out: tuple[Tensor, Tensor] | None = None,
) -> Histogram:
    """The number, or the total weight, of elements in each of several bins.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    bins : int, or Tensor or ndarray of the same dtype
        The number of bins of equal width, or their edges in ascending order.
    range : pair of float, optional
        The ends of the range; by default the least and the greatest element.
    weight : Tensor or ndarray, in the shape of `input`, optional
    density : bool, default False
        Whether the result is divided so that its integral is 1.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (hist, bin_edges)
        A named tuple of tensors in the dtype of `input`.

    Raises
    ------
    RuntimeError
        If there are no bins, or the range is not valid.
    TypeError
        If `input` has no float dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.histogram(cnet.tensor([1.0, 2.0, 1.0]), 3, range=(0.0, 3.0)).hist
    tensor([0., 2., 1.])
    """
    require_float("histogram", input)
    x = values_of("histogram", array_of(input))
    edges: Any
    if isinstance(bins, int):
        if bins < 1:
            raise RuntimeError(f"histogram: bins must be positive (got {bins})")
        low, high = (0.0, 0.0) if range is None else map(float, range)
        edges = np.linspace(*_range("histogram", x, low, high, 0.5), bins + 1).astype(x.dtype)
    else:
        edges = array_of(bins)
    weights = None if weight is None else np.ravel(array_of(weight))
    counts, _ = np.histogram(x.ravel(), edges, weights=weights, density=density)
    return Histogram(Tensor(counts.astype(x.dtype)), Tensor(edges))


@operation(methods=("cov",))
def cov(
    input: TensorLike,
    *,
    correction: int = 1,
    fweights: TensorLike | None = None,
    aweights: TensorLike | None = None,
) -> Tensor:
    """The covariance matrix of variables, which are rows; columns are observations.

    Parameters
    ----------
    input : Tensor or ndarray, shape (variables, observations) or (observations,)
    correction : int, default 1
        The difference between the number of observations and the divisor.
    fweights : Tensor or ndarray of integers, shape (observations,), optional
        How often each observation is counted.
    aweights : Tensor or ndarray, shape (observations,), optional
        The importance of each observation.

    Returns
    -------
    Tensor, shape (variables, variables) or ()

    Raises
    ------
    ValueError
        If `input` has more than 2 dimensions, or weights have another shape.
    RuntimeError
        If weights are negative, or have another dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.cov(cnet.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    x: Any = as_tensor(input)
    if x.ndim > 2:
        raise ValueError(f"cov: input must have at most 2 dimensions (got {x.ndim})")
    rows = x if x.dtype.kind == "f" else x.float()
    rows = rows if x.ndim == 2 else rows.reshape(1, -1)
    weights = _weights("cov", rows, fweights, aweights)
    total: Any = weights.sum()
    spread = total if aweights is None else (weights * as_tensor(aweights)).sum() / total
    divisor = total - correction * (1 if aweights is None else spread)
    centered = rows - (rows * weights).sum(1, keepdim=True) / total
    result = (centered * weights) @ centered.T / divisor.clamp(min=0)
    return result.reshape(()) if len(rows) == 1 else result  # type: ignore[no-any-return]


def _weights(function: str, rows: Tensor, fweights: Any, aweights: Any) -> Tensor:
    """The weights of observations together, which are 1 by default."""
    weights = Tensor(np.ones(rows.shape[1], rows.dtype))
    for name, kinds, given in (("fweights", "iu", fweights), ("aweights", "f", aweights)):
        if given is not None:
            array = array_of(given)
            if array.shape != weights.shape:
                raise ValueError(
                    f"{function}: {name} must have shape {weights.shape} (got {array.shape})"
                )
            if array.dtype.kind not in kinds or (array < 0).any():
                kind = "integers" if kinds == "iu" else "floats"
                raise RuntimeError(f"{function}: {name} must be {kind} that are not negative")
            weights = weights * given
    return weights


@operation(methods=("corrcoef",))
def corrcoef(input: TensorLike) -> Tensor:
    """The correlation matrix of variables; see `cov`.

    Examples
    --------
    >>> import cnet
    >>> cnet.corrcoef(cnet.tensor([[0.0, 2.0], [2.0, 0.0]])).round(decimals=4)
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    matrix: Any = cov(input)
    if matrix.ndim == 0:
        return matrix / matrix  # type: ignore[no-any-return]
    deviation = matrix.diagonal().sqrt()
    scaled = matrix / deviation.unsqueeze(1) / deviation
    return scaled.clamp(-1, 1)  # type: ignore[no-any-return]


@explained
def combinations(input: TensorLike, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of `r` elements of a vector, in the order of `itertools`.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n,)
    r : int, default 2
    with_replacement : bool, default False
        Whether an element may occur more than once.

    Returns
    -------
    Tensor, shape (combinations, r)

    Raises
    ------
    ValueError
        If `input` is not a vector, or `r` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.combinations(cnet.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    x, size = as_tensor(input), integer("combinations", "r", r)
    if x.ndim != 1 or size < 0:
        raise ValueError(
            f"combinations: input must be a vector and r not negative (got {x.shape} and {size})"
        )
    choose = combinations_with_replacement if with_replacement else _combinations
    positions = [*choose(range(len(x)), size)]
    return x[np.array(positions, np.int64).reshape(len(positions), size)]
