"""Adam."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import kernels
from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks, decays, next_step


class Adam(ElementwiseRule):
    """Steps scaled by running means of the gradient and of its square.

    With g = grad + weight_decay · param, step t computes ::

        m = beta1 · m + (1 - beta1) · g
        v = beta2 · v + (1 - beta2) · g²
        u = max(u, v) if amsgrad, else v
        param = param - lr · m / (1 - beta1ᵗ) / (√(u / (1 - beta2ᵗ)) + eps)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the running means of the gradient and of its square, in the range [0, 1); both
        can be tensors of one element.
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    amsgrad : bool, default False
        Whether to divide by the greatest mean of squares so far, instead of the present one.
    foreach, fused : bool, optional
        Accepted for compatibility with PyTorch; they have no effect.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.
    capturable, differentiable : bool, default False
        Not supported; must be False.
    decoupled_weight_decay : bool, default False
        Whether weight decay acts on the parameters only, as in `AdamW`.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1;
    S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018 (amsgrad).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.5, 1.5])
    """

    _checks = checks("lr", "eps", "weight_decay", betas=decays)
    _kernel = staticmethod(kernels.adam_step)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        are_tensors = [isinstance(value, Tensor) for value in (lr, *betas)]
        if foreach and any(are_tensors):
            raise ValueError(f"{self._name}: lr and betas must be numbers if foreach is True")
        if len(set(are_tensors[1:])) > 1:
            raise ValueError(
                f"{self._name}: betas must be two numbers or two tensors (got {betas})"
            )
        defaults = {
            "lr": lr,
            "betas": tuple(beta.item() if isinstance(beta, Tensor) else beta for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        names = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return dict.fromkeys(names if options["amsgrad"] else names[:3], 0.0)

    def _entries(self, options: dict[str, Any]) -> tuple[str, ...] | None:
        return None if options["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _progress(self, state: dict[str, Any], is_first: bool) -> int:
        return next_step(state)

    def _numbers(self, progress: int, options: dict[str, Any]) -> dict[str, float]:
        beta1, beta2 = options["betas"]
        return {
            "lr": options["lr"],
            "beta1": beta1,
            "beta2": beta2,
            "eps": options["eps"],
            "weight_decay": options["weight_decay"],
            "step": progress,
            "maximize": options["maximize"],
            "decoupled": options["decoupled_weight_decay"],
        }

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.beta1, o.beta2 = o.betas
        o.step_size = o.lr / (1 - o.beta1**o.step)
        o.correction = (1 - o.beta2**o.step) ** 0.5

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.exp_avg += (1 - o.beta1) * (g - s.exp_avg)
        s.exp_avg_sq *= o.beta2
        s.exp_avg_sq += (1 - o.beta2) * g * g
        np.maximum(s.max_exp_avg_sq, s.exp_avg_sq, out=s.max_exp_avg_sq)
        w -= o.step_size * s.exp_avg / (np.sqrt(s.max_exp_avg_sq) / o.correction + o.eps)
