"""Show the layers of a network: output shapes, parameters, multiply-adds, memory."""

import argparse

from .._commands import UsageError, image_shape, integer, network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("model", metavar="MODEL", help="a name in cnet.models.list_models()")
    parser.add_argument("--input", type=image_shape, metavar="CxHxW",
                        help="channels, height and width of an image (default: what the model is "
                        "made for, in most cases 3x224x224)")  # fmt: skip
    parser.add_argument("--classes", type=integer(minimum=1), metavar="N",
                        help="number of classes (default: that of the model)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from ..inspection import summary

    model, shape = network(args.model, args.input, args.classes)
    try:
        print(summary(model, shape))
    except (ValueError, RuntimeError, IndexError) as error:
        size = "x".join(map(str, shape))
        raise UsageError(f"{args.model} cannot take images of {size}: {error}") from None
    return 0
