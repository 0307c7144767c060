"""Training a classifier: epochs, callbacks, evaluation, and a stop that loses nothing."""

from . import augmentation
from .callbacks import *
from .evaluation import Batches, Evaluation, Loss, Metrics, evaluate
from .history import History, Row
from .interrupt import Interrupted
from .trainer import Trainer
