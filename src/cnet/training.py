"""Training a classifier: epochs, evaluation, history, and a stop that loses nothing."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import functional as F
from .autograd import no_grad
from .nn import Module
from .optim import Optimizer
from .random import get_rng_state, set_rng_state
from .tensor import Tensor, TensorLike, as_tensor
from .utils.data import DataLoader

Loss: TypeAlias = Callable[[Tensor, Any], Tensor]
"""From scores of shape (n, classes) and n targets to the mean loss."""
Batches: TypeAlias = Iterable[tuple[TensorLike, TensorLike]]
"""Inputs and targets, batch by batch: a `DataLoader`, for example."""
Row: TypeAlias = dict[str, float]
"""One epoch of a history."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed during `Trainer.fit`, and the running step was finished.

    The state of the trainer is complete: it can be saved, and `fit` continues from it. A
    KeyboardInterrupt of any other type comes from a second Ctrl-C, which may stop within a step.
    """


class Evaluation(NamedTuple):
    """The result of `evaluate`: means over all samples."""

    loss: float
    accuracy: float


@dataclass
class _Totals:
    """Sums over the part of an epoch that has been trained."""

    steps: int = 0
    samples: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0

    def add(self, loss: Tensor, scores: Tensor, target: TensorLike) -> None:
        self.steps += 1
        self.samples += len(target)
        self.loss += loss.item() * len(target)
        predicted = scores.detach().numpy().argmax(1)
        self.correct += int(np.count_nonzero(predicted == np.asarray(target)))

    def means(self) -> Evaluation:
        return Evaluation(self.loss / self.samples, self.correct / self.samples)

    @property
    def rate(self) -> float:
        return self.samples / self.seconds


def evaluate(model: Module, loader: Batches, loss_fn: Loss = F.cross_entropy) -> Evaluation:
    """Mean loss and accuracy of a classifier.

    The model is in evaluation mode meanwhile; afterwards every module has its former mode again.

    Parameters
    ----------
    model : Module
        From a batch of inputs to scores of shape (n, classes).
    loader : iterable of (Tensor, Tensor), or of (ndarray, ndarray)
        Batches of inputs and of n targets, each the number of a class.
    loss_fn : callable, default cross_entropy
        From scores and targets to the mean loss of a batch.

    Returns
    -------
    Evaluation
        ``loss`` and ``accuracy``, which is between 0 and 1. Every sample has the same weight in the
        means, for any batch size.

    Raises
    ------
    ValueError
        If there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> from cnet.utils.data import ArrayDataset, DataLoader
    >>> from cnet.training import evaluate
    >>> data = ArrayDataset(np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([0, 0]))
    >>> evaluate(nn.Identity(), DataLoader(data)).accuracy
    0.5
    """
    modes = [(module, module.training) for module in model.modules()]
    totals = _Totals()
    model.eval()
    try:
        with no_grad():
            for x, target in loader:
                scores = as_tensor(model(x))
                totals.add(loss_fn(scores, target), scores, target)
    finally:
        for module, training in modes:
            module.training = training
    if not totals.samples:
        raise ValueError("evaluate: loader must give at least one sample (got none)")
    return totals.means()


class Trainer:
    """Trains a classifier; can stop after any step and continue later with the same bits.

    Parameters
    ----------
    model : Module
        From a batch of inputs to scores of shape (n, classes).
    optimizer : Optimizer
        The optimizer of the model's parameters.
    loss_fn : callable, default cross_entropy
        From scores and targets to the mean loss of a batch.

    Attributes
    ----------
    history : list of dict
        One dict of numbers for each epoch: ``epoch``, counted from 1; ``train_loss`` and
        ``train_accuracy``, means over the samples, each measured in the step that trained with it;
        ``test_loss`` and ``test_accuracy`` after the epoch, if there is a test loader; ``seconds``
        spent in training, and ``images_per_second``.

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
        self, model: Module, optimizer: Optimizer, loss_fn: Loss = F.cross_entropy
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn
        self.history: list[Row] = []
        self._totals = _Totals()
        self._loader: DataLoader | None = None
        self._loader_state: dict[str, Any] | None = None

    def fit(
        self,
        train_loader: DataLoader,
        epochs: int,
        test_loader: Batches | None = None,
        *,
        progress: bool = True,
        on_epoch_end: Callable[["Trainer"], None] | None = None,
    ) -> list[Row]:
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
            Whether to write a line for each epoch to stderr and, if stderr is a terminal, to show a
            progress bar.
        on_epoch_end : callable, optional
            Called with the trainer after each epoch, for example to save it.

        Returns
        -------
        list of dict
            The `history`.

        Raises
        ------
        Interrupted
            If Ctrl-C was pressed once. Call `fit` again to continue.
        FloatingPointError
            If a loss is not finite; the parameters are those that gave this loss.
        ValueError
            If the loader gives no batch, or does not fit the loaded state.
        """
        if self._loader_state is not None:
            train_loader.load_state_dict(self._loader_state)
            self._loader_state = None
        self._loader = train_loader
        self.model.train()
        with _deferred_interrupt() as interrupt:
            while len(self.history) < epochs:
                label = f"epoch {len(self.history) + 1:{len(str(epochs))}}/{epochs}"
                self._train_epoch(train_loader, label, progress, interrupt)
                self._finish_epoch(test_loader)
                if progress:
                    print(label + _summary(self.history[-1]), file=sys.stderr)
                if on_epoch_end is not None:
                    on_epoch_end(self)
                interrupt.raise_if_requested()
        return self.history

    def _train_epoch(
        self, loader: DataLoader, label: str, progress: bool, interrupt: "_Interrupt"
    ) -> None:
        """Train the remaining steps of the epoch."""
        from tqdm import tqdm

        started = perf_counter()
        with tqdm(
            desc=label,
            total=len(loader),
            initial=self._totals.steps,
            bar_format="{desc}  {bar:10} {percentage:3.0f} %",
            dynamic_ncols=True,
            leave=False,
            disable=None if progress else True,
        ) as bar:
            try:
                for x, target in loader:
                    self._step(x, target)
                    now = perf_counter()
                    self._totals.seconds += now - started
                    started = now
                    bar.set_description_str(label + _summary(self._row()), refresh=False)
                    bar.update()
                    interrupt.raise_if_requested()
            finally:
                # A new loop would start from the beginning; after this it continues here.
                loader.load_state_dict(loader.state_dict())
        if not self._totals.samples:
            raise ValueError("Trainer.fit: train_loader must give at least one batch (got none)")

    def _step(self, x: TensorLike, target: TensorLike) -> None:
        scores = self.model(x)
        loss = self.loss_fn(scores, target)
        self._require_finite(loss.item(), f"in step {self._totals.steps + 1} of")
        self.optimizer.zero_grad()
        self._update(loss)
        self._totals.add(loss, scores, target)

    def _update(self, loss: Tensor) -> None:
        """Backward pass and optimizer step; a subclass may define another training rule."""
        loss.backward()
        self.optimizer.step()

    def _finish_epoch(self, test_loader: Batches | None) -> None:
        row = self._row()
        if test_loader is not None:
            test = evaluate(self.model, test_loader, self.loss_fn)
            self._require_finite(test.loss, "after")
            row |= {"test_loss": test.loss, "test_accuracy": test.accuracy}
        self.history.append(row)
        self._totals = _Totals()

    def _require_finite(self, loss: float, when: str) -> None:
        if not isfinite(loss):
            raise FloatingPointError(
                f"Trainer.fit: the loss must be finite (got {loss} {when} epoch "
                f"{len(self.history) + 1}); a smaller learning rate may help"
            )

    def _row(self) -> Row:
        """The row of the running epoch, with the values known so far."""
        loss, accuracy = self._totals.means()
        return {
            "epoch": len(self.history) + 1,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "seconds": self._totals.seconds,
            "images_per_second": self._totals.rate,
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that is needed to continue with the same bits, after any step.

        Returns
        -------
        dict
            The state of the model, the optimizer, the order of the training samples and the
            position in it, the random generator, the sums over the running epoch, and the history.
            `cnet.save` writes it. Further training does not change it.
        """
        return {
            "model": deepcopy(self.model.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "loader": self._loader.state_dict() if self._loader is not None else self._loader_state,
            "random": get_rng_state(),
            "epoch": asdict(self._totals),
            "history": [dict(row) for row in self.history],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state, with a model, optimizer and loader of the same kind.

        This sets the random generator of `cnet.random` immediately, and the loader in the next call
        of `fit`.

        Parameters
        ----------
        state_dict : mapping
            A result of `state_dict`; it is copied.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If it has other keys, or does not fit the model or the optimizer.
        """
        keys = self.state_dict().keys()
        if state_dict.keys() != keys:
            raise ValueError(
                f"Trainer.load_state_dict: state_dict must have the keys {sorted(keys)} "
                f"(got {sorted(state_dict)})"
            )
        self.model.load_state_dict(state_dict["model"])
        self.optimizer.load_state_dict(state_dict["optimizer"])
        set_rng_state(state_dict["random"])
        self.history = [dict(row) for row in state_dict["history"]]
        self._totals = _Totals(**state_dict["epoch"])
        self._loader, self._loader_state = None, state_dict["loader"]


def _summary(row: Row) -> str:
    """The numbers of an epoch as one line of the progress report."""
    test = f", test {row['test_accuracy']:.2%}" if "test_accuracy" in row else ""
    text = (
        f"  loss {row['train_loss']:#.4g}  accuracy {row['train_accuracy']:.2%}{test}"
        f"  {row['images_per_second']:.0f} images/s"
    )
    return text.replace("%", " %")


class _Interrupt:
    """Whether Ctrl-C was pressed."""

    requested = False

    def raise_if_requested(self) -> None:
        if self.requested:
            raise Interrupted("Ctrl-C was pressed; the state of the trainer is complete")


@contextmanager
def _deferred_interrupt() -> Iterator[_Interrupt]:
    """Turn the first Ctrl-C into a request; the second one interrupts as usual."""
    interrupt = _Interrupt()
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
