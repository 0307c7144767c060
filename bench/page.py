"""The pages of docs/benchmarks with all results, and bench/goals.md with the goals."""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean

from cnet.bench.record import Record
from cnet.bench.table import TIMES, three_digits
from figures import (
    CAPTURED,
    ISAS,
    MISSING,
    UNITS,
    Records,
    fastest,
    figure,
    folder,
    ours,
    rate,
    ratio,
)
from goals import GOALS, Goal
from summary import ABSENT, percent

Rows = list[Sequence[str]]

INTRODUCTION = """\
# Benchmarks

cnet compared with PyTorch, ONNX Runtime and NumPy. `cnet bench` runs a short comparison with NumPy
on your machine. These machines have been measured:
"""

METHOD = """\
Each library runs in its own process, and the processes take turns. A time is the median of all
rounds. The number in brackets is the ratio to cnet's time: the median of the ratios of the rounds.
Above 1, cnet is faster. The fastest of the other libraries is bold. Where a step that
`cnet.capture` replays is faster than the same step run as usual, its time is bold, and the ratios
are to it.

"Of peak" compares cnet's rate with the peak of the machine: a loop of multiply-adds or, for
kernels limited by memory, a copy. Rates count the operations of the usual algorithm. Winograd's
algorithm and the backward pass of max-pooling need fewer, so that their percentages can exceed 100.
"""

REPEAT = """\
## Repeat the measurements

```sh
pip install torch onnx onnxruntime   # whichever is absent is left out
python bench/run.py                  # an hour on two cores; --rounds 3 takes half of it
python bench/report.py               # writes these pages from the records in bench/results
```

[bench/README.md](../bench/README.md) describes the cases and the method,
[bench/goals.md](../bench/goals.md) lists the goals.
"""

GOALS_INTRODUCTION = """\
# Goals

Written by `bench/report.py` from the records in `bench/results`; `bench/goals.py` defines the
goals. Unless a goal says otherwise, a figure is a ratio of times with 2 threads: the time of the
fastest other side divided by cnet's. Figures that miss the goal are bold. A dash stands where
nothing was measured, or where the goal is for another instruction set.
"""

HEADINGS = {
    "training": "Training steps: forward, cross-entropy, backward, Adam",
    "inference": "Inference of the reference CNN",
    "networks": "Known architectures",
    "quantized": "Inference with 8-bit integers",
    "bfloat16": "Inference with bfloat16",
    "convolutions": "Convolutions, float32",
    "float64": "Convolutions, float64",
    "products": "Matrix products",
    "memory_bound": "Kernels limited by memory bandwidth",
    "operations": "Functions of tensors, 10⁶ elements and one element",
    "calls": "1000 calls on tensors of a few elements (milliseconds are microseconds per call)",
    "dropin": "Programs in the styles of `cnet.dropin` (one BLAS thread)",
    "layouts": "Convolutions and pools of `cnet.dropin.kernels`: channels last against first",
    "numpy": "Layers of the reference CNN against NumPy, batch 256",
    "memory": "Additional peak memory of three training steps",
    "busy": "Training step beside a busy process",
}


def markdown(rows: Rows) -> str:
    """A table with words in the first column and figures in the others."""
    head, *others = rows
    alignment = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, alignment, *others)) + "\n"


def overview(machines: Sequence[Records]) -> str:
    """The page docs/benchmarks.md."""
    links = "".join(f"- [{each.title}](benchmarks/{folder(each.title)}.md)\n" for each in machines)
    pages = "".join(f"benchmarks/{folder(each.title)}\n" for each in machines)
    hidden = f"```{{toctree}}\n:hidden:\n\n{pages}```\n"
    return "\n".join([INTRODUCTION, links, REPEAT, *([hidden] if pages else [])])


def results(records: Records, plots: Sequence[str]) -> str:
    """The page of a machine in docs/benchmarks."""
    parts = [f"# Benchmarks: {records.title}\n", METHOD]
    parts += [f"![{plot}]({plot})\n" for plot in plots]
    try:
        parts += ["## The machine\n", markdown(_machine(records))]
    except MISSING:
        parts.append("The peak of the machine has not been measured.\n")
    for suite, heading in HEADINGS.items():
        try:
            taken = records.suite(suite)
        except MISSING:
            continue
        parts.append(f"## {heading}\n")
        for record in taken:
            parts += [f"{circumstances(record)}\n", markdown(_table(records, record))]
    return "\n".join(parts)


def goals(machines: Sequence[Records]) -> str:
    """The page bench/goals.md."""
    rows: Rows = [("work", "goal", *(records.title for records in machines))]
    for goal in GOALS:
        sign = "≤" if goal.at_most else "≥"
        figures = (_reached(goal, records) for records in machines)
        isa = f", {ISAS[goal.isa]}" if goal.isa else ""
        rows.append((f"{goal.work}{isa}", f"{sign} {goal.wanted:.2f}", *figures))
    return f"{GOALS_INTRODUCTION}\n{markdown(rows)}"


def _reached(goal: Goal, records: Records) -> str:
    """The figure of a goal on a machine, bold if it misses the goal."""
    if not goal.applies(records):
        return ABSENT
    try:
        value = goal.measured(records)
    except MISSING:
        return ABSENT
    return f"{value:.2f}" if goal.reached(value) else f"**{value:.2f}**"


def count(number: int, what: str) -> str:
    """ "1 thread", "2 threads"."""
    return f"{number} {what}{'s' * (number > 1)}"


def circumstances(record: Record) -> str:
    """Threads, rounds, versions, CPU, commit and load of a record, in one line."""
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
        f"{config['cpu']}; commit {record['commit']}, {record['date'][:10]}, load average "
        f"{record['load_average']:.1f} at the start."
    )


def _machine(records: Records) -> Rows:
    taken = records.suite("machine")
    rows: Rows = [
        ("highest rate of all rounds", *(count(record["threads"], "thread") for record in taken))
    ]
    for cases in zip(*(record["cases"] for record in taken), strict=True):
        unit = UNITS[cases[0]["resource"]]
        rates = (f"{three_digits(rate(case, 'machine', 'min'))} {unit}" for case in cases)
        rows.append((cases[0]["title"], *rates))
    return rows


def _table(records: Records, record: Record) -> Rows:
    first, *others = record["sides"]
    counted = any(case.get("amount") for case in record["cases"])
    unit = record["unit"]
    head = ("work", f"{first} {unit}", *(("rate", "of peak") if counted else ()), *others)
    rows: Rows = [head]
    for case in record["cases"]:
        own = ours(case)
        cells = [case["title"], three_digits(figure(case, first))]
        if counted:
            cells += [_rate(case, own), percent(records, case, record["threads"])]
        best = fastest(case)
        for side in others:
            words = three_digits(figure(case, side))
            if side != first + CAPTURED:
                words += f" ({_times(ratio(case, side))})"
            cells.append(f"**{words}**" if side in (own, best) else words)
        rows.append(cells)
    return [*rows, *_means(record, len(head) - len(others))]


def _means(record: Record, offset: int) -> Iterator[Sequence[str]]:
    """Geometric means of the ratios of all forward and all backward passes."""
    for direction in ("forward", "backward"):
        cases = [case for case in record["cases"] if case["title"].endswith(f", {direction}")]
        if len(cases) < 3:
            continue
        cells = [f"geometric mean, {direction}", *[""] * (offset - 1)]
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
