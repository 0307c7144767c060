"""Activations as modules."""

from typing import Any, Literal

from .. import functional as F
from ..tensor import Tensor
from .module import Module


class ReLU(Module):
    """max(x, 0); see `cnet.functional.relu`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0])).numpy()
    array([0., 2.])
    """

    def forward(self, x: Any) -> Tensor:
        return F.relu(x)


class LeakyReLU(Module):
    """x where x is positive, negative_slope · x elsewhere; see `cnet.functional.leaky_relu`.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope on the left.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LeakyReLU(0.5)(np.array([-1.0, 2.0])).numpy()
    array([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class GELU(Module):
    """The Gaussian error linear unit; see `cnet.functional.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        The exact function, or an approximation by the hyperbolic tangent.

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

    def forward(self, x: Any) -> Tensor:
        return F.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)); see `cnet.functional.sigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Sigmoid()(np.zeros(2)).numpy()
    array([0.5, 0.5])
    """

    def forward(self, x: Any) -> Tensor:
        return F.sigmoid(x)


class Softmax(Module):
    """exp(x) over its sum along an axis; see `cnet.functional.softmax`.

    Parameters
    ----------
    dim : int
        The axis along which the result sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softmax(dim=1)(np.zeros((1, 4))).numpy()
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of the softmax along an axis; see `cnet.functional.log_softmax`.

    Parameters
    ----------
    dim : int
        The axis along which the exponentials of the result sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LogSoftmax(dim=1)(np.zeros((1, 1))).numpy()
    array([[0.]])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
