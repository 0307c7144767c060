"""docs/benchmarks.md: every record as a table, and the goals."""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean

from cnet.bench.record import Record
from cnet.bench.table import TIMES, three_digits
from goals import GOALS
from records import MISSING, UNITS, Records, fastest, figure, rate, ratio
from summary import ABSENT, percent

Rows = list[Sequence[str]]

INTRODUCTION = """\
# Benchmarks

Written by `bench/report.py` from the records in `bench/results`; [bench/](../bench/README.md) tells
how they are made. Each side runs in a process of its own, in turns; a figure is the median of the
rounds. In brackets stands how many times the first side's time that is, the median of the rounds'
ratios: above 1, the first side is faster. The fastest of the others is bold. The peak is what this
machine reaches with a loop of multiply-adds or, for kernels that wait for memory, with a copy.
Percentages count the operations of the textbook; Winograd's algorithm and a backward pass through
max-pooling do with fewer, and can pass 100 %.
"""

HEADINGS = {
    "training": "Training steps: forward, cross-entropy, backward, Adam",
    "inference": "Inference of the reference CNN",
    "convolutions": "Convolutions, float32",
    "float64": "Convolutions, float64",
    "products": "Matrix products",
    "memory_bound": "Kernels that wait for memory",
    "dropin": "Programs in the styles of `cnet.dropin`, the original with one BLAS thread",
    "numpy": "Layers of the reference CNN against NumPy, batch 256",
    "memory": "Peak memory of three training steps, beyond what was there before",
    "busy": "Beside a busy process",
}


def markdown(rows: Rows) -> str:
    """A table; the first column is words, the others figures."""
    head, *others = rows
    alignment = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, alignment, *others)) + "\n"


def write(records: Records, plots: Sequence[str]) -> str:
    """The page."""
    parts = [INTRODUCTION, "## The goals\n", markdown(_goals(records))]
    parts += [f"![{plot}]({plot})\n" for plot in plots]
    try:
        parts += ["## The machine\n", markdown(_machine(records))]
    except MISSING:
        parts.append("No peak has been measured.\n")
    for suite, heading in HEADINGS.items():
        try:
            taken = records.suite(suite)
        except MISSING:
            continue
        parts.append(f"## {heading}\n")
        for record in taken:
            parts += [f"{circumstances(record)}\n", markdown(_table(records, record))]
    return "\n".join(parts)


def count(number: int, what: str) -> str:
    """ "1 thread", "2 threads"."""
    return f"{number} {what}{'s' * (number > 1)}"


def circumstances(record: Record) -> str:
    """How and on what a record was taken."""
    config, numpy = record["config"], record["numpy"]
    versions = {"cnet": f"{config['cnet']} ({config['isa']}, {config['compiler']})"}
    versions |= {"NumPy": f"{numpy['version']} ({numpy['blas']})"}
    names = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}
    sides = " ".join(record["sides"])
    for package, version in record.get("versions", {}).items():
        if names[package] in sides:
            versions[names[package]] = version
    threads = record["threads"]
    described = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"**{count(threads, 'thread')}**, {count(record['rounds'], 'round')}; {described}; "
        f"{config['cpu']}; commit {record['commit']}, {record['date'][:10]}, load "
        f"{record['load_average']:.1f} at the start."
    )


def _goals(records: Records) -> Rows:
    rows: Rows = [("work (2 threads unless said)", "goal", "measured", "reached")]
    for goal in GOALS:
        sign = "≤" if goal.at_most else "≥"
        wanted = f"{sign} {goal.wanted:.2f}"
        try:
            value = goal.measured(records)
        except MISSING:
            rows.append((goal.work, wanted, ABSENT, "not measured"))
            continue
        rows.append((goal.work, wanted, f"{value:.2f}", "yes" if goal.reached(value) else "**no**"))
    return rows


def _machine(records: Records) -> Rows:
    taken = records.suite("machine")
    rows: Rows = [
        ("fastest of all rounds", *(count(record["threads"], "thread") for record in taken))
    ]
    for cases in zip(*(record["cases"] for record in taken), strict=True):
        unit = UNITS[cases[0]["resource"]]
        rates = (f"{three_digits(rate(case, 'machine', 'min'))} {unit}" for case in cases)
        rows.append((cases[0]["title"], *rates))
    return rows


def _table(records: Records, record: Record) -> Rows:
    ours, *others = record["sides"]
    counted = any(case.get("amount") for case in record["cases"])
    unit = record["unit"]
    head = ("work", f"{ours} {unit}", *(("rate", "of the peak") if counted else ()), *others)
    rows: Rows = [head]
    for case in record["cases"]:
        cells = [case["title"], three_digits(figure(case, ours))]
        if counted:
            cells += [_rate(case, ours), percent(records, case, record["threads"])]
        best = fastest(case)
        for side in others:
            words = f"{three_digits(figure(case, side))} ({_times(ratio(case, side))})"
            cells.append(f"**{words}**" if side == best else words)
        rows.append(cells)
    return [*rows, *_means(record, len(head) - len(others))]


def _means(record: Record, offset: int) -> Iterator[Sequence[str]]:
    """Geometric means of the ratios, of all forward and of all backward passes."""
    for way in ("forward", "backward"):
        cases = [case for case in record["cases"] if case["title"].endswith(f", {way}")]
        if len(cases) < 3:
            continue
        cells = [f"geometric mean, {way}", *[""] * (offset - 1)]
        for side in record["sides"][1:]:
            cells.append(_times(geometric_mean([ratio(case, side) for case in cases])))
        best = _times(geometric_mean([ratio(case, fastest(case)) for case in cases]))
        cells[0] += f" (to the fastest: {best})"
        yield cells


def _times(value: float) -> str:
    return three_digits(value) + TIMES


def _rate(case: Record, side: str) -> str:
    return (
        f"{three_digits(rate(case, side))} {UNITS[case['resource']]}" if case["amount"] else ABSENT
    )
