"""Read the records and compute ratios, rates and percentages of the peak."""

import json
import re
from collections.abc import Iterable, Mapping
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


ISAS = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON"}
"""The usual names of the instruction sets."""


def machine(config: Mapping[str, str]) -> str:
    """The CPU and the instruction set of a record, such as "Intel Xeon, AVX-512"."""
    cpu = re.sub(r"\(\w+\)|\bProcessor\b|\bCPU\b|@.*", " ", config["cpu"])
    return f"{' '.join(cpu.split())}, {ISAS.get(config['isa'], config['isa'])}"


def folder(title: str) -> str:
    """The name of a machine as a file name, such as "intel-xeon-avx-512"."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


class Records:
    """All records of one machine, by suite, part and number of threads."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._suites: dict[str, list[Record]] = {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(path.glob("*.json"))
        }

    @property
    def config(self) -> Mapping[str, str]:
        """The configuration of the machine, from its first record."""
        for records in self._suites.values():
            for record in records:
                return record["config"]  # type: ignore[no-any-return]
        raise MISSING(f"{self.name}: no records")

    @property
    def title(self) -> str:
        """The CPU and the instruction set."""
        return machine(self.config)

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


def machines(results: Path) -> list[Records]:
    """The records of every machine: one folder each, in alphabetical order."""
    folders = sorted(path.parent for path in results.glob("*/*.json"))
    return [Records(path) for path in dict.fromkeys(folders)]


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
