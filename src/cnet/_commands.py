"""Functions that all commands use: arguments, messages and data sets."""

import argparse
import math
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .utils.data import ArrayDataset


class UsageError(Exception):
    """The command line asks for something that cannot be done."""


def note(message: str) -> None:
    """Print a message to standard error."""
    print(message, file=sys.stderr)


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


def positive(text: str) -> float:
    """The type of an argument that is a positive number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number (got {text!r})") from None
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive and finite (got {text})")
    return value


def use_threads(threads: int | None) -> None:
    """Set the number of threads, if it is given."""
    from .runtime import set_num_threads

    if threads is not None:
        try:
            set_num_threads(threads)
        except ValueError as error:
            raise UsageError(error) from None


def datasets(name: str, folder: str | None) -> "tuple[ArrayDataset, ArrayDataset]":
    """The training set and the test set."""
    from .datasets import MNIST, digits
    from .datasets.files import cache_folder

    if name == "digits":
        if folder is not None:
            raise UsageError(
                "--data-dir is only for --data mnist; scikit-learn contains the digits"
            )
        return digits(train=True), digits(train=False)
    try:
        folder = folder or os.environ.get("CNET_DATA")
        root, download = (folder, False) if folder else (cache_folder(), True)
        parts = [MNIST(root, train, download=download).as_arrays() for train in (True, False)]
        return parts[0], parts[1]
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(error) from None
