"""Loss modules of regression."""

from ... import functional as F
from ._base import TargetLoss

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


class MSELoss(TargetLoss):
    """The mean squared difference; see `cnet.functional.mse_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MSELoss()(np.zeros(2), np.array([1.0, 3.0])).item()
    5.0
    """

    function = staticmethod(F.mse_loss)


class L1Loss(TargetLoss):
    """The mean absolute difference; see `cnet.functional.l1_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.L1Loss()(np.zeros(2), np.array([1.0, 3.0])).item()
    2.0
    """

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(TargetLoss):
    """The absolute difference, squared near 0; see `cnet.functional.smooth_l1_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.
    beta : float, default 1
        The difference up to which the loss is a square; must not be negative.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.SmoothL1Loss()(np.zeros(2), np.array([1.0, 3.0])).item()
    1.5
    """

    function = staticmethod(F.smooth_l1_loss)
    options = ("beta",)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta


class HuberLoss(TargetLoss):
    """Half the squared difference, linear for large ones; see `cnet.functional.huber_loss`.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.
    delta : float, default 1
        The difference up to which the loss is a square; must be positive.

    Raises
    ------
    TypeError
        If `delta` is not a number.
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.HuberLoss(delta=2.0)(np.zeros(2), np.array([1.0, 3.0])).item()
    2.25
    """

    function = staticmethod(F.huber_loss)
    options = ("delta",)

    def __init__(
        self,
        reduction: str = "mean",
        delta: float = 1.0,
    ) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, (float, int)):
            raise TypeError(f"HuberLoss: delta must be a float or an int (got {delta!r})")
        self.delta = delta
