"""Adagrad."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks


class Adagrad(ElementwiseRule):
    """Steps divided by the root of the sum of all squared gradients.

    With g = grad + weight_decay · param, step t computes ::

        s = s + g²
        param = param - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-2
        The learning rate.
    lr_decay : float, default 0
        How fast the learning rate decreases.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    initial_accumulator_value : float, default 0
        s before the first step.
    eps : float, default 1e-10
        Added to the divisor, so that it is not 0.
    foreach, fused : bool, optional
        Accepted for compatibility with PyTorch; they have no effect.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.
    differentiable : bool, default False
        Not supported; must be False.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.5, 1.5])
    """

    _checks = checks("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "sum": options["initial_accumulator_value"]}

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.step_size = o.lr / (1 + (o.step - 1) * o.lr_decay)

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.sum += g * g
        w -= o.step_size * g / (np.sqrt(s.sum) + o.eps)
