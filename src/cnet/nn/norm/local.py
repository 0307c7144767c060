"""Normalisation by neighbouring channels."""

from typing import Any

from ... import functional as F
from ...tensor import Tensor, as_tensor
from .._arguments import integer
from ..module import Module

__all__ = ["CrossMapLRN2d", "LocalResponseNorm"]


class LocalResponseNorm(Module):
    """Divide each element by its neighbours; see `cnet.functional.local_response_norm`.

    Parameters
    ----------
    size : int
        The number of channels in a sum.
    alpha, beta, k : float, default 1e-4, 0.75 and 1
        The factor of the mean square, the exponent, and the number that is added.

    Raises
    ------
    TypeError, ValueError
        If `size` is not an integer of at least 1.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", NIPS 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(np.array([[[1.0], [2.0]]])).numpy().round(4)
    array([[[0.5   ],
            [0.3333]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = integer(type(self).__name__, "size", size)
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images, shape (n, c, h, w).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CrossMapLRN2d(2)(np.ones((4, 8, 14, 14), np.float32)).shape
    (4, 8, 14, 14)
    """

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if input.ndim != 4:
            raise ValueError(f"CrossMapLRN2d: x must have 4 dimensions (got {input.ndim})")
        return super().forward(input)
