"""Multi-head attention."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import functional as F
from ..autograd.grad_mode import no_grad
from ..dtypes import DType
from ..tensor import Tensor
from . import init
from ._arguments import integer, parameter_dtype
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """PyTorch's name for the output projection, which models print."""


class MultiheadAttention(Module):
    """Attention with several heads; see `cnet.functional.multi_head_attention_forward`.

    Parameters
    ----------
    embed_dim : int
        Size e of the last axis of queries and of the output.
    num_heads : int
        The number of heads, which must divide `embed_dim`.
    dropout : float, default 0
        The probability that an attention weight is set to 0 in training.
    bias : bool, default True
        Whether biases are added to the projections.
    add_bias_kv : bool, default False
        Whether a trained key and a trained value are appended.
    add_zero_attn : bool, default False
        Whether a key and a value of zeros are appended.
    kdim, vdim : int, optional
        Sizes of the last axes of keys and values, by default `embed_dim`.
    batch_first : bool, default False
        Whether inputs have shape (n, length, size) instead of (length, n, size).
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the inputs must have the same dtype.

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3 * embed_dim, embed_dim), or None
        The projections of queries, keys and values, if all have the same size.
    q_proj_weight, k_proj_weight, v_proj_weight : Parameter or None
        The separate projections otherwise.
    in_proj_bias : Parameter, shape (3 * embed_dim,), or None
    bias_k, bias_v : Parameter, shape (1, 1, embed_dim), or None
    out_proj : Linear
        The projection of the output.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", arXiv:1706.03762.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> x = np.ones((5, 2, 8), np.float32)
    >>> y, weights = nn.MultiheadAttention(8, 4)(x, x, x)
    >>> y.shape, weights.shape
    ((5, 2, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim = e = integer(name, "embed_dim", embed_dim)
        self.num_heads = integer(name, "num_heads", num_heads)
        if e % self.num_heads:
            raise ValueError(f"{name}: num_heads must divide embed_dim (got {num_heads} and {e})")
        self.kdim = e if kdim is None else integer(name, "kdim", kdim)
        self.vdim = e if vdim is None else integer(name, "vdim", vdim)
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = e // self.num_heads
        dtype = parameter_dtype(name, device, dtype)

        def parameter(wanted: bool, *shape: int) -> Parameter | None:
            return Parameter(np.empty(shape, dtype)) if wanted else None

        separate = (self.kdim, self.vdim) != (e, e)
        self.q_proj_weight = parameter(separate, e, e)
        self.k_proj_weight = parameter(separate, e, self.kdim)
        self.v_proj_weight = parameter(separate, e, self.vdim)
        self.in_proj_weight = parameter(not separate, 3 * e, e)
        self.in_proj_bias = parameter(bias, 3 * e)
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias, dtype=dtype)
        self.bias_k = parameter(add_bias_kv, 1, 1, e)
        self.bias_v = parameter(add_bias_kv, 1, 1, e)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw new weights from Xavier's distributions, and set the biases to 0."""
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)
        with no_grad():
            for bias in (self.in_proj_bias, self.out_proj.bias):
                if bias is not None:
                    bias.zero_()

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        return F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            batch_first=self.batch_first,
        )


class SDPBackend:
    """PyTorch's implementations of attention, for `sdpa_kernel`."""

    ERROR, MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION = range(-1, 4)


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """A context without an effect: there is one implementation of attention.

    Examples
    --------
    >>> from cnet.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     pass
    """
    yield
