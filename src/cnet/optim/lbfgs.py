"""L-BFGS."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd.grad_mode import enable_grad
from ..tensor import Tensor, make_writable
from .line_search import Point, strong_wolfe
from .optimizer import Closure, Optimizer, Params
from .rule import Array, non_negative, plain

BLOCK = 4096
"""The number of elements whose product is one call of BLAS, which then uses one thread."""


class LBFGS(Optimizer):
    """The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno with limited memory.

    Each step makes several iterations, and evaluates the closure in each. All parameters form one
    group, and must be updated together.

    Parameters
    ----------
    params : iterable of Tensor
        The parameters, or one group of them.
    lr : float or Tensor of one element, default 1
        The length of the first try of each iteration.
    max_iter : int, default 20
        The greatest number of iterations in a step.
    max_eval : int, optional
        The greatest number of evaluations in a step, by default 1.25 · max_iter.
    tolerance_grad : float, default 1e-7
        Stop if no element of the gradient is greater.
    tolerance_change : float, default 1e-9
        Stop if neither the parameters nor the loss change more.
    history_size : int, default 100
        The number of earlier iterations whose changes are kept.
    line_search_fn : {None, "strong_wolfe"}, default None
        Whether to search for a length that meets the strong Wolfe conditions.

    Raises
    ------
    TypeError
        If `params` contains anything except tensors or groups of them.
    ValueError
        If an option has an invalid value, or there are several groups.

    References
    ----------
    D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization",
    Mathematical Programming 45, 1989; J. Nocedal, S. Wright, "Numerical optimization", 2006,
    algorithms 3.5, 3.6 and 7.4.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> w = nn.Parameter(np.array([1.0, 2.0]))
    >>> opt = optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((w - 3) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> opt.step(closure).item()
    5.0
    >>> w.detach().numpy().round(6)
    array([3., 3.])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def _check(self, options: dict[str, Any]) -> None:
        non_negative(self._name, "lr", options["lr"])
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"{self._name}: line_search_fn must be None or 'strong_wolfe' "
                f"(got {options['line_search_fn']!r})"
            )
        if "params" in options and self.param_groups:
            raise ValueError(f"{self._name}: params must be one group (got another one)")

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Computes the gradients and returns the loss; called several times.

        Returns
        -------
        The first loss that `closure` returned.
        """
        evaluate = enable_grad()(closure)
        group = self.param_groups[0]
        o = SimpleNamespace(**{name: plain(group[name]) for name in self.defaults})
        first_loss = evaluate()
        loss, grad = float(first_loss), self._flat_grad()
        s = self._history()
        s.func_evals += 1
        evaluations = 1
        if grad.size and not np.abs(grad).max() <= o.tolerance_grad:
            for i in range(1, o.max_iter + 1):
                is_last = i == o.max_iter
                slope = self._turn(s, loss, grad, o)
                if slope > -o.tolerance_change:
                    break
                start = Point(0.0, loss, grad, slope)
                point, count = self._advance(evaluate, s, start, o, is_last, evaluations)
                loss, grad = point.loss, point.grad
                evaluations += count
                s.func_evals += count
                if (
                    evaluations >= o.max_eval
                    or np.abs(grad).max() <= o.tolerance_grad
                    or np.abs(s.t * s.d).max() <= o.tolerance_change
                    or abs(loss - s.prev_loss) < o.tolerance_change
                ):
                    break
        self.state[self._first] = {name: _wrapped(value) for name, value in vars(s).items()}
        return first_loss

    def _turn(self, s: SimpleNamespace, loss: float, grad: Array, o: SimpleNamespace) -> float:
        """Set the direction and the length of an iteration; return the slope in that direction."""
        s.n_iter += 1
        if s.n_iter == 1:
            s.old_dirs, s.old_stps, s.ro, s.H_diag = [], [], [], 1.0
            s.d = -grad
            s.t = min(1.0, 1.0 / float(np.abs(grad).sum())) * o.lr
        else:
            _remember(s, grad - s.prev_flat_grad, s.t * s.d, o.history_size)
            s.d = _newton_direction(s, grad)
            s.t = o.lr
        s.prev_flat_grad, s.prev_loss = grad.copy(), loss
        return _dot(grad, s.d)

    def _advance(
        self,
        evaluate: Closure,
        s: SimpleNamespace,
        start: Point,
        o: SimpleNamespace,
        is_last: bool,
        evaluations: int,
    ) -> tuple[Point, int]:
        """Change the parameters; return the new point and the number of evaluations."""
        if o.line_search_fn is None:
            self._add(s.t, s.d)
            if is_last:
                return start, 0
            return Point(s.t, float(evaluate()), self._flat_grad(), 0.0), 1
        origin = [param._array.copy() for param in self._all_params()]

        def at(t: float) -> Point:
            self._add(t, s.d)
            loss, grad = float(evaluate()), self._flat_grad()
            for param, values in zip(self._all_params(), origin, strict=True):
                param._array[...] = values
            return Point(t, loss, grad, _dot(grad, s.d))

        size = float(np.abs(s.d).max())
        point, count = strong_wolfe(at, start, s.t, size, o.max_eval - evaluations)
        s.t = point.t
        self._add(s.t, s.d)
        return point, count

    @property
    def _first(self) -> Tensor:
        """The parameter that has the state of all."""
        first: Tensor = self.param_groups[0]["params"][0]
        return first

    def _history(self) -> SimpleNamespace:
        """The state as arrays and numbers."""
        state = {name: _unwrapped(value) for name, value in self.state[self._first].items()}
        return SimpleNamespace(**{"func_evals": 0, "n_iter": 0, **state})

    def _flat_grad(self) -> Array:
        """All gradients in one array; zeros where there is none."""
        arrays = [
            np.zeros(param.numel(), param.dtype)
            if param.grad is None
            else param.grad._array.ravel()
            for param in self._all_params()
        ]
        return np.concatenate(arrays)

    def _add(self, t: float, direction: Array) -> None:
        """Move the parameters by ``t * direction``."""
        start = 0
        for param in self._all_params():
            make_writable(param)
            part = direction[start : start + param.numel()]
            param._array[...] += (t * part).reshape(param.shape)
            param.note_change(f"{self._name}.step")
            start += param.numel()

    def _fitting_array(self, name: str, param: Tensor, key: Any, array: Any) -> Any:
        if array.ndim:
            size = sum(each.numel() for each in self._all_params())
            self._match(f"{name}.shape", array.shape, (size,))
        return super()._fitting_array(name, param, key, array)


def _remember(s: SimpleNamespace, change: Array, step: Array, size: int) -> None:
    """Add a change of the gradient and the step that made it to the memory."""
    curvature = _dot(change, step)
    if curvature > 1e-10:
        s.old_dirs.append(change)
        s.old_stps.append(step)
        s.ro.append(1.0 / curvature)
        for memory in (s.old_dirs, s.old_stps, s.ro):
            del memory[:-size]
        s.H_diag = curvature / _dot(change, change)


def _newton_direction(s: SimpleNamespace, grad: Array) -> Array:
    """Minus the product of the approximate inverse Hessian and the gradient."""
    direction, factors = -grad, []
    memory = list(zip(s.old_dirs, s.old_stps, s.ro, strict=True))
    for change, step, ro in reversed(memory):
        factors.append(_dot(step, direction) * ro)
        direction -= factors[-1] * change
    direction *= s.H_diag
    for (change, step, ro), factor in zip(memory, reversed(factors), strict=True):
        direction += (factor - _dot(change, direction) * ro) * step
    return direction


def _dot(x: Array, y: Array) -> float:
    """The inner product; its bits do not depend on the number of threads."""
    return math.fsum(float(x[i : i + BLOCK] @ y[i : i + BLOCK]) for i in range(0, len(x), BLOCK))


def _wrapped(value: Any) -> Any:
    """Arrays as tensors, also in lists."""
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return Tensor(value) if isinstance(value, np.ndarray) else value


def _unwrapped(value: Any) -> Any:
    """Tensors as arrays, also in lists, and tensors without dimensions as numbers."""
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    if isinstance(value, Tensor):
        return value._array if value.ndim else value.item()
    return value
