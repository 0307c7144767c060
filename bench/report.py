"""Write the tables of README.md, docs/ and bench/goals.md from the records, or --check them."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import page
import summary
import verdicts
from figures import MISSING, Records, folder, machines

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
NOTHING = "Nothing has been measured."
PAGES = "benchmarks"
"""The folder in docs/ with a page and pictures for each machine."""
PICTURES = {"": summary.picture, "-convolutions": summary.picture_of_convolutions}
"""How to draw the pictures, by the ends of their names."""


def texts(root: Path, machines: Sequence[Records]) -> dict[Path, str]:
    """The expected content of each generated file."""
    docs, readme = root / "docs", root / "README.md"
    written: dict[Path, str] = {}
    for records in machines:
        name = folder(records.title)
        pictures = {}
        for suffix, draw in PICTURES.items():
            with suppress(MISSING):
                pictures[f"{name}{suffix}.svg"] = draw(records)
        written |= {docs / PAGES / picture: text for picture, text in pictures.items()}
        written[docs / PAGES / f"{name}.md"] = page.results(records, list(pictures))
    written[docs / "benchmarks.md"] = page.overview(machines)
    written[docs / "speed.md"] = verdicts.page(machines)
    written[root / "bench" / "goals.md"] = page.goals(machines)
    blocks = {
        readme: _speed(machines) if machines else NOTHING,
        docs / "dropin.md": page.markdown(summary.styles(machines)),
    }
    for path, block in blocks.items():
        written[path] = replace(path.read_text(encoding="utf-8"), block)
    return written


def _speed(machines: Sequence[Records]) -> str:
    """The short table of README.md, and the picture of the first machine."""
    title = machines[0].title
    table = page.markdown(summary.table(machines))
    return f"{table}\n![Time relative to cnet: {title}](docs/{PAGES}/{folder(title)}.svg)"


def leftovers(root: Path, expected: Iterable[Path]) -> list[Path]:
    """Pages of machines that have no records any more."""
    return sorted({*(root / "docs" / PAGES).glob("*")} - set(expected))


def replace(text: str, new: str) -> str:
    """`text` with `new` between the markers.

    Raises
    ------
    ValueError
        If there is not exactly one pair of markers.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the text must hold {BEGIN} and {END} once each, in this order")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="folder of README.md, docs/ and bench/"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 if a file differs"
    )
    args = parser.parse_args()

    expected = texts(args.root, machines(args.results))
    leftover = leftovers(args.root, expected)
    if args.check:
        differing = [
            path
            for path, text in expected.items()
            if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        for path in differing + leftover:
            name = path.relative_to(args.root)
            print(f"{name} differs from the records: run bench/report.py")
        return 1 if differing or leftover else 0
    (args.root / "docs" / PAGES).mkdir(exist_ok=True)
    for path, text in expected.items():
        path.write_text(text, encoding="utf-8")
    for path in leftover:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
