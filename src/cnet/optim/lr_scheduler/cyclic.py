"""Schedules that increase and decrease the learning rate, and the momentum with it."""

import math
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, Rates, cycle_momenta, for_each_group, set_momentum, set_value

SCALES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", lambda gamma, x: 1.0),
    "triangular2": ("cycle", lambda gamma, x: 1 / (2.0 ** (x - 1))),
    "exp_range": ("iterations", lambda gamma, x: gamma**x),
}
"""For each mode: whether the height depends on the cycle or the iteration, and how."""

ANNEALING: dict[str, Callable[[float, float, float], float]] = {
    "cos": lambda start, end, done: end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1),
    "linear": lambda start, end, done: (end - start) * done + start,
}
"""The value between two others, by `anneal_strategy`."""


class CyclicLR(LRScheduler):
    """Move the learning rate up and down between two bounds, and the momentum down and up.

    Call `step` after each batch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    base_lr, max_lr : float or list of float
        The bounds of the learning rate, of all groups or of each.
    step_size_up : int, default 2000
        The number of steps of the way up.
    step_size_down : int, optional
        The number of steps of the way down, by default `step_size_up`.
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
        The height of the cycles: constant, half of that of the last cycle, or scaled by
        ``gamma**step``.
    gamma : float, default 1.0
        See `mode`.
    scale_fn : callable, optional
        Computes the factor of the height; `mode` is then ignored.
    scale_mode : {"cycle", "iterations"}, default "cycle"
        Whether the argument of `scale_fn` is the number of the cycle or of the step.
    cycle_momentum : bool, default True
        Whether the momentum, or the first of the betas, changes too.
    base_momentum, max_momentum : float or list of float, default 0.8 and 0.9
        The bounds of the momentum, of all groups or of each.
    last_epoch : int, default -1
        The step from which to continue.

    Raises
    ------
    TypeError
        If `optimizer` is not an Optimizer.
    ValueError
        If an option has an invalid value.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.CyclicLR(opt, base_lr=1.0, max_lr=3.0, step_size_up=2)
    >>> rates = []
    >>> for batch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        if mode not in SCALES and scale_fn is None:
            raise ValueError(
                f"{self._name}: mode must be one of {tuple(SCALES)} without scale_fn (got {mode!r})"
            )
        base_lrs = for_each_group(self._name, "base_lr", optimizer, base_lr)
        self.max_lrs = for_each_group(self._name, "max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_value(group, "lr", rate)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn else SCALES[mode][0]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1, self.base_momentums, self.max_momentums = cycle_momenta(
                self._name, optimizer, base_momentum, max_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of the height, for the number of the cycle or of the step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return SCALES[self.mode][1](self.gamma, x)

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`.

        If `cycle_momentum` is true, the momentum is also changed.
        """
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        is_rising = x <= self.step_ratio
        height = x / self.step_ratio if is_rising else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
                set_momentum(group, high - (high - low) * height, self.use_beta1)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule; of `scale_fn`, only the attributes of a callable object."""
        state = super().state_dict()
        function = state["_scale_fn_custom"]
        if function is not None:
            is_function = isinstance(function, FunctionType)
            state["_scale_fn_custom"] = None if is_function else dict(vars(function))
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`, into the `scale_fn` of this schedule."""
        attributes = state_dict["_scale_fn_custom"]
        if attributes is not None:
            vars(self._scale_fn_custom).update(attributes)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})


class OneCycleLR(LRScheduler):
    """Increase the learning rate to a maximum, and decrease it to far below the initial one.

    The momentum changes in the opposite direction. Call `step` after each batch.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    max_lr : float or list of float
        The greatest learning rate, of all groups or of each.
    total_steps : int, optional
        The number of steps; by default `epochs` · `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        See `total_steps`.
    pct_start : float, default 0.3
        The part of the steps in which the learning rate increases.
    anneal_strategy : {"cos", "linear"}, default "cos"
        How the learning rate changes.
    cycle_momentum : bool, default True
        Whether the momentum, or the first of the betas, changes too.
    base_momentum, max_momentum : float or list of float, default 0.85 and 0.95
        The bounds of the momentum, of all groups or of each.
    div_factor : float, default 25.0
        The initial learning rate is `max_lr` / `div_factor`.
    final_div_factor : float, default 1e4
        The last learning rate is the initial one / `final_div_factor`.
    three_phase : bool, default False
        Whether the learning rate first decreases to the initial one, in as many steps as it
        increases, and then to the last one.
    last_epoch : int, default -1
        The step from which to continue.

    Raises
    ------
    TypeError
        If `optimizer` is not an Optimizer.
    ValueError
        If an option has an invalid value, or a step is made after the last one.

    References
    ----------
    L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120, 2017.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.OneCycleLR(
    ...     opt, max_lr=1.0, total_steps=5, pct_start=0.6, anneal_strategy="linear"
    ... )
    >>> rates = []
    >>> for batch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     opt.step()
    ...     scheduler.step()
    >>> [round(rate, 2) for rate in rates]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        self.total_steps = self._number_of_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(
                f"{self._name}: pct_start must be a float from 0 to 1 (got {pct_start!r})"
            )
        if anneal_strategy not in ANNEALING:
            raise ValueError(
                f"{self._name}: anneal_strategy must be one of {tuple(ANNEALING)} "
                f"(got {anneal_strategy!r})"
            )
        self._schedule_phases = _phases(pct_start * self.total_steps, self.total_steps, three_phase)
        self._anneal_func_type = anneal_strategy
        maxima = for_each_group(self._name, "max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, maxima, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1, _, _ = cycle_momenta(
                self._name, optimizer, base_momentum, max_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)

    def _number_of_steps(
        self, total_steps: int | None, epochs: int | None, steps_per_epoch: int | None
    ) -> int:
        given = {"total_steps": total_steps}
        if total_steps is None:
            given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
            if epochs is None or steps_per_epoch is None:
                raise ValueError(
                    f"{self._name}: either total_steps or both epochs and steps_per_epoch must be "
                    "given"
                )
        for name, value in given.items():
            if not isinstance(value, int) or value <= 0:
                raise ValueError(f"{self._name}: {name} must be a positive int (got {value!r})")
        return math.prod(value for value in given.values() if value is not None)

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`.

        If `cycle_momentum` is true, the momentum is also changed.
        """
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"{self._name}: the number of steps must be at most total_steps "
                f"(got {self.last_epoch} and {self.total_steps})"
            )
        start, phases = 0.0, self._schedule_phases
        i = 0
        while i < len(phases) - 1 and self.last_epoch > phases[i]["end_step"]:
            start = phases[i]["end_step"]
            i += 1
        phase = phases[i]
        length = phase["end_step"] - start
        done = (self.last_epoch - start) / length if length else 1.0
        anneal, rates = ANNEALING[self._anneal_func_type], []
        for group in self.optimizer.param_groups:
            rates.append(anneal(group[phase["start_lr"]], group[phase["end_lr"]], done))
            if self.cycle_momentum:
                low, high = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, anneal(low, high, done), self.use_beta1)
        return rates


def _phases(rise: float, total: int, three_phase: bool) -> list[dict[str, Any]]:
    """The phases: the step at which each ends, and the options from which and to which it leads."""
    first = (float(rise) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if three_phase:
        table = [
            first,
            (float(2 * rise) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]
    else:
        table = [first, (total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [dict(zip(names, row, strict=True)) for row in table]
