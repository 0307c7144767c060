"""Measure the network of a run on the test images of its data."""

import argparse
from pathlib import Path
from typing import Any

from .._commands import DATA_SETS, UsageError, integer, note, use_threads
from .._files import atomic_write
from .._tables import text_table
from .runs import load_run, test_batch

CONFUSION = "confusion.png"
ERRORS = "errors.png"
SHOWN = 24

EPILOG = """\
Prints accuracy and loss, and for each class: precision (the share of the images
assigned to it that are of the class), recall (the share of its images that are
assigned to it) and the class with which it is confused most often. Writes
confusion.png and errors.png to the folder of the run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run of cnet train")
    parser.add_argument("--data", metavar="NAME|FOLDER",
                        help="other images of these classes (default: the run's)")  # fmt: skip
    parser.add_argument("--data-dir", metavar="DIR", help="folder with the files of the data set")
    parser.add_argument("--threads", type=integer(minimum=1), metavar="N",
                        help="number of threads (default: see cnet info)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the measures, and write the pictures."""
    from ..metrics import Accuracy, ConfusionMatrix
    from ..training import evaluate
    from ..utils.data import DataLoader
    from .build import fit_channels
    from .images import load_images

    use_threads(args.threads)
    options, model = load_run(args.folder)
    given = {"data": args.data, "data_dir": args.data_dir}
    if args.data is not None and args.data not in DATA_SETS:
        options["data_dir"] = None
    options |= {name: value for name, value in given.items() if value is not None}
    images = fit_channels(load_images(options), model)
    if images.classes != options["classes"]:
        raise UsageError(
            f"the classes of {options['data']} are not those of the run "
            f"(got {images.classes} and {options['classes']})"
        )
    if list(images.shape) != options["shape"]:
        raise UsageError(
            f"the images of {options['data']} must have the shape of those of the run "
            f"(got {list(images.shape)} and {options['shape']})"
        )
    loader = DataLoader(images.test, test_batch(options))
    metrics = {"accuracy": Accuracy(), "matrix": ConfusionMatrix(len(images.classes))}
    result = evaluate(model, loader, metrics=metrics)
    matrix = result.metrics["matrix"]
    print(class_table(matrix, images.classes))
    print(
        f"\ntest accuracy {100 * result.accuracy:.2f} % of {matrix.sum()} images, "
        f"loss {result.loss:.4f}"
    )
    _draw(Path(args.folder), model, images, matrix)
    return 0


def class_table(matrix: Any, classes: list[str]) -> str:
    """A line for each class: images, precision, recall, most frequent confusion."""
    rows = []
    for number, name in enumerate(classes):
        count, assigned = matrix[number].sum(), matrix[:, number].sum()
        wrong = matrix[number].copy()
        wrong[number] = 0
        confused = f"{classes[wrong.argmax()]} ({wrong.max()})" if wrong.any() else "-"
        shares = (
            f"{100 * matrix[number, number] / n:.2f}" if n else "-" for n in (assigned, count)
        )
        rows.append([name, str(count), *shares, confused])
    header = ["class", "images", "precision %", "recall %", "confused with"]
    return text_table(header, rows)


def _draw(folder: Path, model: Any, images: Any, matrix: Any) -> None:
    from .. import plots
    from ..utils.data import DataLoader

    classes = images.classes
    try:
        atomic_write(folder / CONFUSION, plots.png(plots.confusion_matrix(matrix, classes)))
        figure = plots.misclassified(model, DataLoader(images.test, 256), classes, SHOWN)
        atomic_write(folder / ERRORS, plots.png(figure))
    except ImportError as error:
        note(f"cnet: {CONFUSION} and {ERRORS} were not written: {error}")
    else:
        note(f"pictures in {folder / CONFUSION} and {folder / ERRORS}")
