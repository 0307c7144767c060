"""RMSprop."""

from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, Params, non_negative


class RMSprop(Optimizer):
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
    lr : float, default 1e-2
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

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        for name, value in (("capturable", capturable), ("differentiable", differentiable)):
            if value:
                raise ValueError(f"RMSprop: {name} must be False (got {value})")
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def _check(self, options: dict[str, Any]) -> None:
        names = "lr", "alpha", "eps", "weight_decay", "momentum"
        non_negative("RMSprop", **{name: options[name] for name in names})

    def _update(
        self, param: Array, grad: Array, state: dict[str, Any], options: dict[str, Any]
    ) -> None:
        means = {"square_avg": state.get("square_avg")}
        if options["centered"]:
            means["grad_avg"] = state.get("grad_avg")
        if options["momentum"] > 0:
            means["momentum_buffer"] = state.get("momentum_buffer")
        arrays = {
            name: np.zeros_like(param) if array is None else array for name, array in means.items()
        }
        rmsprop_step(
            param,
            grad,
            **arrays,
            lr=options["lr"],
            alpha=options["alpha"],
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            momentum=options["momentum"],
            maximize=options["maximize"],
        )
        state.update(arrays, step=state.get("step", 0) + 1)


def rmsprop_step(
    param: Array, grad: Array, square_avg: Array, grad_avg: Array | None = None,
    momentum_buffer: Array | None = None, *, lr: float, alpha: float = 0.99, eps: float = 1e-8,
    weight_decay: float = 0.0, momentum: float = 0.0, maximize: bool = False,
) -> None:  # fmt: skip
    """Compute one step of RMSprop, in place; see `RMSprop` for the equations.

    Parameters
    ----------
    param : ndarray, any shape
        Parameters; updated.
    grad : ndarray, shape of `param`
        Their gradient.
    square_avg : ndarray, shape of `param`
        Running mean of the squared gradient, initially zeros; updated.
    grad_avg : ndarray, shape of `param`, optional
        Running mean of the gradient, initially zeros; updated. None if not centered.
    momentum_buffer : ndarray, shape of `param`, optional
        Decaying sum of the steps, initially zeros; updated. None for steps without momentum.
    lr, alpha, eps, weight_decay, momentum : float
        As in `RMSprop`.
    maximize : bool, default False
        Step against the sign of the gradient.
    """
    lr, decay = float(lr), 1 - float(alpha)
    g = -grad if maximize else grad
    if weight_decay != 0:
        g = g + float(weight_decay) * param
    square_avg *= float(alpha)
    square_avg += decay * g * g
    variance = square_avg
    if grad_avg is not None:
        grad_avg += decay * (g - grad_avg)
        # Rounding may make the difference negative.
        variance = np.maximum(square_avg - grad_avg * grad_avg, 0)
    divisor = np.sqrt(variance) + float(eps)
    if momentum_buffer is None:
        param -= lr * g / divisor
    else:
        momentum_buffer *= float(momentum)
        momentum_buffer += g / divisor
        param -= lr * momentum_buffer
