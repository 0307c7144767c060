"""A recorded step in the form that replays run: calls of kernels, and Python between."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import _core
from ..arrays import Array
from ..changes import changed
from ..engine import Variable
from .buffers import Buffer, arrays_in, place
from .recorder import Call, Gradient, Recorder
from .repeats import Repeat

_NUMBERS = {name: number for name, (number, _) in _core.kernels.items()}


class Program:
    """What a replay does.

    Parameters
    ----------
    recorder : Recorder
        The recorded step.
    inputs : list of ndarray
        The arrays that the step reads its arguments from.
    result : nested tuples, lists and dicts of Tensor
        What the step returned.
    """

    def __init__(self, recorder: Recorder, inputs: list[Array], result: Any) -> None:
        self._inputs = inputs
        self._result = result
        self._leaves = [*recorder.leaves.values()]
        self._modules = [*recorder.modules.values()]
        self._started = [*recorder.started.values()]
        self._numbers = len([item for item in recorder.items if isinstance(item, Call)])
        self.gradients = {id(i.leaf): i.leaf for i in recorder.items if isinstance(i, Gradient)}
        recorder.buffers.fix(arrays_in((inputs, result)))
        recorder.buffers.fix(arrays_in([leaf._grad for leaf in self.gradients.values()]))
        self._changed = _changed(recorder)
        self._tape = _tape(recorder)
        self._steps = self._arranged(recorder)

    def _arranged(self, recorder: Recorder) -> list[Callable[[], None]]:
        """The items in order; consecutive calls of kernels become one segment.

        Gradients are assigned before the next item that runs in Python, and at the end.
        """
        steps: list[Callable[[], None]] = []
        gradients: dict[int, Gradient] = {}
        first = number = 0
        for item in recorder.items:
            if isinstance(item, Call):
                number += 1
            elif isinstance(item, Gradient):
                gradients[id(item.leaf)] = item
            else:
                steps += self._segment(first, number) + _assignments(gradients)
                steps.append(item)
                first = number
        return steps + self._segment(first, number) + _assignments(gradients)

    def _segment(self, first: int, last: int) -> list[Callable[[], None]]:
        tape = self._tape

        def run() -> None:
            reached = tape.run(first, last)
            if reached != last:
                raise ValueError("capture: an index, such as a target class, is out of range")

        return [run] if last > first else []

    def fits(self) -> bool:
        """Whether leaves, modules and gradients are those of the recorded step."""
        return (
            all(leaf._array is a and leaf._requires_grad is r for leaf, a, r in self._leaves)
            and all(module.training is mode for module, mode in self._modules)
            and all(leaf._grad is gradient for leaf, gradient in self._started)
        )

    def run(self, inputs: Iterable[Array]) -> Any:
        """Replay the step; the result has memory of its own."""
        for own, given in zip(self._inputs, inputs, strict=True):
            np.copyto(own, given)
        for step in self._steps:
            step()
        for array in self._changed:
            changed(array, "capture")
        return fresh(self._result)

    def state(self) -> list[Array]:
        """The arrays that outlive the step and that it changes."""
        return [*self._changed]


def _changed(recorder: Recorder) -> list[Array]:
    """The arrays from before the step that it changes."""
    changed = {}
    for item in recorder.items:
        if isinstance(item, Call):
            arrays = [array for array, written in item.arrays if written]
        else:
            arrays = item.changes() if isinstance(item, Repeat) else []
        for array in arrays:
            if recorder.buffers.of(array).is_older:
                changed[address(array), array.shape] = array
    return [*changed.values()]


def fresh(result: Any) -> Any:
    """Copies of the tensors and arrays in a result, outside any graph."""
    if isinstance(result, Variable):
        return type(result)(result._array.copy())
    if isinstance(result, np.ndarray):
        return result.copy()
    if isinstance(result, dict):
        return {key: fresh(value) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return type(result)([fresh(value) for value in result])
    return result


def _assignments(gradients: dict[int, Gradient]) -> list[Callable[[], None]]:
    """The step that assigns gradients, if there are any; they are removed from the dict."""
    assigned = [(gradient.leaf, gradient.value) for gradient in gradients.values()]
    gradients.clear()

    def assign() -> None:
        for leaf, value in assigned:
            leaf._grad = value

    return [assign] if assigned else []


def _tape(recorder: Recorder) -> _core.Tape:
    """The calls of kernels, with the memory that only they use in one arena."""
    calls = [item for item in recorder.items if isinstance(item, Call)]
    movable: dict[int, Buffer] = {}
    for number, call in enumerate(calls):
        for array, _ in call.arrays:
            buffer = recorder.buffers.of(array)
            buffer.first = number if buffer.first < 0 else buffer.first
            buffer.last = number
            if not buffer.is_fixed:
                movable[id(buffer)] = buffer
    places, size = place(movable.values())

    def offset(array: Array | None) -> int:
        buffer = None if array is None else recorder.buffers.of(array)
        if buffer is None or buffer.is_fixed:
            return -1
        return places[buffer] + address(array) - buffer.low

    return _core.Tape(
        [
            (
                (_NUMBERS[call.kernel], *call.arguments),
                tuple(map(offset, call.arguments[: _core.arrays[call.kernel]])),
            )
            for call in calls
        ],
        size,
    )


def address(array: Any) -> int:
    """The address of the first element."""
    return int(array.__array_interface__["data"][0])
