"""Callbacks that take part in the optimization."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...nn import Module
from ...optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ...optim.swa_utils import AveragedModel, get_ema_avg_fn
from ...tensor import Tensor, TensorLike
from ..history import monitored
from .callback import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class SchedulerStep(Callback):
    """Calls `step` of a schedule of the learning rate.

    Parameters
    ----------
    scheduler : LRScheduler
        A schedule of the optimizer of the trainer, also `ReduceLROnPlateau`.
    per : {"epoch", "step"}, default "epoch"
        Whether to call it after each epoch or after each step of the optimizer.
    monitor : str, default "test_loss"
        The name in the history of the value for `ReduceLROnPlateau`.

    Raises
    ------
    TypeError
        If `scheduler` is not an LRScheduler.
    ValueError
        If `per` has another value, or is "step" for `ReduceLROnPlateau`; from the hook, if the
        history has no such name.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> from cnet.training import SchedulerStep, Trainer
    >>> model = nn.Linear(2, 2)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=100)
    >>> trainer = Trainer(model, optimizer, callbacks=[SchedulerStep(scheduler, per="step")])
    """

    def __init__(
        self, scheduler: LRScheduler, per: str = "epoch", monitor: str = "test_loss"
    ) -> None:
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(
                f"SchedulerStep: scheduler must be an LRScheduler (got {type(scheduler).__name__})"
            )
        if per not in ("epoch", "step"):
            raise ValueError(f"SchedulerStep: per must be 'epoch' or 'step' (got {per!r})")
        if per == "step" and isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError("SchedulerStep: per must be 'epoch' for ReduceLROnPlateau")
        self.scheduler = scheduler
        self.per = per
        self.monitor = monitor

    def on_step_end(self, trainer: "Trainer") -> None:
        """Go to the next step."""
        if self.per == "step" and trainer.updated:
            self.scheduler.step()

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Go to the next epoch."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(monitored("SchedulerStep", trainer.history[-1], self.monitor))
        elif self.per == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
        self.scheduler.load_state_dict(state_dict)


class GradientClipping(Callback):
    """Limits the norm of all gradients together, as `nn.utils.clip_grad_norm_` does.

    Parameters
    ----------
    max_norm : float
        The largest norm.
    norm_type : float, default 2.0
        The order of the norm; may be ``inf``.

    Raises
    ------
    ValueError
        If `max_norm` is not positive.

    Examples
    --------
    >>> from cnet.training import GradientClipping
    >>> callback = GradientClipping(max_norm=1.0)
    """

    def __init__(self, max_norm: float, norm_type: float = 2.0) -> None:
        if not max_norm > 0:
            raise ValueError(f"GradientClipping: max_norm must be positive (got {max_norm})")
        self.max_norm = max_norm
        self.norm_type = norm_type

    def on_gradients(self, trainer: "Trainer") -> None:
        """Scale the gradients down."""
        from ...nn.utils import clip_grad_norm_

        clip_grad_norm_(trainer.model.parameters(), self.max_norm, self.norm_type)


class EMA(Callback):
    """Evaluates an exponential moving average of the parameters.

    The trained model is unchanged. The average is updated after each step of the optimizer, at
    first with a smaller decay, (1 + n) / (10 + n) after n steps. Buffers are copied.

    Parameters
    ----------
    model : Module
        The model of the trainer.
    decay : float, default 0.999
        The weight of the previous average in each update.

    Attributes
    ----------
    averaged : AveragedModel
        The averages; ``averaged.module`` is a model with them.

    Raises
    ------
    ValueError
        If `decay` is not in the range [0, 1].

    Examples
    --------
    >>> from cnet import nn, optim
    >>> from cnet.training import EMA, Trainer
    >>> model = nn.Linear(2, 2)
    >>> ema = EMA(model, decay=0.99)
    >>> trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.1), callbacks=[ema])
    >>> trainer.evaluated_model is ema.averaged.module
    True
    """

    def __init__(self, model: Module, decay: float = 0.999) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"EMA: model must be a Module (got {type(model).__name__})")
        get_ema_avg_fn(decay)  # checks the decay
        self.decay = decay
        self.averaged = AveragedModel(model, avg_fn=self._average)

    def _average(self, averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        steps = int(count)
        decay = min(self.decay, (1 + steps) / (10 + steps))
        average: Tensor = get_ema_avg_fn(decay)(averaged, current, count)
        return average

    def on_step_end(self, trainer: "Trainer") -> None:
        """Update the average."""
        if trainer.updated:
            self.averaged.update_parameters(trainer.model)

    def evaluated_model(self) -> Module:
        """The model with the averages."""
        return self.averaged.module

    def state_dict(self) -> dict[str, Any]:
        """The averages."""
        return dict(self.averaged.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a result of `state_dict`."""
        self.averaged.load_state_dict(state_dict)


class BatchTransform(Callback):
    """Changes each batch before the step that trains with it.

    Random transforms must draw from the generator that `cnet.manual_seed` seeds; a resumed training
    then gives the same bits.

    Parameters
    ----------
    transform : callable
        From inputs and targets to inputs and targets, for example `cnet.transforms.MixUp`,
        `cnet.transforms.CutMix` or a class of `cnet.training.augmentation`.

    Examples
    --------
    >>> from cnet import transforms
    >>> from cnet.training import BatchTransform
    >>> callback = BatchTransform(transforms.MixUp(alpha=0.2, num_classes=10))
    """

    def __init__(self, transform: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        self.transform = transform

    def on_batch(
        self, trainer: "Trainer", x: TensorLike, target: TensorLike
    ) -> tuple[TensorLike, TensorLike]:
        """The changed batch."""
        return self.transform(x, target)
