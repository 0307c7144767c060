"""Does the circular echo help? Train the reference CNN with Adam, and with both rules of the echo.

For each seed, all rules start from the same weights and use the same batches. Therefore the runs
can be compared in pairs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..graphs import graph
from ..models import reference_cnn
from ..optim import Adam, CircularAdam
from ..optim.circular import RULES
from ..random import manual_seed
from ..tensor import Tensor
from ..training import Callback, Row, Trainer
from ..utils.data import ArrayDataset, DataLoader

BASELINE = "baseline"
NAMES = BASELINE, *RULES
TEST_BATCH = 1000
CONFIDENCE = 0.95

Histories: TypeAlias = dict[str, list[list[Row]]]
"""For each rule, one history per seed."""


@dataclass(frozen=True)
class Settings:
    """Settings of all runs of an experiment; the defaults are for MNIST."""

    epochs: int = 8
    batch_size: int = 256
    lr: float = 5e-4
    circular_strength: float = 0.01
    echo_freq: int = 1
    neumann_steps: int = 3
    echo_norm_clip: float = 3.0


class _CircularTrainer(Trainer):
    """Passes the gradients of the whole graph to the optimizer, which computes the echo."""

    optimizer: CircularAdam

    _graph_gradients: Any = None

    def _backward(self, loss: Tensor) -> None:
        self._graph_gradients = graph(loss).backward()

    def _update(self) -> None:
        self.optimizer.step(gradients=self._graph_gradients)


class _Report(Callback):
    """Calls a function with the row of each epoch."""

    def __init__(self, function: Callable[[Row], Any]) -> None:
        self.function = function

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.function(trainer.history[-1])


def _trainer(
    rule: str, settings: Settings, shape: tuple[int, int, int], report: Callback
) -> Trainer:
    model = reference_cnn(shape)
    if rule == BASELINE:
        return Trainer(model, Adam(model.parameters(), settings.lr), callbacks=[report])
    optimizer = CircularAdam(
        model.parameters(),
        settings.lr,
        circular_strength=settings.circular_strength,
        echo_freq=settings.echo_freq,
        neumann_steps=settings.neumann_steps,
        echo_norm_clip=settings.echo_norm_clip,
        rule=rule,
    )
    return _CircularTrainer(model, optimizer, callbacks=[report])


def run(
    train_set: ArrayDataset,
    test_set: ArrayDataset,
    seeds: Iterable[int],
    settings: Settings,
    on_epoch_end: Callable[[str, int, Row], Any] = lambda rule, seed, row: None,
) -> Histories:
    """Train with each rule and each seed.

    Parameters
    ----------
    train_set, test_set : ArrayDataset
        Images and labels.
    seeds : iterable of int
        Seeds of the initial weights and of the order of the images.
    settings : Settings
        The settings of all runs.
    on_epoch_end : callable, optional
        Called after each epoch with the rule, the seed and the row of the history.

    Returns
    -------
    dict of str to list of list of dict
        For each rule ("baseline", "literal" and "feedback") a list of histories, one per seed, in
        the form of `Trainer.history`.
    """
    histories: Histories = {rule: [] for rule in NAMES}
    for seed in seeds:
        for rule in NAMES:
            manual_seed(seed)
            report = _Report(partial(on_epoch_end, rule, seed))
            trainer = _trainer(rule, settings, train_set.arrays[0].shape[1:], report)
            trainer.fit(
                DataLoader(train_set, settings.batch_size, shuffle=True),
                settings.epochs,
                DataLoader(test_set, TEST_BATCH),
                progress=False,
            )
            histories[rule].append(trainer.history)
    return histories


@dataclass(frozen=True)
class Comparison:
    """The final test accuracy of a rule and its difference from the baseline, in percentage points.

    The interval is the 95 % confidence interval of the mean difference, from Student's t for pairs
    of runs with the same seed. A single pair has no interval.
    """

    rule: str
    mean: float
    deviation: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """The conclusion, in words."""
        if self.low <= 0 <= self.high:
            return "no difference beyond noise"
        better = "better" if self.difference > 0 else "worse"
        return f"{better} than the baseline by {abs(self.difference):.2f} points"


def compare(histories: Mapping[str, Sequence[Sequence[Row]]]) -> list[Comparison]:
    """Compare each rule with the baseline, in the order of `NAMES`.

    Raises
    ------
    ImportError
        If SciPy is not installed (``pip install 'cnet-nn[train]'`` installs it).
    """
    final = {
        rule: np.array([100 * history[-1]["test_accuracy"] for history in runs])
        for rule, runs in histories.items()
    }
    return [_comparison(rule, final[rule], final[BASELINE]) for rule in NAMES]


def _comparison(rule: str, accuracies: Any, baseline: Any) -> Comparison:
    count = len(accuracies)
    differences = accuracies - baseline
    margin = np.inf
    if count > 1:
        try:
            from scipy.stats import t
        except ImportError as error:
            raise ImportError("experiment: needs SciPy: pip install 'cnet-nn[train]'") from error
        quantile = t.ppf((1 + CONFIDENCE) / 2, count - 1)
        margin = quantile * differences.std(ddof=1) / np.sqrt(count)
    mean = float(differences.mean())
    return Comparison(
        rule,
        float(accuracies.mean()),
        float(accuracies.std(ddof=1)) if count > 1 else 0.0,
        mean,
        mean - float(margin),
        mean + float(margin),
    )


def table(comparisons: Sequence[Comparison], runs: int) -> str:
    """The comparisons as lines of text, with a verdict for each rule."""
    lines = [
        f"test accuracy after the last epoch, {runs} seed{'s' * (runs > 1)}",
        f"{'rule':10} {'mean ± sd [%]':>15}   {'difference [points], 95 % interval':>36}",
    ]
    for c in comparisons:
        line = f"{c.rule:10} {c.mean:8.2f} ± {c.deviation:4.2f}"
        if c.rule != BASELINE:
            interval = f"[{c.low:+.2f}, {c.high:+.2f}]" if runs > 1 else "(one seed: no interval)"
            line += f"   {c.difference:+14.2f}  {interval}"
        lines.append(line)
    lines.append("")
    if runs == 1:
        lines.append("verdict: one seed is not enough; use --seeds 2 or more")
    else:
        lines += [f"{c.rule}: {c.verdict}" for c in comparisons if c.rule != BASELINE]
    return "\n".join(lines)


def record(settings: Settings, seeds: Sequence[int], histories: Histories) -> dict[str, Any]:
    """Settings and results of an experiment, for JSON."""
    return {"settings": asdict(settings), "seeds": list(seeds), "histories": histories}
