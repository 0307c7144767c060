"""Utilities around training: loading data, and image grids."""

from . import data
from .images import make_grid, save_image

__all__ = ["data", "make_grid", "save_image"]
