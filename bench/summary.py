"""The short account of the records: the table of README.md, and its plot."""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean
from typing import NamedTuple

import plot
from cnet.bench.record import Record
from cnet.bench.table import TIMES, three_digits
from records import MISSING, Records, fastest, figure, first, mean_ratio, ratio
from work.convolutions import BACKWARD, COMMON, FORWARD, ODD

ABSENT = "\N{EN DASH}"

AXIS = "right of the line cnet is faster"

SERIES = (
    "PyTorch NCHW", "PyTorch channels_last", "PyTorch compiled", "ONNX Runtime", "NumPy best",
    "NumPy loops", "PyTorch channels_last tuned",
)  # fmt: skip


class Line(NamedTuple):
    """A piece of work; or several, of which the geometric mean of the ratios is shown."""

    title: str
    suite: str
    names: str
    threads: int = 2

    def cases(self, records: Records) -> list[Record]:
        """Those whose names end so; raises MISSING if there are none."""
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
    Line("inference, reference CNN, batch 256", "inference", "reference 256"),
    Line("inference, reference CNN, batch 32", "inference", "reference 32"),
    Line("inference, reference CNN, batch 1", "inference", "reference 1"),
    Line(f"{SHAPES} convolutions, forward", "convolutions", FORWARD),
    Line(f"{SHAPES} convolutions, backward", "convolutions", BACKWARD),
    Line("10 matrix products", "products", ""),
)


def measured(records: Records) -> Iterator[tuple[Line, list[Record]]]:
    """The lines that there are records of."""
    for line in LINES:
        try:
            yield line, line.cases(records)
        except MISSING:
            continue


def table(records: Records) -> list[Sequence[str]]:
    """Rows of cells, the head first."""
    rows: list[Sequence[str]] = [
        ("work", "cnet ms", "of the peak", "fastest of the others", "ratio")
    ]
    for line, cases in measured(records):
        if len(cases) > 1:
            peers = sorted({fastest(case).split()[0] for case in cases})
            times = three_digits(mean_ratio(cases)) + TIMES
            rows.append((line.title, ABSENT, ABSENT, ", ".join(peers), f"**{times}**"))
            continue
        (case,) = cases
        theirs = fastest(case)
        rows.append((
            line.title,
            three_digits(figure(case, first(case))),
            percent(records, case, line.threads),
            f"{theirs}: {three_digits(figure(case, theirs))} ms",
            f"**{three_digits(ratio(case, theirs))}{TIMES}**",
        ))  # fmt: skip
    return rows


def styles(records: Records) -> list[Sequence[str]]:
    """How much faster each style of `cnet.dropin` is than its original."""
    rows: list[Sequence[str]] = [("work", "cnet ms", "original ms", "times as fast")]
    try:
        cases = records.record("dropin")["cases"]
    except MISSING:
        return rows
    for case in cases:
        style, _, work = case["title"].partition(": ")
        times = three_digits(figure(case, "cnet")), three_digits(figure(case, "original"))
        rows.append((f"`{style}`: {work}", *times, f"**{three_digits(ratio(case, 'original'))}**"))
    return rows


def percent(records: Records, case: Record, threads: int) -> str:
    """What share of the machine's peak the first side reaches."""
    try:
        return f"{100 * records.share_of_peak(case, threads):.0f} %"
    except MISSING:
        return ABSENT


def picture(records: Records) -> str:
    """Every peer of every line."""
    rows = []
    for line, cases in measured(records):
        ratios = {
            side: geometric_mean([ratio(case, side) for case in cases])
            for side in SERIES
            if all(side in case["timings"] for case in cases)
        }
        ours = three_digits(figure(cases[0], first(cases[0])))
        note = f"{ours} ms" if len(cases) == 1 else "mean"
        rows.append(plot.Row(line.title, note, ratios))
    if not rows:
        raise MISSING("nothing has been measured")
    series = [side for side in SERIES if any(side in row.ratios for row in rows)]
    return plot.dots("Time of the others, cnet = 1 (2 threads unless said)", AXIS, series, rows)


def picture_of_convolutions(records: Records) -> str:
    """The fastest layout of PyTorch on every shape."""
    rows: dict[str, plot.Row] = {}
    for line in LINES:
        if line.suite != "convolutions":
            continue
        for case in line.cases(records):
            title, _, way = case["name"].rpartition(", ")
            row = rows.setdefault(title, plot.Row(title, "", {}))
            row.ratios[way] = ratio(case, fastest(case))
    title = "Time of PyTorch's faster layout, cnet = 1 (2 threads)"
    return plot.dots(title, AXIS, (FORWARD, BACKWARD), list(rows.values()))
