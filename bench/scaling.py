"""How training steps would use more processors: ``python bench/scaling.py``.

One thread runs a step and records how long each chunk of each parallel region takes, with the
kernels divided as for P threads. From that, list scheduling gives the time on P processors: a free
processor takes the next chunk; everything between the regions runs on one processor. A worker
joins a region later than the caller, by the measured time of an empty region.

The step is recorded several times, and the least time of each chunk and of each gap between regions
counts: other programs on the machine, which delay some chunks of every step, do not change it much.

The model knows nothing of memory bandwidth, caches and clock rates, which processors share. The
columns "measured" show how far it is right where the machine can tell.
"""

import argparse
import heapq
import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

import cnet
from cnet import kernels, runtime
from cnet.bench import cli, record
from cnet.bench.cases import Work
from cnet.bench.table import three_digits
from cnet.runtime import Region
from peers import ours
from work import architectures, networks

CASES = networks.STEP_CASES | architectures.STEP_CASES
SIDES = {"eager": ours, "captured": ours.captured}
PROCESSORS = 2, 4, 8, 16, 32, 64
WARM_UP = 3


class Simulation(NamedTuple):
    """Nanoseconds of a step on some processors.

    `serial` is the time between regions, `longest` the time for which regions wait for their
    longest chunk, beyond an equal division of their work.
    """

    total: float
    serial: float
    longest: float


def region_time(region: Region, processors: int, delay: float) -> float:
    """Nanoseconds of a region by list scheduling."""
    workers = min(processors, region.threads, len(region.chunks))
    if workers < 2:
        return sum(region.chunks)
    free = [0.0] + [delay] * (workers - 1)
    end = 0.0
    for chunk in region.chunks:
        done = heapq.heappop(free) + chunk
        end = max(end, done)
        heapq.heappush(free, done)
    return end


class Recording(NamedTuple):
    """The regions of a step, and the nanoseconds of the gaps between and around them."""

    regions: list[Region]
    gaps: list[int]


def least(recordings: Sequence[Recording]) -> Recording:
    """The least time of each chunk and of each gap, of several recordings of the same step."""
    regions = []
    for same in zip(*(recording.regions for recording in recordings), strict=True):
        chunks = [min(times) for times in zip(*(region.chunks for region in same), strict=True)]
        regions.append(same[0]._replace(chunks=chunks))
    gaps = zip(*(recording.gaps for recording in recordings), strict=True)
    return Recording(regions, [min(times) for times in gaps])


def simulate(step: Recording, processors: int, delay: float) -> Simulation:
    """A step on some processors."""
    serial = sum(step.gaps)
    times = [region_time(region, processors, delay) for region in step.regions]
    ideal = sum(sum(region.chunks) / processors for region in step.regions)
    return Simulation(serial + sum(times), serial, sum(times) - ideal)


def start_delay() -> float:
    """Nanoseconds by which a region of two threads takes longer than half of its work on one."""
    x = np.zeros(1 << 15, np.float32)
    out = [_time(lambda: kernels.relu(x), threads, 2000) for threads in (1, 2)]
    return max(0.0, out[1] - out[0] / 2)


def _time(work: Work, threads: int, calls: int) -> float:
    with cnet.use_threads(threads):
        for _ in range(WARM_UP):
            work()
        times = []
        for _ in range(calls):
            begin = perf_counter_ns()
            work()
            times.append(perf_counter_ns() - begin)
    return min(times)


def _record(work: Work) -> Recording:
    begin = perf_counter_ns()
    regions = runtime.record_regions(work)
    times = [begin, *(time for region in regions for time in region[:2]), perf_counter_ns()]
    return Recording(
        regions, [end - begin for begin, end in zip(times[::2], times[1::2], strict=True)]
    )


def _simulated(work: Work, processors: int, rounds: int, delay: float) -> Simulation:
    """A step that is divided for `processors` threads."""
    with cnet.use_threads(processors):
        work()
        return simulate(least([_record(work) for _ in range(rounds)]), processors, delay)


def measure(name: str, side: str, rounds: int, delay: float) -> dict[str, Any]:
    """The record of one network."""
    case = CASES[name]
    work = case.bind(SIDES[side], case.batch)
    measured = {threads: _time(work, threads, rounds) for threads in (1, 2)}
    simulated = {
        processors: _simulated(work, processors, rounds, delay) for processors in PROCESSORS
    }
    return {
        "name": name,
        "title": case.title,
        "side": side,
        "measured": measured,
        "simulated": {number: each._asdict() for number, each in simulated.items()},
    }


def row(result: dict[str, Any]) -> str:
    """Times of one and two threads, speed-ups, and what limits 16 processors."""
    one, two = result["measured"].values()
    simulated = result["simulated"]
    speedups = "".join(f"{one / simulated[number]['total']:8.2f}" for number in PROCESSORS)
    at16 = simulated[16]
    shares = "".join(f"{at16[key] / at16['total']:9.0%}" for key in ("serial", "longest"))
    title = f"{result['title']}, {result['side']}"
    return f"{title:46}{three_digits(one / 1e6):>8}{one / two:10.2f}{speedups}{shares}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NETWORK", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=cli.positive, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    args = parser.parse_args()
    if unknown := set(args.names) - set(CASES):
        parser.error(f"unknown network: {', '.join(sorted(unknown))}")

    delay = start_delay()
    print(f"A worker joins {delay / 1e3:.1f} us after the caller.")
    numbers = "".join(f"{number:8}" for number in PROCESSORS)
    print(f"{'':54}{'measured':>10}  simulated speed-up{'':30}at 16 processors")
    print(f"{'training step':46}{'ms':>8}{'2':>10}{numbers}{'serial':>9}{'longest':>9}")
    results = []
    for name in args.names or CASES:
        for side in SIDES:
            results.append(measure(name, side, args.rounds, delay))
            print(row(results[-1]), flush=True)
    if args.json:
        taken = record.circumstances(1) | {"delay": delay, "cases": results}
        args.json.write_text(json.dumps(taken, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
