"""Time training steps and inference of one of `cnet.models`: ``cnet bench --network NAME``."""

import resource
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from .. import functional as F
from .. import optim
from ..autograd import no_grad
from ..plan import compile
from ..recording import capture
from .sides import Array
from .table import three_digits

if TYPE_CHECKING:
    from ..nn import Module

Row: TypeAlias = tuple[str, ...]

WARM_UP = 3  # a captured step is replayed from the fourth call on


class Timing(NamedTuple):
    """The milliseconds of every round of one kind of work."""

    work: str
    runs: list[float]


def measure(model: "Module", shape: tuple[int, ...], batch: int, rounds: int) -> list[Timing]:
    """Time steps of training and both ways of inference for random images of a shape."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, *shape), np.float32)
    step = _step(model, x)
    timings = [Timing("training step", _runs(step, rounds))]
    captured = capture(step, strict=False)
    runs = _runs(captured, rounds)
    if captured.replayed:
        timings.append(Timing("training step, captured", runs))
    model.eval()

    def infer() -> None:
        with no_grad():
            model(x)

    timings.append(Timing("inference", _runs(infer, rounds)))
    try:
        compiled = compile(model, x)
    except (TypeError, ValueError):
        return timings  # `compile` refuses some networks
    return [*timings, Timing("inference, compiled", _runs(lambda: compiled(x), rounds))]


def _step(model: "Module", x: Array) -> Callable[[], object]:
    """Forward, cross-entropy, backward and SGD with momentum."""
    model.train()
    with no_grad():
        scores = model(x)
    sizes = (scores.shape[0], *scores.shape[2:])
    target = np.random.default_rng(1).integers(0, scores.shape[1], sizes)
    optimizer = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), target).backward()
        optimizer.step()

    return step


def _runs(work: Callable[[], object], rounds: int) -> list[float]:
    for _ in range(WARM_UP):
        work()
    runs = []
    for _ in range(rounds):
        begin = perf_counter()
        work()
        runs.append(1e3 * (perf_counter() - begin))
    return runs


def rows(timings: list[Timing], batch: int) -> tuple[Row, list[Row]]:
    """The header and the rows of a table."""
    found: list[Row] = []
    for work, runs in timings:
        middle = median(runs)
        figures = middle, min(runs), 1e3 * batch / middle
        found.append((work, *map(three_digits, figures)))
    return ("work", "ms", "fastest", "images/s"), found


def peak_memory() -> str:
    """The largest resident memory of this process so far."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
