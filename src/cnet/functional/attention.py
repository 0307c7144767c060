"""Attention: averages of values, weighted by the similarity of queries and keys."""

from collections.abc import Iterator
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..operations._promotion import require_float
from ..operations.masks import where
from ..tensor import Tensor, TensorLike, as_tensor
from .dropout import dropout
from .softmax import softmax

__all__ = ["scaled_dot_product_attention"]


@explained
def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    attn_mask: TensorLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    r"""Average values with the softmax of the products of queries and keys.

    .. math::
        y = \mathrm{softmax}(s \, Q K^T + M) \, V

    Parameters
    ----------
    query : Tensor or ndarray of floats, shape (..., l, e)
        The queries :math:`Q`.
    key : Tensor or ndarray, shape (..., s, e)
        The keys :math:`K`.
    value : Tensor or ndarray, shape (..., s, d)
        The values :math:`V`.
    attn_mask : Tensor or ndarray, optional
        Must broadcast to shape (..., l, s). Booleans tell which keys take part; floats :math:`M`
        are added to the products.
    dropout_p : float, default 0.0
        The probability that a weight is set to 0; see `dropout`.
    is_causal : bool, default False
        Whether query i uses only the keys 0 to i.
    scale : float, optional
        The factor :math:`s` of the products, by default :math:`1 / \sqrt{e}`.
    enable_gqa : bool, default False
        Whether the third-last axis (the heads) of `key` and `value` may be shorter than that of
        `query`, so that consecutive heads share keys and values.

    Returns
    -------
    Tensor, shape (..., l, d)
        0 for queries without keys.

    Raises
    ------
    TypeError
        If an argument has an invalid dtype.
    ValueError
        If shapes do not match, or `dropout_p` is not between 0 and 1.
    RuntimeError
        If both `attn_mask` and `is_causal` are given.

    Examples
    --------
    >>> import cnet
    >>> query, key = cnet.tensor([[1.0, 0.0]]), cnet.tensor([[0.0, 1.0], [0.0, 2.0]])
    >>> cnet.functional.scaled_dot_product_attention(query, key, cnet.tensor([[1.0], [3.0]]))
    tensor([[2.]])

    References
    ----------
    A. Vaswani et al.: Attention is all you need, arXiv:1706.03762.
    """
    function = "scaled_dot_product_attention"
    query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
    _check_operands(function, query._array, key._array, value._array)
    if enable_gqa:
        key, value = (_repeated(function, x, query) for x in (key, value))
    if is_causal and attn_mask is not None:
        raise RuntimeError(f"{function}: attn_mask must be None if is_causal is True")
    factor = 1 / sqrt(query.shape[-1]) if scale is None else scale
    dtype = query._array.dtype
    mask = None if attn_mask is None else _added(function, as_tensor(attn_mask), dtype)
    in_one_node = dropout_p == 0 and Attention.computes(query, key, value, mask)
    if in_one_node and (mask is None or not _unused(mask).any()):
        return Attention.apply(
            query, key, value, mask, causal=bool(is_causal), factor=float(factor)
        )
    if is_causal:
        mask = _added(function, as_tensor(causal_mask(query.shape[-2], key.shape[-2])), dtype)
    scores = (query * factor) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores + mask
        unused = _unused(scores)
        if unused.any():
            weights = where(unused, 0.0, softmax(where(unused, 0.0, scores), -1))
            return dropout(weights, dropout_p) @ value
    return dropout(softmax(scores, -1), dropout_p) @ value


def _unused(scores: Tensor) -> Array:
    """The rows without keys, whose scores are all −inf; the softmax of such a row is undefined."""
    found: Array = (scores._array == -np.inf).all(-1, keepdims=True)
    return found


def _check_operands(function: str, query: Array, key: Array, value: Array) -> None:
    dtype = query.dtype
    for name, x in (("query", query), ("key", key), ("value", value)):
        require_float(function, x)
        if x.ndim < 2:
            raise ValueError(f"{function}: {name} must have at least 2 dimensions (got {x.ndim})")
        if x.dtype is not dtype and x.dtype != dtype:
            raise TypeError(
                f"{function}: {name}.dtype must equal query.dtype (got {x.dtype} and {query.dtype})"
            )
    if key.shape[-1] != query.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"{function}: query and key must have the same last axis, and key and value the same "
            f"second-last axis (got shapes {query.shape}, {key.shape} and {value.shape})"
        )


def _repeated(function: str, x: Tensor, query: Tensor) -> Tensor:
    """Repeat each head of keys or values for the heads of queries that share it."""
    heads, own = query.shape[-3], x.shape[-3]
    if not own or heads % own:
        raise ValueError(
            f"{function}: the heads of key and value must divide those of query "
            f"(got {own} and {heads})"
        )
    *batch, _, length, size = x.shape
    repeated = x.unsqueeze(-3).expand(*batch, own, heads // own, length, size)
    return repeated.reshape(*batch, heads, length, size)


def causal_mask(queries: int, keys: int) -> Array:
    """Which keys each query may use: those up to its own position."""
    return np.tri(queries, keys, dtype=np.bool_)


def _added(function: str, mask: Tensor, dtype: Any) -> Tensor:
    """The numbers to add to the scores for a mask."""
    if mask.dtype == np.bool_:
        mask = as_tensor(np.where(mask._array, dtype.type(0), dtype.type(-np.inf)))
    if mask.dtype != dtype:
        raise TypeError(
            f"{function}: attn_mask.dtype must be bool or query.dtype (got {mask.dtype} and "
            f"{dtype})"
        )
    return mask


class Attention(Operation[Tensor]):
    """Attention by one kernel.

    The backward pass computes the weights again, in blocks of matrices whose scores stay in the
    cache. The mask, shape (l, s) or None, has no gradient.
    """

    owns_result = True

    BLOCK: ClassVar[int] = 1 << 16
    """Scores of a block."""
    FEW, MANY = 16, 64
    """The kernel copies all keys and values, which takes too long for few queries of many keys."""

    @staticmethod
    def computes(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
        """Whether the operation supports these arguments."""
        q, k, v = query._array.shape, key._array.shape, value._array.shape
        return (
            q[:-2] == k[:-2] == v[:-2]
            and query._array.itemsize >= 4
            and 0 not in q + k + v
            and (mask is None or (mask.shape == (q[-2], k[-2]) and not mask.requires_grad))
        )

    @classmethod
    def forward(
        cls, ctx: Context, q: Array, k: Array, v: Array, mask: Array | None, *, causal: bool,
        factor: float,
    ) -> Array:  # fmt: skip
        ctx.save_for_backward(q, k, v, mask)
        ctx.causal, ctx.factor = causal, factor
        queries, keys, values = _stack(q), _stack(k), _stack(v)
        if q.shape[-2] < cls.FEW and k.shape[-2] > cls.MANY:
            weights = _weights(queries * factor, keys, _mask(q, k, mask, causal))
            y = kernels.matmul(weights, values)
        else:
            y = kernels.attention(queries, keys, values, mask, causal=causal, factor=factor)
        return y.reshape(*q.shape[:-1], v.shape[-1])

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Any:
        q, k, v, mask = ctx.saved
        mask = _mask(q, k, mask, ctx.causal)
        dq, dk, dv = (empty(x.shape, x.dtype) for x in (q, k, v))
        grads = _stack(grad)
        for queries, keys, values, block in cls._blocks(q, k, v):
            scaled = queries * ctx.factor
            weights = _weights(scaled, keys, mask)
            _stack(dv)[block] = kernels.matmul(weights.swapaxes(1, 2), grads[block])
            dweights = kernels.matmul(grads[block], values.swapaxes(1, 2))
            dscores = kernels.softmax_backward(dweights, weights, False, 2)
            np.multiply(kernels.matmul(dscores, keys), ctx.factor, out=_stack(dq)[block])
            _stack(dk)[block] = kernels.matmul(dscores.swapaxes(1, 2), scaled)
        return dq, dk, dv, None

    @classmethod
    def _blocks(cls, *arrays: Array) -> Iterator[tuple[Any, ...]]:
        """The matrices of each block, and their positions."""
        stacks = [_stack(x) for x in arrays]
        scores = arrays[0].shape[-2] * arrays[1].shape[-2]
        length = max(1, cls.BLOCK // scores)
        for first in range(0, len(stacks[0]), length):
            block = slice(first, first + length)
            yield *[stack[block] for stack in stacks], block


def _stack(x: Array) -> Array:
    """Combine all axes but the last two; the array is not empty."""
    return x.reshape(-1, *x.shape[-2:])


def _mask(q: Array, k: Array, mask: Array | None, causal: bool) -> Array | None:
    """The numbers to add to the scores."""
    if not causal:
        return mask
    used = causal_mask(q.shape[-2], k.shape[-2])
    added: Array = np.where(used, q.dtype.type(0), q.dtype.type(-np.inf))
    return added


def _weights(queries: Array, keys: Array, mask: Array | None) -> Array:
    scores = kernels.matmul(queries, keys.swapaxes(1, 2))
    if mask is not None:
        scores += mask
    return kernels.softmax(scores, False, 2)
