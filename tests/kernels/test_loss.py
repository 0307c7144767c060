"""Cross entropy of very large, infinite and NaN logits."""

from typing import Any

import numpy as np

from cnet import kernels
from tolerance import assert_exact


def test_cross_entropy_of_extreme_logits(impl: str, dtype: Any) -> None:
    """Large logits do not overflow; infinities and NaN give the values of the formula."""
    nan, inf = np.nan, np.inf
    logits = [
        [1e4, 0],
        [-inf, 0],
        [inf, 0],
        [-inf, -inf],
        [nan, 0],
        [0, nan],
        [-inf, 0],
        [-inf, -1e4],
    ]
    target = np.array([0, 1, 1, 0, 0, 0, 0, 1])
    losses, logsumexp = kernels.cross_entropy(np.array(logits, dtype), target)
    assert_exact(losses, np.array([0, 0, inf, nan, nan, nan, inf, 0], dtype))
    assert_exact(logsumexp, np.array([1e4, 0, inf, -inf, nan, nan, 0, -1e4], dtype))
