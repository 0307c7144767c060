"""Layers of activation functions that consist of pieces."""

from typing import Any

import numpy as np

from .. import functional as F
from ..dtypes import DType
from ..tensor import Tensor
from ._activation import Activation
from ._arguments import parameter_dtype
from .init import constant_
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "SELU",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Threshold",
]  # fmt: skip


class ReLU(Activation):
    """max(x, 0); see `cnet.functional.relu`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0])).numpy().round(4)
    array([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.relu(input, self.inplace)


class ReLU6(Activation):
    """min(max(x, 0), 6); see `cnet.functional.relu6`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ReLU6()(np.array([-1.0, 9.0])).numpy().round(4)
    array([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.relu6(input, self.inplace)


class LeakyReLU(Activation):
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
    >>> nn.LeakyReLU(0.5)(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.5,  2. ])
    """

    shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class PReLU(Activation):
    """x where x is positive, weight · x elsewhere; see `cnet.functional.prelu`.

    Parameters
    ----------
    num_parameters : int, default 1
        The number of slopes: 1, or one for each channel.
    init : float, default 0.25
        The first value of the slopes.
    device : None or "cpu"
        Where the parameter is stored; there is no other device.
    dtype : dtype, default float32
        The dtype of the parameter.

    Attributes
    ----------
    weight : Parameter, shape (num_parameters,)
        The slopes. It should not be trained with weight decay.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers, ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.PReLU()(np.array([-1.0, 2.0], np.float32)).detach().numpy()
    array([-0.25,  2.  ], dtype=float32)
    """

    shown = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: DType = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(np.empty(num_parameters, parameter_dtype("PReLU", device, dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to `init`."""
        constant_(self.weight, self.init)

    def forward(self, input: Any) -> Tensor:
        return F.prelu(input, self.weight)


class RReLU(Activation):
    """x where x is positive, random slopes elsewhere; see `cnet.functional.rrelu`.

    Parameters
    ----------
    lower, upper : float, default 1/8 and 1/3
        In training mode, slopes are uniformly distributed between them; in evaluation mode, the
        slope is their mean.
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.RReLU(0.25, 0.75).eval()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.5,  2. ])
    """

    shown = (
        "lower",
        "upper",
    )

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class ELU(Activation):
    """x where x is positive, alpha · (exp(x) − 1) elsewhere; see `cnet.functional.elu`.

    Parameters
    ----------
    alpha : float, default 1
        The limit for negative x is −alpha.
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.ELU()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.6321,  2.    ])
    """

    shown = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class SELU(Activation):
    """The exponential linear unit with fixed scales; see `cnet.functional.selu`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.SELU()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-1.1113,  2.1014])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.selu(input, self.inplace)


class CELU(Activation):
    """x where x is positive, alpha · (exp(x / alpha) − 1) elsewhere; see `cnet.functional.celu`.

    Parameters
    ----------
    alpha : float, default 1
        The limit for negative x is −alpha.
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.CELU(0.5)(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.4323,  2.    ])
    """

    shown = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class Threshold(Activation):
    """x where x is above a threshold, another value elsewhere; see `cnet.functional.threshold`.

    Parameters
    ----------
    threshold : float
        Numbers up to it are replaced.
    value : float
        The number that replaces them.
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Threshold(0.5, -3.0)(np.array([-1.0, 2.0])).numpy().round(4)
    array([-3.,  2.])
    """

    shown = (
        "threshold",
        "value",
    )

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)


class Hardtanh(Activation):
    """x limited to the range from min_val to max_val; see `cnet.functional.hardtanh`.

    Parameters
    ----------
    min_val, max_val : float, default -1 and 1
        The limits.
    inplace : bool, default False
        Write the result into the input.

    Raises
    ------
    ValueError
        If `max_val` is not greater than `min_val`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Hardtanh()(np.array([-4.0, 0.5])).numpy()
    array([-1. ,  0.5])
    """

    shown = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not max_val > min_val:
            raise ValueError(
                f"Hardtanh: max_val must be greater than min_val (got {max_val} and {min_val})"
            )
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)
