"""Averaged stochastic gradient descent."""

from types import SimpleNamespace
from typing import Any

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks


class ASGD(ElementwiseRule):
    """Stochastic gradient descent with an average of the parameters, kept in the state.

    With g = grad + weight_decay · param, step t computes ::

        param = param · (1 - lambd · eta) - eta · g
        ax = ax + mu · (param - ax)
        eta = lr / (1 + lambd · lr · t)^alpha
        mu = 1 / max(1, t - t0)

    Before the first step, eta = lr and mu = 1. The parameters are not replaced by their average,
    ``optimizer.state[param]["ax"]``.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-2
        The learning rate.
    lambd : float, default 1e-4
        The decay of the parameters and of the learning rate.
    alpha : float, default 0.75
        The power of the decay of the learning rate.
    t0 : float, default 1e6
        The step after which the average begins.
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
    B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM
    Journal on Control and Optimization 30, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.ASGD([w], lr=0.25, lambd=0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy()
    array([0.5, 1. ])
    """

    _scalars = frozenset({"step", "eta", "mu"})
    _checks = checks("lr", "weight_decay")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "eta": options["lr"], "mu": 1.0, "ax": 0.0}

    def _prepare(self, o: SimpleNamespace, s: SimpleNamespace) -> None:
        o.eta, o.mu = float(s.eta), float(s.mu)
        s.eta[...] = o.lr / (1 + o.lambd * o.lr * o.step) ** o.alpha
        s.mu[...] = 1 / max(1, o.step - o.t0)

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        w *= 1 - o.lambd * o.eta
        w -= o.eta * g
        if o.mu == 1:
            s.ax[...] = w
        else:
            s.ax += o.mu * (w - s.ax)
