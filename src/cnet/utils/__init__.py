"""Utilities around training: loading data, image grids, and checkpoints of activations."""

from .. import _lazy
from . import data
from .images import make_grid, save_image

__all__ = ["data", "make_grid", "save_image"]

__getattr__, __dir__ = _lazy.attributes(__name__, ("benchmark", "checkpoint", "model_zoo"), {})
