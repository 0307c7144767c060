"""Measure cnet and the same work in pure NumPy, and print a table."""

import argparse
from pathlib import Path

from .. import runtime
from . import record, table
from .cases import CASES
from .sides import SIDES

ROUNDS = 15
QUICK_ROUNDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument(
        "--threads", type=_threads, metavar="N", help="threads of every side (default: cnet's)"
    )
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help=f"rounds of each case (default: {ROUNDS})"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds unless --rounds is given"
    )
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="write every figure to FILE")


def run(args: argparse.Namespace) -> int:
    """Print the table, write the record if requested, and return the exit status."""
    printer = table.Printer(tuple(SIDES), [case.title for case in CASES.values()])
    result = record.take(
        threads=args.threads or runtime.get_num_threads(),
        rounds=args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS),
        report=printer.row,
    )
    print(table.circumstances(result))
    if args.json:
        record.save(result, args.json)
    return 0


def positive(text: str) -> int:
    """Argument type: an integer of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1 (got {text})")
    return value


def _threads(text: str) -> int:
    threads = positive(text)
    try:
        with runtime.use_threads(threads):
            return threads
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _new_file(text: str) -> Path:
    """Argument type: a path, checked before the measurements and not after them."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in an existing folder (got {text})")
    return path
