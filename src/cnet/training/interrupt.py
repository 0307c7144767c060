"""Ctrl-C that waits for the end of a step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed during `Trainer.fit`, and the running step was finished.

    The state of the trainer is complete: it can be saved, and `fit` continues from it. A
    KeyboardInterrupt of any other type comes from a second Ctrl-C, which may stop within a step.
    """


class Interrupt:
    """Whether Ctrl-C was pressed."""

    requested = False

    def raise_if_requested(self) -> None:
        if self.requested:
            raise Interrupted("Ctrl-C was pressed; the state of the trainer is complete")


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Turn the first Ctrl-C into a request; the second one interrupts as usual."""
    interrupt = Interrupt()
    usual = signal.getsignal(signal.SIGINT)
    # Only the main thread may set handlers, and a program that ignores SIGINT keeps ignoring it.
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield interrupt
        return

    def request(signum: int, frame: Any) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, request)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, usual)
