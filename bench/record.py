"""Measure cnet against pure NumPy and keep every figure: ``python bench/record.py [NAME]``."""

import argparse
from pathlib import Path

from cnet.bench import cli, record, table
from cnet.bench.cases import CASES
from cnet.bench.sides import SIDES

RESULTS = Path(__file__).parent / "results"
THREADS = 1, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="numpy", help="of the record (default: numpy)")
    parser.add_argument("--rounds", type=cli.positive, default=cli.ROUNDS)
    args = parser.parse_args()

    records = []
    for threads in THREADS:
        printer = table.Printer(tuple(SIDES), [case.title for case in CASES.values()])
        records.append(record.take(SIDES, threads=threads, rounds=args.rounds, report=printer.row))
        print(table.circumstances(records[-1]), end="\n\n")
    RESULTS.mkdir(exist_ok=True)
    record.save(records, RESULTS / f"{args.name}.json")


if __name__ == "__main__":
    main()
