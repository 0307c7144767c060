"""A record in words: rows of cells, and the line that says where the figures come from."""

from collections.abc import Sequence

from .record import Record, ratio

TIMES = "\N{MULTIPLICATION SIGN}"


def head(sides: Sequence[str]) -> list[str]:
    """The first side's time; then each other's, and how many times the first's that is."""
    ours, *others = sides
    return ["work", f"{ours} ms", *(cell for side in others for cell in (f"{side} ms", "ratio"))]


def row(case: Record) -> list[str]:
    """The medians of a case, under `head`."""
    timings = case["timings"]
    ours, *others = timings
    cells = [case["title"], three_digits(timings[ours]["median"])]
    for side in others:
        times = three_digits(ratio(case, side, ours)) + TIMES
        cells += [three_digits(timings[side]["median"]), times]
    return cells


def three_digits(value: float) -> str:
    """0.0123, 1.20, 12.3, 123, 1234: as many digits as a measured figure is worth."""
    return f"{value:#.3g}" if value < 99.95 else f"{value:.0f}"


def circumstances(record: Record) -> str:
    """What was measured, how, and on what."""
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
    """Prints rows as they come, below a head."""

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
