"""Functions that all commands use: arguments, messages, networks and data sets."""

import argparse
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nn import Module
    from .utils.data import ArrayDataset


class UsageError(Exception):
    """The command line asks for something that cannot be done."""


def note(message: str) -> None:
    """Print a message to standard error."""
    print(message, file=sys.stderr)


def check_folder(folder: Path) -> None:
    """UsageError if a folder of results cannot be made or written to. It is tried, and undone."""
    place = next(place for place in (folder, *folder.parents) if place.exists())
    if not place.is_dir():
        raise UsageError(f"--out must be a folder (got {folder}, and {place} is a file)")
    try:
        TemporaryDirectory(prefix=".", dir=place).cleanup()
    except OSError as error:
        reason = f"{folder}: {error.strerror}"
        raise UsageError(f"--out must be a folder that can be written (got {reason})") from None


def integer(minimum: int) -> Callable[[str], int]:
    """The type of an argument that is an integer of at least `minimum`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer (got {text!r})") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum} (got {value})")
        return value

    return parse


def number(minimum: float, below: float = math.inf) -> Callable[[str], float]:
    """The type of an argument that is a number of at least `minimum` and less than `below`."""

    def parse(text: str) -> float:
        value = _number(text)
        if not minimum <= value < below:
            bound = "" if below == math.inf else f" and less than {below:g}"
            raise argparse.ArgumentTypeError(f"must be at least {minimum:g}{bound} (got {text})")
        return value

    return parse


fraction = number(0, below=1)
"""The type of an argument that is at least 0 and less than 1."""


def positive(text: str) -> float:
    """The type of an argument that is a positive number."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive and finite (got {text})")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number (got {text!r})") from None


def image_shape(text: str) -> tuple[int, int, int]:
    """The type of an argument such as 3x224x224: channels, height and width of an image."""
    found = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    channels, height, width = map(int, found.groups()) if found else (0, 0, 0)
    if 0 in (channels, height, width):
        raise argparse.ArgumentTypeError(f"must have the form 3x224x224 (got {text!r})")
    return channels, height, width


def use_threads(threads: int | None) -> None:
    """Set the number of threads, if it is given."""
    from .runtime import set_num_threads

    if threads is not None:
        try:
            set_num_threads(threads)
        except ValueError as error:
            raise UsageError(error) from None


AUXILIARY = ("googlenet", "inception_v3")
"""Models with further outputs for the training, which the command does without."""


def model_builder(name: str) -> "Callable[..., Module]":
    """The function that builds a model of `cnet.models`."""
    from .models import get_model_builder

    try:
        return get_model_builder(name)
    except ValueError as error:
        reason = str(error).removeprefix("get_model: ").replace("name", "model", 1)
        raise UsageError(reason) from None


def network(
    name: str, shape: tuple[int, int, int] | None, classes: int | None
) -> "tuple[Module, tuple[int, int, int]]":
    """A model of `cnet.models`, for images of a shape as far as it can be chosen, and the shape."""
    import inspect

    from . import models

    builder = model_builder(name)
    shape = shape or models.image_shape(name)
    parameters = inspect.signature(builder).parameters
    count = "classes" if "classes" in parameters else "num_classes"
    config: dict[str, Any] = {} if classes is None else {count: classes}
    if builder.__name__ in AUXILIARY:
        config["aux_logits"] = False
    if "image_shape" in parameters:
        return builder(image_shape=shape, **config), shape
    try:
        return builder(in_channels=shape[0], **config), shape
    except TypeError:
        return builder(**config), shape


DATA_SETS = {
    "digits": "digits",
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
}
"""The data sets of the command, and their names in `cnet.datasets`."""


def datasets(name: str, folder: str | None) -> "tuple[ArrayDataset, ArrayDataset]":
    """The training set and the test set."""
    return datasets_and_classes(name, folder)[:2]


def datasets_and_classes(
    name: str, folder: str | None
) -> "tuple[ArrayDataset, ArrayDataset, list[str]]":
    """The training set, the test set and the names of the classes."""
    from . import datasets
    from ._files import cache_folder

    if name == "digits":
        if folder is not None:
            raise UsageError("--data-dir is not for --data digits; scikit-learn contains them")
        return datasets.digits(train=True), datasets.digits(train=False), [*"0123456789"]
    kind = getattr(datasets, DATA_SETS[name])
    try:
        folder = folder or os.environ.get("CNET_DATA")
        root, download = (folder, False) if folder else (cache_folder(), True)
        train, test = (kind(root, part, download=download) for part in (True, False))
        return train.as_arrays(), test.as_arrays(), list(train.classes)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(error) from None
