"""Dropout."""

from typing import Any

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training mode, set random elements to zero and scale the others.

    See `cnet.functional.dropout`.

    Parameters
    ----------
    p : float, default 0.5
        The probability of an element to be set to zero; other elements are scaled by 1 / (1 - p).
    inplace : bool, default False
        Write the result into the input.

    Raises
    ------
    ValueError
        If `p` is not between 0 and 1.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Dropout(0.5).eval()(np.ones(3)).numpy()
    array([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be between 0 and 1 (got {p})")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
