"""How much memory training steps take beyond what was there before them.

Run anew for each figure: what an earlier step left with the allocator would not be counted.
"""

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from pkgutil import resolve_name

from cnet.bench import cli, measure
from cnet.bench.cases import BATCH
from work.networks import STEP_CASES

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
KILOBYTE = 1024
STEPS = 3
"""The first finds no memory that an earlier one left; a library may do more in the second."""


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes from what is resident now to the peak of what is while `work` runs.

    Where the system cannot reset its peak, the growth of the peak of the whole process: less, if
    more was resident before than is now, be it in the process that this one was forked from.
    """
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        before = _peak_of_process()
        work()
        return _peak_of_process() - before
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * KILOBYTE


def _peak_of_process() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE


def take(sides: Iterable[str], case: str, threads: int, rounds: int) -> dict[str, list[float]]:
    """The megabytes of every side and round, each in a process of its own."""
    environment = os.environ | dict.fromkeys(measure.THREAD_VARIABLES, str(threads))
    runs: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, figures in runs.items():
            command = [sys.executable, __file__, side, "--case", case]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, env=environment, text=True, check=True
            )
            figures.append(float(done.stdout.split()[0]))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", nargs="?", default="sides.ours", help="module[:object]")
    parser.add_argument("--case", choices=STEP_CASES, default=f"reference {BATCH}")
    parser.add_argument("--batch", type=cli.positive, help="instead of the case's own")
    args = parser.parse_args()

    case = STEP_CASES[args.case]
    batch = args.batch or case.batch
    step = case.bind(resolve_name(args.side), batch)
    megabytes = peak_growth(lambda: [step() for _ in range(STEPS)]) / 1e6
    print(f"{megabytes:.1f} MB for {STEPS} training steps of {args.side}: {case.title}")


if __name__ == "__main__":
    main()
