"""Averages of the parameters of a model during training: stochastic and exponential averages."""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from ..autograd.grad_mode import no_grad
from ..nn import Module
from ..nn.norm.batch import _BatchNorm
from ..tensor import Tensor, tensor
from .lr_scheduler.base import LRScheduler, Rates, for_each_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average: TypeAlias = Callable[[Tensor, Tensor, Any], Any]
"""Computes an average from the last one, a new value and the number of averaged values."""
MultiAverage: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]
"""Updates a list of averages in place, with a list of new values."""


def get_swa_avg_fn() -> Average:
    """The mean of all values, as an `avg_fn` of `AveragedModel`.

    Examples
    --------
    >>> import cnet
    >>> from cnet.optim.swa_utils import get_swa_avg_fn
    >>> get_swa_avg_fn()(cnet.tensor(1.0), cnet.tensor(4.0), 2)
    tensor(2.)
    """

    @no_grad()
    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        result: Tensor = averaged + (current - averaged) / (count + 1)
        return result

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An exponential moving average, as an `avg_fn` of `AveragedModel`.

    Parameters
    ----------
    decay : float, default 0.999
        The weight of the last average, in the range [0, 1].

    Raises
    ------
    ValueError
        If `decay` is outside of that range.

    Examples
    --------
    >>> import cnet
    >>> from cnet.optim.swa_utils import get_ema_avg_fn
    >>> get_ema_avg_fn(0.75)(cnet.tensor(1.0), cnet.tensor(5.0), 2)
    tensor(2.)
    """
    _check_decay("get_ema_avg_fn", decay)

    @no_grad()
    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_multi_avg_fn() -> MultiAverage:
    """The mean of all values, as a `multi_avg_fn` of `AveragedModel`."""
    return _in_place(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """An exponential moving average, as a `multi_avg_fn` of `AveragedModel`.

    Parameters and errors are those of `get_ema_avg_fn`.
    """
    _check_decay("get_ema_multi_avg_fn", decay)
    return _in_place(get_ema_avg_fn(decay))


def _check_decay(function: str, decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"{function}: decay must be at least 0 and at most 1 (got {decay})")


def _in_place(average: Average) -> MultiAverage:
    @no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        for each, value in zip(averaged, current, strict=True):
            each.copy_(average(each, value, count))

    return update


class AveragedModel(Module):
    """A copy of a model with averages of its parameters.

    Parameters
    ----------
    model : Module
        The model; it is copied.
    device : None or "cpu", optional
        The device of the copy.
    avg_fn : callable, optional
        ``avg_fn(averaged, current, count)`` returns the new average of a parameter; by default the
        mean of all values. `count` is the number of values that were averaged before.
    multi_avg_fn : callable, optional
        ``multi_avg_fn(averaged, current, count)`` updates a list of averages of one dtype in place.
    use_buffers : bool, default False
        Whether buffers are averaged; otherwise they are copied from the model.

    Attributes
    ----------
    module : Module
        The copy with the averages.
    n_averaged : Tensor
        The number of calls of `update_parameters`.

    Raises
    ------
    ValueError
        If both functions are given, or `device` is another device.

    References
    ----------
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
    2018; B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging",
    SIAM Journal on Control and Optimization 30, 1992.

    Examples
    --------
    >>> from cnet import nn
    >>> from cnet.optim.swa_utils import AveragedModel
    >>> model = nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: avg_fn and multi_avg_fn must not both be given")
        if device is not None and str(device) != "cpu":
            raise ValueError(f"AveragedModel: device must be 'cpu' (got {device!r})")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of a model into the averages.

        Parameters
        ----------
        model : Module
            A model with the same parameters and buffers; in the first call, they are copied.

        Raises
        ------
        ValueError
            If the number of parameters or buffers differs.
        """
        averaged, current = self._averaged_tensors(self.module), self._averaged_tensors(model)
        count = self.n_averaged
        if int(count) == 0:
            _copy(averaged, current)
        elif self.multi_avg_fn is None:
            average = _in_place(self.avg_fn or get_swa_avg_fn())
            average(averaged, current, count)
        else:
            for dtype in dict.fromkeys(tensor.dtype for tensor in averaged):
                pairs = zip(averaged, current, strict=True)
                chosen = [(each, value) for each, value in pairs if each.dtype == dtype]
                self.multi_avg_fn([each for each, _ in chosen], [v for _, v in chosen], count)
        if not self.use_buffers:
            _copy(list(self.module.buffers()), list(model.buffers()))
        count += 1

    def _averaged_tensors(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [tensor.detach() for tensor in (*model.parameters(), *buffers)]


def _copy(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.detach().copy_(source.detach())


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the statistics of the batch normalisation of a model again.

    The statistics of an averaged model are not those of its data. This function resets them, and
    runs the model on all batches of a loader, each of which has the same weight.

    Parameters
    ----------
    loader : iterable
        The batches: inputs of the model, or tuples or lists that begin with one.
    model : Module
        The model. Its mode (training or evaluation) is restored.
    device : None or "cpu", optional
        The device of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> from cnet.optim.swa_utils import update_bn
    >>> model = nn.BatchNorm1d(1)
    >>> update_bn([np.array([[1.0], [3.0]], np.float32)], model)
    >>> model.running_mean
    tensor([2.])
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    was_training, momenta = model.training, [layer.momentum for layer in layers]
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    try:
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Move the learning rate to a constant one, with which the parameters are averaged.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer whose learning rates change.
    swa_lr : float or list of float
        The last learning rate, of all groups or of each.
    anneal_epochs : int, default 10
        The number of epochs until it is reached.
    anneal_strategy : {"cos", "linear"}, default "cos"
        How the learning rate changes.
    last_epoch : int, default -1
        The epoch from which to continue.

    Raises
    ------
    ValueError
        If an option has an invalid value.

    References
    ----------
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
    2018.

    Examples
    --------
    >>> from cnet import nn, optim
    >>> from cnet.optim.swa_utils import SWALR
    >>> opt = optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = SWALR(opt, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> opt.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        rates = for_each_group(self._name, "swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"{self._name}: anneal_strategy must be 'cos' or 'linear' (got {anneal_strategy!r})"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"{self._name}: anneal_epochs must be an int of at least 0 (got {anneal_epochs!r})"
            )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _weight(self, step: int) -> float:
        """The weight of the last learning rate after a number of steps."""
        done = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return done if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2

    def get_lr(self) -> Rates:
        """Compute the learning rate of each group for `last_epoch`; called by `step`."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, weight = self._weight(step - 1), self._weight(step)
        rates = []
        for group in self.optimizer.param_groups:
            rate, last = group["lr"], group["swa_lr"]
            initial = last if before == 1 else (rate - before * last) / (1 - before)
            rates.append(last * weight + initial * (1 - weight))
        return rates
