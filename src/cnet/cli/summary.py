"""Show the layers of a network: output shapes, parameters, multiply-adds, memory."""

import argparse
import re

from .._commands import UsageError, integer

IMAGES = {"lenet5": (1, 28, 28), "reference_cnn": (1, 28, 28), "small_cnn": (1, 28, 28),
          "unet": (1, 128, 128), "inception_v3": (3, 299, 299)}  # fmt: skip
"""The usual images of models that are not for 3 x 224 x 224."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("model", metavar="MODEL", help="a name in cnet.models.list_models()")
    parser.add_argument("--input", type=_shape, metavar="CxHxW",
                        help="channels, height and width of an image (default: what the model is "
                        "made for, in most cases 3x224x224)")  # fmt: skip
    parser.add_argument("--classes", type=integer(minimum=1), metavar="N",
                        help="number of classes (default: that of the model)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from ..inspection import summary
    from .build import create_model

    name = args.model.lower()
    usual = (3, 32, 32) if name.startswith("cifar_") else IMAGES.get(name, (3, 224, 224))
    shape = args.input or usual
    model = create_model(args.model, shape, args.classes)
    try:
        print(summary(model, shape))
    except (ValueError, RuntimeError, IndexError) as error:
        size = "x".join(map(str, shape))
        raise UsageError(f"{args.model} cannot take images of {size}: {error}") from None
    return 0


def _shape(text: str) -> tuple[int, int, int]:
    """The type of an argument such as 3x224x224."""
    found = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    channels, height, width = map(int, found.groups()) if found else (0, 0, 0)
    if 0 in (channels, height, width):
        raise argparse.ArgumentTypeError(f"must have the form 3x224x224 (got {text!r})")
    return channels, height, width
