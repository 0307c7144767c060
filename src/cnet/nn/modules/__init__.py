"""PyTorch's module paths: ``nn.modules.batchnorm`` is `cnet.nn.norm`, and so on."""

import sys
from importlib import import_module
from types import ModuleType
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

BASES = {
    "_ConvNd": ("conv", "ConvNd"),
    "_ConvTransposeNd": ("conv_transpose", "_ConvTransposeNd"),
    "_DropoutNd": ("dropout", "_Dropout"),
    "_NormBase": ("norm._running", "ChannelNorm"),
}
"""Base classes that public code names in ``isinstance``, each with its module and name here."""


class Path(ModuleType):
    """A module of ``torch.nn.modules``: the one of `cnet.nn`, and all layers."""

    def __init__(self, name: str, source: ModuleType) -> None:
        super().__init__(name, source.__doc__)
        self.source = source

    def __getattr__(self, name: str) -> Any:
        if name in BASES:
            module, base = BASES[name]
            return getattr(import_module(f"cnet.nn.{module}"), base)
        if hasattr(self.source, name):
            return getattr(self.source, name)
        return _layer(self.__name__, name)


def _layer(module: str, name: str) -> Any:
    """A class of `cnet.nn`."""
    found = getattr(import_module("cnet.nn"), name, None)
    if isinstance(found, type):
        return found
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


for _path, _name in PATHS.items():
    _full = f"{__name__}.{_path}"
    globals()[_path] = sys.modules[_full] = Path(_full, import_module(f"cnet.nn.{_name}"))


def __getattr__(name: str) -> Any:
    """The layers, which are also attributes of ``torch.nn.modules``."""
    return _layer(__name__, name)
