"""`torch.jit` without a compiler: what marks code for it has no effect.

Values are those of the Python code, as in PyTorch with ``PYTORCH_JIT=0``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from .._refused import refused
from . import annotations

__all__ = [
    "Final", "annotate", "annotations", "export", "ignore", "is_scripting", "is_tracing", "load",
    "optimized_execution", "save", "script", "script_if_tracing", "script_method", "trace",
    "unused",
]  # fmt: skip

Marked = TypeVar("Marked")


def script(obj: Marked, *args: Any, **kwargs: Any) -> Marked:
    """Return a function, class or module unchanged.

    Examples
    --------
    >>> import cnet
    >>> @cnet.jit.script
    ... def double(x):
    ...     return 2 * x
    >>> double(cnet.tensor(1.0))
    tensor(2.)
    """
    return obj


def script_method(fn: Marked) -> Marked:
    """Return the function unchanged."""
    return fn


script_if_tracing = export = unused = _overload_method = script_method


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Return the function unchanged, or a decorator that does."""
    return drop if callable(drop) else lambda fn: fn


def annotate(the_type: Any, the_value: Marked) -> Marked:
    """Return the value unchanged."""
    return the_value


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A context without an effect."""
    yield


def is_scripting() -> bool:
    """Whether compiled code runs: always False."""
    return False


def is_tracing() -> bool:
    """Whether a function is traced: always False."""
    return False


_REASON = (
    " is not supported; see cnet.compile for plans of a network, and cnet.save and cnet.load for "
    "its state"
)
trace, save, load = (refused(f"jit.{name}", _REASON) for name in ("trace", "save", "load"))


def __getattr__(name: str) -> Any:
    if name == "ScriptModule":
        from ..nn import Module

        return Module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
