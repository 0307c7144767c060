"""The recorder of a step: it notes the calls of kernels, and what has to be repeated in Python.

An operation is recorded as the calls of kernels that it makes, if they account for all arrays that
it returns and saves. Otherwise it is recorded as a whole, and each replay runs it again.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..autograd.changes import owner
from ..autograd.engine import Context, Variable, wrap
from ..kernels import _dispatch
from ..modes import current
from ..random import get_rng_state
from ..runtime import redirect_kernels
from .buffers import Buffer, Buffers, arrays_in
from .calls import Call
from .repeats import Again, AgainInPlace, Backward, Count, Repeat, light
from .updates import Numbers, Update


class Gradient(NamedTuple):
    """The assignment of a gradient to a leaf."""

    leaf: Variable
    value: Variable | None


class Recorder:
    """Records one step while it runs, in one thread.

    Attributes
    ----------
    items : list of Call, Gradient, Numbers and Repeat
        What a replay does, in order.
    leaves : dict
        The leaves that the step reads, with their array and whether they require grad; empty once
        the recording is a `Program`.
    modules : dict
        The modules that the step calls, with their mode.
    started : dict
        The leaves whose gradient the step reads before it assigns one, with that gradient.
    masks : list of Buffer
        The masks that select elements, whose number may differ in another step.
    refusal : str or None
        Why the step cannot be recorded.
    """

    def __init__(self) -> None:
        self.items: list[Call | Gradient | Numbers | Repeat] = []
        self.buffers = Buffers()
        self.leaves: dict[int, tuple[Variable, Array, bool]] = {}
        self.modules: dict[int, tuple[Any, bool]] = {}
        self.started: dict[int, tuple[Variable, Variable | None]] = {}
        self.masks: list[Buffer] = []
        self.refusal: str | None = None
        self._assigned: set[int] = set()
        self._calls: list[Call] | None = None
        self._contexts: dict[Context, Context] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread does in the ``with`` block."""
        self._random, others = get_rng_state(), _other_random_states()
        try:
            redirect_kernels(self, True)
            current.recorder = self
            yield
        finally:
            current.recorder = None
            redirect_kernels(self, False)
        self._forbid_draws()
        if _other_random_states() != others:
            self.refuse("it draws random numbers from Python's or NumPy's global generator")

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Run something that is recorded as a whole."""
        self._forbid_draws()
        current.recorder = None
        try:
            yield
        finally:
            current.recorder = self
            self._random = get_rng_state()

    def _has_drawn(self) -> bool:
        """Whether random numbers were drawn since the last question."""
        before, self._random = self._random, get_rng_state()
        return self._random != before

    def _forbid_draws(self) -> None:
        if self._has_drawn():
            self.refuse("it draws random numbers outside of operations")

    @contextmanager
    def _collecting(self) -> Iterator[list[Call]]:
        """Collect the calls of an operation, which may consist of other operations."""
        self._forbid_draws()
        calls: list[Call] = []
        self._calls = calls
        try:
            yield calls
        finally:
            self._calls = None

    def refuse(self, reason: str) -> None:
        """Note why the step cannot be recorded; the first reason is kept."""
        if self.refusal is None:
            self.refusal = reason

    # Kernels

    def call(self, kernel: str, arguments: tuple[Any, ...]) -> int:
        """Run a kernel and record the call."""
        call = Call(kernel, arguments)
        if self._calls is not None:
            self._calls.append(call)
        else:
            self.buffers.older(call.reads)
            self._add([call])
        return _dispatch.run(kernel, arguments)

    def _add(self, calls: list[Call]) -> None:
        for call in calls:
            recorded = call.recorded(self.buffers)
            for use in recorded.writes:
                use.buffer.is_written = True
            self.items.append(recorded)

    def _account_for(self, calls: list[Call], arrays: list[Array]) -> bool:
        """Whether the calls are all that an operation does.

        They must use only known arrays and write all others of the given ones.
        """
        if self._has_drawn():
            return False
        written: set[int] = set()
        for call in calls:
            if not all(self._is_known(array, written) for array in call.reads):
                return False
            written |= {id(owner(array)) for array in call.writes}
        return all(self._is_known(array, written) for array in arrays)

    def _writes(self, calls: list[Call], x: Array) -> bool:
        """Whether a call writes the whole array."""
        return any(array is x for call in calls for array in call.writes)

    def _is_known(self, array: Array, written: set[int]) -> bool:
        return id(owner(array)) in written or self.buffers.find(array) is not None

    def _repeat(self, repeat: Repeat) -> None:
        """Record something that replays run in Python, on memory with fixed addresses."""
        self.buffers.share([*repeat.reads(), *repeat.writes()])
        for array in repeat.writes():
            self.buffers.of(array).is_written = True
        self.items.append(repeat)

    # Operations

    def forward(
        self, ctx: Context, args: Sequence[Any], inputs: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Run the forward computation of an operation, called with `args`, and record it."""
        function = ctx.function
        if self._calls is not None:
            return function.forward(ctx, *inputs, **kwargs)
        self.read(args)
        self.buffers.older(arrays_in((inputs, kwargs)))
        with self._collecting() as calls:
            result = _as_arrays(function.forward(ctx, *inputs, **kwargs))
        if self._account_for(calls, [*arrays_in((result, vars(ctx)))]):
            self._add(calls)
        else:
            result = _own(result)
            again = light(ctx)
            self._contexts[ctx] = again
            self._repeat(Again(again, inputs, kwargs, result))
            masks = [array for array in arrays_in(kwargs) if array.dtype.kind == "b"]
            self.masks += map(self.buffers.of, masks)
        return result

    def in_place(
        self, ctx: Context, args: Sequence[Any], inputs: list[Any], kwargs: dict[str, Any]
    ) -> None:
        """Like `forward`, for an operation that writes its result into its first input."""
        if self._calls is not None:
            ctx.function.in_place(ctx, *inputs, **kwargs)
            return
        self.read(args)
        self.buffers.older(arrays_in((inputs, kwargs)))
        with self._collecting() as calls:
            ctx.function.in_place(ctx, *inputs, **kwargs)
        if self._writes(calls, inputs[0]) and self._account_for(calls, [*arrays_in(vars(ctx))]):
            self._add(calls)
        else:
            self._has_drawn()
            again = self._contexts[ctx] = light(ctx)
            self._repeat(AgainInPlace(again, inputs, kwargs))

    def backward(self, ctx: Context, grad_outputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run the backward computation of an operation and record it."""
        function = ctx.function
        if self._calls is not None:
            return _as_tuple(function.backward(ctx, *grad_outputs))
        for gradient in arrays_in(grad_outputs):
            if self.buffers.find(gradient) is None:
                self.refuse(f"the gradient that {function.__name__} gets is computed with NumPy")
        self.buffers.older(arrays_in((vars(ctx), grad_outputs)))
        again = self._contexts.pop(ctx, None) or light(ctx)
        with self._collecting() as calls:
            returned = _as_arrays(_as_tuple(function.backward(ctx, *grad_outputs)))
        if self._account_for(calls, [*arrays_in(returned)]):
            self._add(calls)
        else:
            edges = zip(returned, ctx.edges, strict=False)
            returned = tuple([_own(value, edge) for value, edge in edges])
            self._repeat(Backward(again, list(grad_outputs), returned))
        return tuple(returned)

    def read(self, args: Sequence[Any]) -> None:
        """Note the leaves among arguments."""
        for arg in args:
            if isinstance(arg, Variable) and self.buffers.find(arg._array) is None:
                if arg._grad_fn is not None:
                    self.refuse("a tensor from before the step has a graph; call detach()")
                self.leaves[id(arg)] = arg, arg._array, arg._requires_grad

    # Arrays that the engine computes itself

    def constant(self, array: Array) -> Array:
        """Note an array that is the same in each step."""
        self.buffers.older([array])
        return array

    def copied(self, array: Array) -> Array:
        """A contiguous copy of an array."""
        if not _is_plain(array):
            copy = array.copy()
            self.note_copy(array, copy)
            return copy
        copy = np.empty_like(array)
        self.call("copy", (array, copy))
        return copy

    def note_copy(self, array: Array, copy: Array) -> None:
        """Record a copy that has just been made with NumPy."""
        if self._calls is None:
            self.buffers.older([array])
        self._compute("copy", lambda: np.copyto(copy, array), [array], copy)

    def assigned(self, x: Array, y: Array) -> None:
        """Write the values of an array into another one."""
        if _is_plain(x) and _is_plain(y) and x.dtype == y.dtype and x.shape == y.shape:
            self.call("copy", (y, x))
        else:
            x[...] = y
            self._compute("copy", lambda: np.copyto(x, y), [y], x)

    def added(self, a: Array, b: Array) -> Array:
        """The sum of two gradients of the same tensor."""
        if _is_plain(a) and _is_plain(b):
            total = np.empty_like(a)
            self.call("add", (a, b, total))
            return total
        total = np.asarray(a + b)
        self._compute("add", lambda: np.add(a, b, out=total), [a, b], total)
        return total

    def _compute(
        self, name: str, compute: Callable[[], Any], reads: list[Array], writes: Array
    ) -> None:
        """Record a computation with NumPy that has just been done."""
        if self._calls is None:
            self._repeat(Repeat(name, compute, reads, [writes]))

    # Gradients of leaves

    def assign(self, leaf: Variable, value: Variable | None) -> None:
        """Note that the gradient of a leaf is replaced."""
        self._assigned.add(id(leaf))
        self.items.append(Gradient(leaf, value))

    def accumulate(self, leaf: Variable, gradient: Array) -> None:
        """Add to the gradient of a leaf."""
        if id(leaf) not in self._assigned:
            self.started.setdefault(id(leaf), (leaf, leaf._grad))
        if leaf._grad is None:
            leaf._grad = wrap(gradient)
            self.assign(leaf, leaf._grad)
        else:
            total = leaf._grad._array
            self.buffers.older([total])
            np.add(total, gradient, out=total)
            self._compute("add", lambda: np.add(total, gradient, out=total), [gradient], total)
            leaf._grad.note_change("backward")

    # What runs in Python

    def update(self, optimizer: Any, step: Callable[[], Any], closure: Any) -> Any:
        """Run a step of an optimizer and record it."""
        if self._calls is not None:
            return step()
        if closure:
            self.refuse("the step of an optimizer has a closure")
        params = [p for group in optimizer.param_groups for p in group["params"]]
        trained = [param for param in params if param._grad is not None]
        for param in trained:
            if id(param) not in self._assigned:
                self.started.setdefault(id(param), (param, param._grad))
        arrays = [*arrays_in((params, list(optimizer.state.values())))]
        self.buffers.older(arrays)
        self.buffers.older(arrays_in([param._grad for param in trained]))
        with self._collecting() as calls:
            result = step()
        numbers = Numbers.explaining(calls, optimizer, trained)
        if numbers is not None and self._account_for(calls, []):
            self.items.append(numbers)
            self._add(calls)
        else:
            self._has_drawn()
            self._repeat(Update(optimizer, step, arrays))
        return result

    @property
    def is_computing(self) -> bool:
        """Whether an operation computes, whose calls of kernels are collected."""
        return self._calls is not None

    def repeated(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], is_pure: bool = False
    ) -> Any:
        """Run a function; each replay runs it again.

        Unless it is pure, it may change its arguments in place.
        """
        if self._calls is not None:
            return function(*args)
        with self._paused():
            result = function(*args)
        if is_pure:
            result = _as_arrays(result)
        arrays, results = [*arrays_in(args)], [*arrays_in(result)]
        self.buffers.older(arrays)

        def again() -> None:
            for recorded, new in zip(results, arrays_in(function(*args)), strict=True):
                np.copyto(recorded, new)

        changed = [] if is_pure else arrays
        self._repeat(Repeat(name, again, arrays, [*changed, *results]))
        return result

    def counted(self, array: Array) -> None:
        """Add 1 to a number that no kernel reads."""
        count = Count(array)
        count()
        if self._calls is None:
            self.buffers.older([array])
            self._repeat(count)

    def changed(self, array: Array, name: str) -> None:
        """Refuse a change in place that no recorded call has made."""
        if self._calls is None:
            buffer = self.buffers.find(array)
            if buffer is None or not buffer.is_written:
                self.refuse(f"{name} changes an array in place with NumPy")

    def module(self, module: Any) -> None:
        """Note the mode of a module that the step calls, and refuse hooks that run other code."""
        hooks = chain.from_iterable(map(dict.values, module._call_hooks()))
        if not all(getattr(getattr(hook, "call", hook), "is_recorded", False) for hook in hooks):
            self.refuse(f"{type(module).__name__} has a hook")
        self.modules[id(module)] = module, module.training


def _is_plain(array: Array) -> bool:
    """Whether kernels can take an array without a copy."""
    return array.flags.carray and array.dtype.type in (np.float32, np.float64)


def _other_random_states() -> tuple[Any, ...]:
    """The states of the global generators of Python and NumPy, if they are imported."""
    states = []
    if "random" in sys.modules:
        states.append(sys.modules["random"].getstate())
    if "numpy.random" in sys.modules:
        _, numbers, *rest = sys.modules["numpy.random"].get_state()
        states.append((numbers.tobytes(), *rest))
    return tuple(states)


def _as_tuple(returned: Any) -> tuple[Any, ...]:
    return returned if type(returned) is tuple else (returned,)


def _as_arrays(result: Any) -> Any:
    """Results of an operation, with scalars of NumPy and tensors as arrays."""
    if isinstance(result, tuple):
        return tuple(map(_as_arrays, result))
    if isinstance(result, Variable):
        return result._array
    return np.asarray(result) if isinstance(result, np.generic) else result


def _own(result: Any, edge: Any = None) -> Any:
    """Results in memory that replays can write; gradients in the dtype of their tensor."""
    if isinstance(result, tuple):
        return tuple(map(_own, result))
    if not isinstance(result, np.ndarray):
        return result
    dtype = result.dtype if edge is None else edge[0].outputs[edge[1]][1]
    result = np.asarray(result, dtype)
    if result.base is None and result.flags.writeable:  # in the layout of eager steps
        return result
    return np.require(result, dtype, ("C", "W"))
