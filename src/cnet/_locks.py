"""Locks that are free in a forked child, where the threads that held them do not exist."""

import os
from typing import TypeVar
from weakref import WeakSet

Lock = TypeVar("Lock")

_locks: "WeakSet[object]" = WeakSet()


def free_after_fork(lock: Lock) -> Lock:
    """Return a lock of `threading`; a forked child finds it free, also if a thread holds it."""
    _locks.add(lock)
    return lock


def _free() -> None:
    for lock in _locks:
        lock._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free)
