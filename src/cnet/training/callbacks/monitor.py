"""Callbacks that watch a value of the history."""

import math
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._explained import explained
from ..._files import PathLike
from ...utils._check import integer
from ..history import monitored
from .callback import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class _Best(Callback):
    """Base of callbacks that compare a value of the history with its best value so far."""

    def __init__(self, monitor: str, mode: str | None, min_delta: float = 0.0) -> None:
        name = type(self).__name__
        if mode not in (None, "min", "max"):
            raise ValueError(f"{name}: mode must be 'min', 'max' or None (got {mode!r})")
        if not isinstance(monitor, str):
            raise TypeError(f"{name}: monitor must be a str (got {monitor!r})")
        if min_delta < 0:
            raise ValueError(f"{name}: min_delta must be at least 0 (got {min_delta})")
        self.monitor = monitor
        self.sign = 1 if (mode or ("min" if "loss" in monitor else "max")) == "max" else -1
        self.min_delta = min_delta
        self.best = -math.inf * self.sign

    def _improves(self, trainer: "Trainer") -> bool:
        """Whether the last epoch has a new best value, which is then remembered."""
        value = monitored(type(self).__name__, trainer.history[-1], self.monitor)
        improves = self.sign * value > self.sign * self.best + self.min_delta
        if improves:
            self.best = value
        return improves

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self.best}

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
        self.best = state_dict["best"]


class EarlyStopping(_Best):
    """Stops the training when a value has not improved for some epochs.

    Parameters
    ----------
    monitor : str, default "test_loss"
        The name of the value in the history.
    patience : int, default 5
        The number of epochs without improvement after which the training stops.
    mode : {"min", "max"}, optional
        Whether lower or higher is better; by default lower if the name contains ``"loss"``.
    min_delta : float, default 0.0
        An improvement is more than this.

    Attributes
    ----------
    best : float
        The best value so far.

    Raises
    ------
    ValueError
        If an argument has an invalid value; from the hook, if the history has no such name.

    Notes
    -----
    It sets ``trainer.should_stop``. To train further, set it to False.

    Examples
    --------
    >>> from cnet.training import EarlyStopping
    >>> callback = EarlyStopping("test_accuracy", patience=3)
    """

    def __init__(
        self,
        monitor: str = "test_loss",
        patience: int = 5,
        mode: str | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = integer("EarlyStopping", "patience", patience, minimum=1)
        self.bad_epochs = 0

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Count the epochs without improvement."""
        self.bad_epochs = 0 if self._improves(trainer) else self.bad_epochs + 1
        if self.bad_epochs >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """The best value, and the number of epochs since then."""
        return {**super().state_dict(), "bad_epochs": self.bad_epochs}

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
        super().load_state_dict(state_dict)
        self.bad_epochs = state_dict["bad_epochs"]


class Checkpoint(_Best):
    """Saves the state of the trainer, so that the training can be resumed after any failure.

    The file is replaced at the beginning, after each epoch, at the end, and during epochs as often
    as wanted; it is always complete. After a resume the training gives the same bits as one without
    interruption, also after ``kill -9``.

    Parameters
    ----------
    path : str or os.PathLike
        The file; its folder must exist.
    every_steps : int, optional
        Also save after this number of batches.
    every_seconds : float, optional
        Also save after the step that ends this time after the last save.
    best : str or os.PathLike, optional
        A file for the weights of the evaluated model from the best epoch.
    monitor, mode : str, optional
        What is best: a name in the history, by default ``"test_accuracy"``, and whether ``"min"``
        or ``"max"`` is better; by default ``"min"`` if the name contains ``"loss"``.
    extra : dict, optional
        Entries of the file besides ``"trainer"``.

    Raises
    ------
    ValueError
        If an argument has an invalid value; from the hook, if the history has no such name.
    OSError
        From the hooks, if the file cannot be written.

    Examples
    --------
    >>> from cnet.training import Checkpoint
    >>> callback = Checkpoint("last.safetensors", every_seconds=60, best="best.safetensors")

    To resume:

    >>> import cnet
    >>> state = cnet.load("last.safetensors")["trainer"]  # doctest: +SKIP
    >>> trainer.load_state_dict(state)  # doctest: +SKIP
    """

    runs_last = True

    def __init__(
        self,
        path: PathLike,
        *,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        best: PathLike | None = None,
        monitor: str = "test_accuracy",
        mode: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        if every_steps is not None:
            every_steps = integer("Checkpoint", "every_steps", every_steps, minimum=1)
        if every_seconds is not None and not every_seconds > 0:
            raise ValueError(f"Checkpoint: every_seconds must be positive (got {every_seconds})")
        self.path = os.fspath(path)
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.best_path = None if best is None else os.fspath(best)
        self.extra = dict(extra or {})
        self._saved = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The best value, if the weights of the best epoch are saved."""
        return {} if self.best_path is None else super().state_dict()

    def save(self, trainer: "Trainer") -> None:
        """Write the file."""
        from ...checkpoint import save

        save({**self.extra, "trainer": trainer.state_dict()}, self.path)
        self._saved = time.monotonic()

    def on_fit_begin(self, trainer: "Trainer") -> None:
        """Save; a folder that is not writable is reported before the training."""
        self.save(trainer)

    def on_step_end(self, trainer: "Trainer") -> None:
        """Save if it is time."""
        steps, seconds = self.every_steps, self.every_seconds
        if (steps and trainer.step % steps == 0) or (
            seconds and time.monotonic() - self._saved >= seconds
        ):
            self.save(trainer)

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Save the state, and the weights if they are the best."""
        from ...checkpoint import save

        if self.best_path is not None and self._improves(trainer):
            save(trainer.evaluated_model.state_dict(), self.best_path)
        self.save(trainer)

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Save."""
        self.save(trainer)
