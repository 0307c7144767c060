"""What the commands share: arguments, data, and how they speak."""

import argparse
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .data import ArrayDataset


class UsageError(Exception):
    """What the user asked for cannot be done; another command line would do."""


def note(message: str) -> None:
    print(message, file=sys.stderr)


def integer(minimum: int) -> Callable[[str], int]:
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
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number (got {text!r})") from None
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive and finite (got {text})")
    return value


def use_threads(threads: int | None) -> None:
    from .runtime import set_num_threads

    if threads is not None:
        try:
            set_num_threads(threads)
        except ValueError as error:
            raise UsageError(error) from None


def datasets(name: str, folder: str | None) -> "tuple[ArrayDataset, ArrayDataset]":
    """What to train and what to test with."""
    from . import data

    if name == "digits":
        if folder is not None:
            raise UsageError("--data-dir is for --data mnist; digits come with scikit-learn")
        return data.digits(train=True), data.digits(train=False)
    try:
        return data.mnist(train=True, data_dir=folder), data.mnist(train=False, data_dir=folder)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(error) from None
