"""Modules of distances and similarities of vectors."""

from typing import Any

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle of vectors; see `cnet.functional.cosine_similarity`.

    Parameters
    ----------
    dim : int, default 1
        The axis of the vectors.
    eps : float, default 1e-8
        The least norm in the divisor.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CosineSimilarity()(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])).item()
    0.8
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The distance of vectors; see `cnet.functional.pairwise_distance`.

    Parameters
    ----------
    p : float, default 2
        The exponent of the norm.
    eps : float, default 1e-6
        Added to each difference.
    keepdim : bool, default False
        Whether the result has a last axis of size 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.PairwiseDistance(eps=0.0)(np.array([[1.0, 2.0]]), np.array([[4.0, 6.0]])).numpy()
    array([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Any, x2: Any) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
