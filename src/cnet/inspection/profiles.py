"""How long the layers of a model take."""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

from .._explained import explained
from .._tables import html_table, text_table
from ..nn import Module
from .layers import hooked, layers, tensors

HEADER = "layer", "type", "forward ms", "backward ms", "share"


@dataclass(frozen=True)
class LayerProfile:
    """The time of a layer in seconds, in all of its calls: medians over the repetitions."""

    name: str
    type: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Profile:
    """Times of a model; `str` and notebooks show a table.

    Attributes
    ----------
    layers : list of LayerProfile
        In the order of their first calls.
    forward, backward : float
        Seconds of the whole model: medians over the repetitions.
    """

    layers: list[LayerProfile]
    forward: float
    backward: float

    def _rows(self) -> list[list[str]]:
        total = sum(layer.forward + layer.backward for layer in self.layers) or 1.0
        rows = [
            [
                layer.name,
                layer.type,
                f"{1e3 * layer.forward:.3f}",
                f"{1e3 * layer.backward:.3f}",
                f"{(layer.forward + layer.backward) / total:.0%}".replace("%", " %"),
            ]
            for layer in self.layers
        ]
        whole = ["whole model", "", f"{1e3 * self.forward:.3f}", f"{1e3 * self.backward:.3f}", ""]
        return [*rows, whole]

    def __str__(self) -> str:
        return text_table(HEADER, self._rows(), left=2)

    def _repr_html_(self) -> str:
        return html_table(HEADER, self._rows(), left=2)


class _Clock:
    """Collects the times of the layers in one pass."""

    def __init__(self, names: dict[Module, str]) -> None:
        self.names = names
        self.forward: dict[Module, float] = {}
        self.backward: dict[Module, float] = defaultdict(float)
        self._started: dict[Module, float] = {}
        self._running: tuple[Module | None, float] = None, 0.0

    def register(self, module: Module) -> list[Any]:
        return [
            module.register_forward_pre_hook(self._before),
            module.register_forward_hook(self._after),
        ]

    def _before(self, module: Module, args: Any) -> None:
        self._started[module] = perf_counter()

    def _after(self, module: Module, args: Any, output: Any) -> None:
        seconds = perf_counter() - self._started[module]
        self.forward[module] = self.forward.get(module, 0.0) + seconds
        for result in tensors(output):
            if result.requires_grad:
                result.register_hook(partial(self._reached, module))

    def _reached(self, module: Module | None, gradient: Any = None) -> None:
        """The backward pass is at a module: what ran until now was the one before."""
        before, started = self._running
        now = perf_counter()
        if before is not None:
            self.backward[before] += now - started
        self._running = module, now

    def run_backward(self, output: Any) -> None:
        total = sum((x.sum() for x in tensors(output) if x.requires_grad), start=0.0)
        self._running = None, 0.0
        total.backward()  # type: ignore[union-attr]
        self._reached(None)


@explained
def profile(model: Module, *inputs: Any, backward: bool = True, repeats: int = 10) -> Profile:
    """Measure the forward and the backward pass of each layer.

    Parameters
    ----------
    model : Module
        The model, in its present mode. Layers are its modules without submodules.
    *inputs : Tensor or ndarray
        Its inputs, with the axis of samples.
    backward : bool, default True
        Whether to measure the backward pass too: from the sum of the outputs to the parameters.
        Their gradients are restored afterwards.
    repeats : int, default 10
        The number of measured passes, after one that is not measured.

    Returns
    -------
    Profile
        An object that prints as a table, with the seconds in its attributes.

    Raises
    ------
    ValueError
        If `repeats` is less than 1, or the outputs do not require a gradient.

    Notes
    -----
    Layers are measured one by one; outside of this function, `Sequential` may compute several of
    them at once. The backward pass of a layer lasts until it reaches the next one, and so includes
    functions between them.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn, profile
    >>> times = profile(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), np.ones((2, 8), np.float32))
    >>> [layer.name for layer in times.layers]
    ['0', '1']
    """
    if repeats < 1:
        raise ValueError(f"profile: repeats must be at least 1 (got {repeats})")
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    passes = []
    try:
        for _ in range(1 + repeats):
            for parameter, _gradient in gradients:
                parameter.grad = None
            passes.append(_one_pass(model, inputs, backward))
    finally:
        for parameter, gradient in gradients:
            parameter.grad = gradient
    clocks = [clock for clock, _, _ in passes[1:]]
    return Profile(
        [
            LayerProfile(
                name,
                type(module).__name__,
                median(clock.forward[module] for clock in clocks),
                median(clock.backward[module] for clock in clocks),
            )
            for module, name in clocks[0].names.items()
            if module in clocks[0].forward
        ],
        median(seconds for _, seconds, _ in passes[1:]),
        median(seconds for _, _, seconds in passes[1:]),
    )


def _one_pass(
    model: Module, inputs: tuple[Any, ...], backward: bool
) -> tuple[_Clock, float, float]:
    """The times of the layers, of the forward pass and of the backward pass."""
    clock = _Clock(layers(model))
    with hooked(clock.register, iter(clock.names)):
        started = perf_counter()
        output = model(*inputs)
        middle = perf_counter()
        if backward:
            if not any(tensor.requires_grad for tensor in tensors(output)):
                raise ValueError("profile: the outputs of model must require a gradient (got none)")
            clock.run_backward(output)
    return clock, middle - started, perf_counter() - middle
