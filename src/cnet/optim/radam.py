"""RAdam."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks, decays


class RAdam(ElementwiseRule):
    """Adam with a rectified variance: the first steps are those of momentum alone.

    With g = grad + weight_decay · param and ρ = 2 / (1 - beta2) - 1, step t computes ::

        m = beta1 · m + (1 - beta1) · g
        v = beta2 · v + (1 - beta2) · g²
        q = ρ - 2 · t · beta2ᵗ / (1 - beta2ᵗ)
        r = √((q - 4)(q - 2) ρ / ((ρ - 4)(ρ - 2) q))
        d = r · √(1 - beta2ᵗ) / (√v + eps) if q > 5, else 1
        param = param - lr · m / (1 - beta1ᵗ) · d

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the running means of the gradient and of its square, in the range [0, 1).
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
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
    L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020,
    algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.5, 1. ])
    """

    _checks = checks("lr", "eps", "weight_decay", betas=decays)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(("step", "exp_avg", "exp_avg_sq"), 0.0)

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.beta1, o.beta2 = o.betas
        o.step_size = o.lr / (1 - o.beta1**o.step)
        correction = 1 - o.beta2**o.step
        limit = 2 / (1 - o.beta2) - 1
        length = limit - 2 * o.step * o.beta2**o.step / correction
        o.is_rectified = length > 5
        if o.is_rectified:
            over = (length - 4) * (length - 2) * limit
            below = (limit - 4) * (limit - 2) * length
            o.step_size *= (correction * over / below) ** 0.5

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.exp_avg += (1 - o.beta1) * (g - s.exp_avg)
        s.exp_avg_sq *= o.beta2
        s.exp_avg_sq += (1 - o.beta2) * g * g
        step = o.step_size * s.exp_avg
        w -= step / (np.sqrt(s.exp_avg_sq) + o.eps) if o.is_rectified else step
