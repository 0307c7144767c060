"""The training step of the reference CNN against PyTorch, in the same way as ``cnet bench``."""

import argparse
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cnet.bench import cli
from cnet.bench.sides import SIDES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_arguments(parser)
    args = parser.parse_args()

    try:
        torch = f"PyTorch {version('torch').partition('+')[0]}"
    except PackageNotFoundError:
        print("PyTorch is not installed: there is nothing to compare with", file=sys.stderr)
        return 1
    sides = {
        "cnet": SIDES["cnet"],
        f"{torch} NCHW": "torch_side:nchw",
        f"{torch} channels_last": "torch_side:channels_last",
    }
    # The processes of the sides look for `torch_side` in this folder.
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return cli.run(args, sides, ["training_step"])


if __name__ == "__main__":
    sys.exit(main())
