"""Captured steps: a training step is recorded while it runs, and replayed with few calls of C."""

from .step import CapturedStep, CaptureError, capture

__all__ = ["CaptureError", "CapturedStep", "capture"]
