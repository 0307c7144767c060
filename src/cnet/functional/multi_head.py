"""Attention with several heads and trained projections."""

from math import sqrt
from typing import TypeAlias

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation
from ..geometry import integer
from ..operations.joining import cat
from ..replay import again
from ..tensor import Tensor, TensorLike, as_tensor
from .attention import causal_mask, scaled_dot_product_attention
from .dropout import dropout
from .linear import linear
from .padding import pad
from .shuffling import Rearrange, permuted
from .softmax import softmax

__all__ = ["multi_head_attention_forward"]

_NAME = "multi_head_attention_forward"


@explained
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
    *,
    batch_first: bool = False,
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
    batch_first : bool, default False
        Whether `query`, `key`, `value` and `output` have shape (n, length, size) instead of
        (length, n, size). PyTorch's function does not have this argument.

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
    tensors = {id(x): as_tensor(x) for x in (query, key, value)}
    query, key, value = (tensors[id(x)] for x in (query, key, value))
    items_axis = 0 if batch_first else 1
    num_heads = integer(_NAME, "num_heads", num_heads)
    _check_sequences(query, key, value, embed_dim_to_check, num_heads, items_axis)
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{_NAME}: attn_mask must be given if is_causal is True")
    if use_separate_proj_weight:
        inputs, weights = (query, key, value), (q_proj_weight, k_proj_weight, v_proj_weight)
        projections = [*zip(inputs, weights, (1, 1, 1), strict=True)]
    else:
        projections = _joint(query, key, value, in_proj_weight)
    q, k, v = _heads(projections, in_proj_bias, num_heads, batch_first)
    queries, keys = q.shape[2], k.shape[2]
    k, v = _appended(k, v, bias_k, bias_v)
    k, v = _given(k, static_k), _given(v, static_v)
    if add_zero_attn:
        k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = ~causal_mask(queries, keys)
    mask = _added_mask(attn_mask, key_padding_mask, keys, q, k)
    y, shares = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    order = (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)
    y = Rearrange.apply(y, split=y.shape, order=order, result=query.shape)
    y = linear(y, out_proj_weight, out_proj_bias)
    if shares is not None:
        shares = shares.mean(1) if average_attn_weights else shares
        shares = shares.squeeze(0) if query.ndim == 2 else shares
    return y, shares


def _check_sequences(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int, items_axis: int
) -> None:
    shape, keys, values = query._array.shape, key._array.shape, value._array.shape
    if len(shape) not in (2, 3) or not len(shape) == len(keys) == len(values):
        raise ValueError(
            f"{_NAME}: query, key and value must all have 2 or all have 3 dimensions "
            f"(got shapes {shape}, {keys} and {values})"
        )
    if shape[-1] != embed_dim or embed_dim % num_heads:
        raise ValueError(
            f"{_NAME}: the last axis of query must be embed_dim_to_check, which num_heads must "
            f"divide (got {shape[-1]}, {embed_dim} and {num_heads})"
        )
    if keys[:-1] != values[:-1] or (len(keys) == 3 and keys[items_axis] != shape[items_axis]):
        raise ValueError(
            f"{_NAME}: key and value must have the same length, and query, key and value the same "
            f"batch size (got shapes {shape}, {keys} and {values})"
        )


Projection: TypeAlias = tuple[Tensor, TensorLike | None, int]
"""An input, a weight, and how many of queries, keys and values they give."""


def _joint(
    query: Tensor, key: Tensor, value: Tensor, weight: TensorLike | None
) -> list[Projection]:
    """The projections by parts of one weight; inputs that are the same are multiplied once."""
    groups = [(query, 3)]
    if query is not key or key is not value:
        groups = [(query, 1), (key, 2)] if key is value else [(query, 1), (key, 1), (value, 1)]
    projections: list[Projection] = []
    first = 0
    for x, count in groups:
        projections.append((x, _rows_of("in_proj_weight", weight, first, count), count))
        first += count
    return projections


def _heads(
    projections: list[Projection], bias: TensorLike | None, num_heads: int, batch_first: bool
) -> list[Tensor]:
    """The heads of queries, keys and values, each of shape (n, heads, length, size)."""
    heads: list[Tensor] = []
    for x, weight, count in projections:
        if weight is None:
            raise ValueError(f"{_NAME}: separate projections must all be given")
        part = None if bias is None else _rows_of("in_proj_bias", bias, len(heads), count)
        y = linear(x, weight, part)
        heads += SplitHeads.apply(y, parts=count, heads=num_heads, batch_first=batch_first)
    return heads


def _rows_of(name: str, parameter: TensorLike | None, first: int, count: int) -> TensorLike:
    """Some of the three parts of a parameter for queries, keys and values."""
    if parameter is None or len(parameter) % 3:
        shape = None if parameter is None else parameter.shape
        raise ValueError(f"{_NAME}: {name} must have three parts of equal length (got {shape})")
    size = len(parameter) // 3
    return parameter if count == 3 else parameter[first * size : (first + count) * size]


class SplitHeads(Operation[tuple[Tensor, ...]]):
    """Splits features into parts, such as queries, keys and values, and each part into heads.

    The input has shape (length, n, features), or (n, length, features) with `batch_first`, or
    (length, features) for one item; the results have shape (n, heads, length, size).
    """

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, parts: int, heads: int, batch_first: bool
    ) -> tuple[Array, ...]:
        *outer, features = x.shape
        if len(outer) == 1:
            outer.insert(0 if batch_first else 1, 1)
        ctx.split = *outer, parts, heads, features // (parts * heads)
        ctx.order = (2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4)
        return tuple(permuted(x, ctx.split, ctx.order))

    @staticmethod
    def backward(ctx: Context, *grads: Array) -> Array:
        inverse = tuple([ctx.order.index(axis) for axis in range(5)])
        shape = len(grads), *grads[0].shape
        joined = grads[0] if len(grads) == 1 else np.concatenate(grads)
        return permuted(joined, shape, inverse).reshape(ctx.input_shape(0))


def _appended(
    k: Tensor, v: Tensor, bias_k: TensorLike | None, bias_v: TensorLike | None
) -> tuple[Tensor, Tensor]:
    """Append one more key and value to those of all items."""
    if bias_k is None and bias_v is None:
        return k, v
    if bias_k is None or bias_v is None:
        raise ValueError(f"{_NAME}: bias_k and bias_v must both be given or both be None")
    items, heads, _, size = k.shape
    extra = (
        as_tensor(bias).reshape(1, heads, 1, size).expand(items, heads, 1, size)
        for bias in (bias_k, bias_v)
    )
    return cat([k, next(extra)], 2), cat([v, next(extra)], 2)


def _given(x: Tensor, static: TensorLike | None) -> Tensor:
    """Replace keys or values of the heads by given ones, if there are any."""
    if static is None:
        return x
    static = as_tensor(static)
    items, heads, _, size = x.shape
    if static.ndim != 3 or (static.shape[0], static.shape[2]) != (items * heads, size):
        raise ValueError(
            f"{_NAME}: static_k and static_v must have shape (n * num_heads, s, e / num_heads) "
            f"(got {static.shape}, n * num_heads {items * heads} and e / num_heads {size})"
        )
    return static.reshape(items, heads, static.shape[1], size)


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
        numbers = q.dtype.type(-np.inf), q.dtype.type(0)
        return as_tensor(again(_NAME, np.where, mask._array, *numbers))
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
