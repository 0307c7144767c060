"""Distances of all pairs of rows."""

from math import inf
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..tensor import Tensor, TensorLike, as_tensor
from ._dims import broadcast
from ._promotion import require_float
from .arithmetic import sub
from .norms import vector_norm
from .products import product_of
from .reductions import sum

__all__ = ["cdist"]

_MANY = 25
"""Euclidean distances of more rows than these are computed by a matrix product."""
_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None, "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}  # fmt: skip


class EuclideanDistance(Operation[Tensor]):
    """The square root of |a|² − 2ab + |b|², for arrays (batch, rows, k); one matrix product."""

    @staticmethod
    def forward(ctx: Context, x1: Array, x2: Array) -> Array:
        left = np.concatenate([-2 * x1, _squares(x1), np.ones_like(x1[..., :1])], -1)
        right = np.concatenate([x2, np.ones_like(x2[..., :1]), _squares(x2)], -1)
        y = product_of(left, right.swapaxes(-1, -2))
        np.maximum(y, 0, out=y)
        np.sqrt(y, out=y)
        ctx.save_for_backward(x1, x2, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x1, x2, y = ctx.saved
        ratios = empty(y.shape, y.dtype)
        ratios[...] = 0
        np.divide(grad, y, out=ratios, where=y != 0)
        dx1 = x1 * ratios.sum(-1)[..., np.newaxis] - product_of(ratios, x2)
        ratios = ratios.swapaxes(-1, -2)
        return dx1, x2 * ratios.sum(-1)[..., np.newaxis] - product_of(ratios, x1)


def _squares(x: Array) -> Array:
    squares: Array = np.einsum("...k,...k->...", x, x)[..., np.newaxis]
    return squares


class PowerDistance(Operation[Tensor]):
    """Distances of a positive, finite order."""

    @staticmethod
    def forward(ctx: Context, x1: Array, x2: Array, *, p: float) -> Array:
        columns = kernels.transpose(x2)
        y = kernels.distances(x1, columns, p)
        ctx.save_for_backward(x1, x2, columns, y)
        ctx.p = p
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x1, x2, columns, y), p = ctx.saved, ctx.p
        first, second = ctx.needs_input_grad
        dx1 = kernels.distances_backward(grad, x1, columns, y, p) if first else None
        if not second:
            return dx1, None
        grad, y, rows = (kernels.transpose(x) for x in (grad, y, x1))
        return dx1, kernels.distances_backward(grad, x2, rows, y, p)


@explained
def cdist(
    x1: TensorLike, x2: TensorLike, p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:  # fmt: skip
    """The distances of all pairs of rows of two matrices.

    Parameters
    ----------
    x1 : Tensor or ndarray of floats, shape (..., n, k)
    x2 : Tensor or ndarray of floats, shape (..., m, k)
    p : float, default 2.0
        The order of the norm of the differences; at least 0.
    compute_mode : str, default "use_mm_for_euclid_dist_if_necessary"
        How distances of order 2 are computed: by a matrix product, which is faster but loses digits
        of small distances, if there are more than 25 rows. "use_mm_for_euclid_dist" and
        "donot_use_mm_for_euclid_dist" mean always and never.

    Returns
    -------
    Tensor, shape (..., n, m)

    Raises
    ------
    TypeError
        If a dtype is not a float dtype.
    ValueError
        If the shapes do not match, `p` is negative, or `compute_mode` is unknown.

    Examples
    --------
    >>> import cnet
    >>> cnet.cdist(cnet.tensor([[0.0, 0.0]]), cnet.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            "cdist: x1 and x2 must have at least 2 dimensions and rows of the same length "
            f"(got {x1.shape} and {x2.shape})"
        )
    if p < 0:
        raise ValueError(f"cdist: p must not be negative (got {p})")
    if compute_mode not in _MODES:
        raise ValueError(
            f"cdist: compute_mode must be one of {', '.join(_MODES)} (got {compute_mode!r})"
        )
    for x in (x1, x2):
        require_float("cdist", x)
    batch = broadcast("cdist", x1.shape[:-2], x2.shape[:-2])
    (n, k), m = x1.shape[-2:], x2.shape[-2]
    if 0 in (*batch, n, m, k) or p in (0, inf) or x1.dtype != x2.dtype:
        difference = sub(as_tensor(x1).unsqueeze(-2), as_tensor(x2).unsqueeze(-3))
        return sum(difference, -1) if k == 0 else vector_norm(
            "cdist", difference, p, -1, False, None
        )  # fmt: skip
    first, second = (
        (x if x.shape == (*batch, size, k) else x.expand(*batch, size, k)).reshape(-1, size, k)
        for x, size in ((as_tensor(x1), n), (as_tensor(x2), m))
    )
    product = _MODES[compute_mode]
    if p == 2 and (max(n, m) > _MANY if product is None else product):
        distances = EuclideanDistance.apply(first, second)
    else:
        distances = PowerDistance.apply(first, second, p=float(p))
    return distances.reshape(*batch, n, m)
