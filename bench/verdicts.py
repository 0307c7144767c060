"""docs/speed.md: where cnet is faster than the fastest other library, where equal, where slower."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cnet.bench.record import Record
from cnet.bench.table import TIMES, three_digits
from figures import MISSING, Records, fastest, folder, mean_ratio, ratio
from work.operations import CALLS

FASTER, SLOWER = 1.1, 0.9
"""Ratios from which cnet counts as faster, and below which as slower."""

LISTED = 12
"""The length of a list of slower cases; a longer one ends with the number of the others."""

INTRODUCTION = f"""\
# Where cnet is faster, and where it is slower

Written by `bench/report.py` from the records in `bench/results`. A ratio is the time of the fastest
other library divided by cnet's, both with the same number of threads: PyTorch in both memory
layouts, as installed, with a tuned allocator and, for training steps, compiled; ONNX Runtime for
inference; the fastest NumPy code for float64 convolutions and matrix products. cnet's time of a
training step is that of `cnet.capture` or of the step run as usual, whichever is less. From
{FASTER} on, cnet counts as faster, below {SLOWER} as slower, between them as equal.
[benchmarks.md](benchmarks.md) has every time.
"""

ADVICE = """\
## What follows from it

- Train with cnet when the network is small or medium, has 3x3 convolutions, or the batch is small.
- Capture training steps (`cnet.capture`, or `Trainer`, which does it by itself).
- Compile for inference (`cnet.compile`); a plan is faster than calling the model.
- If your network spends its time in layers of the lists below, measure it first:
  `cnet bench --network NAME` times a training step on your machine.
"""


class Work(NamedTuple):
    """Kinds of work that a reader looks for, with the records that answer."""

    title: str
    suite: str
    part: str | None = None
    suits: Callable[[str], bool] = lambda title: True

    def cases(self, records: Records) -> Iterator[tuple[Record, int]]:
        """The cases that another library was measured for, each with its number of threads."""
        for record in records.suite(self.suite):
            if self.part in (None, record["part"]):
                for case in filter(lambda case: self.suits(case["title"]), record["cases"]):
                    try:
                        fastest(case)
                    except MISSING:
                        continue
                    yield case, record["threads"]


def _is_call(title: str) -> bool:
    return title.endswith(CALLS)


WORKS = (
    Work("training steps of small networks", "training"),
    Work("training steps of known architectures", "networks", "training"),
    Work("inference of the reference CNN", "inference"),
    Work("inference of known architectures", "networks", "inference"),
    Work("inference with 8-bit integers", "quantized"),
    Work("inference with bfloat16", "bfloat16"),
    Work("convolutions, float32", "convolutions"),
    Work("convolutions, float64", "float64"),
    Work("matrix products", "products"),
    Work("ReLU, pooling, im2col, col2im", "memory_bound"),
    Work("functions of a million elements", "operations", suits=lambda title: not _is_call(title)),
    Work("functions of one element, a row or a small image", "operations", suits=_is_call),
    Work("calls on small tensors", "calls"),
)


def page(machines: Sequence[Records]) -> str:
    """The page docs/speed.md."""
    parts = [INTRODUCTION]
    for records in machines:
        parts += [f"## {records.title}\n", _counts(records)]
    parts.append(ADVICE)
    for records in machines:
        parts += [f"## Where it is slower: {records.title}\n", *_slower(records)]
    return "\n".join(parts)


def _measured(records: Records) -> Iterator[tuple[Work, list[tuple[Record, int]]]]:
    """The kinds of work that have been measured, each with its cases."""
    for work in WORKS:
        try:
            yield work, list(work.cases(records))
        except MISSING:
            continue


def _counts(records: Records) -> str:
    """The table of how many cases are faster, equal and slower."""
    rows: list[Sequence[str]] = [
        ("work", "measured", "faster", "equal", "slower", "mean ratio"),
        ("---", *["--:"] * 5),
    ]
    for work, cases in _measured(records):
        ratios = [ratio(case, fastest(case)) for case, _ in cases]
        counts = (
            sum(value >= FASTER for value in ratios),
            sum(SLOWER <= value < FASTER for value in ratios),
            sum(value < SLOWER for value in ratios),
        )
        mean = three_digits(mean_ratio(case for case, _ in cases)) + TIMES
        rows.append((work.title, str(len(cases)), *map(str, counts), mean))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows) + "\n"


def _slower(records: Records) -> Iterator[str]:
    """A list for each kind of work with slower cases, under its title."""
    for work, cases in _measured(records):
        found = sorted(
            (value, case["title"], threads)
            for case, threads in cases
            if (value := ratio(case, fastest(case))) < SLOWER
        )
        if found:
            yield f"### {work.title.capitalize()}\n"
            yield _list(found, f"benchmarks/{folder(records.title)}.md")


def _list(found: Sequence[tuple[float, str, int]], everything: str) -> str:
    """One line for each of the slowest cases, and a link to the page with everything."""
    lines = [
        f"- {title}, {threads} thread{'s' * (threads > 1)}: {value:.2f}{TIMES}\n"
        for value, title, threads in found[:LISTED]
    ]
    if others := len(found) - len(lines):
        lines.append(f"- and {others} more: [all results]({everything})\n")
    return "".join(lines)
