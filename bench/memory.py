"""How much memory one training step of the reference CNN takes beyond what was there before it.

Run anew for each figure: what an earlier step left with the allocator would not be counted.
"""

import argparse
import resource
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

from cnet.bench import cli
from cnet.bench.cases import BATCH, CASES
from cnet.bench.sides import SIDES

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
KILOBYTE = 1024


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", nargs="?", choices=SIDES, default="cnet")
    parser.add_argument("--batch", type=cli.positive, default=BATCH)
    args = parser.parse_args()

    step = CASES["training_step"].bind(resolve_name(SIDES[args.side]), args.batch)
    megabytes = peak_growth(step) / 1e6
    print(f"{args.side}: {megabytes:.1f} MB for a training step, batch {args.batch}")


if __name__ == "__main__":
    main()
