"""Calls of kernels, as they are recorded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import _core
from ..arrays import Array


class Call(NamedTuple):
    """A call of a kernel: its name and its arguments."""

    kernel: str
    arguments: tuple[Any, ...]

    @property
    def slots(self) -> Sequence[Array | None]:
        """All arrays of the kernel; those that are absent are None."""
        return self.arguments[: _core.arrays[self.kernel]]

    @property
    def arrays(self) -> Sequence[tuple[Array, bool]]:
        """The arrays that are given, and whether the kernel writes them."""
        pairs = zip(self.slots, _core.written[self.kernel], strict=True)
        return [(array, written) for array, written in pairs if array is not None]

    @property
    def number(self) -> int:
        """The number of the kernel."""
        return _core.kernels[self.kernel][0]
