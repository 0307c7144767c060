"""Activation layers."""

from typing import Any, Literal

from .. import functional as F
from ..tensor import Tensor
from .module import Module

__all__ = ["GELU", "LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """max(x, 0); see `cnet.functional.relu`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0])).numpy()
    array([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where x is positive, negative_slope · x elsewhere; see `cnet.functional.leaky_relu`.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope for negative x.
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LeakyReLU(0.5)(np.array([-1.0, 2.0])).numpy()
    array([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        inplace = ", inplace=True" if self.inplace else ""
        return f"negative_slope={self.negative_slope}{inplace}"


class GELU(Module):
    """The Gaussian error linear unit; see `cnet.functional.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        The exact function, or an approximation by the hyperbolic tangent.

    Raises
    ------
    ValueError
        In the call: if `approximate` is not one of these.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.GELU()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.1587,  1.9545])
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Tanh(Module):
    """The hyperbolic tangent; see `cnet.functional.tanh`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Tanh()(np.zeros(2)).numpy()
    array([0., 0.])
    """

    def forward(self, input: Any) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)); see `cnet.functional.sigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Sigmoid()(np.zeros(2)).numpy()
    array([0.5, 0.5])
    """

    def forward(self, input: Any) -> Tensor:
        return F.sigmoid(input)


class Softmax(Module):
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

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
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

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
