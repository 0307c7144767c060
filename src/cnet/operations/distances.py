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
    """The square root of |a|² − 2ab + |b|², for arrays (..., rows, k); one matrix product."""

    @staticmethod
    def forward(ctx: Context, x1: Array, x2: Array) -> Array:
        left = np.concatenate([-2 * x1, _squares(x1), np.ones_like(x1[..., :1])], -1)
        right = np.concatenate([x2, np.ones_like(x2[..., :1]), _squares(x2)], -1)
        y = product_of(left, right.swapaxes(-1, -2))
        kernels.elementwise(y, "relu", out=y)
        kernels.elementwise(y, "sqrt", out=y)
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
    """Distances of any order, from the differences of arrays (..., rows, k)."""

    @staticmethod
    def forward(ctx: Context, x1: Array, x2: Array, *, p: float) -> Array:
        first, second = _stacked(x1), _stacked(x2)
        columns = kernels.transpose(second)
        y = kernels.distances(first, columns, p)
        ctx.save_for_backward(first, second, columns, y)
        ctx.p = p
        return y.reshape(*x1.shape[:-1], x2.shape[-2])

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x1, x2, columns, y), p = ctx.saved, ctx.p
        first, second = ctx.needs_input_grad
        grad = _stacked(grad)
        dx1 = dx2 = None
        if first:
            dx1 = kernels.distances_backward(grad, x1, columns, y, p).reshape(ctx.input_shape(0))
        if second:
            grad, y, rows = (kernels.transpose(x) for x in (grad, y, x1))
            dx2 = kernels.distances_backward(grad, x2, rows, y, p).reshape(ctx.input_shape(1))
        return dx1, dx2


def _stacked(x: Array) -> Array:
    """Matrices along one axis."""
    return x.reshape(-1, *x.shape[-2:])


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
        x if x.shape[:-2] == batch else as_tensor(x).expand(*batch, *x.shape[-2:]) for x in (x1, x2)
    )
    product = _MODES[compute_mode]
    if p == 2 and (max(n, m) > _MANY if product is None else product):
        return EuclideanDistance.apply(first, second)
    return PowerDistance.apply(first, second, p=float(p))
