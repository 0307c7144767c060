"""What earlier runs of a script have found out: how long its functions take, and which stay.

That is kept in a small file for each script and its arguments, in the folder for downloads. It only
says when to learn: what a function computes is learned in each run.
"""

import ast
import os
import platform
import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from .._files import atomic_write, cache_folder

LEAST_TOTAL = 1.0
"""Seconds in originals of the shortest run that is kept."""
MOST_KEPT = 200
"""Situations of all functions, those that take most of the time."""


class Past(NamedTuple):
    """What is known of calls of a function with arguments of the same shapes."""

    seconds: float = 0.0
    """Those of all calls that the original has computed."""
    replaced: float = 0.0
    """Those that it would have taken for the others."""
    refusal: str = ""
    """Why the original computes them."""
    price: float = 0.0
    """Seconds of a search that was not finished."""
    waits: bool = False
    """Whether it saves nothing until its backward function is learned."""

    @property
    def all(self) -> float:
        """Seconds of the original for all calls."""
        return self.seconds + self.replaced


class History:
    """The file of a script, and what was in it."""

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key
        self.total = 0.0
        """Seconds in originals, of the last run."""
        self.known: dict[tuple[str, str], Past] = {}
        """By the label of a function and the description of its arguments."""

    @classmethod
    def of(cls, script: str, arguments: Iterable[str]) -> "History":
        """That of a script, if no file that it has imported has changed."""
        versions = __version__, np.__version__, platform.python_version()
        history = cls((script, [*arguments], *versions))
        with suppress(OSError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            with open(history.path, encoding="utf-8") as file:
                key, files, total, known = ast.literal_eval(file.read())
            if key == history.key and files == _stamps(files):
                history.known = {place: Past(*past) for place, past in known.items()}
                history.total = float(total)
        return history

    @property
    def lead(self) -> int:
        """How many more functions were explained than not."""
        explained = sum(past.replaced > past.seconds for past in self.known.values())
        return explained - sum(bool(past.refusal) or past.price > 0 for past in self.known.values())

    @property
    def path(self) -> str:
        name = f"{zlib.crc32(repr(self.key).encode()):08x}.txt"
        return os.path.join(cache_folder(), "accelerate", name)

    def save(self, files: Iterable[str], total: float, now: dict[tuple[str, str], Past]) -> None:
        """Keep what a run has found out that took `total` seconds in originals.

        Nothing is kept of short runs, or if the folder cannot be written.
        """
        total += sum(past.replaced for past in now.values())
        if total < LEAST_TOTAL:
            return
        longest = sorted(now.items(), key=lambda item: -item[1].all)[:MOST_KEPT]
        known = {place: tuple(past) for place, past in longest}
        text = repr((self.key, _stamps(files), total, known))
        with suppress(OSError):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            atomic_write(self.path, text.encode(), synchronizes=False)


def _stamps(files: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The sizes and times of files."""
    stats = {path: os.stat(path) for path in sorted(files)}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}
