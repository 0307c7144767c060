"""Matrix products."""

import numpy as np

from ..arrays import Array


def gemm(a: Array, b: Array, bias: Array | None, y: Array, g: tuple[int, ...], relu: bool) -> None:
    """y[i, j] = bias[j] + Σ_k a[i, k] b[k, j], then ReLU if `relu`.

    `g` has the sizes m, n and k, and strides. The operands may have leading axes, which broadcast.
    """
    y[...] = a @ b
    if bias is not None:
        y += bias
    if relu:
        np.copyto(y, 0, where=y <= 0)


def column_sums(x: Array, y: Array, g: tuple[int, int]) -> None:
    """y[j] = Σ_i x[i, j]. `g` is the shape of x."""
    y[...] = x.sum(0, dtype=np.float64)
