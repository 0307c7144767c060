"""The short tables of README.md and docs/dropin.md, and the plots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import geometric_mean
from typing import NamedTuple

import plot
from cnet.bench.record import Record
from cnet.bench.table import TIMES, three_digits
from figures import MISSING, Records, fastest, figure, mean_ratio, ours, ratio
from work.architectures import ARCHITECTURES
from work.convolutions import BACKWARD, COMMON, FORWARD, ODD

ABSENT = "\N{EN DASH}"

AXIS = "cnet is faster to the right of the line"

SERIES = (
    "PyTorch NCHW", "PyTorch channels_last", "PyTorch compiled", "ONNX Runtime", "NumPy best",
    "NumPy loops", "PyTorch channels_last tuned",
)  # fmt: skip


class Line(NamedTuple):
    """One case, or several cases summarised by the geometric mean of their ratios."""

    title: str
    suite: str
    names: str
    threads: int = 2

    def cases(self, records: Records) -> list[Record]:
        """The cases whose names end with `names`; raises MISSING if there are none."""
        found = [
            case
            for record in records.suite(self.suite)
            if record["threads"] == self.threads
            for case in record["cases"]
            if case["name"].endswith(self.names)
        ]
        if not found:
            raise MISSING(self.title)
        return found


SHAPES = len(COMMON) + len(ODD)

LINES = (
    Line("training, reference CNN, batch 256", "training", "reference 256"),
    Line("training, reference CNN, batch 256, 1 thread", "training", "reference 256", threads=1),
    Line("training, reference CNN, batch 32", "training", "reference 32"),
    Line("training, reference CNN, batch 256, NumPy", "numpy", "training_step"),
    Line("training, CIFAR CNN, batch 128", "training", "cifar 128"),
    *(
        Line(f"training, {each.title}, batch {each.batch}", "networks", name)
        for name, each in ARCHITECTURES.items()
    ),
    Line("inference, reference CNN, batch 256", "inference", "reference 256"),
    Line("inference, reference CNN, batch 32", "inference", "reference 32"),
    Line("inference, reference CNN, batch 1", "inference", "reference 1"),
    Line(f"{SHAPES} convolutions, forward", "convolutions", FORWARD),
    Line(f"{SHAPES} convolutions, backward", "convolutions", BACKWARD),
    Line("10 matrix products", "products", ""),
)


def measured(records: Records) -> Iterator[tuple[Line, list[Record]]]:
    """The lines that have been measured, each with its cases."""
    for line in LINES:
        try:
            yield line, line.cases(records)
        except MISSING:
            continue


def table(machines: Sequence[Records]) -> list[Sequence[str]]:
    """Rows of cells, column titles first: the ratio to the fastest other side, and our time."""
    columns = {
        records.title: {line.title: _ratio_and_time(cases) for line, cases in measured(records)}
        for records in machines
    }
    return _side_by_side(columns, [line.title for line in LINES])


def _ratio_and_time(cases: Sequence[Record]) -> str:
    if len(cases) > 1:
        return f"**{three_digits(mean_ratio(cases))}{TIMES}**"
    (case,) = cases
    times = f"**{three_digits(ratio(case, fastest(case)))}{TIMES}**"
    return f"{times} ({three_digits(figure(case, ours(case)))} ms)"


def styles(machines: Sequence[Records]) -> list[Sequence[str]]:
    """The speed-up of each style of `cnet.dropin` over its original, and our time."""
    columns: dict[str, dict[str, str]] = {}
    for records in machines:
        try:
            cases = records.record("dropin")["cases"]
        except MISSING:
            continue
        columns[records.title] = {
            f"`{style}`: {work}": f"**{three_digits(ratio(case, 'original'))}** "
            f"({three_digits(figure(case, 'cnet'))} ms)"
            for case in cases
            for style, _, work in [case["title"].partition(": ")]
        }
    names = dict.fromkeys(title for cells in columns.values() for title in cells)
    return _side_by_side(columns, names)


def _side_by_side(
    columns: Mapping[str, Mapping[str, str]], order: Iterable[str]
) -> list[Sequence[str]]:
    """Rows of cells, column titles first, from the cells of each column by their row."""
    measured = {title for cells in columns.values() for title in cells}
    rows = [
        (title, *(cells.get(title, ABSENT) for cells in columns.values()))
        for title in order
        if title in measured
    ]
    return [("work", *columns), *rows]


def percent(records: Records, case: Record, threads: int) -> str:
    """The rate of our side in percent of the machine's peak."""
    try:
        return f"{100 * records.share_of_peak(case, threads):.0f} %"
    except MISSING:
        return ABSENT


def picture(records: Records) -> str:
    """The plot of every line and every peer."""
    rows = []
    for line, cases in measured(records):
        ratios = {
            side: geometric_mean([ratio(case, side) for case in cases])
            for side in SERIES
            if all(side in case["timings"] for case in cases)
        }
        note = f"{three_digits(figure(cases[0], ours(cases[0])))} ms" if len(cases) == 1 else "mean"
        rows.append(plot.Row(line.title, note, ratios))
    if not rows:
        raise MISSING("nothing has been measured")
    series = [side for side in SERIES if any(side in row.ratios for row in rows)]
    return plot.dots("Time relative to cnet (2 threads unless stated)", AXIS, series, rows)


def picture_of_convolutions(records: Records) -> str:
    """The plot of every convolution against the faster layout of PyTorch."""
    rows: dict[str, plot.Row] = {}
    for line in LINES:
        if line.suite != "convolutions":
            continue
        for case in line.cases(records):
            title, _, direction = case["name"].rpartition(", ")
            row = rows.setdefault(title, plot.Row(title, "", {}))
            row.ratios[direction] = ratio(case, fastest(case))
    title = "Time of the faster PyTorch layout relative to cnet (2 threads)"
    return plot.dots(title, AXIS, (FORWARD, BACKWARD), list(rows.values()))
