"""A record as text: a table, and one line about the machine and the versions."""

from collections.abc import Sequence

from .record import Record, ratio

TIMES = "\N{MULTIPLICATION SIGN}"


def head(sides: Sequence[str]) -> list[str]:
    """Column titles: the time of the first side, then time and ratio of each other side."""
    ours, *others = sides
    return ["work", f"{ours} ms", *(cell for side in others for cell in (f"{side} ms", "ratio"))]


def row(case: Record) -> list[str]:
    """The medians and ratios of a case, in the columns of `head`."""
    timings = case["timings"]
    ours, *others = timings
    cells = [case["title"], three_digits(timings[ours]["median"])]
    for side in others:
        times = three_digits(ratio(case, side, ours)) + TIMES
        cells += [three_digits(timings[side]["median"]), times]
    return cells


def three_digits(value: float) -> str:
    """Format with three significant digits: 0.0123, 1.20, 12.3, 123, 1234."""
    return f"{value:#.3g}" if value < 99.95 else f"{value:.0f}"


def circumstances(record: Record) -> str:
    """Batch, threads, rounds, versions and CPU in one line."""
    config, numpy, threads = record["config"], record["numpy"], record["threads"]
    batches = {case["batch"] for case in record["cases"]}
    batch = f"Batch {batches.pop()}, " if len(batches) == 1 else ""
    return (
        f"{batch}{threads} thread{'s' * (threads > 1)}, "
        f"median of {record['rounds']} rounds; cnet {config['cnet']} ({config['isa']}), "
        f"NumPy {numpy['version']} ({numpy['blas']}), {config['cpu']}; "
        f"ratios are to {record['sides'][0]}"
    )


class Printer:
    """Prints the column titles, then each row as soon as it is measured."""

    def __init__(self, sides: Sequence[str], titles: Sequence[str]) -> None:
        cells = head(sides)
        self._widths = [max(map(len, titles)), *(len(cell) + 1 for cell in cells[1:])]
        self._print(cells)

    def row(self, case: Record) -> None:
        self._print(row(case))

    def _print(self, cells: list[str]) -> None:
        title, *figures = cells
        title_width, *widths = self._widths
        words = [figure.rjust(width) for figure, width in zip(figures, widths, strict=True)]
        print(title.ljust(title_width), *words, flush=True)
