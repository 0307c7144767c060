"""NAdam."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks, decays


class NAdam(ElementwiseRule):
    """Adam with Nesterov's momentum.

    With g = grad + weight_decay · param and μₜ = beta1 · (1 - 0.96^(t · momentum_decay) / 2),
    step t computes ::

        m = beta1 · m + (1 - beta1) · g
        v = beta2 · v + (1 - beta2) · g²
        d = (1 - μₜ) / (1 - μ₁ ⋯ μₜ) · g + μₜ₊₁ / (1 - μ₁ ⋯ μₜ₊₁) · m
        param = param - lr · d / (√(v / (1 - beta2ᵗ)) + eps)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 2e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the running means of the gradient and of its square, in the range [0, 1).
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    momentum_decay : float, default 4e-3
        How fast μ approaches beta1.
    decoupled_weight_decay : bool, default False
        Whether weight decay acts on the parameters only, as in `AdamW`.
    foreach : bool, optional
        Accepted for compatibility with PyTorch; has no effect.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.
    capturable, differentiable : bool, default False
        Not supported; must be False.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.NAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(4)
    array([0.4718, 1.4718])
    """

    _scalars = frozenset({"step", "mu_product"})
    _checks = checks("lr", "eps", "weight_decay", "momentum_decay", betas=decays)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "mu_product": 1.0, "exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.beta1, o.beta2 = o.betas
        mu, mu_next = (
            o.beta1 * (1 - 0.5 * 0.96 ** (t * o.momentum_decay)) for t in (o.step, o.step + 1)
        )
        s.mu_product *= mu
        product = float(s.mu_product)
        o.of_gradient = o.lr * (1 - mu) / (1 - product)
        o.of_mean = o.lr * mu_next / (1 - product * mu_next)
        o.correction = 1 - o.beta2**o.step

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.exp_avg += (1 - o.beta1) * (g - s.exp_avg)
        s.exp_avg_sq *= o.beta2
        s.exp_avg_sq += (1 - o.beta2) * g * g
        divisor = np.sqrt(s.exp_avg_sq / o.correction) + o.eps
        w -= (o.of_gradient * g + o.of_mean * s.exp_avg) / divisor
