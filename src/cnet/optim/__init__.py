"""Optimizers: one update rule per file, with PyTorch's names, defaults and arithmetic."""

from .adam import Adam
from .adamw import AdamW
from .circular import CircularAdam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "CircularAdam", "Optimizer", "RMSprop"]
