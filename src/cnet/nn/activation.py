"""Layers of smooth activation functions, gates and shrinkage; see also `rectifiers`."""

from typing import Any, Literal

from .. import functional as F
from ..tensor import Tensor
from ._activation import Activation

__all__ = [
    "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "LogSigmoid", "Mish", "SiLU",
    "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip


class GELU(Activation):
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

    shown = ("approximate",)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return F.gelu(x, self.approximate)


class SiLU(Activation):
    """x / (1 + exp(−x)); see `cnet.functional.silu`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.SiLU()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.2689,  1.7616])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(Activation):
    """x · tanh(softplus(x)); see `cnet.functional.mish`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Mish()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.3034,  1.944 ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.mish(input, self.inplace)


class Hardswish(Activation):
    """x · relu6(x + 3) / 6; see `cnet.functional.hardswish`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Hardswish()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.3333,  1.6667])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(Activation):
    """relu6(x + 3) / 6; see `cnet.functional.hardsigmoid`.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Hardsigmoid()(np.array([-1.0, 2.0])).numpy().round(4)
    array([0.3333, 0.8333])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Softplus(Activation):
    """log(1 + exp(beta · x)) / beta; see `cnet.functional.softplus`.

    Parameters
    ----------
    beta : float, default 1
        Greater numbers approximate `ReLU` more closely.
    threshold : float, default 20
        Where beta · x is greater, the result is x.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softplus()(np.array([-1.0, 2.0])).numpy().round(4)
    array([0.3133, 2.1269])
    """

    shown = (
        "beta",
        "threshold",
    )

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Softsign(Activation):
    """x / (1 + abs(x)); see `cnet.functional.softsign`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softsign()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.5   ,  0.6667])
    """

    def forward(self, input: Any) -> Tensor:
        return F.softsign(input)


class LogSigmoid(Activation):
    """log(1 / (1 + exp(−x))); see `cnet.functional.logsigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.LogSigmoid()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-1.3133, -0.1269])
    """

    def forward(self, input: Any) -> Tensor:
        return F.logsigmoid(input)


class Hardshrink(Activation):
    """0 from −lambd to lambd, x elsewhere; see `cnet.functional.hardshrink`.

    Parameters
    ----------
    lambd : float, default 0.5
        The limit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Hardshrink()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-1.,  2.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Any) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(Activation):
    """0 from −lambd to lambd, x − lambd above, x + lambd below.

    See `cnet.functional.softshrink`.

    Parameters
    ----------
    lambd : float, default 0.5
        The limit; must not be negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Softshrink()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.5,  1.5])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Any) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Tanhshrink(Activation):
    """x − tanh(x); see `cnet.functional.tanhshrink`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Tanhshrink()(np.array([-1.0, 2.0])).numpy().round(4)
    array([-0.2384,  1.036 ])
    """

    def forward(self, input: Any) -> Tensor:
        return F.tanhshrink(input)


class GLU(Activation):
    """The first half of x, times the sigmoid of the second half; see `cnet.functional.glu`.

    Parameters
    ----------
    dim : int, default -1
        The axis that is halved.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.GLU()(np.array([2.0, 0.0])).numpy().round(4)
    array([1.])
    """

    shown = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.glu(input, self.dim)


class Tanh(Activation):
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


class Sigmoid(Activation):
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
