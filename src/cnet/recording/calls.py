"""Calls of kernels, as they are recorded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import _core
from .buffers import Buffers, Use

UPDATED = {
    "adam_step": ("param", "exp_avg", "exp_avg_sq"),
    "batch_norm_stats": ("running_mean", "running_var"),
    "scatter": ("y",),
    "sgd_step": ("param", "momentum_buffer"),
}
"""The arrays that kernels update: they read them before they write them."""


class Call(NamedTuple):
    """A call of a kernel: its name and its arguments.

    In a recorded step, each array is replaced by its `Use`.
    """

    kernel: str
    arguments: tuple[Any, ...]

    @property
    def slots(self) -> Sequence[Any]:
        """All arrays of the kernel; those that are absent are None."""
        return self.arguments[: _core.arrays[self.kernel]]

    @property
    def arrays(self) -> list[Any]:
        """The arrays that are given."""
        return [array for array in self.slots if array is not None]

    @property
    def reads(self) -> list[Any]:
        """The arrays that the kernel reads."""
        names, updated = _core.kernels[self.kernel], UPDATED.get(self.kernel, ())
        slots = zip(self.slots, names, _core.written[self.kernel], strict=False)
        return [
            a for a, name, written in slots if a is not None and (name in updated or not written)
        ]

    @property
    def writes(self) -> list[Any]:
        """The arrays that the kernel writes."""
        slots = zip(self.slots, _core.written[self.kernel], strict=True)
        return [array for array, written in slots if array is not None and written]

    def recorded(self, buffers: Buffers) -> "Call":
        """The call with the uses of its arrays."""
        uses = [None if array is None else buffers.use(array) for array in self.slots]
        return Call(self.kernel, (*uses, *self.arguments[len(uses) :]))

    def again(self) -> list[Any]:
        """The arguments of a recorded call, with arrays in place of their uses."""
        return [each.again() if isinstance(each, Use) else each for each in self.arguments]
