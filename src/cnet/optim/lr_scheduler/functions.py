"""Schedules by functions of the epoch."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeAlias

from ..optimizer import Optimizer
from .base import LRScheduler, Rates, group_values

Function: TypeAlias = Callable[[int], float]


class _FunctionScheduler(LRScheduler):
    """Base class of schedules with a function for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Function | list[Function] | tuple[Function, ...],
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        count = len(optimizer.param_groups)
        is_one = not isinstance(lr_lambda, (list, tuple))
        self.lr_lambdas: list[Any] = [lr_lambda] * count if is_one else list(lr_lambda)  # type: ignore[arg-type]
        if len(self.lr_lambdas) != count:
            raise ValueError(
                f"{self._name}: len(lr_lambda) must be the number of groups "
                f"(got {len(self.lr_lambdas)} and {count})"
            )
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"{self._name}: lr_lambda must be a function (got {type(function).__name__})"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule; of its functions, only the attributes of callable objects."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(function, FunctionType) else dict(vars(function))
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`, into the functions of this schedule."""
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                vars(function).update(attributes)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})


class LambdaLR(_FunctionScheduler):
    """Multiply the initial learning rate by a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    lr_lambda : callable, or list of callable
        Computes the factor from the epoch; one function for all groups or one for each.
    last_epoch : int, default -1
        The epoch from which to continue.

    Notes
    -----
    A state contains no code: functions must be passed again. The attributes of callable objects
    are saved.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1 / (1 + epoch))
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`."""
        self._warn_outside_step()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]


class MultiplicativeLR(_FunctionScheduler):
    """Multiply the learning rate of the last epoch by a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    lr_lambda : callable, or list of callable
        Computes the factor from the epoch; one function for all groups or one for each.
    last_epoch : int, default -1
        The epoch from which to continue.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.MultiplicativeLR(opt, lambda epoch: 0.5)
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`."""
        self._warn_outside_step()
        rates = group_values(self.optimizer, "lr")
        if self._is_initial:
            return rates
        pairs = zip(rates, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]
