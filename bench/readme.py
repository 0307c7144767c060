"""Write the benchmark table of README.md from a record, or see whether the two agree (--check)."""

import argparse
import json
import sys
from pathlib import Path

from cnet.bench import table
from cnet.bench.record import Record

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def block(records: list[Record]) -> str:
    """The table with the most threads, the training step with fewer, and the circumstances."""
    *others, main_record = sorted(records, key=lambda record: record["threads"])
    rows = [table.row(case) for case in main_record["cases"]]
    for record in reversed(others):
        title, *cells = table.row(record["cases"][-1])
        threads = record["threads"]
        rows.append([f"{title}, {threads} thread{'s' * (threads > 1)}", *cells])
    head = table.head(main_record["sides"])
    alignment = ["---", *["--:"] * (len(head) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, alignment, *rows)]
    return "\n".join([*lines, "", table.circumstances(main_record) + "."])


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
    parser.add_argument("--record", type=Path, default=ROOT / "bench/results/numpy.json")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if they disagree")
    args = parser.parse_args()

    text = args.readme.read_text(encoding="utf-8")
    records = json.loads(args.record.read_text(encoding="utf-8"))
    expected = replace(text, block(records))
    if args.check:
        agree = text == expected
        print(f"{args.readme.name} and {args.record.name} {'agree' if agree else 'disagree'}")
        return 0 if agree else 1
    args.readme.write_text(expected, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
