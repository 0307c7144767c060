"""capture: a function that is recorded while it runs, and then replayed."""

from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any

import numpy as np

from .._locks import free_after_fork
from ..arrays import Array
from ..autograd.engine import Variable
from ..dtypes import get_default_dtype
from ..kernels._memory import empty
from ..modes import current
from ..random import get_rng_state, set_rng_state
from ..runtime import current_isa, empty_cache, exact_is_on, reference_is_active
from ..tensor import Tensor
from .buffers import arrays_in, mapped
from .program import Program, fresh
from .recorder import Recorder
from .repeats import CaptureError
from .trace import difference, trace

MOST_RECORDINGS = 8
"""A step whose parameters are replaced more often than this runs without being captured."""


def capture(function: Callable[..., Any], *, strict: bool = True) -> "CapturedStep":
    """Capture a training step, so that later calls run it without Python between the kernels.

    The first call with arguments of certain shapes runs the function as usual. The second one also
    records which kernels run on which memory. The third one runs the function again, replays
    the recorded step from the same state, and compares what they do and all results, bit for bit.
    All later calls are replays: the kernels run one after the other, on memory that was planned
    once. Each call makes exactly one step.

    Parameters
    ----------
    function : callable
        A step, usually the forward pass, the loss, the backward pass and the step of the optimizer.
        Its arguments are tensors, arrays and hashable values, or nested tuples, lists and dicts of
        them; it returns a tensor or nested tuples, lists and dicts of tensors, or None.
    strict : bool, default True
        Whether to raise CaptureError if the function cannot be captured. Otherwise it runs as
        usual, and the attribute `refusal` of the result gives the reason; so does a function in
        which a shape may depend on values, as that of ``x[x > 0]``.

    Returns
    -------
    CapturedStep
        A callable with the arguments and the result of `function`.

    Raises
    ------
    CaptureError
        In the second or third call, after the step is done, if the function cannot be captured: it
        reads values in Python (``loss.item()``), uses hooks, changes arrays by NumPy, has arguments
        that require grad, or a replay gives other results.
    CaptureError
        In a replay, if a shape depends on values and differs, as that of ``x[x > 0]``. The step is
        not complete.
    ValueError
        If a replay finds an index out of range, such as a target class.

    Notes
    -----
    Replays do not run the Python code of the function. So its branches, and numbers that it
    computes in Python, are those of the recorded step; what it prints or appends to lists is not
    repeated. Learning rates and other options of optimizers may change between steps, random
    numbers are drawn in the same order as usual, and tensors may be changed in place. The function
    is recorded again if shapes or other arguments, the mode, parameters, buffers or submodules of a
    module, the default dtype or the instruction set change, or if another tensor that it uses no
    longer exists. A tensor must not be replaced by a new one while the program keeps the old one.

    Results are outside any graph. After a step, gradients are those that the function leaves.

    Examples
    --------
    >>> import cnet
    >>> from cnet import nn, optim
    >>> model = nn.Linear(3, 2)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> @cnet.capture
    ... def step(x, target):
    ...     opt.zero_grad()
    ...     loss = nn.functional.cross_entropy(model(x), target)
    ...     loss.backward()
    ...     opt.step()
    ...     return loss
    >>> losses = [step(cnet.ones(4, 3), cnet.tensor([0, 1, 1, 1])) for _ in range(5)]
    >>> bool(losses[4] < losses[0])
    True
    """
    if not callable(function):
        raise TypeError(f"capture: function must be a function (got {function!r})")
    return CapturedStep(function, strict)


class _Shape:
    """What is known about the step for arguments of certain shapes."""

    def __init__(self) -> None:
        self.calls = 0
        self.recordings = 0
        self.program: Program | None = None
        self.is_verified = False


class CapturedStep:
    """A function that is recorded and replayed: see `capture`.

    Attributes
    ----------
    refusal : str or None
        Why the function cannot be captured.
    """

    def __init__(self, function: Callable[..., Any], strict: bool = True) -> None:
        self._function = function
        self._strict = strict
        self._shapes: dict[Any, _Shape] = {}
        self._lock = free_after_fork(RLock())
        self.refusal: str | None = None

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        return f"<captured {name}: {self.replayed} of {len(self._shapes)} shapes>"

    @property
    def replayed(self) -> int:
        """The number of shapes of arguments for which calls are replays."""
        return sum(shape.is_verified for shape in self._shapes.values())

    def __call__(self, *args: Any) -> Any:
        if self.refusal is not None or current.recorder is not None or reference_is_active():
            return self._function(*args)
        with self._lock:
            shape = self._shapes.setdefault(_key(args), _Shape())
            program = shape.program
            if program is not None and not program.fits():
                shape.program, shape.calls = None, 0
            if shape.is_verified and shape.program is not None:
                return shape.program.run(arrays_in(args))
            return self._prepare(shape, args)

    def _prepare(self, shape: _Shape, args: tuple[Any, ...]) -> Any:
        """Run a step as usual, and record or verify it."""
        shape.calls += 1
        shape.is_verified = False
        requires_grad = any(_requires_grad(value) for value in _leaves(args))
        if shape.calls == 1 or requires_grad:
            result = fresh(self._function(*args))
            if shape.calls > 1:
                self._refuse("its arguments must not require grad; pass x.detach()")
            return result
        if shape.program is None:
            return self._record(shape, args)
        return self._verify(shape, shape.program, args)

    def _run(self, args: tuple[Any, ...]) -> tuple[Any, Recorder, list[Array]]:
        """Run the function on copies of its arguments, and record it."""
        own = _own(args)
        recorder, inputs = Recorder(), [*arrays_in(own)]
        recorder.buffers.older(inputs)
        with recorder.recording():
            result = self._function(*own)
        for value in _leaves(result):
            if not (value is None or isinstance(value, (Variable, np.ndarray))):
                recorder.refuse(f"it returns a value of type {type(value).__name__}, not a tensor")
        if any(recorder.buffers.of(array).is_written for array in inputs):
            recorder.refuse("it changes an argument in place")
        return result, recorder, inputs

    def _record(self, shape: _Shape, args: tuple[Any, ...]) -> Any:
        result, recorder, inputs = self._run(args)
        shape.recordings += 1
        if shape.recordings > MOST_RECORDINGS:
            recorder.refuse("parameters or gradients are replaced again and again")
        given = [recorder.buffers.of(array) for array in inputs]
        if not self._strict and any(not m.is_older or m in given for m in recorder.masks):
            recorder.refuse("a shape may depend on values, as that of x[x > 0]")
        if recorder.refusal is not None:
            self._refuse(recorder.refusal)
        else:
            shape.program = Program(recorder, inputs, result)
        return fresh(result)

    def _verify(self, shape: _Shape, program: Program, args: tuple[Any, ...]) -> Any:
        """Compare a replay with the function, both from the same state.

        The function is first, so that the replay reuses its memory.
        """
        state = _State(program.state(), [*program.gradients.values()])
        result, reason = self._compared(program, args)
        if reason is None:
            state.swap()
            try:
                reason = state.difference(result, program.run(arrays_in(args)))
                shape.is_verified = reason is None
            except CaptureError as error:
                reason = str(error).removeprefix("capture: ")
            finally:
                if not shape.is_verified:
                    state.swap()
        if reason is not None:
            self._refuse(reason)
        program.trace.clear()
        empty_cache()  # replays allocate only their results
        return result

    def _compared(self, program: Program, args: tuple[Any, ...]) -> tuple[Any, str | None]:
        """Run the function; its result, and how it differs from the recorded step."""
        result, recorder, inputs = self._run(args)
        reason = recorder.refusal or difference(program.trace, trace(recorder, inputs))
        return fresh(result), reason

    def _refuse(self, reason: str) -> None:
        self._shapes.clear()
        self.refusal = reason
        if self._strict:
            raise CaptureError(f"capture: the function cannot be captured: {reason}")


def _copied(array: Array) -> Array:
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def _same(arrays: list[Array], others: list[Array]) -> bool:
    return len(arrays) == len(others) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(arrays, others, strict=True)
    )


class _State:
    """What a step changes, at two times: the present one, and another one kept here."""

    def __init__(self, arrays: list[Array], leaves: list[Variable]) -> None:
        self._arrays, self._leaves = arrays, leaves
        self._copies = [_copied(array) for array in arrays]
        self._gradients = [leaf._grad for leaf in leaves]
        self._random = get_rng_state()

    def swap(self) -> None:
        """Go to the other time."""
        for array, copy in zip(self._arrays, self._copies, strict=True):
            present = _copied(array)
            array[...] = copy
            copy[...] = present
        for i, leaf in enumerate(self._leaves):
            leaf._grad, self._gradients[i] = self._gradients[i], leaf._grad
        random = get_rng_state()
        set_rng_state(self._random)
        self._random = random

    def difference(self, result: Any, replayed: Any) -> str | None:
        """How the present, after a replay, differs from the other time; None if it does not."""
        present = [leaf._grad for leaf in self._leaves]
        pairs = {
            "result": (result, replayed),
            "state": (self._copies, self._arrays),
            "gradient": (self._gradients, present),
        }
        for name, both in pairs.items():
            if not _same(*[[*arrays_in(each)] for each in both]):
                return f"a replay gives another {name}"
        return None


def _key(args: tuple[Any, ...]) -> Any:
    """What a recorded step is valid for."""
    return current_isa(), exact_is_on(), get_default_dtype(), current.enabled, _kind(args)


def _kind(arg: Any) -> Any:
    """What a recorded step depends on of an argument. Equal numbers may differ: 1, 1.0 and True."""
    kind = type(arg)
    if isinstance(arg, Variable):
        return kind, arg._requires_grad, _kind(arg._array)
    if isinstance(arg, np.ndarray):
        return kind, arg.shape, arg.dtype, None if arg.flags.c_contiguous else arg.strides
    if isinstance(arg, (tuple, list)):
        return kind, *map(_kind, arg)
    if isinstance(arg, dict):
        return kind, *map(_kind, arg.items())
    return kind, repr(arg) if isinstance(arg, (float, complex, np.number)) else arg


def _own(arg: Any) -> Any:
    """An argument with copies of its arrays, which replays write new values into."""
    if isinstance(arg, Variable):
        return Tensor(_own(arg._array))
    if isinstance(arg, np.ndarray):
        return arg.copy(order="K")  # sums in another order would have other bits
    return mapped(_own, arg)


def _requires_grad(value: Any) -> bool:
    return isinstance(value, Variable) and value._requires_grad


def _leaves(result: Any) -> Iterator[Any]:
    """The values in nested tuples, lists and dicts."""
    if isinstance(result, dict):
        result = [*result.values()]
    if isinstance(result, (tuple, list)):
        for value in result:
            yield from _leaves(value)
    else:
        yield result
