"""LRScheduler: the base class of schedules."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from ..._explained import Explained, explained
from ..._warning import warn
from ...replay import refuse
from ...tensor import Tensor
from ..optimizer import Optimizer
from ..rule import plain

Rates: TypeAlias = list[Any]
"""The learning rate of each group: a float, or a tensor of one element."""

EPOCH_WARNING = (
    "the argument epoch of step is deprecated; without it, the scheduler goes to the next epoch"
)


class LRScheduler(Explained):
    """Base class of all schedules of the learning rate.

    A subclass defines `get_lr`, which computes the learning rate of each group from `last_epoch`,
    `base_lrs` and the groups of `optimizer`. It may define ``_get_closed_form_lr``, which computes
    them from `last_epoch` and `base_lrs` alone.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    last_epoch : int, default -1
        The epoch from which to continue; -1 for a new schedule. To continue, the groups must have
        ``"initial_lr"``, as in a state that was saved.

    Attributes
    ----------
    last_epoch : int
        The number of steps so far.
    base_lrs : list of float
        The initial learning rate of each group.

    Raises
    ------
    TypeError
        If `optimizer` is not an Optimizer.
    KeyError
        If `last_epoch` is not -1 and a group has no ``"initial_lr"``.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> class Halving(optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = Halving(opt)
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{self._name}: param_groups[{i}] must have 'initial_lr' if last_epoch is not "
                    f"-1 (got {last_epoch}); load the state of the optimizer first"
                )
        self.base_lrs: Rates = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _attach(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{self._name}: optimizer must be an Optimizer (got {type(optimizer).__name__})"
            )
        self.optimizer = optimizer

    def _initial_step(self) -> None:
        """Set the learning rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> Rates:
        """The learning rate of each group since the last step."""
        return self._last_lr

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`."""
        raise NotImplementedError(f"{self._name} must define get_lr")

    @explained
    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, and set the learning rates.

        Parameters
        ----------
        epoch : int, optional
            Deprecated: the epoch to go to.

        Warns
        -----
        UserWarning
            If the optimizer has made no step before, or `epoch` is given.
        """
        if self._step_count == 1 and not self.optimizer._opt_called:
            warn(
                f"{self._name}: call optimizer.step() before scheduler.step(); otherwise the first "
                "learning rate is never used"
            )
        refuse(f"it calls {self._name}.step; call that after the captured function")
        self._step_count += 1
        if epoch is not None:
            warn(f"{self._name}: {EPOCH_WARNING}")
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        with self._within_step():
            self._set_rates((closed_form or self.get_lr)())

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warn(
                f"{self._name}: get_lr computes a new learning rate; use get_last_lr for the "
                "present one"
            )

    def _set_rates(self, values: Rates) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_value(group, "lr", value)
        self._last_lr: Rates = group_values(self.optimizer, "lr")

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule: all attributes except the optimizer."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`.

        Load the state of the optimizer afterwards, because the constructor of a scheduler changes
        the learning rates.
        """
        vars(self).update(state_dict)


class FactorScheduler(LRScheduler):
    """Base class of schedules that multiply the learning rates, so that they can be combined."""

    def _factor(self) -> float:
        """The factor from the last epoch to this one."""
        raise NotImplementedError

    def _total_factor(self) -> float:
        """The factor from the initial learning rate to that of this epoch."""
        raise NotImplementedError

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`."""
        self._warn_outside_step()
        factor, rates = self._factor(), group_values(self.optimizer, "lr")
        return rates if factor == 1 else [rate * factor for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        factor = self._total_factor()
        return [rate * factor for rate in self.base_lrs]


def copied(value: Any) -> Any:
    """A copy of a tensor; a number is returned unchanged."""
    return Tensor(value._array.copy()) if isinstance(value, Tensor) else value


def group_values(optimizer: Optimizer, name: str) -> list[Any]:
    """The values of an option in all groups; tensors are copied."""
    return [copied(group[name]) for group in optimizer.param_groups]


def set_value(group: dict[str, Any], name: str, value: Any) -> None:
    """Change an option of a group; a tensor remains the same object."""
    if isinstance(group[name], Tensor):
        group[name]._array[...] = plain(value)
    else:
        group[name] = value


def for_each_group(function: str, name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A value for each group, from one value or a list of them."""
    count = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"{function}: len({name}) must be the number of groups (got {len(values)} and {count})"
        )
    return [copied(item) for item in values]


def set_momentum(group: dict[str, Any], value: Any, use_beta1: bool) -> None:
    """Change the momentum of a group, or the first of its betas."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def cycle_momenta(
    function: str, optimizer: Optimizer, base: Any, greatest: Any, is_new: bool
) -> tuple[bool, list[Any], list[Any]]:
    """Whether the momentum is a beta, and its bounds in each group.

    A new schedule starts at the greatest.
    """
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise ValueError(
            f"{function}: optimizer must have a momentum or betas if cycle_momentum is True "
            f"(got {type(optimizer).__name__})"
        )
    use_beta1 = "betas" in optimizer.defaults
    bases = for_each_group(function, "base_momentum", optimizer, base)
    maxima = for_each_group(function, "max_momentum", optimizer, greatest)
    if is_new:
        for group, low, high in zip(optimizer.param_groups, bases, maxima, strict=True):
            set_momentum(group, high, use_beta1)
            group["max_momentum"], group["base_momentum"] = high, low
    return use_beta1, bases, maxima
