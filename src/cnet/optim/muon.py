"""Muon."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels
from ..tensor import Tensor
from .optimizer import Params
from .rule import Array, Rule, checks

SCALES: dict[str | None, Callable[[int, int], float]] = {
    None: lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
}
"""The factor of the learning rate for a matrix, by `adjust_lr_fn`."""


class Muon(Rule):
    """Momentum whose matrix is replaced by the nearest orthogonal matrix, for matrices only.

    Each step computes ::

        b = momentum · b + (1 - momentum) · grad
        d = momentum · b + (1 - momentum) · grad if nesterov, else b
        param = param · (1 - lr · weight_decay) - lr · scale · orthogonal(d)

    `orthogonal` is an iteration of Newton and Schulz in bfloat16, as in PyTorch: it makes all
    singular values about 1. For matrices of r rows and c columns, scale is √max(1, r / c).

    Parameters
    ----------
    params : iterable of Tensor with 2 dimensions, or iterable of dict
        The parameters, or groups of parameters: see `Optimizer`. Other parameters need another
        optimizer, for example `AdamW`.
    lr : float or Tensor of one element, default 1e-3
        The learning rate.
    weight_decay : float, default 0.1
        The factor by which parameters shrink, in units of the learning rate.
    momentum : float, default 0.95
        The decay of the running mean of the gradient.
    nesterov : bool, default True
        Whether to use Nesterov's momentum.
    ns_coefficients : (float, float, float), default (3.4445, -4.775, 2.0315)
        The coefficients of x, x³ and x⁵ in the polynomial that each iteration applies to the
        singular values.
    eps : float, default 1e-7
        The smallest norm by which the matrix is divided.
    ns_steps : int, default 5
        The number of iterations, less than 100.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}, default None
        The scale: √max(1, r / c) for None and "original", 0.2 · √max(r, c) for "match_rms_adamw",
        with which the learning rates of AdamW can be used.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value, or a parameter does not have 2 dimensions.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; J. Liu et
    al., "Muon is scalable for LLM training", arXiv:2502.16982, 2025 ("match_rms_adamw").

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([[2.0, 0.0], [0.0, 1.0]]))
    >>> opt = optim.Muon([w], lr=0.5, weight_decay=0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.detach().numpy().round(1)
    array([[1.7, 0. ],
           [0. , 0.4]])
    """

    _checks = checks("lr", "momentum", "weight_decay")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _check(self, options: dict[str, Any]) -> None:
        super()._check(options)
        for param in options.get("params", ()):
            if param.ndim != 2:
                raise ValueError(
                    f"{self._name}: a parameter must have 2 dimensions (got shape {param.shape})"
                )
        if options["adjust_lr_fn"] not in SCALES:
            raise ValueError(
                f"{self._name}: adjust_lr_fn must be one of {tuple(SCALES)} "
                f"(got {options['adjust_lr_fn']!r})"
            )
        if len(options["ns_coefficients"]) != 3:
            raise ValueError(
                f"{self._name}: ns_coefficients must be three numbers "
                f"(got {options['ns_coefficients']})"
            )
        if not options["ns_steps"] < 100:
            raise ValueError(
                f"{self._name}: ns_steps must be less than 100 (got {options['ns_steps']})"
            )

    def _initial(self, options: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0}

    def _update(
        self, param: Array, grad: Array, state: dict[str, Array], options: dict[str, Any]
    ) -> None:
        lr, momentum, buffer = options["lr"], options["momentum"], state["momentum_buffer"]
        buffer[...] = _mixed(buffer, grad, 1 - momentum)
        update = _mixed(grad, buffer, momentum) if options["nesterov"] else buffer
        update = orthogonalized(
            update, options["ns_coefficients"], options["ns_steps"], options["eps"]
        )
        param *= 1 - lr * options["weight_decay"]
        rows, columns = param.shape
        scale = SCALES[options["adjust_lr_fn"]](rows, columns)
        param -= lr * scale * update.astype(param.dtype)


def _mixed(start: Array, end: Array, weight: float) -> Array:
    """The interpolation (1 - weight) · start + weight · end, rounded as in PyTorch."""
    if weight < 0.5:
        return start + weight * (end - start)
    return end - (1 - weight) * (end - start)


def orthogonalized(
    matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Array:
    """An approximation of the nearest orthogonal matrix, in float32 with the digits of bfloat16."""
    if matrix.size == 0:
        return matrix
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = _bfloat16(matrix.T if is_tall else matrix)
    norm = _bfloat16(np.sqrt(np.sum(x * x, dtype=np.float32)))
    x = _bfloat16(x / max(norm, np.float32(eps)))
    a, b, c = coefficients
    for _ in range(steps):
        gram = _bfloat16(kernels.matmul(x, x.T))
        polynomial = _bfloat16(b * gram + c * kernels.matmul(gram, gram))
        x = _bfloat16(a * x + kernels.matmul(polynomial, x))
    return x.T if is_tall else x


def _bfloat16(x: Any) -> Array:
    """Round to the nearest numbers of bfloat16, ties to even; the result is float32."""
    values = np.asarray(x, np.float32, order="C")
    bits = values.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), values, rounded.view(np.float32))
