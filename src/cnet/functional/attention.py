"""Attention: averages of values, weighted by the similarity of queries and keys."""

from collections.abc import Iterator
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..operations._promotion import require_float
from ..operations.joining import cat
from ..operations.selection import where
from ..tensor import Tensor, TensorLike, as_tensor
from .dropout import dropout
from .linear import linear
from .padding import pad
from .softmax import softmax

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


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
        mask = _added(function, as_tensor(_causal(query.shape[-2], key.shape[-2])), dtype)
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


def _causal(queries: int, keys: int) -> Array:
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
    used = _causal(q.shape[-2], k.shape[-2])
    added: Array = np.where(used, q.dtype.type(0), q.dtype.type(-np.inf))
    return added


def _weights(queries: Array, keys: Array, mask: Array | None) -> Array:
    scores = kernels.matmul(queries, keys.swapaxes(1, 2))
    if mask is not None:
        scores += mask
    return kernels.softmax(scores, False, 2)


def multi_head_attention_forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: TensorLike | None,
    in_proj_bias: TensorLike | None,
    bias_k: TensorLike | None,
    bias_v: TensorLike | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: TensorLike,
    out_proj_bias: TensorLike | None,
    training: bool = True,
    key_padding_mask: TensorLike | None = None,
    need_weights: bool = True,
    attn_mask: TensorLike | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: TensorLike | None = None,
    k_proj_weight: TensorLike | None = None,
    v_proj_weight: TensorLike | None = None,
    static_k: TensorLike | None = None,
    static_v: TensorLike | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention with several heads, each with its own projections; see `nn.MultiheadAttention`.

    Parameters
    ----------
    query : Tensor or ndarray, shape (l, n, e) or (l, e)
    key, value : Tensor or ndarray, shape (s, n, e) or (s, e)
    embed_dim_to_check : int
        The expected length e of the queries.
    num_heads : int
        The number of heads, which divides e.
    in_proj_weight : Tensor or ndarray, shape (3 * e, e), or None
        The projections of queries, keys and values, one below the other.
    in_proj_bias : Tensor or ndarray, shape (3 * e,), or None
    bias_k, bias_v : Tensor or ndarray, shape (1, 1, e), or None
        One more key and value, appended to those of all items.
    add_zero_attn : bool
        Whether a key and a value of zeros are appended.
    dropout_p : float
        The probability that a weight is set to 0 in training.
    out_proj_weight, out_proj_bias : Tensor or ndarray, shapes (e, e) and (e,), or None
        The projection of the result.
    training : bool, default True
        Whether weights are dropped.
    key_padding_mask : Tensor or ndarray, shape (n, s) or (s,), optional
        True for keys that are not used, or floats to add to the products.
    need_weights : bool, default True
        Whether the weights are returned.
    attn_mask : Tensor or ndarray, shape (l, s) or (n * num_heads, l, s), optional
        True for pairs that are not used, or floats to add to the products.
    use_separate_proj_weight : bool, default False
        Whether to use `q_proj_weight`, `k_proj_weight` and `v_proj_weight`.
    q_proj_weight, k_proj_weight, v_proj_weight : Tensor or ndarray, optional
        The projections, if keys and values have other lengths than queries.
    static_k, static_v : Tensor or ndarray, shape (n * num_heads, s, e / num_heads), optional
        Keys and values of the heads, instead of the projected ones.
    average_attn_weights : bool, default True
        Whether the weights are averaged over the heads.
    is_causal : bool, default False
        A hint that `attn_mask`, which must be given, is causal.

    Returns
    -------
    output : Tensor, shape (l, n, e) or (l, e)
    weights : Tensor, shape (n, l, s) or (n, num_heads, l, s), or without n; or None

    Raises
    ------
    ValueError, TypeError, RuntimeError
        If shapes, dtypes or options do not match.

    Examples
    --------
    >>> import cnet, numpy as np
    >>> x, eye = np.ones((2, 1, 4)), np.eye(4)
    >>> y, weights = cnet.functional.multi_head_attention_forward(
    ...     x, x, x, 4, 2, np.tile(eye, (3, 1)), None, None, None, False, 0.0, eye, None
    ... )
    >>> y.shape, weights.shape
    ((2, 1, 4), (1, 2, 2))
    """
    query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
    _check_sequences(query, key, value, embed_dim_to_check, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{_NAME}: attn_mask must be given if is_causal is True")
    single = query.ndim == 2
    if single:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
    weights = q_proj_weight, k_proj_weight, v_proj_weight
    if not use_separate_proj_weight:
        weights = _thirds("in_proj_weight", in_proj_weight)
    biases = (None,) * 3 if in_proj_bias is None else _thirds("in_proj_bias", in_proj_bias)
    q, k, v = map(_projected, (query, key, value), weights, biases)
    k, v = _appended(k, v, bias_k, bias_v)
    q, k, v = (_heads(x, num_heads, y) for x, y in ((q, None), (k, static_k), (v, static_v)))
    if add_zero_attn:
        k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = ~_causal(len(query), len(key))
    mask = _added_mask(attn_mask, key_padding_mask, len(key), q, k)
    y, shares = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    y = linear(y.permute(2, 0, 1, 3).reshape(query.shape), out_proj_weight, out_proj_bias)
    if shares is not None and average_attn_weights:
        shares = shares.mean(1)
    if single:
        return y.squeeze(1), None if shares is None else shares.squeeze(0)
    return y, shares


_NAME = "multi_head_attention_forward"


def _check_sequences(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int
) -> None:
    if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
        raise ValueError(
            f"{_NAME}: query, key and value must all have 2 or all have 3 dimensions "
            f"(got shapes {query.shape}, {key.shape} and {value.shape})"
        )
    if query.shape[-1] != embed_dim or embed_dim % num_heads:
        raise ValueError(
            f"{_NAME}: the last axis of query must be embed_dim_to_check, which num_heads must "
            f"divide (got {query.shape[-1]}, {embed_dim} and {num_heads})"
        )
    if key.shape[:-1] != value.shape[:-1] or key.shape[1:-1] != query.shape[1:-1]:
        raise ValueError(
            f"{_NAME}: key and value must have the same length, and query, key and value the same "
            f"batch size (got shapes {query.shape}, {key.shape} and {value.shape})"
        )


def _thirds(name: str, parameter: TensorLike | None) -> tuple[Tensor, Tensor, Tensor]:
    """The parts of a parameter for queries, keys and values."""
    if parameter is None or len(parameter) % 3:
        shape = None if parameter is None else parameter.shape
        raise ValueError(f"{_NAME}: {name} must have three parts of equal length (got {shape})")
    parameter, size = as_tensor(parameter), len(parameter) // 3
    return parameter[:size], parameter[size : 2 * size], parameter[2 * size :]


def _projected(x: Tensor, weight: TensorLike | None, bias: TensorLike | None) -> Tensor:
    if weight is None:
        raise ValueError(f"{_NAME}: separate projections must all be given")
    return linear(x, weight, bias)


def _appended(
    k: Tensor, v: Tensor, bias_k: TensorLike | None, bias_v: TensorLike | None
) -> tuple[Tensor, Tensor]:
    """Append one more key and value to those of all items."""
    if bias_k is None and bias_v is None:
        return k, v
    if bias_k is None or bias_v is None:
        raise ValueError(f"{_NAME}: bias_k and bias_v must both be given or both be None")
    items = k.shape[1]
    return (
        cat([k, as_tensor(bias_k).expand(1, items, -1)]),
        cat([v, as_tensor(bias_v).expand(1, items, -1)]),
    )


def _heads(x: Tensor, num_heads: int, static: TensorLike | None) -> Tensor:
    """Split (length, n, e) to the heads, shape (n, num_heads, length, e / num_heads)."""
    length, items, embed_dim = x.shape
    size = embed_dim // num_heads
    if static is None:
        return x.reshape(length, items, num_heads, size).permute(1, 2, 0, 3)
    static = as_tensor(static)
    if static.ndim != 3 or (static.shape[0], static.shape[2]) != (items * num_heads, size):
        raise ValueError(
            f"{_NAME}: static_k and static_v must have shape (n * num_heads, s, e / num_heads) "
            f"(got {static.shape}, n * num_heads {items * num_heads} and e / num_heads {size})"
        )
    return static.reshape(items, num_heads, static.shape[1], size)


def _added_mask(
    attn_mask: TensorLike | None,
    key_padding_mask: TensorLike | None,
    keys: int,
    q: Tensor,
    k: Tensor,
) -> Tensor | None:
    """The numbers to add to the products of `q` and `k`, in a shape that broadcasts to them."""
    items, heads, queries, _ = q.shape
    masks = []
    if attn_mask is not None:
        mask = _additive("attn_mask", attn_mask, q)
        if mask.shape not in ((queries, keys), (items * heads, queries, keys)):
            raise ValueError(
                f"{_NAME}: attn_mask.shape must be {(queries, keys)} or "
                f"{(items * heads, queries, keys)} (got {mask.shape})"
            )
        masks.append(mask if mask.ndim == 2 else mask.reshape(items, heads, queries, keys))
    if key_padding_mask is not None:
        mask = _additive("key_padding_mask", key_padding_mask, q)
        if mask.shape != (items, keys) and (items, *mask.shape) != (1, keys):
            raise ValueError(
                f"{_NAME}: key_padding_mask.shape must be {(items, keys)} (got {mask.shape})"
            )
        masks.append(mask.reshape(items, 1, 1, keys))
    if not masks:
        return None
    total = masks[0] if len(masks) == 1 else masks[0] + masks[1]
    return pad(total, (0, k.shape[2] - keys))  # appended keys are used


def _additive(name: str, mask: TensorLike, q: Tensor) -> Tensor:
    """Convert a mask of booleans, which are True for what is not used, to numbers to add."""
    mask = as_tensor(mask)
    if mask.dtype == np.bool_:
        return as_tensor(np.where(mask._array, -np.inf, 0).astype(q.dtype))
    if mask.dtype != q.dtype:
        raise TypeError(
            f"{_NAME}: {name}.dtype must be bool or query.dtype (got {mask.dtype} and {q.dtype})"
        )
    return mask


def _attended(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """The result of each head, and the weights if they are needed."""
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, dropout_p), None
    scores = (q * (1 / sqrt(q.shape[-1]))) @ k.transpose(-2, -1)
    shares = dropout(softmax(scores if mask is None else scores + mask, -1), dropout_p)
    return shares @ v, shares
