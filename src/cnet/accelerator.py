"""`torch.accelerator` on a machine without one."""

from typing import Any

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether tensors can be on an accelerator: always false."""
    return False


def device_count() -> int:
    """The number of accelerators: always 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator in use: always None."""


def synchronize(device: Any = None) -> None:
    """Does nothing: all operations are finished when they return."""
