"""Who is right when a gradient of cnet and that of the original differ: finite differences."""

from typing import Any

import numpy as np

from ..arrays import Array
from ._calls import arguments, undisturbed
from ._compare import Mismatch
from ._recorded import Recorded
from ._values import copied

STEP = 1e-6


def verdict(mismatch: Exception, forward: Recorded | None, grad: Any) -> str:
    """A sentence about a wrong gradient of an input; empty if finite differences cannot tell.

    Parameters
    ----------
    mismatch : Exception
    forward : Recorded, optional
        The forward call before the backward call.
    grad : object
        The first argument of the backward call.
    """
    ours, theirs = getattr(mismatch, "ours", None), getattr(mismatch, "theirs", None)
    if forward is None or ours is None or not isinstance(mismatch, Mismatch):
        return ""
    values = arguments(forward.function, forward.args, forward.kwargs).values
    names = [name for name, x in values.items() if _is_like(x, ours)]
    if not mismatch.output.startswith("return") or len(names) != 1:
        return ""
    try:
        expected, direction = _derivative(forward, names[0], grad)
    except Exception:
        return ""
    errors = [abs(float((gradient * direction).sum()) - expected) for gradient in (ours, theirs)]
    if min(errors) > 1e-4 * abs(expected) or min(errors) > 0.1 * max(errors):
        return ""
    who = "cnet" if errors[0] < errors[1] else "your code"
    return f" Finite differences agree with {who}."


def _is_like(x: Any, gradient: Array) -> bool:
    return isinstance(x, np.ndarray) and x.shape == gradient.shape and x.dtype == np.float64


def _derivative(forward: Recorded, name: str, grad: Array) -> tuple[float, Array]:
    """The derivative of ``(forward * grad).sum()`` in a random direction of an argument."""
    sums = []
    with undisturbed():
        for step in (STEP, -STEP):
            twin = copied(forward, forward.function)
            x = arguments(twin.function, twin.args, twin.kwargs).values[name]
            direction: Array = np.random.default_rng(0).standard_normal(x.shape)
            x += step * direction
            y = twin.function(*twin.args, **twin.kwargs)
            y = y[0] if isinstance(y, tuple) else y
            sums.append(float((y * grad).sum()))
    return (sums[0] - sums[1]) / (2 * STEP), direction
