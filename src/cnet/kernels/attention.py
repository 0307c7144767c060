"""Attention: averages of values, weighted by the similarity of queries and keys."""

from .. import _check, geometry
from ..arrays import Array
from . import _memory
from ._dispatch import call


def attention(
    q: Array, k: Array, v: Array, mask: Array | None = None, *, causal: bool = False,
    factor: float = 1.0,
) -> Array:  # fmt: skip
    """Average values with the softmax of the products of queries and keys.

    ``y[n, i] = sum over j of w[n, i, j] * v[n, j]``, where ``w[n, i]`` is the softmax of
    ``factor * (q[n, i] @ k[n, j]) + mask[i, j]``.

    Parameters
    ----------
    q : ndarray, shape (n, l, e)
        Queries, float32 or float64.
    k : ndarray, shape (n, s, e)
        Keys; s is at least 1.
    v : ndarray, shape (n, s, d)
        Values.
    mask : ndarray, shape (l, s), optional
        Numbers that are added to the products; −inf excludes a key.
    causal : bool, default False
        Whether query i uses only the keys 0 to i.
    factor : float, default 1
        The factor of the products.

    Returns
    -------
    ndarray, shape (n, l, d)
        NaN for queries with NaN or inf, or only −inf, among their scores.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    References
    ----------
    Vaswani et al. (2017), "Attention is all you need", equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> q, k, v = np.zeros((1, 2, 3)), np.ones((1, 2, 3)), np.array([[[1.0], [3.0]]])
    >>> kernels.attention(q, k, v, causal=True)
    array([[[1.],
            [2.]]])
    """
    f = "attention"
    q, k, v = _check.array(f, "q", q, 3), _check.array(f, "k", k, 3), _check.array(f, "v", v, 3)
    n, rows, e = q.shape
    s, d = v.shape[1:]
    if k.shape != (n, s, e) or v.shape[0] != n or not s:
        raise ValueError(
            f"{f}: q, k and v must have the shapes (n, l, e), (n, s, e) and (n, s, d), with s at "
            f"least 1 (got {q.shape}, {k.shape} and {v.shape})"
        )
    if k.dtype is not q.dtype or v.dtype is not q.dtype:
        _check.same_dtype(f, q=q, k=k, v=v)
    if mask is not None:
        mask = _check.like(f, "mask", mask, "q", q, (rows, s), "(q.shape[1], k.shape[1])")
    _check.number(f, "factor", factor)
    shape = n, rows, d
    geometry.check_size(f, "the result", shape)
    y = _memory.empty(shape, q.dtype)
    call("attention", q, k, v, mask, y, (n, rows, s, e, d), int(bool(causal)), float(factor))
    return y
