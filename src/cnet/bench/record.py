"""Records: every figure of a run, and the machine and versions it was measured on."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from statistics import median
from typing import Any

import numpy as np

from .. import runtime
from .._files import atomic_write
from .measure import AGAINST_NUMPY, Comparison, measure

Record = dict[str, Any]


def take(
    comparison: Comparison = AGAINST_NUMPY,
    *,
    threads: int,
    rounds: int,
    batch: int | None = None,
    report: Callable[[Record], object] = lambda case: None,
) -> Record:
    """Measure, call `report` with each finished case, and return the record, ready for JSON."""
    table = resolve_name(comparison.cases)
    record = circumstances(threads)
    record |= {"threads": threads, "rounds": rounds}
    record |= {"unit": "ms", "sides": list(comparison.sides), "cases": []}
    for name, runs in measure(comparison, threads=threads, rounds=rounds, batch=batch):
        title, _, own_batch, resource, amount = table[name]
        images = batch or own_batch
        case = {
            "name": name,
            "title": title,
            "batch": images,
            "resource": resource,
            "amount": images * amount,
            "timings": {side: summary(values) for side, values in runs.items()},
        }
        record["cases"].append(case)
        report(case)
    return record


def save(records: Record | list[Record], path: Path) -> None:
    """Write one or several records as JSON."""
    atomic_write(path, (json.dumps(records, indent=1) + "\n").encode())


def summary(runs: list[float]) -> Record:
    """Median, minimum, maximum and all runs, rounded to four decimals."""
    figures = {"median": median(runs), "min": min(runs), "max": max(runs)}
    return {name: round(value, 4) for name, value in figures.items()} | {
        "runs": [round(value, 4) for value in runs]
    }


def ratio(case: Record, theirs: str, ours: str) -> float:
    """`theirs` divided by `ours`: the median of the ratios of the rounds.

    The two sides of one round met the same load of the machine, so their ratio is steadier than
    the ratio of the medians.
    """
    rounds = zip(case["timings"][theirs]["runs"], case["timings"][ours]["runs"], strict=True)
    return float(median(t / o for t, o in rounds))


def circumstances(threads: int) -> Record:
    """Date, commit, configuration, NumPy and load of the machine."""
    with runtime.use_threads(threads):
        config = runtime.config()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit() or config["cnet"],
        "config": config,
        "numpy": {"version": np.__version__, "blas": _blas()},
        "load_average": os.getloadavg()[0],
    }


def _blas() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _commit() -> str | None:
    """The commit of this checkout, with "-dirty" after changes; None outside a checkout.

    Changed records do not count: writing one does not make the next one dirty.
    """
    try:
        # An installed package may lie inside an unrelated repository.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        commit = _git("rev-parse", "--short", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no", "--", ":/",
                       ":(top,exclude)bench/results")  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changes else commit


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
