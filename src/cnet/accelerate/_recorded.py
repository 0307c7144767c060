"""Recorded calls of originals, and what wrappers must know about the current thread."""

import threading
from collections.abc import Mapping
from typing import Any


class Recorded:
    """A call of a Python function: what is needed to make similar ones."""

    def __init__(
        self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any = None
    ) -> None:
        self.function, self.args, self.kwargs, self.result = function, args, kwargs, result


class _Local(threading.local):
    is_learning = False
    """Whether this thread runs originals on copies, so that wrappers must not interfere."""
    inner = 0.0
    """Seconds that watched functions have taken inside of the current one."""
    others: set[Any] | None = None
    """These functions, while an original is observed."""
    printed: list[str | None] | None = None
    """What this thread has printed, while that is collected; None for what went to a file."""
    shows = False
    """Whether it is printed nevertheless."""


local = _Local()
