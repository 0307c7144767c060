"""Layers of the softmax and its variants."""

from typing import Any

from .. import functional as F
from .._explained import explained
from ..tensor import Tensor, TensorLike
from ._activation import Activation

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class Softmax(Activation):
    """exp(x) divided by its sum along an axis; see `cnet.functional.softmax`.

    Parameters
    ----------
    dim : int, optional
        The axis along which the result sums to 1. If it is not given, a warning is issued and, as
        in PyTorch, the axis is 0 for inputs of 0, 1 or 3 dimensions, and 1 otherwise.

    Raises
    ------
    TypeError, ValueError
        In the call: if the input does not have a float dtype, or the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softmax(dim=1)(np.zeros((1, 4))).numpy()
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(Activation):
    """The logarithm of the softmax along an axis; see `cnet.functional.log_softmax`.

    Parameters
    ----------
    dim : int, optional
        The axis along which the exponentials of the result sum to 1. If it is not given, a warning
        is issued and, as in PyTorch, the axis is 0 for inputs of 0, 1 or 3 dimensions, and 1
        otherwise.

    Raises
    ------
    TypeError, ValueError
        In the call: if the input does not have a float dtype, or the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LogSoftmax(dim=1)(np.zeros((1, 1))).numpy()
    array([[0.]])
    """

    shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(Activation):
    """The softmax of −x along an axis; see `cnet.functional.softmin`.

    Parameters
    ----------
    dim : int, optional
        As for `Softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softmin(dim=0)(np.array([0.0, 1000.0])).numpy()
    array([1., 0.])
    """

    shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Activation):
    """The softmax over the channels, at each place of images; see `cnet.functional.softmax`.

    The shape of the input is (n, c, h, w) or (c, h, w).

    Raises
    ------
    ValueError
        In the call: if the input has another number of dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softmax2d()(np.zeros((1, 4, 1, 1))).numpy().ravel()
    array([0.25, 0.25, 0.25, 0.25])
    """

    @explained
    def forward(self, input: TensorLike) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: input must have 3 or 4 dimensions (got {input.ndim})")
        return F.softmax(input, -3)
