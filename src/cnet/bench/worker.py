"""``python -m cnet.bench.worker CASES SIDE``: time one side on request.

Each line on stdin is a request in JSON: ``{"case": name, "batch": n or null, "repetitions": n}``.
The answer on stdout is the list of seconds of the repetitions. The answer is sent only after all
threads of this process are idle, so that the next side has the machine to itself.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import lru_cache
from pkgutil import resolve_name
from time import perf_counter, process_time, sleep
from typing import Any

from .cases import Case, Work

WARM_UP = 0.02
"""Seconds of warm-up calls (at least one), which wake threads and fill caches."""


def time_calls(work: Work, repetitions: int) -> list[float]:
    """Seconds of each call, after the warm-up."""
    start = perf_counter()
    work()
    while perf_counter() - start < WARM_UP:
        work()
    seconds = []
    for _ in range(repetitions):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return seconds


REST = 0.005
"""A process that uses no processor time for so many seconds counts as idle."""


def rest() -> None:
    """Wait until all threads are idle: the threads of OpenBLAS spin for 0.1 s after a product."""
    while True:
        before = process_time()
        sleep(REST)
        if process_time() - before < REST / 5:
            return


def main(cases: Mapping[str, Case], side: Any) -> None:
    """Answer requests until stdin ends."""

    @lru_cache(maxsize=1)
    def bind(name: str, batch: int | None) -> Work:
        case = cases[name]
        return case.bind(side, batch or case.batch)

    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        for line in sys.stdin:
            request = json.loads(line)
            work = bind(request["case"], request["batch"])
            seconds = time_calls(work, request["repetitions"])
            rest()
            print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main(*map(resolve_name, sys.argv[1:]))
