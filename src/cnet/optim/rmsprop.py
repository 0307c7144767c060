"""RMSprop."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks


class RMSprop(ElementwiseRule):
    """Steps divided by the root of a running mean of the squared gradient.

    With g = grad + weight_decay · param, each step computes ::

        v = alpha · v + (1 - alpha) · g²
        m = alpha · m + (1 - alpha) · g         only if centered
        d = √(v - m²) + eps if centered, else √v + eps
        b = momentum · b + g / d                only with momentum
        param = param - lr · b with momentum, else param - lr · g / d

    v, m and b are 0 before the first step.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-2
        The learning rate.
    alpha : float, default 0.99
        The decay of the running means.
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
    momentum : float, default 0
        The decay of the sum of earlier steps.
    centered : bool, default False
        Whether to divide by the standard deviation of the gradient instead of the root mean square.
    capturable, differentiable : bool, default False
        Not supported; must be False.
    foreach : bool, optional
        Accepted for compatibility with PyTorch; has no effect.
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
    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", COURSERA: Neural Networks for Machine Learning,
    2012; A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013,
    equations 38 to 45 (centered).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(6)
    array([0.8, 1.8])
    """

    _checks = checks("lr", "alpha", "eps", "weight_decay", "momentum")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        needed = {
            "step": True,
            "square_avg": True,
            "momentum_buffer": options["momentum"] > 0,
            "grad_avg": options["centered"],
        }
        return {name: 0.0 for name, is_needed in needed.items() if is_needed}

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        s.square_avg *= o.alpha
        s.square_avg += (1 - o.alpha) * g * g
        variance = s.square_avg
        if o.centered:
            s.grad_avg += (1 - o.alpha) * (g - s.grad_avg)
            # Rounding may make the difference negative.
            variance = np.maximum(s.square_avg - s.grad_avg * s.grad_avg, 0)
        divisor = np.sqrt(variance) + o.eps
        if o.momentum > 0:
            s.momentum_buffer *= o.momentum
            s.momentum_buffer += g / divisor
            w -= o.lr * s.momentum_buffer
        else:
            w -= o.lr * g / divisor
