"""What code prints by `print`: a plan prints it as well, if it is the same text in every call."""

import builtins
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._locks import free_after_fork
from ._recorded import local
from ._values import Refused


class _Hook:
    """Replaces `print` while some thread collects what it prints."""

    def __init__(self) -> None:
        self.lock = free_after_fork(threading.Lock())
        self.users = 0
        self.original: Callable[..., None] = print

    def __enter__(self) -> None:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.original = builtins.print
                builtins.print = self.print

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                builtins.print = self.original

    def print(self, *values: Any, **options: Any) -> None:
        if local.printed is None:
            self.original(*values, **options)
            return
        if options.get("file") is not None:
            local.printed.append(None)
        else:
            separator, end = options.get("sep"), options.get("end")
            text = (" " if separator is None else separator).join(map(str, values))
            local.printed.append(text + ("\n" if end is None else end))
        if local.shows:
            self.original(*values, **options)
        elif options.get("file") is not None:
            raise Refused("it prints to a file")


_hook = _Hook()


@contextmanager
def collected(shows: bool) -> Iterator[list[str | None]]:
    """Collect what this thread prints, as texts, with None for what goes to a file.

    Parameters
    ----------
    shows : bool
        Whether the texts are printed nevertheless.
    """
    before = local.printed, local.shows
    local.printed, local.shows = [], shows
    try:
        with _hook:
            yield local.printed
    finally:
        local.printed, local.shows = before
