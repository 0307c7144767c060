"""Train a network on images, by default digits."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._commands import (
    UsageError,
    check_folder,
    integer,
    model_builder,
    note,
    positive,
    use_threads,
)
from .._files import atomic_write, remove_temporaries
from ..checkpoint import save
from .options import CHANGEABLE, OPEN_ENDED, OPTIONS, Options, add_options, complete
from .runs import CHECKPOINT, CURVES, FILES, HISTORY, MODEL, misfit, read_checkpoint, test_batch

if TYPE_CHECKING:
    from ..training import Trainer
    from .images import Images

SAVE_SECONDS = 30.0

EPILOG = """\
The folder of a run contains model.safetensors (the trained weights),
history.json, curves.png and checkpoint.safetensors. --resume continues from the
checkpoint, after Ctrl-C or a crash, or to train more epochs. The result is the
same, bit for bit, as that of a run without interruption. Options that are not
given with --resume keep the values of the run.

examples:
  cnet train
  cnet train --data mnist --out runs/first
  cnet train --data photos --model resnet18 --image-size 96
  cnet train --resume --out runs/first
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    add_options(parser)
    parser.add_argument("--threads", type=integer(minimum=1), metavar="N", help="number of "
                        "threads; does not change the result (default: see cnet info)")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/DATA)")
    parser.add_argument("--resume", action="store_true", help="continue the run in that folder")
    parser.add_argument(
        "--checkpoint-every",
        type=positive,
        default=SAVE_SECONDS,
        metavar="SECONDS",
        help=f"time between checkpoints during an epoch (default: {SAVE_SECONDS:g})",
    )


def run(args: argparse.Namespace) -> int:
    """Train, and write the files of the run."""
    from ..random import manual_seed
    from ..training import Checkpoint, Interrupted
    from ..utils.data import DataLoader
    from .build import build_model, build_trainer, fit_channels
    from .images import load_images

    given = {name: getattr(args, name) for name in OPTIONS if name in args}
    folder = Path(args.out or f"runs/{Path(given.get('data', 'digits')).name}")
    check_folder(folder)
    options, state = _resumed(folder, given) if args.resume else (_new_options(folder, given), None)
    model_builder(options["model"])  # before the images, which take longer
    use_threads(args.threads)
    images = load_images(options)
    manual_seed(options["seed"])
    model = build_model(options["model"], images.shape, len(images.classes))
    images = fit_channels(images, model)
    _describe_images(options, images)
    checkpoint = Checkpoint(
        folder / CHECKPOINT, every_seconds=args.checkpoint_every, extra={"options": options}
    )
    trainer = build_trainer(options, model, images, [checkpoint])
    if state is not None:
        _load(trainer, state, folder)
        remove_temporaries(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note(_description(options, images, trainer))
    workers = options["workers"]
    try:
        trainer.fit(
            DataLoader(images.train, options["batch_size"], shuffle=True, num_workers=workers),
            options["epochs"],
            # Its own generator: the test then draws no number that the training would draw.
            DataLoader(images.test, test_batch(options), num_workers=workers, generator=0),
        )
    except Interrupted:
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


def _new_options(folder: Path, given: Options) -> Options:
    """The options of a new run; the folder must not contain a run yet."""
    present = [name for name in FILES if (folder / name).exists()]
    if CHECKPOINT in present:
        raise UsageError(f"{folder} contains a run: use --resume to continue it, or another --out")
    if present:
        raise UsageError(f"{folder} already contains {present[0]}: use another --out")
    return complete(given)


def _resumed(folder: Path, given: Options) -> tuple[Options, dict[str, Any]]:
    """Options and state of the run in a folder; `given` must not contradict them."""
    if not (folder / CHECKPOINT).exists():
        raise UsageError(
            f"there is no {folder / CHECKPOINT}: omit --resume to start a new run in this folder"
        )
    options, state = read_checkpoint(folder)
    differing = [
        name for name, value in given.items() if options[name] != value and name not in CHANGEABLE
    ]
    if differing:
        begun, asked = (
            " ".join(f"--{name.replace('_', '-')} {values[name]}" for name in differing)
            for values in (options, given)
        )
        raise UsageError(f"{folder} was started with {begun} (got {asked}): use another --out")
    before, epochs = options["epochs"], given.get("epochs", options["epochs"])
    if epochs < before:
        raise UsageError(f"--epochs must be at least that of the run (got {epochs} and {before})")
    if epochs > before and options["schedule"] not in OPEN_ENDED:
        raise UsageError(
            f"--epochs must be that of the run, because its schedule, {options['schedule']}, "
            f"depends on it (got {epochs} and {before})"
        )
    return options | given, state


def _describe_images(options: Options, images: "Images") -> None:
    """Store what `cnet predict` needs; refuse to resume with other images than those of the run."""
    if options.setdefault("data_sha256", images.digest) != images.digest:
        raise UsageError("the training data is not that of the run: check --data-dir")
    options |= {"classes": list(images.classes), "shape": list(images.shape)}


def _load(trainer: "Trainer", state: dict[str, Any], folder: Path) -> None:
    try:
        trainer.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise misfit(folder / CHECKPOINT, error) from error


def _description(options: Options, images: "Images", trainer: "Trainer") -> str:
    from ..runtime import current_isa, get_num_threads

    threads = get_num_threads()
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return (
        f"{options['data']}: {len(images.train)} training, {len(images.test)} test images\n"
        f"{options['model']}: {parameters} parameters; {current_isa()}, "
        f"{threads} thread{'s' * (threads > 1)}"
    )


def _write_results(folder: Path, options: Options, trainer: "Trainer") -> None:
    from .. import plots

    save(trainer.evaluated_model.state_dict(), folder / MODEL)
    history = json.dumps(trainer.history, indent=2, allow_nan=False) + "\n"
    atomic_write(folder / HISTORY, history.encode())
    title = f"{options['model']} on {options['data']}: {_percent(trainer)} test accuracy"
    try:
        atomic_write(folder / CURVES, plots.curves(trainer.history, title))
    except ImportError as error:
        note(f"cnet: {CURVES} was not written: {error}")


def _percent(trainer: "Trainer") -> str:
    return f"{100 * trainer.history[-1]['test_accuracy']:.2f} %"
