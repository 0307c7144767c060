"""Peak memory of training steps, beyond the memory in use before them.

Each figure needs a new process: memory that an earlier step left in the allocator would not count.
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
from work import architectures, networks

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
KILOBYTE = 1024
CASES = networks.STEP_CASES | architectures.STEP_CASES
STEPS = 3
"""Several, because a library may take more memory in the second step than in the first."""


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes between the resident memory now and its peak while `work` runs.

    Where the system cannot reset the peak, this is the growth of the peak of the whole process,
    which is too small if more memory was resident earlier, even in the parent before the fork.
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
    """Megabytes of every side in every round, each from a new process."""
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
    parser.add_argument("side", nargs="?", default="peers.ours", help="module[:object]")
    parser.add_argument("--case", choices=CASES, default=f"reference {BATCH}")
    parser.add_argument("--batch", type=cli.positive, help="overrides the batch of the case")
    args = parser.parse_args()

    case = CASES[args.case]
    batch = args.batch or case.batch
    step = case.bind(resolve_name(args.side), batch)
    megabytes = peak_growth(lambda: [step() for _ in range(STEPS)]) / 1e6
    print(f"{megabytes:.1f} MB for {STEPS} training steps of {args.side}: {case.title}")


if __name__ == "__main__":
    main()
