"""Optimizers: one update rule per file, with PyTorch's names, defaults and arithmetic."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .adam import Adam
from .adamw import AdamW
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

if TYPE_CHECKING:
    from . import lr_scheduler
    from .adadelta import Adadelta
    from .adafactor import Adafactor
    from .adagrad import Adagrad
    from .adamax import Adamax
    from .asgd import ASGD
    from .circular import CircularAdam
    from .lbfgs import LBFGS
    from .muon import Muon
    from .nadam import NAdam
    from .radam import RAdam
    from .rprop import Rprop
    from .sparse_adam import SparseAdam

_MODULES = ("lr_scheduler", "swa_utils")
_RULES = {
    "ASGD": "asgd",
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adamax": "adamax",
    "CircularAdam": "circular",
    "LBFGS": "lbfgs",
    "Muon": "muon",
    "NAdam": "nadam",
    "RAdam": "radam",
    "Rprop": "rprop",
    "SparseAdam": "sparse_adam",
}
"""The modules of rules that are imported when they are used."""

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CircularAdam",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Schedules, averages and rarer rules are imported when they are used."""
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _RULES:
        return getattr(import_module(f".{_RULES[name]}", __name__), name)
    raise AttributeError(f"module 'cnet.optim' has no attribute {name!r}")
