"""Measure cnet and the same work in pure NumPy, or one network, and print a table.

Without --network, the work is layers and a training step of the reference CNN,
with cnet and with NumPy. With --network, it is a training step and inference of
a model, with cnet alone.
"""

import argparse
from pathlib import Path

from .. import runtime
from .._commands import UsageError, image_shape, integer, network
from .._tables import text_table
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
    parser.add_argument(
        "--network", metavar="NAME", help="measure this model of cnet.models.list_models()"
    )
    parser.add_argument(
        "--batch",
        type=integer(minimum=1),
        default=32,
        metavar="N",
        help="images of a batch, with --network (default: %(default)s)",
    )
    parser.add_argument(
        "--input",
        type=image_shape,
        metavar="CxHxW",
        help="channels, height and width of an image, with --network (default: what the model is "
        "made for)",
    )
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="write every figure to FILE")


def run(args: argparse.Namespace) -> int:
    """Print the table, write the record if requested, and return the exit status."""
    return _run_network(args) if args.network else _compare(args)


def _compare(args: argparse.Namespace) -> int:
    printer = table.Printer(tuple(SIDES), [case.title for case in CASES.values()])
    result = record.take(
        threads=args.threads or runtime.get_num_threads(),
        rounds=_rounds(args),
        report=printer.row,
    )
    print(table.circumstances(result))
    if args.json:
        record.save(result, args.json)
    return 0


def _run_network(args: argparse.Namespace) -> int:
    from . import network as timings

    threads = args.threads or runtime.get_num_threads()
    model, shape = network(args.network, args.input, None)
    try:
        with runtime.use_threads(threads):
            measured = timings.measure(model, shape, args.batch, _rounds(args))
    except (ValueError, RuntimeError, IndexError) as error:
        size = "x".join(map(str, shape))
        raise UsageError(f"{args.network} cannot take images of {size}: {error}") from None
    print(text_table(*timings.rows(measured, args.batch)))
    taken = record.circumstances(threads) | {"network": args.network, "input": shape}
    taken |= {"threads": threads, "rounds": _rounds(args), "batch": args.batch, "unit": "ms"}
    taken["timings"] = {work: record.summary(runs) for work, runs in measured}
    print(
        f"{args.network}, {args.batch} images of {'x'.join(map(str, shape))}, {threads} "
        f"thread{'s' * (threads > 1)}, median of {_rounds(args)} rounds; peak memory of the "
        f"process {timings.peak_memory()}"
    )
    if args.json:
        record.save(taken, args.json)
    return 0


def _rounds(args: argparse.Namespace) -> int:
    return int(args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS))


positive = integer(minimum=1)
"""The type of an argument that is an integer of at least 1."""


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
