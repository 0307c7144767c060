"""Timing: each side has its own process, and the sides take turns.

Sides in one process share caches, allocator and threads, and slow each other down. Sides that are
measured one after the other meet a different load of the machine. So each side waits in its own
process, and the sides take turns in every round: A B C, A B C. Two sides never run at the same
time.

The CPUs of a virtual machine are not always equally fast: one may share its core with another
machine for minutes. So the sides with one thread run on the same CPU in a round, and on the next
one in the next round.
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
"""Seconds for the repetitions of one turn, unless a single one takes longer."""

MAX_REPETITIONS = 20


class Comparison(NamedTuple):
    """The sides to compare, and where `pkgutil.resolve_name` finds the table of cases."""

    cases: str
    sides: Mapping[str, Contender]


AGAINST_NUMPY = Comparison("cnet.bench.cases:CASES", SIDES)


class Measurement(NamedTuple):
    """The milliseconds of every round, for each side."""

    case: str
    runs: dict[str, list[float]]


class Worker:
    """The process in which one side runs."""

    def __init__(self, name: str, cases: str, side: Contender, threads: int) -> None:
        self._name = name
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cnet.bench.worker", cases, side.target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | variables | dict(side.environment),
            text=True,
            # Ctrl-C reaches only the parent, which ends this process by closing its stdin.
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()

    def move_to(self, cpu: int) -> None:
        """Let the thread that makes the calls run on this CPU only."""
        os.sched_setaffinity(self._process.pid, {cpu})

    def time(self, case: str, batch: int | None, repetitions: int) -> list[float]:
        """Seconds of each repetition.

        Raises
        ------
        ChildProcessError
            If the process ends without an answer. Its own message is on stderr.
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
    """Time each case in `rounds` rounds.

    `batch` overrides the batch sizes of the cases. The figure of a round is the median of the
    repetitions in one turn; slow work is repeated less often.
    """
    cpus = _cpus() if threads == 1 else []
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name, comparison.cases, side, threads))
            for name, side in comparison.sides.items()
        }
        for case in resolve_name(comparison.cases):
            repetitions = {name: _repetitions(w, case, batch) for name, w in workers.items()}
            runs: dict[str, list[float]] = {name: [] for name in workers}
            for turn in range(rounds):
                for name, worker in workers.items():
                    if cpus:
                        worker.move_to(cpus[turn % len(cpus)])
                    seconds = worker.time(case, batch, repetitions[name])
                    runs[name].append(1e3 * median(seconds))
            yield Measurement(case, runs)


def _cpus() -> list[int]:
    """The CPUs that this process may use, where the system tells; else none."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


def _repetitions(worker: Worker, case: str, batch: int | None) -> int:
    """The number of calls in a turn, from the time of the warm-up calls."""
    fastest = min(worker.time(case, batch, 2))
    return max(1, min(MAX_REPETITIONS, int(TURN / fastest)))
