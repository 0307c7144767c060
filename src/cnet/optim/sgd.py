"""Stochastic gradient descent."""

from typing import Any

from .. import kernels
from ..tensor import Tensor
from .optimizer import Params
from .rule import Rule, checks


class SGD(Rule):
    """Stochastic gradient descent, optionally with momentum.

    With g = grad + weight_decay · param, each step computes ::

        b = g                                  in the first step
        b = momentum · b + (1 - dampening) · g in later steps
        d = g + momentum · b if nesterov, else b
        param = param - lr · d

    Without momentum, d = g.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-3
        The learning rate.
    momentum : float, default 0
        The decay of the sum of earlier gradients.
    dampening : float, default 0
        Reduces the weight of a gradient in the momentum to 1 - dampening.
    weight_decay : float or Tensor of one element, default 0
        The factor of the L2 penalty.
    nesterov : bool, default False
        Whether to use Nesterov's momentum; requires a momentum and no dampening.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.
    foreach, fused : bool, optional
        Accepted for compatibility with PyTorch; they have no effect.
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
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013; the learning rate is applied as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy()
    array([0., 0.])
    """

    _checks = checks("lr", "momentum", "weight_decay")
    _kernel = staticmethod(kernels.sgd_step)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check(self, options: dict[str, Any]) -> None:
        super()._check(options)
        momentum, dampening = options["momentum"], options["dampening"]
        if options["nesterov"] and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"{self._name}: nesterov requires momentum > 0 and dampening = 0 "
                f"(got {momentum} and {dampening})"
            )

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if options["momentum"] != 0 else {}

    def _entries(self, options: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if options["momentum"] != 0 else ()

    def _progress(self, state: dict[str, Any], is_first: bool) -> int:
        return is_first

    def _numbers(self, progress: int, options: dict[str, Any]) -> dict[str, float]:
        return {
            "lr": options["lr"],
            "momentum": options["momentum"],
            "dampening": options["dampening"],
            "weight_decay": options["weight_decay"],
            "nesterov": options["nesterov"],
            "maximize": options["maximize"],
            "first": progress,
        }
