"""PyTorch's module paths: ``nn.modules.batchnorm`` is `cnet.nn.norm`, and so on."""

import sys
from importlib import import_module
from typing import Any

from . import utils

PATHS = {
    "activation": "activation",
    "adaptive": "adaptive_softmax",
    "batchnorm": "norm.batch",
    "channelshuffle": "fold",
    "container": "containers",
    "conv": "conv",
    "distance": "distance",
    "dropout": "dropout",
    "flatten": "flatten",
    "fold": "fold",
    "instancenorm": "norm.instance",
    "lazy": "lazy",
    "linear": "linear",
    "loss": "loss",
    "module": "module",
    "normalization": "norm.layer",
    "padding": "padding",
    "pixelshuffle": "fold",
    "pooling": "pooling",
    "rnn": "rnn",
    "sparse": "embedding",
    "transformer": "transformer",
    "upsampling": "upsampling",
}
"""The modules of `cnet.nn` by their names in ``torch.nn.modules``."""

for _path, _name in PATHS.items():
    globals()[_path] = sys.modules[f"{__name__}.{_path}"] = import_module(f"cnet.nn.{_name}")


def __getattr__(name: str) -> Any:
    """The layers, which are also attributes of ``torch.nn.modules``."""
    nn = import_module("cnet.nn")
    if isinstance(getattr(nn, name, None), type):
        return getattr(nn, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
