"""Dropout layers."""

from collections.abc import Callable
from typing import Any, ClassVar

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    """Calls a function of `cnet.functional` with the mode of the module."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be between 0 and 1 (got {p})")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return type(self).function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
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

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """Set random channels of sequences to zero; see `Dropout` and `cnet.functional.dropout1d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Dropout1d(1.0)(np.ones((1, 2, 3))).sum().item()
    0.0
    """

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """Set random channels of images to zero; see `Dropout` and `cnet.functional.dropout2d`.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks",
    arXiv:1411.4280.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Dropout2d(1.0)(np.ones((1, 2, 3, 3))).sum().item()
    0.0
    """

    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """Set random channels of volumes to zero; see `Dropout` and `cnet.functional.dropout3d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Dropout3d(1.0)(np.ones((1, 2, 3, 3, 3))).sum().item()
    0.0
    """

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout for networks with SELU; see `Dropout` and `cnet.functional.alpha_dropout`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.AlphaDropout(0.5).eval()(np.ones(3)).numpy()
    array([1., 1., 1.])
    """

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of channels; see `Dropout` and `cnet.functional.feature_alpha_dropout`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.FeatureAlphaDropout(0.5).eval()(np.ones((1, 2, 1))).shape
    (1, 2, 1)
    """

    function = staticmethod(F.feature_alpha_dropout)
