"""How it is timed: every side in a process of its own, strictly in turns, never two at once.

Sides that share a process share caches, allocator and threads, and slow each other; sides that run
one after the other see different weather. So the sides wait in processes of their own, and in every
round each does the case once, A B C A B C.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pkgutil import resolve_name
from statistics import median
from typing import NamedTuple, Self

from .sides import SIDES, Contender

THREAD_VARIABLES = "CNET_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"

TURN = 0.03
"""Seconds that the repetitions of one turn are to take together, unless one takes longer."""

MAX_REPETITIONS = 20


class Comparison(NamedTuple):
    """Every side does every case of a table, which `pkgutil.resolve_name` finds."""

    cases: str
    sides: Mapping[str, Contender]


AGAINST_NUMPY = Comparison("cnet.bench.cases:CASES", SIDES)


class Measurement(NamedTuple):
    """For each side, the milliseconds of every round."""

    case: str
    runs: dict[str, list[float]]


class Worker:
    """The process of one side."""

    def __init__(self, name: str, cases: str, side: Contender, threads: int) -> None:
        self._name = name
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cnet.bench.worker", cases, side.target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | variables | dict(side.environment),
            text=True,
            # Ctrl-C in a terminal is for the parent, which ends the process by closing its stdin.
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()

    def time(self, case: str, batch: int | None, repetitions: int) -> list[float]:
        """Seconds of each repetition.

        Raises
        ------
        ChildProcessError
            If the process ends instead of answering; what it had to say is on stderr.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"case": case, "batch": batch, "repetitions": repetitions}
        with suppress(BrokenPipeError):
            print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise ChildProcessError(
                f"bench: the process of {self._name!r} ended at {case!r} "
                f"(exit status {self._process.wait()})"
            )
        seconds: list[float] = json.loads(answer)
        return seconds


def measure(
    comparison: Comparison,
    *,
    threads: int,
    rounds: int,
    batch: int | None = None,
) -> Iterator[Measurement]:
    """Time the cases, one after the other, in `rounds` rounds each.

    A `batch` takes the place of the cases' own. A round's figure is the median of a turn's
    repetitions: few where the work is slow.
    """
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name, comparison.cases, side, threads))
            for name, side in comparison.sides.items()
        }
        for case in resolve_name(comparison.cases):
            repetitions = {name: _repetitions(w, case, batch) for name, w in workers.items()}
            runs: dict[str, list[float]] = {name: [] for name in workers}
            for _ in range(rounds):
                for name, worker in workers.items():
                    seconds = worker.time(case, batch, repetitions[name])
                    runs[name].append(1e3 * median(seconds))
            yield Measurement(case, runs)


def _repetitions(worker: Worker, case: str, batch: int | None) -> int:
    """How many calls make up a turn, found by warming up."""
    fastest = min(worker.time(case, batch, 2))
    return max(1, min(MAX_REPETITIONS, int(TURN / fastest)))
