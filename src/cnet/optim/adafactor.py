"""Adafactor."""

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, Rule, checks, next_step


def _not_positive(function: str, name: str, value: float) -> None:
    if not value <= 0:
        raise ValueError(f"{function}: {name} must not be positive (got {value})")


def _at_least_one(function: str, name: str, value: float) -> None:
    if not value >= 1:
        raise ValueError(f"{function}: {name} must be at least 1 (got {value})")


def _two_epsilons(function: str, name: str, value: tuple[float | None, float]) -> None:
    if not all(eps is None or eps >= 0 for eps in value) or value[1] is None:
        raise ValueError(f"{function}: {name} must not be negative (got {value})")


class Adafactor(Rule):
    """Adam with means of squares that are kept for rows and columns only, and without momentum.

    For a matrix, step t computes, with q = t^beta2_decay and the means over rows and columns ::

        r = (1 - q) · r + q · mean(grad², of each row)
        c = (1 - q) · c + q · mean(grad², of each column)
        u = grad / √(r · c / mean(r))
        param = param · (1 - lr · weight_decay)
        param = param - min(lr, 1 / √t) · max(eps[1], rms(param)) · u / max(1, rms(u) / d)

    The last two axes of a parameter are those of its matrices; a parameter with fewer than two has
    a mean of squares for each element. The divisors are at least eps[0].

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-2
        The greatest relative step size.
    beta2_decay : float, default -0.8
        The power of t in the weight of new squares; not positive.
    eps : (float or None, float), default (None, 1e-3)
        The smallest divisor, by default that of the dtype; and the smallest root mean square of a
        parameter.
    d : float, default 1.0
        The greatest root mean square of u; at least 1.
    weight_decay : float, default 0
        The factor by which parameters shrink, in units of the learning rate.
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
    N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML
    2018; the learning rate and eps[0] are applied as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([[1.0, 1.0], [1.0, 1.0]]))
    >>> opt = optim.Adafactor([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy()
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    _checks = checks(
        "lr", "weight_decay", beta2_decay=_not_positive, d=_at_least_one, eps=_two_epsilons
    )

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _state_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if name == "row_var":
            return (*shape[:-1], 1)
        if name == "col_var":
            return (*shape[:-2], 1, *shape[-1:])
        return super()._state_shape(name, shape)

    def _update(
        self, param: Array, grad: Array, state: dict[str, Array], options: dict[str, Any]
    ) -> None:
        if param.size == 0:
            return
        for name in ("step", "row_var", "col_var") if param.ndim > 1 else ("step", "variance"):
            if name not in state:
                state[name] = self._entry(name, param, 0.0)
        t, lr, (eps1, eps2) = float(next_step(state)), options["lr"], options["eps"]
        eps1 = float(np.finfo(param.dtype).eps) if eps1 is None else eps1
        alpha = max(eps2, _rms(param)) * min(lr, t**-0.5)
        param *= 1 - lr * options["weight_decay"]
        grad = -grad if options["maximize"] else grad
        variance = self._variance(grad * grad, state, t ** options["beta2_decay"], eps1)
        update = grad / np.sqrt(np.maximum(variance, eps1 * eps1))
        update *= alpha / max(1.0, _rms(update) / options["d"])
        param -= update

    def _variance(
        self, squares: Array, state: dict[str, Array], weight: float, eps: float
    ) -> Array:
        """Update the means of squares, and return the estimate for each element."""
        if squares.ndim < 2:
            state["variance"] += weight * (squares - state["variance"])
            return state["variance"]
        rows, columns = state["row_var"], state["col_var"]
        rows += weight * (squares.mean(axis=-1, keepdims=True) - rows)
        columns += weight * (squares.mean(axis=-2, keepdims=True) - columns)
        estimate: Array = rows * columns / np.maximum(rows.mean(axis=-2, keepdims=True), eps)
        return estimate


def _rms(x: Array) -> float:
    """The root mean square."""
    return math.sqrt(float(np.mean(x * x)))
