"""Adamax."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks, decays


class Adamax(ElementwiseRule):
    """Adam with the infinity norm in place of the root mean square.

    With g = grad + weight_decay · param, step t computes ::

        m = beta1 · m + (1 - beta1) · g
        u = max(beta2 · u, |g| + eps)
        param = param - lr / (1 - beta1ᵗ) · m / u

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 2e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the mean of the gradient and of its norm, in the range [0, 1).
    eps : float, default 1e-8
        Added to the absolute value of the gradient, so that the divisor is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    foreach : bool, optional
        Accepted for compatibility with PyTorch; has no effect.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.
    differentiable, capturable : bool, default False
        Not supported; must be False.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.5, 1.5])
    """

    _checks = checks("lr", "eps", "weight_decay", betas=decays)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(("step", "exp_avg", "exp_inf"), 0.0)

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.beta1, o.beta2 = o.betas
        o.step_size = o.lr / (1 - o.beta1**o.step)

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.exp_avg += (1 - o.beta1) * (g - s.exp_avg)
        s.exp_inf *= o.beta2
        np.maximum(s.exp_inf, np.abs(g) + o.eps, out=s.exp_inf)
        w -= o.step_size * s.exp_avg / s.exp_inf
