"""Times of small pieces of code, with the names of ``torch.utils.benchmark``."""

import textwrap
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from .. import runtime
from .._explained import explained

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))


@dataclass(frozen=True, repr=False)
class Measurement:
    """The times of a statement.

    Parameters
    ----------
    number_per_run : int
        How often the statement ran for each entry of `raw_times`.
    raw_times : list of float
        The times of these runs in seconds.
    title : str
        What was measured.
    num_threads : int, default 1
        The number of threads.

    Examples
    --------
    >>> from cnet.utils.benchmark import Measurement
    >>> Measurement(10, [2e-5, 3e-5, 5e-5], "relu")
    relu
      Median: 3.00 us
      IQR:    1.50 us (2.50 to 4.00)
      3 measurements, 10 runs per measurement, 1 thread
    """

    number_per_run: int
    raw_times: list[float]
    title: str
    num_threads: int = 1

    @property
    def times(self) -> list[float]:
        """The time of one execution in each run, in seconds."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def median(self) -> float:
        """The median of the times, in seconds."""
        return float(np.median(self.times))

    @property
    def mean(self) -> float:
        """The mean of the times, in seconds."""
        return float(np.mean(self.times))

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of the times, in seconds."""
        low, high = np.quantile(self.times, (0.25, 0.75))
        return float(high - low)

    def __repr__(self) -> str:
        count, runs, threads = len(self.times), self.number_per_run, self.num_threads
        unit, scale = next((u for u in _UNITS if self.median >= u[1]), _UNITS[-1])
        lines = [self.title, f"  {self.median / scale:.2f} {unit}"]
        if count > 1:
            low, high = np.quantile(self.times, (0.25, 0.75)) / scale
            lines[1] = f"  Median: {self.median / scale:.2f} {unit}"
            lines.append(f"  IQR:    {high - low:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(
            f"  {count} measurement{'s' * (count != 1)}, {runs} run{'s' * (runs != 1)} per "
            f"measurement, {threads} thread{'s' * (threads != 1)}"
        )
        return "\n".join(lines)


class Timer:
    """Measures a statement, after some runs without measurement.

    Parameters
    ----------
    stmt : str, default "pass"
        The statement; `cnet` is known in it.
    setup : str, default "pass"
        A statement that runs once before.
    timer : callable, default time.perf_counter
        Returns the time in seconds.
    globals : dict, optional
        The variables of both statements.
    label, sub_label, description : str, optional
        The title of the measurement, by default the statement.
    num_threads : int, default 1
        The number of threads in the meantime.

    Examples
    --------
    >>> import cnet
    >>> from cnet.utils import benchmark
    >>> x = cnet.ones(1000)
    >>> timer = benchmark.Timer("x.relu()", globals={"x": x}, label="relu")
    >>> timer.timeit(100)  # doctest: +SKIP
    relu
      1.21 us
      1 measurement, 100 runs per measurement, 1 thread
    >>> timer.blocked_autorange().median < 1.0
    True
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        timer: Callable[[], float] = perf_counter,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        num_threads: int = 1,
    ) -> None:
        import cnet

        if not isinstance(stmt, str):
            raise TypeError(f"Timer: stmt must be a str (got {type(stmt).__name__})")
        code, before = (textwrap.dedent(part).strip() for part in (stmt, setup))
        self._timer = timeit.Timer(code, before, timer, {"cnet": cnet, **(globals or {})})
        self._title = ": ".join(filter(None, (label, sub_label, description))) or code
        self._threads = num_threads

    def _measure(self, run: Callable[[], tuple[int, list[float]]]) -> Measurement:
        before = runtime.get_num_threads()
        runtime.set_num_threads(self._threads)
        try:
            number, times = run()
        finally:
            runtime.set_num_threads(before)
        return Measurement(number, times, self._title, self._threads)

    @explained
    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Measure `number` executions together, after a hundredth of them as a warm-up."""

        def run() -> tuple[int, list[float]]:
            self._timer.timeit(max(number // 100, 2))
            return number, [self._timer.timeit(number)]

        return self._measure(run)

    @explained
    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Measure blocks of executions for a time in seconds.

        A block is so long that the clock costs less than a thousandth of it.

        Parameters
        ----------
        callback : callable, optional
            Called with the number of executions and the time of each block.
        min_run_time : float, default 0.2
            The time in seconds.
        """

        def run() -> tuple[int, list[float]]:
            clock = min(timeit.Timer("pass").repeat(5, 1))
            number = 1
            self._timer.timeit(number)
            while self._timer.timeit(number) < min(1000 * clock, min_run_time / 1000):
                number *= 10
            times: list[float] = []
            while sum(times) < min_run_time or len(times) < 2:
                times.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, times[-1])
            return number, times

        return self._measure(run)
