"""Linear, Bilinear and Identity."""

from typing import Any

import numpy as np

from .. import functional as F
from ..dtypes import DType
from ..tensor import Tensor
from . import init
from ._arguments import integer, parameter_dtype
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Return the input unchanged; arguments of the constructor are ignored.

    Examples
    --------
    >>> from cnet import nn
    >>> nn.Identity()("anything")
    'anything'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """y = x · weightᵀ + bias; see `cnet.functional.linear`.

    Parameters
    ----------
    in_features : int
        Size of the last axis of the input, shape (..., in_features).
    out_features : int
        Size of the last axis of the output, shape (..., out_features).
    bias : bool, default True
        Whether a bias is added.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
        Drawn uniformly from ±1 / √in_features.
    bias : Parameter, shape (out_features,), or None
        Drawn from the same distribution.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If a size is negative or not an integer, the device is not the CPU, or the dtype is not
        float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Linear(3, 2)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.in_features = integer("Linear", "in_features", in_features, 0)
        self.out_features = integer("Linear", "out_features", out_features, 0)
        dtype = parameter_dtype("Linear", device, dtype)
        self.weight = Parameter(np.empty((self.out_features, self.in_features), dtype))
        self.bias = Parameter(np.empty(self.out_features, dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values for the parameters."""
        init.layer_defaults_(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """y = x1 · weight · x2 + bias; see `cnet.functional.bilinear`.

    Parameters
    ----------
    in1_features, in2_features : int
        Sizes of the last axes of the inputs, shapes (..., in1_features) and (..., in2_features).
    out_features : int
        Size of the last axis of the output, shape (..., out_features).
    bias : bool, default True
        Whether a bias is added.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the inputs must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in1_features, in2_features)
        Drawn uniformly from ±1 / √in1_features.
    bias : Parameter, shape (out_features,), or None
        Drawn from the same distribution.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If a size is negative or not an integer, `in1_features` is 0, the device is not the CPU, or
        the dtype is not float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Bilinear(3, 4, 2)(np.ones((5, 3), np.float32), np.ones((5, 4), np.float32)).shape
    (5, 2)
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.in1_features = integer("Bilinear", "in1_features", in1_features)
        self.in2_features = integer("Bilinear", "in2_features", in2_features, 0)
        self.out_features = integer("Bilinear", "out_features", out_features, 0)
        dtype = parameter_dtype("Bilinear", device, dtype)
        shape = self.out_features, self.in1_features, self.in2_features
        self.weight = Parameter(np.empty(shape, dtype))
        self.bias = Parameter(np.empty(self.out_features, dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values for the parameters."""
        bound = self.in1_features**-0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
