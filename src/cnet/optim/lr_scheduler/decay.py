"""Schedules that multiply the learning rate by a factor that depends on the epoch."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..optimizer import Optimizer
from .base import FactorScheduler


def _between_0_and_1(function: str, name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{function}: {name} must be at least 0 and at most 1 (got {value})")


class StepLR(FactorScheduler):
    """Multiply the learning rate by gamma every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    step_size : int
        The number of epochs between two changes.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        The epoch from which to continue.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.StepLR(opt, step_size=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.1, 0.1]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1

    def _total_factor(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(FactorScheduler):
    """Multiply the learning rate by gamma at certain epochs.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    milestones : iterable of int
        The epochs; one that is given twice counts twice.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        The epoch from which to continue.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.MultiStepLR(opt, milestones=[1, 3])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.1, 0.1, 0.01]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(f"{self._name}: milestones must be a list of int (got {milestones!r})")
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma ** self.milestones[self.last_epoch]

    def _total_factor(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`; a file may have made a dict of the milestones."""
        super().load_state_dict(state_dict)
        self.milestones = Counter(self.milestones)


class ConstantLR(FactorScheduler):
    """Multiply the learning rate by a factor until an epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    factor : float, default 1/3
        The factor, at least 0 and at most 1.
    total_iters : int, default 5
        The epoch at which the factor ends.
    last_epoch : int, default -1
        The epoch from which to continue.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        _between_0_and_1("ConstantLR", "factor", factor)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1

    def _total_factor(self) -> float:
        return self.factor if self.last_epoch < self.total_iters else 1


class LinearLR(FactorScheduler):
    """Change the factor of the learning rate linearly until an epoch, usually as a warm-up.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    start_factor : float, default 1/3
        The factor of the first epoch, greater than 0 and at most 1.
    end_factor : float, default 1.0
        The factor at the end, at least 0 and at most 1.
    total_iters : int, default 5
        The epoch at which the factor is `end_factor`.
    last_epoch : int, default -1
        The epoch from which to continue.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour",
    arXiv:1706.02677, 2017, section 2.2.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.LinearLR(opt, start_factor=0.25, total_iters=3)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                f"LinearLR: start_factor must be greater than 0 and at most 1 (got {start_factor})"
            )
        _between_0_and_1("LinearLR", "end_factor", end_factor)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1
        change = self.end_factor - self.start_factor
        earlier = self.total_iters * self.start_factor + (self.last_epoch - 1) * change
        return 1.0 + change / earlier

    def _total_factor(self) -> float:
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * done


class ExponentialLR(FactorScheduler):
    """Multiply the learning rate by gamma every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    gamma : float
        The factor.
    last_epoch : int, default -1
        The epoch from which to continue.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1 if self._is_initial else self.gamma

    def _total_factor(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(FactorScheduler):
    """Decrease the learning rate to 0 as a power of the epochs that are left.

    At epoch t, the factor is (1 - t / total_iters)^power.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    total_iters : int, default 5
        The epoch at which the learning rate is 0.
    power : float, default 1.0
        The power.
    last_epoch : int, default -1
        The epoch from which to continue.

    References
    ----------
    L.-C. Chen et al., "DeepLab: semantic image segmentation with deep convolutional nets, atrous
    convolution, and fully connected CRFs", IEEE TPAMI 40, 2018.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = optim.lr_scheduler.PolynomialLR(opt, total_iters=4, power=2.0)
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5625]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1
        left, before = (1.0 - t / self.total_iters for t in (self.last_epoch, self.last_epoch - 1))
        return float((left / before) ** self.power)

    def _total_factor(self) -> float:
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return float((1.0 - done) ** self.power)
