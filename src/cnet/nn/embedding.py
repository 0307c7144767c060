"""Embedding layers."""

from typing import Any, Literal, Self

import numpy as np

from .. import functional as F
from ..autograd.grad_mode import no_grad
from ..dtypes import DType
from ..tensor import Tensor, as_tensor
from . import init
from ._arguments import integer, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A table of `num_embeddings` rows of `embedding_dim` numbers, and how rows are taken."""

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        weight: Any,
        freeze: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_embeddings = integer(name, "num_embeddings", num_embeddings, 0)
        self.embedding_dim = integer(name, "embedding_dim", embedding_dim, 0)
        if padding_idx is not None:
            count = self.num_embeddings
            if not -count <= padding_idx < count:
                raise ValueError(
                    f"{name}: padding_idx must be between {-count} and {count - 1} "
                    f"(got {padding_idx})"
                )
            padding_idx %= count
        self.padding_idx = padding_idx
        shape = self.num_embeddings, self.embedding_dim
        dtype = parameter_dtype(name, device, dtype)
        if weight is None:
            self.weight = Parameter(np.empty(shape, dtype), requires_grad=not freeze)
            self.reset_parameters()
        elif np.shape(weight) != shape:
            raise ValueError(
                f"{name}: the shape of the weights must be {shape} (got {np.shape(weight)})"
            )
        else:
            self.weight = Parameter(as_tensor(weight).detach(), requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw new values from the standard normal distribution; the padding row is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].zero_()


def _rows_of(name: str, embeddings: Any) -> dict[str, Any]:
    """The first arguments of the constructor for given values."""
    if np.ndim(embeddings) != 2:
        raise ValueError(f"{name}: embeddings must have 2 dimensions (got {np.ndim(embeddings)})")
    rows, columns = np.shape(embeddings)
    return {"num_embeddings": rows, "embedding_dim": columns, "_weight": embeddings}


class Embedding(_Table):
    """A table whose rows are taken by their numbers; see `cnet.functional.embedding`.

    Parameters
    ----------
    num_embeddings : int
        The number of rows.
    embedding_dim : int
        The length of a row.
    padding_idx : int, optional
        The number of a row that is initially 0 and gets no gradient.
    max_norm : float, optional
        Rows that are taken and have a greater norm are scaled to this norm, in place.
    norm_type : float, default 2
        The exponent of the norm.
    scale_grad_by_freq : bool, default False
        Divide the gradient of a row by the number of its occurrences in the input.
    sparse : bool, default False
        Has no effect: gradients are ordinary tensors.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the table.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        Drawn from the standard normal distribution.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Embedding(10, 3)(np.array([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    (2, 4, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype
        )
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Create a layer with the given table, shape (num_embeddings, embedding_dim).

        If `freeze` is true, the table is not trained. The other arguments are those of the class.
        """
        return cls(
            **_rows_of(cls.__name__, embeddings),
            _freeze=freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )

    def forward(self, input: Any) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += ["sparse=True"] if self.sparse else []
        return ", ".join(parts)


class EmbeddingBag(_Table):
    """Sums, means or maxima of rows of a table; see `cnet.functional.embedding_bag`.

    Parameters
    ----------
    num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse, device, dtype
        As in `Embedding`.
    mode : {'sum', 'mean', 'max'}, default 'mean'
        The reduction of a bag.
    include_last_offset : bool, default False
        Whether the last offset is the end of the last bag.
    padding_idx : int, optional
        The number of a row that is left out of all bags.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        Drawn from the standard normal distribution.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.EmbeddingBag(10, 3)(np.array([1, 2, 4, 5, 4]), np.array([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Literal["sum", "mean", "max"] = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode: Literal["sum", "mean", "max"] = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Literal["sum", "mean", "max"] = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Create a layer with the given table, shape (num_embeddings, embedding_dim).

        If `freeze` is true, the table is not trained. The other arguments are those of the class.
        """
        layer = cls(
            **_rows_of(cls.__name__, embeddings),
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += [f"mode={self.mode!r}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        return ", ".join(parts)
