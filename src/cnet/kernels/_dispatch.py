"""The choice between the compiled kernels and the reference."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from .. import _core, reference, runtime

KERNELS = {name: number for name, (number, _) in _core.kernels.items()}
"""The numbers of the compiled kernels, the first argument of `run`."""
run = _core.call

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Calls its namesake in `reference` while that is the chosen implementation."""
    oracle: Callable[P, R] = getattr(reference, function.__name__)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if runtime.reference_is_active():
            return oracle(*args, **kwargs)
        return function(*args, **kwargs)

    return call
