"""The command `cnet`. Slow imports are inside the functions that need them."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ._commands import UsageError, datasets, integer, note, positive, use_threads
from ._files import atomic_write
from .checkpoint import CheckpointError, load, save

if TYPE_CHECKING:
    from .training import Trainer
    from .utils.data import ArrayDataset

Options: TypeAlias = dict[str, Any]
"""The options that determine a run, by name; they are stored in its checkpoint."""

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.safetensors"
HISTORY = "history.json"
CURVES = "curves.png"
FILES = CHECKPOINT, MODEL, HISTORY, CURVES

DATA = "digits"
OPTIMIZER = "adam"

LENGTH = {
    "digits": {"epochs": 30, "batch_size": 32},
    "mnist": {"epochs": 8, "batch_size": 256},
}
LEARNING_RATE = {"adam": 3e-3, "sgd": 0.02}
MOMENTUM = 0.9  # of sgd
FIXED = "data", "batch_size", "lr", "optimizer", "seed"  # cannot change when a run is resumed
TEST_BATCH = 1000

EPILOG = """\
The folder of a run contains model.safetensors (the trained weights),
history.json, curves.png and checkpoint.safetensors. --resume continues from the
checkpoint, after Ctrl-C or to train more epochs, and gives the same result, bit
for bit, as a run without interruption. Options that are not given with --resume
keep the values of the run.

examples:
  cnet train
  cnet train --data mnist --data-dir mnist --epochs 8 --out runs/first
  cnet train --resume --out runs/first --epochs 12
"""


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line, as the command reports all errors."""

    def error(self, message: str) -> Any:
        self.exit(2, f"cnet: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit code: 0 for success, 1 for a failure, 2 for wrong arguments, 130 after Ctrl-C.
        Arguments that cannot be parsed raise SystemExit with code 2.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = _parser(argv)
    args = parser.parse_args(argv)
    if "run" not in args:
        parser.print_help()
        return 0
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except UsageError as error:
        return _fail(f"error: {error}", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"error: {where}{error.strerror or error}", 1)
    except (CheckpointError, FloatingPointError, ImportError) as error:
        return _fail(f"error: {error}", 1)


def _fail(message: str, code: int) -> int:
    note(f"cnet: {message}")
    return code


# Arguments


def _parser(argv: Sequence[str]) -> _Parser:
    parser = _Parser(prog="cnet", description="Convolutional networks on NumPy arrays.")
    parser.add_argument("--version", action="version", version=f"cnet {version('cnet-nn')}")
    commands = parser.add_subparsers(metavar="command")
    train = commands.add_parser(
        "train",
        help="train the reference CNN on digits or MNIST",
        description="Train the reference CNN on images of handwritten digits.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_training_arguments(train)
    train.set_defaults(run=_train)
    info = commands.add_parser(
        "info",
        help="show versions, processor, instruction set and threads",
        description="Show versions, processor, instruction sets and threads.",
    )
    info.set_defaults(run=_info)
    bench = commands.add_parser(
        "bench",
        help="compare the speed of cnet and pure NumPy",
        description="Measure cnet and the same work in pure NumPy, and print a table.",
    )
    if argv[:1] == ["bench"]:
        from .bench import cli

        cli.add_arguments(bench)
        bench.set_defaults(run=cli.run)
    experiment = commands.add_parser(
        "experiment",
        help="compare training rules",
        description="Train networks with different rules and compare their accuracy.",
    )
    if argv[:1] == ["experiment"]:
        from .experiment import cli as experiments

        experiments.add_arguments(experiment)
    return parser


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    def option(name: str, help: str, **settings: Any) -> None:
        # No default: an option that is not given may come from a checkpoint.
        parser.add_argument(name, help=help, default=argparse.SUPPRESS, **settings)

    def each(values: dict[str, Any]) -> str:
        return ", ".join(f"{value} for {name}" for name, value in values.items())

    count = integer(minimum=1)
    epochs, batch_sizes = (
        each({data: length[key] for data, length in LENGTH.items()})
        for key in ("epochs", "batch_size")
    )
    option("--data", "data set (default: digits)", choices=list(LENGTH))
    option("--data-dir", "folder with the MNIST files (default: $CNET_DATA; if that is not set, "
           "they are downloaded)", metavar="DIR")  # fmt: skip
    option(
        "--epochs", f"number of passes over the data (default: {epochs})", type=count, metavar="N"
    )
    option("--batch-size", f"images in each step (default: {batch_sizes})", type=count, metavar="N")
    option("--lr", f"learning rate (default: {each(LEARNING_RATE)})", type=positive, metavar="X")
    option("--optimizer", f"adam, or sgd with a momentum of {MOMENTUM} (default: adam)",
           choices=list(LEARNING_RATE))  # fmt: skip
    option("--seed", "seed of the initial weights and of the order of the images (default: 0)",
           type=integer(minimum=0), metavar="N")  # fmt: skip
    parser.add_argument("--threads", type=count, metavar="N", help="number of threads; does not "
                        "change the result (default: see cnet info)")  # fmt: skip
    parser.add_argument("--out", help="folder of the run (default: runs/digits or runs/mnist)",
                        metavar="DIR")  # fmt: skip
    parser.add_argument("--resume", help="continue the run in that folder", action="store_true")


# info


def _info(args: argparse.Namespace) -> int:
    from .runtime import show_config

    show_config()
    return 0


# train


def _train(args: argparse.Namespace) -> int:
    from .random import manual_seed
    from .training import Interrupted
    from .utils.data import DataLoader

    given = {name: value for name, value in vars(args).items() if name in _complete({})}
    folder = Path(args.out or f"runs/{given.get('data', DATA)}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out must be a folder (got {folder}, which is a file)")
    options, state = _resumed(folder, given) if args.resume else (_new_options(folder, given), None)
    use_threads(args.threads)
    train_set, test_set = datasets(options["data"], options["data_dir"])
    _check_same_data(options, train_set)
    manual_seed(options["seed"])
    trainer = _trainer(options, train_set)
    if state is not None:
        _load(trainer, state, folder)
    train_loader = DataLoader(train_set, options["batch_size"], shuffle=True)
    test_loader = DataLoader(test_set, TEST_BATCH)

    def keep(trainer: "Trainer") -> None:
        save({"options": options, "trainer": trainer.state_dict()}, folder / CHECKPOINT)

    folder.mkdir(parents=True, exist_ok=True)
    keep(trainer)  # fails before the training if the folder is not writable
    note(_description(options, train_set, test_set, trainer))
    try:
        trainer.fit(train_loader, options["epochs"], test_loader, on_epoch_end=keep)
    except Interrupted:
        keep(trainer)
        epoch = min(len(trainer.history) + 1, options["epochs"])
        again = shlex.join(["cnet", "train", "--resume", "--out", str(folder)])
        note(f"\ncnet: interrupted in epoch {epoch}; the run is saved. To continue it:")
        note(f"  {again}")
        return 130
    _write_results(folder, options, trainer)
    epochs, seconds = len(trainer.history), sum(row["seconds"] for row in trainer.history)
    print(
        f"test accuracy {_percent(trainer)} after {epochs} epoch{'s' * (epochs > 1)} "
        f"({seconds:.1f} s); model in {folder / MODEL}"
    )
    return 0


def _complete(given: Options) -> Options:
    """The options of a new run."""
    data, optimizer = given.get("data", DATA), given.get("optimizer", OPTIMIZER)
    return {
        "data": data,
        "data_dir": None,
        "optimizer": optimizer,
        "lr": LEARNING_RATE[optimizer],
        "seed": 0,
        **LENGTH[data],
        **given,
    }


def _new_options(folder: Path, given: Options) -> Options:
    """The options of a new run; the folder must not contain a run yet."""
    present = [name for name in FILES if (folder / name).exists()]
    if CHECKPOINT in present:
        raise UsageError(f"{folder} contains a run: use --resume to continue it, or another --out")
    if present:
        raise UsageError(f"{folder} already contains {present[0]}: use another --out")
    return _complete(given)


def _resumed(folder: Path, given: Options) -> tuple[Options, dict[str, Any]]:
    """Options and state of the run in a folder; `given` must not contradict them."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"there is no {path}: omit --resume to start a new run in this folder")
    match load(path):
        case {"options": dict(options), "trainer": dict(state)} if {*options} >= {*_complete({})}:
            pass
        case _:
            raise CheckpointError(f"{path} was not written by cnet train")
    differing = [name for name in FIXED if given.get(name, options[name]) != options[name]]
    if differing:
        begun, asked = (
            " ".join(f"--{name.replace('_', '-')} {values[name]}" for name in differing)
            for values in (options, given)
        )
        raise UsageError(f"{folder} was started with {begun} (got {asked}): use another --out")
    if given.get("epochs", options["epochs"]) < options["epochs"]:
        raise UsageError(
            f"--epochs must be at least that of the run (got {given['epochs']} and "
            f"{options['epochs']})"
        )
    return options | given, state


def _check_same_data(options: Options, train_set: "ArrayDataset") -> None:
    """Refuse to resume with other data than the run was started with."""
    digest = sha256()
    for array in train_set.arrays:
        digest.update(array.data)
    if options.setdefault("data_sha256", digest.hexdigest()) != digest.hexdigest():
        raise UsageError("the training data is not that of the run: check --data-dir")


def _trainer(options: Options, train_set: "ArrayDataset") -> "Trainer":
    from .models import reference_cnn
    from .optim import SGD, Adam
    from .training import Trainer

    model = reference_cnn(train_set.arrays[0].shape[1:])
    if options["optimizer"] == "adam":
        return Trainer(model, Adam(model.parameters(), options["lr"]))
    return Trainer(model, SGD(model.parameters(), options["lr"], MOMENTUM))


def _load(trainer: "Trainer", state: dict[str, Any], folder: Path) -> None:
    try:
        trainer.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{folder / CHECKPOINT} does not fit the network: {reason}"
        ) from error


def _description(
    options: Options, train_set: "ArrayDataset", test_set: "ArrayDataset", trainer: "Trainer"
) -> str:
    from .runtime import current_isa, get_num_threads

    threads = get_num_threads()
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return (
        f"{options['data']}: {len(train_set)} training, {len(test_set)} test images; "
        f"{parameters} parameters; {current_isa()}, {threads} thread{'s' * (threads > 1)}"
    )


def _write_results(folder: Path, options: Options, trainer: "Trainer") -> None:
    from . import plots

    save(trainer.model.state_dict(), folder / MODEL)
    history = json.dumps(trainer.history, indent=2, allow_nan=False) + "\n"
    atomic_write(folder / HISTORY, history.encode())
    title = f"Reference CNN on {options['data']}: {_percent(trainer)} test accuracy"
    try:
        atomic_write(folder / CURVES, plots.curves(trainer.history, title))
    except ImportError as error:
        note(f"cnet: {CURVES} was not written: {error}")


def _percent(trainer: "Trainer") -> str:
    return f"{100 * trainer.history[-1]['test_accuracy']:.2f} %"
