"""ReduceLROnPlateau."""

import math
from collections.abc import Mapping
from typing import Any, SupportsFloat

from ..._explained import explained
from ..._warning import warn
from ..optimizer import Optimizer
from .base import EPOCH_WARNING, LRScheduler, group_values, set_value


class ReduceLROnPlateau(LRScheduler):
    """Reduce the learning rate when a measured quantity no longer improves.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    mode : {"min", "max"}, default "min"
        Whether lower or higher values of the quantity are better.
    factor : float, default 0.1
        The factor of the learning rate, less than 1.
    patience : int, default 10
        The number of epochs without an improvement that are accepted.
    threshold : float, default 1e-4
        How much better a value must be than the best one.
    threshold_mode : {"rel", "abs"}, default "rel"
        Whether `threshold` is a part of the best value, or a difference.
    cooldown : int, default 0
        The number of epochs after a reduction in which no bad epochs are counted.
    min_lr : float or list of float, default 0
        The smallest learning rate, of all groups or of each.
    eps : float, default 1e-8
        A reduction by less than this is not made.

    Raises
    ------
    TypeError
        If `optimizer` is not an Optimizer.
    ValueError
        If an option has an invalid value.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(opt, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"{self._name}: factor must be less than 1 (got {factor})")
        for name, value, allowed in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if value not in allowed:
                raise ValueError(f"{self._name}: {name} must be one of {allowed} (got {value!r})")
        self._attach(optimizer)
        count = len(optimizer.param_groups)
        is_list = isinstance(min_lr, (list, tuple))
        self.min_lrs: list[Any] = list(min_lr) if is_list else [min_lr] * count  # type: ignore[arg-type]
        if len(self.min_lrs) != count:
            raise ValueError(
                f"{self._name}: len(min_lr) must be the number of groups "
                f"(got {len(self.min_lrs)} and {count})"
            )
        self.default_min_lr = None if is_list else min_lr
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.last_epoch = 0
        self._last_lr = group_values(optimizer, "lr")
        self._reset()

    def _reset(self) -> None:
        """Forget the best value and all counts."""
        self.mode_worse = math.inf if self.mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs are not counted."""
        return self.cooldown_counter > 0

    @explained
    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take a value of the quantity into account, and reduce the learning rates if necessary.

        Parameters
        ----------
        metrics : float
            The value, a number or a tensor of one element.
        epoch : int, optional
            Deprecated: the epoch to go to.

        Raises
        ------
        RuntimeError
            If a group was added, and `min_lr` is a list without an item for it.
        """
        if epoch is not None:
            warn(f"{self._name}: {EPOCH_WARNING}")
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        current = float(metrics)
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer, "lr")

    def _is_better(self, value: float, best: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            limit = best * (1 + sign * self.threshold)
        else:
            limit = best + sign * self.threshold
        return value > limit if sign > 0 else value < limit

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"{self._name}: len(min_lrs) must be the number of groups "
                    f"(got {len(self.min_lrs)} and {len(groups)}); add an item for each new group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, smallest in zip(groups, self.min_lrs, strict=True):
            rate = float(group["lr"])
            reduced = max(rate * self.factor, smallest)
            if rate - reduced > self.eps:
                set_value(group, "lr", reduced)

    @explained
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`."""
        vars(self).update(state_dict)
