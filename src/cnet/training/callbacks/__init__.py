"""Callbacks: what happens besides the steps of a `Trainer`."""

from .callback import Callback
from .monitor import Checkpoint, EarlyStopping
from .optimization import EMA, BatchTransform, GradientClipping, SchedulerStep
from .progress import Progress
from .records import CSVHistory, JSONLHistory, TensorBoard

__all__ = [
    "EMA",
    "BatchTransform",
    "CSVHistory",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "GradientClipping",
    "JSONLHistory",
    "Progress",
    "SchedulerStep",
    "TensorBoard",
]
