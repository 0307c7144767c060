"""Rprop."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, ElementwiseRule, checks


def _factors(function: str, name: str, value: tuple[float, float]) -> None:
    if not 0 < value[0] < 1 < value[1]:
        raise ValueError(
            f"{function}: {name} must be a number between 0 and 1 and one greater than 1 "
            f"(got {value})"
        )


class Rprop(ElementwiseRule):
    """Steps by the sign of the gradient, each element with a step size of its own.

    The step size of an element grows while its gradient keeps its sign, and shrinks when the sign
    changes. In the second case, the element remains unchanged for one step.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`.
    lr : float or Tensor of one element, default 1e-2
        The first step size of all elements.
    etas : (float, float), default (0.5, 1.2)
        The factors by which a step size shrinks and grows.
    step_sizes : (float, float), default (1e-6, 50)
        The smallest and the greatest step size.
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
    M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm", IEEE International Conference on Neural Networks, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.Rprop([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy()
    array([0.5, 1.5])
    """

    _checks = checks("lr", etas=_factors)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "prev": 0.0, "step_size": options["lr"]}

    def _block(self, w: Array, g: Array, s: SimpleNamespace, o: SimpleNamespace) -> None:
        shrinking, growing = o.etas
        agreement = g * s.prev
        turned = agreement < 0
        s.step_size *= np.where(turned, w.dtype.type(shrinking), 1)
        s.step_size *= np.where(agreement > 0, w.dtype.type(growing), 1)
        np.clip(s.step_size, *o.step_sizes, out=s.step_size)
        s.prev[...] = g
        s.prev[turned] = 0
        w -= np.sign(s.prev) * s.step_size
