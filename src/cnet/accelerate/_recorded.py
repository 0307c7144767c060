"""Recorded calls of originals, and what wrappers must know about the current thread."""

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Recorded:
    """A call of a function: what is needed to make similar ones."""

    function: FunctionType
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any = None


class _Local(threading.local):
    is_learning = False
    """Whether this thread runs originals on copies, so that wrappers must not interfere."""
    inner = 0.0
    """Seconds that watched functions have taken inside of the current one."""
    others: set[Any] | None = None
    """These functions, while an original is observed."""


local = _Local()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run originals without wrappers, and restore the state of the random number generators."""
    was, local.is_learning = local.is_learning, True
    states = np.random.get_state(), random.getstate()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
        local.is_learning = was
