"""Schedules made of other schedules."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, group_values, set_value
from .plateau import ReduceLROnPlateau


class _CombinedScheduler(LRScheduler):
    """Base class of schedules made of others, all of one optimizer."""

    def _take(self, schedulers: Sequence[Any], optimizer: Optimizer | None) -> None:
        """Check the schedules, and store them and the optimizer."""
        if len(schedulers) < 1:
            raise ValueError(f"{self._name}: schedulers must not be empty")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(
                    f"{self._name}: schedulers[{i}] must be a scheduler "
                    f"(got {type(scheduler).__name__})"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{self._name}: schedulers[{i}] must not be ReduceLROnPlateau, "
                    "whose step needs an argument"
                )
            optimizer = optimizer or scheduler.optimizer
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{self._name}: schedulers[{i}].optimizer must be the optimizer of all "
                    f"(got {type(scheduler.optimizer).__name__} and {type(optimizer).__name__})"
                )
        assert optimizer is not None
        self._schedulers = schedulers
        self.optimizer = optimizer

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule and of its parts."""
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`."""
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})


class SequentialLR(_CombinedScheduler):
    """Follow several schedules, one after the other.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer of all schedules.
    schedulers : list of LRScheduler
        The schedules.
    milestones : list of int
        The epochs at which the second and later schedules begin.
    last_epoch : int, default -1
        The epoch from which to continue.

    Raises
    ------
    TypeError, ValueError
        If `schedulers` is empty, or contains ReduceLROnPlateau or a schedule of another optimizer;
        if a schedule made of others is not the first; if the number of milestones is not one less.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> from cnet.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> parts = [ConstantLR(opt, factor=0.5), ExponentialLR(opt, gamma=0.1)]
    >>> scheduler = SequentialLR(opt, parts, milestones=[2])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self._take(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"{self._name}: len(milestones) must be len(schedulers) - 1 "
                f"(got {len(milestones)} and {len(schedulers)})"
            )
        for i, scheduler in enumerate(schedulers[1:], start=1):
            if isinstance(scheduler, _CombinedScheduler):
                raise ValueError(
                    f"{self._name}: schedulers[{i}] must not be a {scheduler._name}, which can "
                    "only be the first"
                )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        _undo_first_step(self)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the learning rates of the first epoch, by the schedule that begins."""
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch, and set the learning rates."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo_first_step(scheduler: LRScheduler) -> None:
    """Take back the step that the constructors of the parts made."""
    for part in getattr(scheduler, "_schedulers", ()):
        if hasattr(part, "_schedulers"):
            _undo_first_step(part)
        else:
            part.last_epoch -= 1


class ChainedScheduler(_CombinedScheduler):
    """Apply several schedules at the same time: each changes the result of the one before.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        The schedules.
    optimizer : Optimizer, optional
        The optimizer of all schedules, by default that of the first.

    Raises
    ------
    TypeError, ValueError
        If `schedulers` is empty, or contains ReduceLROnPlateau or a schedule of another optimizer.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> from cnet.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = ChainedScheduler([ConstantLR(opt, factor=0.5), ExponentialLR(opt, gamma=0.5)])
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = group_values(self.optimizer, "lr")

    def _initial_step(self) -> None:
        """Set the learning rates of the first epoch, by all schedules."""
        for scheduler in self._schedulers:
            scheduler._initial_step()
        self._last_lr = group_values(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch of all schedules, and set the learning rates."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = group_values(self.optimizer, "lr")
