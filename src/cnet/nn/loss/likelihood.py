"""Loss modules of distributions."""

from typing import Any

from ... import functional as F
from ...tensor import Tensor
from ._base import Loss, TargetLoss

__all__ = ["GaussianNLLLoss", "KLDivLoss", "PoissonNLLLoss"]


class KLDivLoss(TargetLoss):
    """The Kullback-Leibler divergence; see `cnet.functional.kl_div`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'batchmean', 'sum', 'none'}, default 'mean'
        'batchmean' divides the sum by the size of the batch, 'mean' by the number of elements.
    log_target : bool, default False
        Whether the target contains logarithms of probabilities.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> loss = nn.KLDivLoss(reduction="batchmean")(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    >>> bool(np.isclose(loss.item(), np.log(2)))
    True
    """

    function = staticmethod(F.kl_div)
    options = ("log_target",)
    more_reductions = ("batchmean",)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts; see `cnet.functional.poisson_nll_loss`.

    Parameters
    ----------
    log_input : bool, default True
        Whether the input contains logarithms of the rates.
    full : bool, default False
        Whether to add the logarithm of the factorial of the target, in Stirling's approximation.
    size_average : bool, optional
        PyTorch's deprecated name for `reduction`.
    eps : float, default 1e-8
        Added to the rates before the logarithm if `log_input` is False.
    reduce : bool, optional
        PyTorch's deprecated name for `reduction`.
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
    >>> nn.PoissonNLLLoss()(np.zeros(2), np.array([1.0, 3.0])).item()
    1.0
    """

    function = staticmethod(F.poisson_nll_loss)
    options = ("log_input", "full", "eps")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Any, target: Any) -> Tensor:
        return self.loss(log_input, target)


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of normal distributions.

    See `cnet.functional.gaussian_nll_loss`.

    Parameters
    ----------
    full : bool, default False
        Whether to add the constant of the normal distribution.
    eps : float, default 1e-6
        The least variance.
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
    >>> nn.GaussianNLLLoss()(np.zeros(2), np.array([0.0, 2.0]), np.ones(2)).item()
    1.0
    """

    function = staticmethod(F.gaussian_nll_loss)
    options = ("full", "eps")

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any, var: Any) -> Tensor:
        return self.loss(input, target, var)
