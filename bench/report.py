"""Write the tables of README.md, docs/ and bench/goals.md from the records, or --check them."""

import argparse
import sys
from pathlib import Path

import page
import summary
import verdicts
from figures import MISSING, Records

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def texts(root: Path, records: Records) -> dict[Path, str]:
    """The expected content of each generated file."""
    docs, readme = root / "docs", root / "README.md"
    written: dict[Path, str] = {}
    pictures = {
        "benchmarks.svg": summary.picture,
        "convolutions.svg": summary.picture_of_convolutions,
    }
    for name, draw in pictures.items():
        try:
            written[docs / name] = draw(records)
        except MISSING:
            continue
    written[docs / "benchmarks.md"] = page.results(records, [path.name for path in written])
    written[docs / "speed.md"] = verdicts.page(records)
    written[root / "bench" / "goals.md"] = page.goals(records)
    block = "\n".join([page.markdown(summary.table(records)), _circumstances(records)])
    blocks = {readme: block, docs / "dropin.md": page.markdown(summary.styles(records))}
    for path, block in blocks.items():
        written[path] = replace(path.read_text(encoding="utf-8"), block)
    return written


def _circumstances(records: Records) -> str:
    """The circumstances of the first record in the short table."""
    taken = [
        record
        for line, _ in summary.measured(records)
        for record in records.suite(line.suite)
        if record["threads"] == line.threads
    ]
    return page.circumstances(taken[0]) if taken else "Nothing has been measured."


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

    expected = texts(args.root, Records(args.results))
    if args.check:
        others = [
            path.relative_to(args.root)
            for path, text in expected.items()
            if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        for path in others:
            print(f"{path} differs from the records: run bench/report.py")
        return 1 if others else 0
    for path, text in expected.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
