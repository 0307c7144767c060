"""Transformers: layers of attention and feed-forward networks."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np

from .. import functional as F
from ..dtypes import DType
from ..tensor import Tensor, as_tensor
from . import init
from ._arguments import choice, parameter_dtype
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation: TypeAlias = str | Callable[[Any], Tensor]

_ACTIVATIONS: dict[str, Callable[[Any], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class _Layer(Module):
    """Attentions and a feed-forward network, each with a residual connection and a norm.

    Subclasses list the names of their attentions.
    """

    attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        dtype = parameter_dtype(name, device, dtype)
        for attention in self.attentions:
            made = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype
            )
            setattr(self, attention, made)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for part in parts:
            setattr(self, f"norm{part}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for part in parts:
            setattr(self, f"dropout{part}", Dropout(dropout))
        if isinstance(activation, str):
            activation = _ACTIVATIONS[choice(name, "activation", activation, (*_ACTIVATIONS,))]
        self.activation = activation

    def _attended(
        self, attention: str, x: Tensor, memory: Tensor, mask: Any, padding: Any, is_causal: bool
    ) -> Tensor:
        output: Tensor = getattr(self, attention)(
            x, memory, memory, padding, need_weights=False, attn_mask=mask, is_causal=is_causal
        )[0]
        return output

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        output: Tensor = self.linear2(hidden)
        return output

    def _residual(self, part: int, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        norm, dropout = getattr(self, f"norm{part}"), getattr(self, f"dropout{part}")
        output: Tensor = (
            x + dropout(function(norm(x))) if self.norm_first else norm(x + dropout(function(x)))
        )
        return output


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with a residual connection and a norm.

    Parameters
    ----------
    d_model : int
        Size of the last axis of the input and the output.
    nhead : int
        The number of heads of the attention, which must divide `d_model`.
    dim_feedforward : int, default 2048
        Size of the hidden layer of the feed-forward network.
    dropout : float, default 0.1
        The probability that attention weights, hidden features and results are dropped.
    activation : {'relu', 'gelu'} or callable, default `cnet.functional.relu`
        The activation function of the hidden layer.
    layer_norm_eps : float, default 1e-5
        Added to the variance in the norms.
    batch_first : bool, default False
        Whether inputs have shape (n, length, d_model) instead of (length, n, d_model).
    norm_first : bool, default False
        Whether to normalise the inputs of both parts, instead of the sums with their results.
    bias : bool, default True
        Whether linear layers and norms have biases.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the inputs must have the same dtype.

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
    >>> nn.TransformerEncoderLayer(8, 2, 16)(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 8)
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attention(x: Tensor) -> Tensor:
            return self._attended("self_attn", x, x, src_mask, src_key_padding_mask, is_causal)

        x = self._residual(1, as_tensor(src), attention)
        return self._residual(2, x, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, and a feed-forward network.

    Parameters and errors are those of `TransformerEncoderLayer`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> x, memory = np.ones((5, 3, 8), np.float32), np.ones((7, 3, 8), np.float32)
    >>> nn.TransformerDecoderLayer(8, 2, 16)(x, memory).shape
    (5, 3, 8)
    """

    attentions = "self_attn", "multihead_attn"

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        memory = as_tensor(memory)

        def self_attention(x: Tensor) -> Tensor:
            return self._attended("self_attn", x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def attention(x: Tensor) -> Tensor:
            return self._attended(
                "multihead_attn", x, memory, memory_mask, memory_key_padding_mask, memory_is_causal
            )

        x = self._residual(1, as_tensor(tgt), self_attention)
        x = self._residual(2, x, attention)
        return self._residual(3, x, self._feed_forward)


class _Stack(Module):
    """Copies of a layer, and an optional norm after the last."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def _run(self, x: Tensor, call: Callable[[Module, Tensor], Tensor]) -> Tensor:
        for layer in self.layers:
            x = call(layer, x)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Several encoder layers, one after the other.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        The layer, which is copied.
    num_layers : int
        The number of copies.
    norm : Module, optional
        Applied to the result of the last layer.
    enable_nested_tensor, mask_check : bool, default True
        Have no effect.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
    >>> encoder(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        options = mask, src_key_padding_mask, bool(is_causal)
        return self._run(as_tensor(src), lambda layer, x: layer(x, *options))


class TransformerDecoder(_Stack):
    """Several decoder layers, one after the other.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        The layer, which is copied.
    num_layers : int
        The number of copies.
    norm : Module, optional
        Applied to the result of the last layer.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
    >>> decoder(np.ones((5, 3, 8), np.float32), np.ones((7, 3, 8), np.float32)).shape
    (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        causal = bool(tgt_is_causal), memory_is_causal
        return self._run(as_tensor(tgt), lambda layer, x: layer(x, memory, *masks, *causal))


class Transformer(Module):
    """An encoder of a source sequence, and a decoder of a target sequence that attends to it.

    Parameters
    ----------
    d_model : int, default 512
        Size of the last axis of the inputs and the output.
    nhead : int, default 8
        The number of heads.
    num_encoder_layers, num_decoder_layers : int, default 6
        The numbers of layers.
    custom_encoder, custom_decoder : Module, optional
        Take the place of the encoder and the decoder.
    dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, \
dtype
        As in `TransformerEncoderLayer`.

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
    >>> model = nn.Transformer(8, 2, 1, 1, 16)
    >>> model(np.ones((7, 3, 8), np.float32), np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        options = (
            dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias,
            device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)

        self.encoder: Module = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(d_model, nhead, *options), num_encoder_layers, norm()
        )
        self.decoder: Module = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(d_model, nhead, *options), num_decoder_layers, norm()
        )
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw new weights from Xavier's uniform distribution; biases and norms stay."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        output: Tensor = self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip
        return output

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: DType = None) -> Tensor:
        """A causal mask, shape (sz, sz): 0 up to the diagonal, and negative infinity above it."""
        dtype = parameter_dtype("generate_square_subsequent_mask", device, dtype)
        return as_tensor(np.where(np.tri(sz, dtype=np.bool_), 0, -np.inf).astype(dtype))
