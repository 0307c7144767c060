"""Adadelta."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks


def _fraction(function: str, name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{function}: {name} must be at least 0 and at most 1 (got {value})")


class Adadelta(ElementwiseRule):
    """Steps of the size of a running mean of earlier steps, with the units of the parameters.

    With g = grad + weight_decay · param, each step computes ::

        v = rho · v + (1 - rho) · g²
        d = √(u + eps) / √(v + eps) · g
        u = rho · u + (1 - rho) · d²
        param = param - lr · d

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1.0
        The factor of each step.
    rho : float, default 0.9
        The decay of the running means, in the range [0, 1].
    eps : float, default 1e-6
        Added below the roots.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    foreach : bool, optional
        Accepted for compatibility with PyTorch; has no effect.
    capturable, differentiable : bool, default False
        Not supported; must be False.
    maximize : bool, default False
        Maximize the objective instead of minimizing it.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.Adadelta([w], rho=0.75, eps=1.0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([-0.414214,  0.211146])
    """

    _checks = checks("lr", "eps", "weight_decay", rho=_fraction)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(("step", "square_avg", "acc_delta"), 0.0)

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.square_avg *= o.rho
        s.square_avg += (1 - o.rho) * g * g
        delta = np.sqrt(s.acc_delta + o.eps) / np.sqrt(s.square_avg + o.eps) * g
        s.acc_delta *= o.rho
        s.acc_delta += (1 - o.rho) * delta * delta
        w -= o.lr * delta
