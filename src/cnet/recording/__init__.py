"""Captured steps: a training step is recorded while it runs, and replayed with few calls of C."""

from .repeats import CaptureError
from .step import CapturedStep, capture

__all__ = ["CaptureError", "CapturedStep", "capture"]
