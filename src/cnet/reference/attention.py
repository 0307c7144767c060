"""Attention."""

import numpy as np

from ..arrays import Array


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, y: Array, g: tuple[int, ...], causal: bool,
    factor: float,
) -> None:  # fmt: skip
    """y[n, i] = Σ_j w[n, i, j] v[n, j], w[n, i] = softmax_j(factor q[n, i] · k[n, j] + mask[i, j]).

    With `causal`, row i uses only the keys up to i.
    """
    _, rows, keys, _, _ = g
    for i in range(rows):
        used = slice(i + 1 if causal else keys)
        scores = ((q.dtype.type(factor) * q[:, i, np.newaxis]) * k[:, used]).sum(-1)
        if mask is not None:
            scores += mask[i, used]
        with np.errstate(invalid="ignore"):
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            total = weights.sum(-1, keepdims=True)
            y[:, i] = (weights[..., np.newaxis] * v[:, used]).sum(1) / total
