"""Utilities around training: `cnet.utils.data` loads batches."""

from . import data

__all__ = ["data"]
