"""The base class of callbacks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..._explained import Explained
from ...nn import Module
from ...tensor import TensorLike

if TYPE_CHECKING:
    from ..trainer import Trainer


class Callback(Explained):
    """Base class of what happens besides the steps of a `Trainer`; all hooks do nothing.

    A callback with a state defines `state_dict` and `load_state_dict`. The state of the trainer
    contains it, so that a resumed training continues with the same bits.

    Attributes
    ----------
    runs_last : bool
        Whether the hooks are called after those of all callbacks without it, as for callbacks that
        save the state of the trainer.

    Examples
    --------
    >>> from cnet.training import Callback
    >>> class Report(Callback):
    ...     def on_epoch_end(self, trainer):
    ...         print(trainer.history[-1]["train_loss"])
    """

    runs_last: ClassVar[bool] = False

    def on_fit_begin(self, trainer: "Trainer") -> None:
        """At the beginning of `Trainer.fit`."""

    def on_epoch_begin(self, trainer: "Trainer") -> None:
        """Before the first step of an epoch in this call of `fit`; `step` is 0 in a new epoch."""

    def on_batch(
        self, trainer: "Trainer", x: TensorLike, target: TensorLike
    ) -> tuple[TensorLike, TensorLike]:
        """Before each step, with its batch; returns the batch to train with."""
        return x, target

    def on_gradients(self, trainer: "Trainer") -> None:
        """When the gradients of a step of the optimizer are complete, before that step."""

    def on_step_end(self, trainer: "Trainer") -> None:
        """After each batch; the state of the trainer is complete."""

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """After an epoch and its evaluation, which are the last row of `history`."""

    def on_fit_end(self, trainer: "Trainer") -> None:
        """At the end of `fit`, and after Ctrl-C; the state of the trainer is complete."""

    def close(self) -> None:
        """After `fit`, also if it raised an exception: closes files and displays."""

    def evaluated_model(self) -> Module | None:
        """The model to evaluate in place of the trained one."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs, as `cnet.save` can write it; empty without a state."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
