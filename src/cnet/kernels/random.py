"""Random positions with given probabilities."""

import numpy as np

from .. import _check
from ..arrays import FLOAT64, INT64, Array
from . import _memory
from ._dispatch import call


def multinomial(weights: Array, draws: Array) -> Array:
    """Turn uniform random numbers into positions with given probabilities.

    Parameters
    ----------
    weights : ndarray, shape (n, c)
        Numbers proportional to the probabilities of each row; float32 or float64.
    draws : ndarray of float64, shape (n, samples)
        Numbers in [0, 1).

    Returns
    -------
    ndarray of int64, shape (n, samples)
        The least j for which the sum of the first j + 1 weights, divided by the sum of all, is
        greater than the number. Sums are in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or dtype, a weight is negative, or the sum of a row
        is 0 or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.multinomial(np.array([[1.0, 0.0, 3.0]]), np.array([[0.2, 0.25, 0.9]]))
    array([[0, 2, 2]])
    """
    f = "multinomial"
    weights, draws = _check.array(f, "weights", weights, 2), _check.array(f, "draws", draws, 2)
    if draws.dtype != FLOAT64:
        raise TypeError(f"{f}: draws.dtype must be float64 (got {draws.dtype})")
    (n, c), samples = weights.shape, draws.shape[1]
    if len(draws) != n:
        raise ValueError(
            f"{f}: draws.shape[0] must equal weights.shape[0] (got {len(draws)} and {n})"
        )
    if not ((draws >= 0) & (draws < 1)).all():
        raise ValueError(f"{f}: draws must be at least 0 and less than 1")
    if n and not c:
        raise ValueError(f"{f}: weights must have at least 1 column (got shape {weights.shape})")
    indices = _memory.empty((n, samples), INT64)
    if call("multinomial", weights, draws, indices, (n, c), samples):
        bad = weights[~((weights >= 0).all(1) & np.isfinite(sums := weights.sum(1)) & (sums > 0))]
        raise ValueError(
            f"{f}: the weights of a row must not be negative, and have a positive, finite sum "
            f"(got a row from {bad[0].min()} to {bad[0].max()})"
        )
    return indices
