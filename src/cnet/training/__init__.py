"""Training a classifier: epochs, callbacks, evaluation, and a stop that loses nothing."""

from . import augmentation as augmentation
from .callbacks import *
from .callbacks import __all__ as _callbacks
from .evaluation import Evaluation, evaluate
from .history import History, Row
from .interrupt import Interrupted
from .trainer import Trainer

__all__ = ["Evaluation", "History", "Interrupted", "Row", "Trainer", "evaluate", *_callbacks]
