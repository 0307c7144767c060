"""Adam."""

from typing import Any

import numpy as np

from .. import kernels
from .optimizer import Array, Optimizer, Params, non_negative


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    With g = grad + weight_decay · param, step t computes ::

        m = beta1 · m + (1 - beta1) · g
        v = beta2 · v + (1 - beta2) · g²
        param = param - lr · m / (1 - beta1ᵗ) / (√(v / (1 - beta2ᵗ)) + eps)

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float, default 1e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        The decays of the running means of the gradient and of its square, in the range [0, 1).
    eps : float, default 1e-8
        Added to the divisor, so that it is not 0.
    weight_decay : float, default 0
        The factor of the L2 penalty.
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
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

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

    _decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def _check(self, options: dict[str, Any]) -> None:
        lr, eps, weight_decay = (options[k] for k in ("lr", "eps", "weight_decay"))
        non_negative(self._name, lr=lr, eps=eps, weight_decay=weight_decay)
        betas = options["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"{self._name}: betas must be two numbers, at least 0 and less than 1 (got {betas})"
            )

    def _update(
        self, param: Array, grad: Array, state: dict[str, Any], options: dict[str, Any]
    ) -> None:
        moments = state or {"exp_avg": np.zeros_like(param), "exp_avg_sq": np.zeros_like(param)}
        step = state.get("step", 0) + 1
        beta1, beta2 = options["betas"]
        kernels.adam_step(
            param,
            grad,
            moments["exp_avg"],
            moments["exp_avg_sq"],
            options["lr"],
            beta1,
            beta2,
            options["eps"],
            options["weight_decay"],
            step,
            maximize=options["maximize"],
            decoupled=self._decoupled,
        )
        state.update(moments, step=step)
