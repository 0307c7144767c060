"""Gradients of the backward pass, compared with finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._explained import explained
from .autograd import Array, no_grad
from .construction import to_array
from .tensor import Tensor

__all__ = ["GradcheckError", "gradcheck"]

_IGNORED = {
    "nondet_tol", "check_undefined_grad", "check_grad_dtypes", "check_batched_forward_grad",
    "check_backward_ad", "fast_mode", "masked",
}  # fmt: skip
"""Arguments of PyTorch that have no effect."""


class GradcheckError(AssertionError):
    """A wrong derivative: `input`, `position` (None: a random direction), `analytic`, `numeric`."""

    def __init__(
        self, input: int, position: tuple[int, ...] | None, analytic: float, numeric: float
    ) -> None:
        self.input, self.position = input, position
        self.analytic, self.numeric = analytic, numeric
        where = "along a random direction" if position is None else f"at {position}"
        super().__init__(
            f"gradcheck: wrong gradient of input {input} {where} "
            f"(backward gives {analytic:.10g}, differences give {numeric:.10g})"
        )


@explained
def gradcheck(
    fn: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
    max_jacobian: int = 500,
) -> bool:
    """Check the derivatives of a function of tensors against central differences, in float64.

    Parameters
    ----------
    fn : callable
        Takes `inputs` and returns a tensor or a tuple of tensors. It must be deterministic, and
        smooth near the inputs.
    inputs : tensor, array, other argument, or sequence of them
        Float arrays and float tensors that require grad are checked, as copies in float64. Other
        arguments are passed unchanged.
    eps : float, default 1e-6
        The step size of the differences.
    atol, rtol : float, default 1e-6 and 1e-4
        The allowed error of a derivative is ``atol + rtol * abs(derivative)``.
    max_jacobian : int, default 500
        If an input and the outputs together have at most this many elements, every derivative is
        checked; otherwise derivatives along random directions are checked.

    Returns
    -------
    bool
        Always True.

    Raises
    ------
    GradcheckError
        If a derivative is wrong. The error contains the derivative with the largest error.
    ValueError
        If no input can be checked.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.gradcheck(lambda x: cnet.exp(x).sum(), numpy.linspace(-1, 1, 5))
    True
    """
    args = [_prepared(x) for x in (inputs if isinstance(inputs, (tuple, list)) else [inputs])]
    leaves = [(i, x) for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
    if not leaves:
        raise ValueError("gradcheck: inputs must hold a float array or a tensor that requires grad")
    outputs = _float_outputs(fn(*args))
    size = sum(y.numel() for y in outputs)
    rng = np.random.default_rng(0)

    def value(x: Tensor, point: Array) -> Array:
        original, x._array = x._array, point.reshape(x.shape)
        with no_grad():
            values = [y._array.ravel() for y in _float_outputs(fn(*args))]
        x._array = original
        return np.concatenate(values)

    for i, x in leaves:
        small = x.numel() + size <= max_jacobian
        steps, weights = (
            np.eye(n) if small and n else rng.standard_normal((2, n)) for n in (x.numel(), size)
        )
        flat = x._array.ravel()
        rises = [value(x, flat + eps * step) - value(x, flat - eps * step) for step in steps]
        numeric = np.array(rises) @ weights.T / (2 * eps)
        analytic = steps @ np.array([_gradient(outputs, weight, x) for weight in weights]).T
        excess = np.abs(analytic - numeric) / (atol + rtol * np.abs(numeric))
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        if not excess[worst] <= 1:
            position = tuple(map(int, np.unravel_index(worst[0], x.shape))) if small else None
            raise GradcheckError(i, position, float(analytic[worst]), float(numeric[worst]))
    return True


def autograd_gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    check_forward_ad: bool = False,
    check_batched_grad: bool = False,
    **options: Any,
) -> bool:
    """`cnet.gradcheck` with PyTorch's arguments and tolerances: `cnet.autograd.gradcheck`.

    Parameters
    ----------
    func, inputs, eps, atol, rtol
        As in `cnet.gradcheck`.
    raise_exception : bool, default True
        Whether a wrong derivative is an error; otherwise the result is False.
    check_forward_ad, check_batched_grad : bool, default False
        Not supported.
    **options
        nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_forward_grad,
        check_backward_ad, fast_mode and masked have no effect.

    Returns
    -------
    bool
        Whether all derivatives are right.

    Raises
    ------
    GradcheckError
        If a derivative is wrong and `raise_exception` is true.
    NotImplementedError
        If forward derivatives or batches of gradients are to be checked.
    TypeError
        If there is no such option.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.ones(3, dtype=cnet.float64, requires_grad=True)
    >>> cnet.autograd.gradcheck(cnet.exp, (x,))
    True
    """
    unknown = sorted(set(options) - _IGNORED)
    if unknown:
        raise TypeError(f"gradcheck: unexpected argument {unknown[0]!r}")
    if check_forward_ad or check_batched_grad:
        raise NotImplementedError(
            "gradcheck: check_forward_ad and check_batched_grad are not supported"
        )
    try:
        return gradcheck(func, inputs, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _prepared(x: Any) -> Any:
    """A float tensor or array as a new float64 leaf; anything else unchanged."""
    if not isinstance(x, (Tensor, np.ndarray)) or x.dtype.kind != "f":
        return x
    return Tensor(
        np.array(to_array("gradcheck", x), np.float64), not isinstance(x, Tensor) or x.requires_grad
    )


def _float_outputs(result: Any) -> list[Tensor]:
    return [y for y in (result if isinstance(result, tuple) else (result,)) if y.dtype.kind == "f"]


def _gradient(outputs: list[Tensor], weights: Array, x: Tensor) -> Array:
    """The gradient of the weighted sum of all elements of the outputs."""
    x.grad = None
    for y in outputs:
        own, weights = np.split(weights, [y.numel()])
        if y.requires_grad:
            y.backward(own.reshape(y.shape), retain_graph=True)
    return np.zeros(x.numel()) if x.grad is None else x.grad.numpy().ravel()
