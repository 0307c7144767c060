"""A recorded step in the form that replays run: calls of kernels, and Python between."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from itertools import chain
from typing import Any
from weakref import ref

import numpy as np

from .. import _core
from ..arrays import Array
from ..autograd.changes import changed
from ..autograd.engine import Hooks, Variable
from ..runtime import empty_cache
from .buffers import Buffer, Use, arrays_in, identical, mapped, place
from .calls import Call
from .recorder import Gradient, Recorder
from .repeats import Count
from .trace import trace
from .updates import Numbers, Update


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
        self._result = result
        self._leaves = _leaves(recorder)
        self._modules = [*recorder.modules.values()]
        self._called = [hooks for module, _ in self._modules for hooks in module._call_hooks()]
        self._hooks = [dict(hooks) for hooks in self._called if hooks]
        self._tables = _tables(module for module, _ in self._modules)
        self._members = self._present()
        self._started = [*recorder.started.values()]
        self._updates = [item for item in recorder.items if isinstance(item, (Numbers, Update))]
        self.gradients = {id(i.leaf): i.leaf for i in recorder.items if isinstance(i, Gradient)}
        self._kept = [*_kept(recorder)]
        recorder.buffers.share(arrays_in([result, [value for *_, value in self._kept]]))
        recorder.buffers.share(arrays_in([leaf._grad for leaf in self.gradients.values()]))
        self._changed = _changed(recorder)
        numbers = [update for update in self._updates if isinstance(update, Numbers)]
        internal = {id(array) for update in numbers for array in update.writes()}
        self._noted = [array for array in self._changed if id(array) not in internal]
        self.trace = trace(recorder, inputs)
        self._calls, self._arena_bytes = _placed(recorder)
        self._inputs = [_Input(array, recorder) for array in inputs]
        self._steps = self._arranged(recorder)

    def _arranged(self, recorder: Recorder) -> list[Callable[[], None]]:
        """The items in order; consecutive calls of kernels become one segment.

        Gradients are assigned, and numbers counted, before the next item that runs in Python, and
        at the end.
        """
        steps: list[Callable[[], None]] = []
        gradients: dict[int, Gradient] = {}
        counts: list[Count] = []
        first = number = 0
        for item in recorder.items:
            if isinstance(item, Call):
                number += 1
            elif isinstance(item, Gradient):
                gradients[id(item.leaf)] = item
            elif isinstance(item, Count):
                counts.append(item)
            elif isinstance(item, Numbers):
                steps += self._segment(first, number)
                steps.append(partial(self._renew, item, number))
                first = number
            else:
                steps += self._segment(first, number) + _late(gradients, counts)
                steps.append(item)
                first = number
        return steps + self._segment(first, number) + _late(gradients, counts)

    def _segment(self, first: int, last: int) -> list[Callable[[], None]]:
        def run() -> None:
            reached = self._tape.run(first, last)
            if reached != last:
                raise ValueError("capture: an index, such as a target class, is out of range")

        return [run] if last > first else []

    def _renew(self, numbers: Numbers, first: int) -> None:
        numbers.renew(self._tape, first)

    @cached_property
    def _tape(self) -> _core.Tape:
        """The calls of kernels. Their memory takes the place of what earlier steps left."""
        empty_cache()
        calls = [((call.kernel, *call.again()), places) for call, places in self._calls]
        self._calls.clear()
        return _core.Tape(calls, self._arena_bytes)

    def fits(self) -> bool:
        """Whether leaves, modules, gradients and optimizers are those of the recorded step."""
        return (
            all(
                (leaf := reference()) is not None
                and leaf._array is a
                and leaf._requires_grad is r
                and leaf._hooks is hooks
                for reference, a, r, hooks in self._leaves
            )
            and all(module.training is mode for module, mode in self._modules)
            and [*filter(None, self._called)] == self._hooks
            and identical(self._present(), self._members)
            and all(leaf._grad is gradient for leaf, gradient in self._started)
            and all(update.fits() for update in self._updates)
        )

    def _present(self) -> list[Any]:
        """The parameters, buffers and submodules of the modules."""
        return [*chain.from_iterable(map(dict.values, self._tables))]

    def run(self, inputs: Iterable[Array]) -> Any:
        """Replay the step; the result has memory of its own."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.put(given, self._tape)
        for step in self._steps:
            step()
        for members, name, value in self._kept:
            members[name] = value
        for array in self._noted:
            changed(array, "capture")
        return fresh(self._result)

    def state(self) -> list[Array]:
        """The arrays that outlive the step and that it changes."""
        return [*self._changed]


def _leaves(recorder: Recorder) -> list[tuple[ref[Variable], Array, bool, dict[int, Hooks]]]:
    """The leaves that the step reads and that outlive it.

    A leaf that only the step used, such as a weight of a loss, is gone when another replaces it.
    """
    leaves = [(ref(leaf), a, r, leaf._hooks) for leaf, a, r in recorder.leaves.values()]
    recorder.leaves.clear()
    return [leaf for leaf in leaves if leaf[0]() is not None]


class _Input:
    """An array among the arguments: kernels read it where it is, other code reads a copy."""

    def __init__(self, array: Array, recorder: Recorder) -> None:
        self._own = array
        buffer = recorder.buffers.of(array)
        self._is_copied = buffer.is_shared
        calls = [item for item in recorder.items if isinstance(item, Call)]
        start = recorder.buffers.use(array).offset
        self._uses = [
            (number, slot, use.offset - start)
            for number, call in enumerate(calls)
            for slot, use in enumerate(call.slots)
            if use is not None and use.buffer is buffer
        ]

    def put(self, given: Array, tape: _core.Tape) -> None:
        """Let the calls of a tape read an array of the same shape and dtype."""
        if self._is_copied or not given.flags.carray:
            np.copyto(self._own, given)
            given = self._own
        for number, slot, offset in self._uses:
            tape.point(number, slot, given, offset)


def _tables(modules: Iterable[Any]) -> list[dict[str, Any]]:
    """The tables of the members of modules and of their submodules, which need not be called."""
    found: dict[int, Any] = {}
    for module in modules:
        if id(module) not in found:
            found.update((id(each), each) for each in module.modules())
    return [
        table
        for each in found.values()
        for table in (each._parameters, each._buffers, each._modules)
    ]


def _kept(recorder: Recorder) -> Iterator[tuple[dict[str, Any], str, Variable]]:
    """Tensors of the step that modules keep as plain attributes, such as weights of hooks."""
    for module, _ in recorder.modules.values():
        for name, value in vars(module).items():
            if isinstance(value, Variable):
                buffer = recorder.buffers.find(value._array)
                if buffer is not None and buffer.is_written:
                    yield vars(module), name, value


def _changed(recorder: Recorder) -> list[Array]:
    """The arrays from before the step that it changes."""
    changed = {}
    for item in recorder.items:
        uses: list[Use] = []
        if isinstance(item, Call):
            uses = item.writes
        elif not isinstance(item, Gradient):
            uses = [*map(recorder.buffers.use, item.writes())]
        for use in uses:
            if use.array is not None:
                changed[use.interface["data"], use.array.shape] = use.array
    return [*changed.values()]


def fresh(result: Any) -> Any:
    """Copies of the tensors and arrays in a result, outside any graph."""
    if isinstance(result, Variable):
        return type(result)(result._array.copy())
    if isinstance(result, np.ndarray):
        return result.copy()
    return mapped(fresh, result)


def _late(gradients: dict[int, Gradient], counts: list[Count]) -> list[Callable[[], None]]:
    """The step that assigns gradients and counts, if there is anything to do; empties both."""
    assigned = [(gradient.leaf, gradient.value) for gradient in gradients.values()]
    counted = [*counts]
    gradients.clear()
    counts.clear()

    def run() -> None:
        for leaf, value in assigned:
            leaf._grad = value
        for count in counted:
            count()

    return [run] if assigned or counted else []


def _placed(recorder: Recorder) -> tuple[list[tuple[Call, tuple[int, ...]]], int]:
    """The calls, with a place for each array in an arena of the memory that only kernels use.

    The place is -1 for arrays that keep their memory. Also returns the size of the arena.
    """
    calls = [item for item in recorder.items if isinstance(item, Call)]
    movable: dict[int, Buffer] = {}
    for number, call in enumerate(calls):
        for use in call.arrays:
            buffer = use.buffer
            buffer.first = number if buffer.first < 0 else buffer.first
            buffer.last = number
            if not buffer.is_fixed:
                movable[id(buffer)] = buffer
    places, size = place(movable.values())

    def offset(use: Use | None) -> int:
        return -1 if use is None or use.buffer.is_fixed else places[use.buffer] + use.offset

    return [(call, tuple(map(offset, call.slots))) for call in calls], size
