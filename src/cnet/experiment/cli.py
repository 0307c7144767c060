"""Train networks with different rules and compare their accuracy."""

import argparse
import json
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .._commands import (
    UsageError,
    check_folder,
    datasets,
    integer,
    note,
    positive,
    use_threads,
)
from .._files import atomic_write
from . import NAMES, Histories, Settings, compare, record, run, table

DEFAULTS = {
    "mnist": Settings(),
    "digits": Settings(epochs=30, batch_size=32, lr=3e-3),
}
RESULTS = "results.json"
CURVES = "curves.png"

DESCRIPTION = """\
Train the reference CNN with three rules and compare their test accuracy: Adam
(baseline), and Adam with the circular echo in its two versions, literal and
feedback (see the documentation of cnet.optim.CircularAdam). For each seed, all
three start from the same weights and use the same batches.
"""

HELP = {
    "epochs": "number of passes over the data",
    "batch_size": "images in each step",
    "lr": "learning rate",
    "circular_strength": "strength of the echo",
    "echo_freq": "number of steps from one echo to the next",
    "neumann_steps": "number of times that the echo is propagated",
    "echo_norm_clip": "largest norm of the echo",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to a parser."""
    kinds = parser.add_subparsers(metavar="which", required=True)
    circular = kinds.add_parser(
        "circular",
        help="compare Adam without and with the circular echo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    count = integer(minimum=1)

    def option(name: str, help: str, **settings: Any) -> None:
        circular.add_argument(name, help=help, **settings)

    option("--data", "data set (default: digits)", choices=list(DEFAULTS), default="digits")
    option("--data-dir", "folder with the MNIST files (default: $CNET_DATA; if that is not set, "
           "they are downloaded)", metavar="DIR")  # fmt: skip
    option(
        "--seeds",
        "number of seeds, which start from 0 (default: 5)",
        type=count,
        default=5,
        metavar="N",
    )
    types = {int: count, float: positive}
    for field in fields(Settings):
        values = [str(getattr(settings, field.name)) for settings in DEFAULTS.values()]
        default = " for mnist, ".join(values) + " for digits" if len({*values}) > 1 else values[0]
        kind = type(getattr(Settings(), field.name))
        option(
            f"--{field.name.replace('_', '-')}",
            f"{HELP[field.name]} (default: {default})",
            type=types[kind],
            metavar="N" if kind is int else "X",
        )
    option("--threads", "number of threads; does not change the result (default: see cnet info)",
           type=count, metavar="N")  # fmt: skip
    option("--out", "folder of the results (default: runs/circular-DATA)", metavar="DIR")
    circular.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    settings = _settings(args)
    folder = Path(args.out or f"runs/circular-{args.data}")
    if (folder / RESULTS).exists():
        raise UsageError(f"{folder} already contains results: use another --out")
    check_folder(folder)
    use_threads(args.threads)
    train_set, test_set = datasets(args.data, args.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(args.seeds)
    note(f"{args.data}: {len(train_set)} training, {len(test_set)} test images")
    note(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(settings).items()))
    epochs = args.seeds * len(NAMES) * settings.epochs
    with tqdm(total=epochs, unit="epoch", leave=False, disable=None) as bar:

        def show(rule: str, seed: int, row: Any) -> None:
            text = f"seed {seed}, {rule}: {100 * row['test_accuracy']:.2f} %"
            bar.set_postfix_str(text)
            bar.update()
            if row["epoch"] == settings.epochs:
                bar.write(text, file=sys.stderr)

        histories = run(train_set, test_set, seeds, settings, show)
    results = json.dumps(record(settings, seeds, histories), indent=1, allow_nan=False) + "\n"
    atomic_write(folder / RESULTS, results.encode())
    print(table(compare(histories), args.seeds))
    _draw(histories, args.data, folder)
    print(f"\nresults in {folder}")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    defaults = DEFAULTS[args.data]
    values = {field.name: getattr(args, field.name) for field in fields(Settings)}
    given = {name: value for name, value in values.items() if value is not None}
    return Settings(
        **{field.name: getattr(defaults, field.name) for field in fields(Settings)} | given
    )


def _draw(histories: Histories, data: str, folder: Path) -> None:
    from .. import plots

    title = f"Reference CNN on {data}: the circular echo"
    try:
        atomic_write(folder / CURVES, plots.comparison(histories, title))
    except ImportError as error:
        note(f"cnet: {CURVES} was not written: {error}")
