"""Traces: what a step does in one run, to be compared with another run of it.

A step can be replayed only if it makes the same calls with the same numbers each time, and reads
the same memory from before the step. So a number that Python computes from a counter, or an array
that NumPy makes in each step, is found even if it has little effect on the results.
"""

from typing import Any, NamedTuple

from ..arrays import Array
from .buffers import Use
from .calls import Call
from .recorder import Gradient, Recorder
from .updates import Numbers


class Event(NamedTuple):
    """One item of a recorded step."""

    name: str
    numbers: tuple[Any, ...]
    arrays: tuple[Array, ...]
    """The arrays from before the step that it reads."""


def trace(recorder: Recorder, inputs: list[Array]) -> list[Event]:
    """The events of a recorded step, whose arguments are `inputs`."""
    events = []
    buffers = recorder.buffers
    given = {id(buffers.of(array)) for array in inputs}
    free = 0  # calls whose numbers may change
    for item in recorder.items:
        numbers: tuple[Any, ...] = ()
        reads: list[Use] = []
        if isinstance(item, Call):
            name, reads = item.kernel, item.arrays
            numbers = () if free else tuple(item.arguments[len(item.slots) :])
            free = max(free - 1, 0)
        elif isinstance(item, Numbers):
            name, free = "step", item.count
        elif isinstance(item, Gradient):
            name = "gradient"
        else:
            name, numbers = item.name, item.numbers()
            reads = [*map(buffers.use, item.reads())]
        older = [
            use.array for use in reads if use.array is not None and id(use.buffer) not in given
        ]
        events.append(Event(name, numbers, tuple(older)))
    return events


def difference(first: list[Event], second: list[Event]) -> str | None:
    """How a run differs from another one, or None."""
    for one, other in zip(first, second, strict=False):
        if one.name != other.name or len(one.arrays) != len(other.arrays):
            return f"it does not do the same each time ({one.name}, then {other.name})"
        if repr(one.numbers) != repr(other.numbers):
            return f"{one.name} gets numbers that change ({one.numbers} and {other.numbers})"
        if not all(map(_same, one.arrays, other.arrays)):
            return f"{one.name} reads an array that is computed outside of operations"
    if len(first) != len(second):
        return f"it does not do the same each time ({len(first)} and {len(second)} operations)"
    return None


def _same(a: Array, b: Array) -> bool:
    """Whether two arrays are the same memory, or constants with the same bits."""
    if a.__array_interface__ == b.__array_interface__:
        return True
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
