"""`torch.serialization`: lists of classes that files may contain have no effect.

`cnet.load` runs no code from a file, and makes no objects of such classes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from .checkpoint import load as load
from .checkpoint import save as save

__all__ = ["add_safe_globals", "load", "safe_globals", "save"]

Globals: TypeAlias = Sequence[Callable[..., Any] | tuple[Callable[..., Any], str]]


def add_safe_globals(safe_globals: Globals) -> None:
    """Accepted for compatibility; it has no effect."""


@contextmanager
def safe_globals(safe_globals: Globals) -> Iterator[None]:
    """A context manager that is accepted for compatibility; it has no effect."""
    yield
