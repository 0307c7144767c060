"""Stochastic gradient descent."""

from typing import Any

import numpy as np

from .. import kernels
from .optimizer import Array, Optimizer, Params, non_negative


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wished.

    With g = grad + weight_decay · param, a step does ::

        b = g                                  in the first step
        b = momentum · b + (1 - dampening) · g in those that follow
        d = g + momentum · b if nesterov, else b
        param = param - lr · d

    and d = g without momentum.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        What is trained, or groups of it: see `Optimizer`.
    lr : float, default 1e-3
        The learning rate.
    momentum : float, default 0
        The factor by which earlier steps go on.
    dampening : float, default 0
        How much less a gradient counts in the momentum.
    weight_decay : float, default 0
        The L2 penalty.
    nesterov : bool, default False
        Look ahead, as Nesterov's momentum; needs a momentum and no dampening.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    TypeError
        If `params` holds something else than tensors or groups of them.
    ValueError
        If an option has a bad value.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013; the learning rate stands where PyTorch has it.

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

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, options: dict[str, Any]) -> None:
        lr, momentum, weight_decay = (options[k] for k in ("lr", "momentum", "weight_decay"))
        non_negative("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if options["nesterov"] and (momentum == 0 or options["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum > 0 and dampening = 0 "
                f"(got {momentum} and {options['dampening']})"
            )

    def _update(
        self, param: Array, grad: Array, state: dict[str, Any], options: dict[str, Any]
    ) -> None:
        momentum, buffer = options["momentum"], state.get("momentum_buffer")
        first = buffer is None
        if momentum != 0 and buffer is None:
            buffer = np.empty_like(param)
        kernels.sgd_step(
            param,
            grad,
            buffer,
            lr=options["lr"],
            momentum=momentum,
            dampening=options["dampening"],
            weight_decay=options["weight_decay"],
            nesterov=options["nesterov"],
            maximize=options["maximize"],
            first=first,
        )
        if buffer is not None:
            state["momentum_buffer"] = buffer
