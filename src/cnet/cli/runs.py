"""The folder of a run: its files, and the network that they contain."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._commands import UsageError
from ..checkpoint import CheckpointError, load
from .options import OPTIONS, Options

if TYPE_CHECKING:
    from ..nn import Module

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.safetensors"
HISTORY = "history.json"
CURVES = "curves.png"
FILES = CHECKPOINT, MODEL, HISTORY, CURVES


def test_batch(options: Options) -> int:
    """The number of images of a batch for evaluation, which needs less memory than training."""
    return min(1000, 4 * int(options["batch_size"]))


def read_checkpoint(folder: Path) -> tuple[Options, dict[str, Any]]:
    """Options and state of the run in a folder.

    Raises
    ------
    UsageError
        If there is no run.
    CheckpointError
        If its checkpoint is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"there is no {path}")
    match load(path):
        case {"options": dict(options), "trainer": dict(state)} if {*options} >= {*OPTIONS}:
            return options, state
    raise CheckpointError(f"{path} was not written by cnet train")


def load_weights(model: "Module", state: dict[str, Any], path: Path) -> None:
    """Load the state of a model from a file of the run."""
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        raise misfit(path, error) from error


def misfit(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that is not of this network."""
    return CheckpointError(f"{path} does not fit the network: {' '.join(str(error).split())}")


def load_run(folder: str) -> "tuple[Options, Module]":
    """Options and trained network of a run.

    Raises
    ------
    UsageError
        If there is no run, or it is not complete.
    CheckpointError
        If a file is damaged, or does not fit the network.
    """
    from .build import build_model

    root = Path(folder)
    options, _ = read_checkpoint(root)
    path = root / MODEL
    if not path.exists():
        raise UsageError(f"{root} is not complete: cnet train --resume --out {root} continues it")
    model = build_model(options["model"], tuple(options["shape"]), len(options["classes"]))
    load_weights(model, load(path), path)
    return options, model.eval()
