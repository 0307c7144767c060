"""Classify images with the network of a run."""

import argparse

from .._commands import integer, use_threads
from .runs import load_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run of cnet train")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="an image file")
    count = integer(minimum=1)
    parser.add_argument("--top", type=count, default=3, metavar="N",
                        help="number of classes to show (default: 3)")  # fmt: skip
    parser.add_argument("--threads", type=count, metavar="N",
                        help="number of threads (default: see cnet info)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print a line for each image: the most probable classes."""
    import numpy as np

    from .. import functional as F
    from ..autograd import no_grad
    from .images import read_image

    use_threads(args.threads)
    options, model = load_run(args.folder)
    classes = options["classes"]
    for path in args.images:
        image = read_image(path, tuple(options["shape"]))
        with no_grad():
            shares = F.softmax(model(image.unsqueeze(0)), 1).numpy()[0]
        best = np.argsort(-shares, kind="stable")[: args.top]
        text = ", ".join(f"{classes[number]} {100 * shares[number]:.1f} %" for number in best)
        print(f"{path}: {text}", flush=True)
    return 0
