"""Read the records and compute ratios, rates and percentages of the peak."""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import geometric_mean

from cnet.bench.record import Record
from cnet.bench.record import ratio as paired_ratio

OURS = "cnet"

CAPTURED = " captured"
"""The end of the name of a side that replays the training steps of another one."""

UNITS = {"float32": "GFLOP/s", "float64": "GFLOP/s", "memory": "GB/s"}
"""Units of the rates, 10^9 a second."""

MISSING = KeyError
"""Raised by every function here for work that has not been measured."""


class Records:
    """All records in a folder, by suite, part and number of threads."""

    def __init__(self, folder: Path) -> None:
        self._suites: dict[str, list[Record]] = {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.json"))
        }

    def suite(self, suite: str) -> list[Record]:
        """Every record of a suite."""
        return self._suites[suite]

    def record(self, suite: str, threads: int = 2, part: str | None = None) -> Record:
        """The record of a part with a number of threads."""
        for record in self._suites[suite]:
            if (record["part"], record["threads"]) == (part or suite, threads):
                return record
        raise MISSING(f"{suite}: no record of {part or suite} with {threads} threads")

    def case(self, suite: str, name: str, threads: int = 2, part: str | None = None) -> Record:
        """The case with a name."""
        for case in self.record(suite, threads, part)["cases"]:
            if case["name"] == name:
                return case
        raise MISSING(f"{suite}: no case {name!r}")

    def peak(self, resource: str, threads: int) -> float:
        """The highest rate of the machine in any round, in 10^9 a second."""
        return rate(self.case("machine", resource, threads), "machine", "min")

    def share_of_peak(self, case: Record, threads: int) -> float:
        """The rate of our side divided by the peak."""
        return rate(case, ours(case)) / self.peak(case["resource"], threads)


def ours(case: Record) -> str:
    """The side that the others are compared with: the first one, or its captured form if faster."""
    first = next(iter(case["timings"]))
    forms = [side for side in (first, first + CAPTURED) if side in case["timings"]]
    return min(forms, key=lambda side: figure(case, side))


def figure(case: Record, side: str, which: str = "median") -> float:
    """The time in milliseconds, or the memory in megabytes."""
    return float(case["timings"][side][which])


def rate(case: Record, side: str, which: str = "median") -> float:
    """Operations or bytes a second, in 10^9."""
    if not case.get("amount"):
        raise MISSING(f"{case['title']}: its operations are not counted")
    return float(case["amount"]) / figure(case, side, which) / 1e6


def fastest(case: Record, among: str = "", but: str = OURS) -> str:
    """The best of the sides whose names begin with `among` and not with `but`."""
    sides = [side for side in case["timings"] if side.startswith(among) and side[:4] != but]
    if not sides:
        raise MISSING(f"{case['title']}: nothing to compare with")
    return min(sides, key=lambda side: figure(case, side))


def ratio(case: Record, theirs: str, side: str | None = None) -> float:
    """`theirs` divided by `side`, by default ours; above 1, ours is better."""
    return paired_ratio(case, theirs, side or ours(case))


def mean_ratio(cases: Iterable[Record], among: str = "") -> float:
    """The geometric mean of the ratios to the fastest other side."""
    return geometric_mean([ratio(case, fastest(case, among)) for case in cases])
