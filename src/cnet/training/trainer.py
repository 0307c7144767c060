"""The training loop."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import isfinite
from time import perf_counter
from typing import Any, Literal

import numpy as np

from .. import functional as F
from .._explained import Explained, explained
from ..arrays import boolean
from ..nn import Module
from ..optim import Optimizer
from ..random import get_rng_state, set_rng_state
from ..recording import CapturedStep
from ..tensor import Tensor, TensorLike
from ..utils._check import integer
from ..utils.data import DataLoader
from .callbacks.callback import Callback
from .callbacks.progress import Progress
from .evaluation import Batches, Loss, Metrics, evaluate, fresh, pairs
from .history import History, Row
from .interrupt import Interrupt, Interrupted, deferred_interrupt


@dataclass
class _Totals:
    """Sums over the part of an epoch that has been trained."""

    steps: int = 0
    samples: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    def add(self, loss: float, samples: int) -> None:
        self.steps += 1
        self.samples += samples
        self.loss += loss * samples


class Trainer(Explained):
    """Trains a classifier; can stop after any step and continue later with the same bits.

    Parameters
    ----------
    model : Module
        From a batch of inputs to scores of shape (n, classes).
    optimizer : Optimizer
        The optimizer of the model's parameters.
    loss_fn : callable, default cross_entropy
        From scores and targets to the mean loss of a batch.
    callbacks : sequence of Callback, optional
        What else happens during the training; see `cnet.training.callbacks`. Hooks are called in
        this order, and those of callbacks with ``runs_last`` after all others.
    metrics : mapping of str to Metric, optional
        What to measure in training and evaluation; by default
        ``{"accuracy": cnet.metrics.Accuracy()}``.
    accumulate : int, default 1
        The number of batches for one step of the optimizer. Its gradient is that of all their
        samples as one batch, if the loss is a mean over samples.
    capture : bool or "auto", default "auto"
        Whether to record the forward and the backward pass, and the step of the optimizer, and
        replay them: see `cnet.capture`. "auto" does so where it is possible, and only without
        `accumulate`; `refusal` says why it is not. Use False for a model or a loss whose Python
        code depends on more than shapes, for example on a counter of calls.

    Attributes
    ----------
    history : History
        A list with one dict of numbers for each epoch: ``epoch``, counted from 1; ``train_loss``
        and ``train_<metric>``, each measured in the step that trained with the sample;
        ``test_loss`` and ``test_<metric>`` after the epoch, if there is a test loader; ``seconds``
        spent in training, and ``images_per_second``.
    epochs : int
        The total number of epochs of the running `fit`.
    steps : int or None
        The number of batches of an epoch, if the loader has a length.
    step : int
        The number of batches of this epoch that have been trained.
    updates : int
        The number of steps of the optimizer since the beginning.
    updated : bool
        Whether the last batch ended with a step of the optimizer.
    should_stop : bool
        Whether to stop after this epoch; callbacks may set it.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, optim
    >>> from cnet.utils.data import ArrayDataset, DataLoader
    >>> from cnet.training import Trainer
    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    >>> data = ArrayDataset(x, (x[:, 0] > 0).astype(np.int64))
    >>> model = nn.Linear(2, 2)
    >>> trainer = Trainer(model, optim.Adam(model.parameters(), lr=0.1))
    >>> history = trainer.fit(DataLoader(data, 16), epochs=10, progress=False)
    >>> history[-1]["train_accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss_fn: Loss = F.cross_entropy,
        *,
        callbacks: Sequence[Callback] = (),
        metrics: Metrics | None = None,
        accumulate: int = 1,
        capture: bool | Literal["auto"] = "auto",
    ) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"Trainer: callbacks must be Callbacks (got {type(callback).__name__})"
                )
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn
        self.callbacks = list(callbacks)
        self.metrics = fresh("Trainer", metrics)
        self.accumulate = integer("Trainer", "accumulate", accumulate, minimum=1)
        self._compute: Callable[..., tuple[Tensor, Tensor]] = self._propagated
        self._renew: Callable[..., None] = self._updated
        self._captured: tuple[CapturedStep, ...] = ()
        if capture and self.accumulate == 1:
            strict = capture != "auto"
            self._compute = propagated = CapturedStep(self._propagated, strict)
            self._renew = updated = CapturedStep(self._updated, strict)
            self._captured = propagated, updated
        self.history = History()
        self.epochs = 0
        self.steps: int | None = None
        self.updates = 0
        self.updated = False
        self.should_stop = False
        self._active: list[Callback] = []
        self._totals = _Totals()
        self._pending = 0  # samples whose gradients have been added since the last update
        self._loader: DataLoader[Any] | None = None
        self._loader_state: dict[str, Any] | None = None

    @property
    def step(self) -> int:
        """The number of batches of this epoch that have been trained."""
        return self._totals.steps

    @property
    def refusal(self) -> str | None:
        """Why the steps cannot be captured, or None."""
        reasons = [captured.refusal for captured in self._captured if captured.refusal]
        return reasons[0] if reasons else None

    @property
    def evaluated_model(self) -> Module:
        """The model that is evaluated: the trained one, or that of a callback such as `EMA`."""
        for callback in reversed(self.callbacks):
            if (model := callback.evaluated_model()) is not None:
                return model
        return self.model

    def fit(
        self,
        train_loader: DataLoader[Any],
        epochs: int,
        test_loader: Batches | None = None,
        *,
        progress: bool = True,
    ) -> History:
        """Train until the history has `epochs` rows.

        Ctrl-C takes effect after the running step, a second Ctrl-C immediately. (Only in the main
        thread; Python gives no Ctrl-C to other threads.)

        Parameters
        ----------
        train_loader : DataLoader
            Batches of inputs and targets.
        epochs : int
            The total number, which includes epochs of earlier calls and of a loaded state.
        test_loader : iterable of (Tensor, Tensor), or of (ndarray, ndarray), optional
            Batches to evaluate the model with after each epoch.
        progress : bool, default True
            Whether to report with the callback `Progress`: a line for each epoch on stderr, and a
            progress bar if stderr is a terminal.

        Returns
        -------
        History
            The `history`.

        Raises
        ------
        Interrupted
            If Ctrl-C was pressed once. Call `fit` again to continue.
        FloatingPointError
            If a loss is not finite; the parameters are those that gave this loss.
        TypeError
            If the loader is none, or the number of epochs is not an integer.
        ValueError
            If the loader gives no batch, or does not fit the loaded state.
        """
        f = "Trainer.fit"
        if not isinstance(train_loader, DataLoader):
            kind = type(train_loader).__name__
            raise TypeError(f"{f}: train_loader must be a DataLoader (got {kind})")
        epochs = integer(f, "epochs", epochs, minimum=0)
        if self._loader_state is not None:
            train_loader.load_state_dict(self._loader_state)
            self._loader_state = None
        self._loader = train_loader
        self.epochs = epochs
        self.steps = _length(train_loader)
        if self.accumulate > 1 and self.steps is None:
            raise ValueError(f"{f}: train_loader must have a length if accumulate > 1")
        self.model.train()
        with deferred_interrupt() as interrupt, self._activated(progress):
            self._call("on_fit_begin")
            try:
                while len(self.history) < epochs and not self.should_stop:
                    self._call("on_epoch_begin")
                    self._train_epoch(train_loader, interrupt)
                    self._finish_epoch(test_loader)
                    self._call("on_epoch_end")
                    interrupt.raise_if_requested()
            except Interrupted:
                self._call("on_fit_end")
                raise
            self._call("on_fit_end")
        return self.history

    @contextmanager
    def _activated(self, progress: bool) -> Iterator[None]:
        """The callbacks of a call of `fit`, which are closed afterwards in any case."""
        callbacks = list(self.callbacks)
        if progress and not any(isinstance(callback, Progress) for callback in callbacks):
            callbacks.append(Progress())
        self._active = sorted(callbacks, key=lambda callback: callback.runs_last)
        try:
            yield
        finally:
            for callback in self._active:
                callback.close()
            self._active = []

    def _call(self, hook: str) -> None:
        for callback in self._active:
            getattr(callback, hook)(self)

    def _train_epoch(self, loader: DataLoader[Any], interrupt: Interrupt) -> None:
        """Train the remaining steps of the epoch."""
        started = perf_counter()
        try:
            for x, target in pairs("Trainer.fit", "train_loader", loader):
                self._step(x, target)
                now = perf_counter()
                self._totals.seconds += now - started
                started = now
                self._call("on_step_end")
                interrupt.raise_if_requested()
        finally:
            # A new loop would start from the beginning; after this it continues here.
            loader.load_state_dict(loader.state_dict())
        if not self._totals.samples:
            raise ValueError("Trainer.fit: train_loader must give at least one batch (got none)")

    def _step(self, x: TensorLike, target: TensorLike) -> None:
        for callback in self._active:
            x, target = callback.on_batch(self, x, target)
        loss, scores = self._compute(x, target)
        value, samples = loss.item(), len(target)
        self._require_finite(value, f"in step {self.step + 1} of")
        self._pending += samples
        self._totals.add(value, samples)
        for metric in self.metrics.values():
            metric.update(scores, target)
        self.updated = self.step % self.accumulate == 0 or self.step == self.steps
        if self.updated:
            if self.accumulate > 1:
                for gradient in self._gradients():
                    if gradient is not None:
                        gradient.detach().mul_(1 / self._pending)
            self._call("on_gradients")
            self._renew(tuple(x.shape))
            self._pending = 0
            self.updates += 1

    def _propagated(self, x: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor]:
        """Compute loss, scores and gradients of a batch."""
        scores = self.model(x)
        loss = self.loss_fn(scores, target)
        if not self._pending:
            self.optimizer.zero_grad()
        self._backward(loss if self.accumulate == 1 else loss * len(target))
        return loss, scores

    def _backward(self, loss: Tensor) -> None:
        """Compute gradients; a subclass may define another training rule."""
        loss.backward()

    def _updated(self, shape: tuple[int, ...]) -> None:
        """Change the parameters; a captured step has its own gradients for each shape of inputs."""
        self._update()

    def _update(self) -> None:
        """Change the parameters; a subclass may define another training rule."""
        self.optimizer.step()

    def _gradients(self) -> list[Tensor | None]:
        groups = self.optimizer.param_groups
        return [parameter.grad for group in groups for parameter in group["params"]]

    def _finish_epoch(self, test_loader: Batches | None) -> None:
        row = self.row()
        if test_loader is not None:
            test = evaluate(self.evaluated_model, test_loader, self.loss_fn, self.metrics)
            self._require_finite(test.loss, "after")
            row["test_loss"] = test.loss
            for name, value in test.metrics.items():
                row[f"test_{name}"] = _number(name, value)
        self.history.append(row)
        self._totals = _Totals()
        for metric in self.metrics.values():
            metric.reset()

    def _require_finite(self, loss: float, when: str) -> None:
        if not isfinite(loss):
            raise FloatingPointError(
                f"Trainer.fit: the loss must be finite (got {loss} {when} epoch "
                f"{len(self.history) + 1}); a smaller learning rate may help"
            )

    def row(self) -> Row:
        """The row of the running epoch for the history, with the values known so far."""
        totals = self._totals
        if not totals.samples:
            raise ValueError("Trainer.row: there must be at least one step in the epoch (got none)")
        return {
            "epoch": len(self.history) + 1,
            "train_loss": totals.loss / totals.samples,
            **{f"train_{k}": _number(k, v.compute()) for k, v in self.metrics.items()},
            "seconds": totals.seconds,
            "images_per_second": totals.samples / totals.seconds,
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that is needed to continue with the same bits, after any step.

        Returns
        -------
        dict
            The state of the model, the optimizer, the callbacks, the order of the training samples
            and the position in it, the random generator, the sums over the running epoch, and the
            history. `cnet.save` writes it. Further training does not change it.
        """
        return {
            "model": deepcopy(self.model.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "callbacks": [
                [type(callback).__name__, deepcopy(state)]
                for callback in self.callbacks
                if (state := callback.state_dict())
            ],
            "loader": self._loader.state_dict() if self._loader is not None else self._loader_state,
            "random": get_rng_state(),
            "epoch": {
                **asdict(self._totals),
                "metrics": {name: metric.state_dict() for name, metric in self.metrics.items()},
            },
            "updates": {"count": self.updates, "pending": self._pending},
            "gradients": deepcopy(self._gradients()) if self._pending else None,
            "history": [dict(row) for row in self.history],
            "should_stop": self.should_stop,
        }

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state, with a model, optimizer, callbacks and loader of the same kind.

        This sets the random generator of `cnet.random` immediately, and the loader in the next call
        of `fit`.

        Parameters
        ----------
        state_dict : mapping
            A result of `state_dict`; it is copied.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If it has other keys, or does not fit the model, the optimizer, the callbacks or the
            metrics. The trainer then has the state that it had before.
        """
        before = self.state_dict()
        f = "Trainer.load_state_dict"
        _require_equal(f, "keys", sorted(before), sorted(state_dict))
        names = [name for name, _ in before["callbacks"]]
        _require_equal(f, "callbacks", names, [name for name, _ in state_dict["callbacks"]])
        _require_equal(f, "metrics", sorted(self.metrics), sorted(state_dict["epoch"]["metrics"]))
        try:
            self._load(state_dict)
        except BaseException:
            self._load(before)
            raise

    def _load(self, state_dict: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state_dict["model"])
        self.optimizer.load_state_dict(state_dict["optimizer"])
        stateful = [callback for callback in self.callbacks if callback.state_dict()]
        for callback, (_, state) in zip(stateful, state_dict["callbacks"], strict=True):
            callback.load_state_dict(deepcopy(state))
        totals = dict(state_dict["epoch"])
        counts = totals.pop("metrics")
        for name, metric in self.metrics.items():
            metric.load_state_dict(counts[name])
        set_rng_state(state_dict["random"])
        self.history = History(dict(row) for row in state_dict["history"])
        self._totals = _Totals(**totals)
        self.updates, self._pending = (
            state_dict["updates"]["count"],
            state_dict["updates"]["pending"],
        )
        if self._pending:
            self._load_gradients(state_dict["gradients"])
        self.should_stop = boolean(
            "Trainer.load_state_dict", "state_dict['should_stop']", state_dict["should_stop"]
        )
        self._loader, self._loader_state = None, state_dict["loader"]

    def _load_gradients(self, gradients: Sequence[Any]) -> None:
        groups = self.optimizer.param_groups
        parameters = [parameter for group in groups for parameter in group["params"]]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else Tensor(np.array(gradient))


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        return None


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError(
            f"Trainer: metrics[{name!r}] must compute a number (got {type(value).__name__})"
        )
    return value


def _require_equal(function: str, what: str, own: list[str], given: list[str]) -> None:
    if own != given:
        raise ValueError(
            f"{function}: state_dict must have the {what} of this trainer (got {given} and {own})"
        )
