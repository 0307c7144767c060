"""The options of a training: their arguments, their defaults, and the recipes of data sets."""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from .._commands import DATA_SETS, fraction, integer, number, positive

Options: TypeAlias = dict[str, Any]
"""The options that determine a run, by name; they are stored in its checkpoint."""

LEARNING_RATE = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.02, "rmsprop": 1e-3}
MOMENTUM = 0.9  # of sgd
SCHEDULES = {
    "constant": "stays the same",
    "cosine": "falls to 0 as a cosine",
    "onecycle": "rises, then falls",
    "step": "falls by 10 after each third of the epochs",
    "plateau": "is halved after 3 epochs without a lower test loss",
}
OPEN_ENDED = ("constant", "plateau")
"""Schedules that do not depend on the number of epochs."""
AUGMENTATIONS = ("shift", "rotate", "flip")

DEFAULTS: Options = {
    "model": "small_cnn",
    "epochs": 30,
    "batch_size": 32,
    "optimizer": "adam",
    "schedule": "constant",
    "weight_decay": 0.0,
    "augment": "none",
    "label_smoothing": 0.1,
    "ema": 0.99,
    "mixup": 0.0,
    "cutmix": 0.0,
    "clip_norm": None,
    "accumulate": 1,
    "seed": 0,
    "image_size": None,
    "data_dir": None,
    "workers": 0,
}
"""Defaults for digits and, where a recipe has no other, for all data."""

_SMALL = {
    "batch_size": 128, "lr": 0.01, "schedule": "onecycle", "augment": "shift",
    "label_smoothing": 0.05,
}  # fmt: skip
_CIFAR = {
    "model": "cifar_resnet20", "epochs": 30, "batch_size": 128, "optimizer": "sgd", "lr": 0.1,
    "schedule": "onecycle", "weight_decay": 5e-4, "augment": "shift,flip",
    "label_smoothing": 0.0, "ema": 0.0,
}  # fmt: skip

RECIPES: dict[str, Options] = {
    "digits": {},
    "mnist": {**_SMALL, "epochs": 8},
    "fashion-mnist": {**_SMALL, "epochs": 15, "augment": "shift,flip"},
    "kmnist": {**_SMALL, "epochs": 15},
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
}
"""What differs from the defaults for a data set."""
FOLDER: Options = {**_SMALL, "batch_size": 32, "augment": "shift,flip", "image_size": 64,
                   "workers": 2}  # fmt: skip
"""What differs from the defaults for a folder of images."""


class Option(NamedTuple):
    """An argument of ``cnet train`` that a checkpoint stores."""

    help: str
    type: Callable[[str], Any] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None


def augmentation(text: str) -> str:
    """The type of the argument ``--augment``."""
    unknown = [] if text == "none" else [x for x in text.split(",") if x not in AUGMENTATIONS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"must be none, or some of {', '.join(AUGMENTATIONS)}, joined by commas (got {text!r})"
        )
    return text


_count, _any_count = integer(minimum=1), integer(minimum=0)
OPTIONS = {
    "data": Option(f"{', '.join(DATA_SETS)}, or a folder with a folder of images for each class",
                   metavar="NAME|FOLDER"),
    "data_dir": Option("folder with the files of the data set (default: $CNET_DATA; if that is not "
                       "set, they are downloaded)", metavar="DIR"),
    "model": Option("network, one of cnet.models.list_models()", metavar="NAME"),
    "image_size": Option("height and width to which images are scaled", _count, "N"),
    "epochs": Option("number of passes over the data", _count, "N"),
    "batch_size": Option("images in each step", _count, "N"),
    "accumulate": Option("steps whose gradients are added for each update", _count, "N"),
    "optimizer": Option(f"sgd has a momentum of {MOMENTUM}", choices=tuple(LEARNING_RATE)),
    "lr": Option("learning rate, the largest of the schedule", positive, "X"),
    "schedule": Option("how the learning rate changes: it "
                       + "; ".join(f"{text} ({name})" for name, text in SCHEDULES.items()),
                       choices=tuple(SCHEDULES)),
    "weight_decay": Option("weight decay of the optimizer", number(0), "X"),
    "clip_norm": Option("largest norm of the gradients", positive, "X"),
    "augment": Option("random changes of images: none, or some of shift, rotate, flip, joined by "
                      "commas", augmentation, "LIST"),
    "mixup": Option("parameter alpha of mixup; 0 is none", number(0), "X"),
    "cutmix": Option("parameter alpha of cutmix; 0 is none", number(0), "X"),
    "label_smoothing": Option("share of the targets given to all classes", fraction, "X"),
    "ema": Option("decay of an average of the weights that is used in evaluation; 0 is none",
                  fraction, "X"),
    "seed": Option("seed of initial weights, order of images and random changes", _any_count, "N"),
    "workers": Option("threads that read images ahead; does not change the result", _any_count,
                      "N"),
}  # fmt: skip
CHANGEABLE = {"epochs", "data_dir", "workers"}
"""Options that may change when a run is resumed."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those that are not given are not in the result of the parser."""
    for name, option in OPTIONS.items():
        # argparse formats the help with %.
        text = option.help.replace("%", "%%") + _default(name)
        settings: dict[str, Any] = {"choices": option.choices} if option.choices else {}
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=option.type,
            metavar=option.metavar,
            help=text,
            default=argparse.SUPPRESS,
            **settings,
        )


def _default(name: str) -> str:
    """The default of an option for the help."""
    if name == "data":
        return " (default: digits)"
    if name == "lr":
        return f" (default: {', '.join(f'{v} for {k}' for k, v in LEARNING_RATE.items())})"
    value, mnist = DEFAULTS[name], RECIPES["mnist"].get(name)
    if not value:
        return "" if not mnist else f" (default: 0; {mnist} for mnist)"
    return f" (default: {value}" + (")" if mnist in (None, value) else f"; {mnist} for mnist)")


def complete(given: Options) -> Options:
    """The options of a new run: the given ones, then those of the recipe, then the defaults."""
    data = given.get("data", "digits")
    options = {"data": data, **DEFAULTS, **RECIPES.get(data, FOLDER), **given}
    # A recipe's learning rate is only for its optimizer.
    if "lr" not in given and ("lr" not in options or "optimizer" in given):
        options["lr"] = LEARNING_RATE[options["optimizer"]]
    return options
