"""What is kept of a run: every figure, and what it was measured on."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .. import runtime
from .cases import BATCH, CASES
from .measure import measure

Record = dict[str, Any]


def take(
    sides: Mapping[str, str],
    cases: Iterable[str] = tuple(CASES),
    *,
    threads: int,
    rounds: int,
    batch: int = BATCH,
    report: Callable[[Record], object] = lambda case: None,
) -> Record:
    """Measure, handing each case to `report` as soon as it is done; returns the record for JSON."""
    record = _circumstances(threads)
    record |= {"threads": threads, "rounds": rounds, "batch": batch, "dtype": "float32"}
    record |= {"unit": "ms", "sides": list(sides), "cases": []}
    for name, runs in measure(sides, cases, threads=threads, rounds=rounds, batch=batch):
        timings = {side: _timing(values) for side, values in runs.items()}
        case = {"name": name, "title": CASES[name].title, "timings": timings}
        record["cases"].append(case)
        report(case)
    return record


def save(records: Record | list[Record], path: Path) -> None:
    """Write one or several as JSON."""
    path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def _timing(runs: list[float]) -> Record:
    """To a tenth of a microsecond."""
    figures = {"median": median(runs), "min": min(runs), "max": max(runs)}
    return {name: round(value, 4) for name, value in figures.items()} | {
        "runs": [round(value, 4) for value in runs]
    }


def _circumstances(threads: int) -> Record:
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
    """The commit that this package is checked out from, if it is: with "-dirty" after changes."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        # An installed package may lie in somebody else's repository.
        subprocess.run([*git, "ls-files", "--error-unmatch", Path(__file__).name],
                       capture_output=True, check=True)  # fmt: skip
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True, check=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
