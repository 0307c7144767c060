"""The parts of a step that each replay runs again in Python, on the arrays of the recorded step."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..arrays import Array
from ..autograd.changes import owner
from ..autograd.engine import Context, Variable
from .buffers import arrays_in


class CaptureError(RuntimeError):
    """A function cannot be captured."""


class Repeat:
    """A computation on given arrays.

    Parameters
    ----------
    name : str
        What it is, for errors.
    compute : callable
        Runs it again.
    reads, writes : sequence of ndarray
        The arrays that it uses.
    """

    def __init__(
        self, name: str, compute: Callable[[], Any], reads: Sequence[Array],
        writes: Sequence[Array],
    ) -> None:  # fmt: skip
        self.name, self._compute, self._reads, self._writes = name, compute, reads, writes

    def __call__(self) -> None:
        self._compute()

    def reads(self) -> list[Array]:
        """The arrays that it reads."""
        return [*self._reads]

    def writes(self) -> list[Array]:
        """The arrays that it writes."""
        return [*self._writes]

    def numbers(self) -> tuple[Any, ...]:
        """The numbers that it gets as arguments."""
        return ()


class Count(Repeat):
    """Adds 1 to a number that only Python reads, at any time before it may be read."""

    def __init__(self, array: Array) -> None:
        super().__init__("count", lambda: np.add(array, 1, out=array), [], [array])


class Again(Repeat):
    """The forward computation of an operation."""

    def __init__(
        self, ctx: Context, inputs: list[Any], kwargs: dict[str, Any], result: Any
    ) -> None:
        self.name = ctx.function.__name__
        self._ctx, self._inputs, self._kwargs, self._result = ctx, inputs, kwargs, result
        self._attributes = dict(vars(ctx))

    def __call__(self) -> None:
        ctx = light(self._ctx, empty=True)
        result = ctx.function.forward(ctx, *self._inputs, **self._kwargs)
        self._write(self._result, result)
        for name, value in vars(ctx).items():
            if name not in _GRAPH:
                setattr(self._ctx, name, self._write(self._attributes.get(name), value))

    def reads(self) -> list[Array]:
        return [*arrays_in((self._inputs, self._kwargs, self._attributes))]

    def numbers(self) -> tuple[Any, ...]:
        values = [*self._inputs, *self._kwargs.values()]
        return tuple([value for value in values if isinstance(value, (int, float, np.number))])

    def writes(self) -> list[Array]:
        given = {id(owner(array)) for array in arrays_in((self._inputs, self._kwargs))}
        computed = arrays_in((self._result, self._attributes))
        return [array for array in computed if id(owner(array)) not in given]

    def _write(self, recorded: Any, new: Any) -> Any:
        """Copy new arrays to those that were recorded, which kernels read; other values are new."""
        if isinstance(recorded, tuple) and isinstance(new, tuple):
            return tuple([self._write(*pair) for pair in zip(recorded, new, strict=True)])
        if isinstance(recorded, np.ndarray):
            new = new._array if isinstance(new, Variable) else np.asarray(new)
            if new.shape != recorded.shape:
                raise CaptureError(
                    f"capture: the shape of what {self.name} computes depends on values "
                    f"(got {new.shape} and {recorded.shape} when it was captured)"
                )
            if new is not recorded:
                np.copyto(recorded, new, casting="unsafe")
            return recorded
        return new


class AgainInPlace(Again):
    """The computation of an operation that writes into its first input."""

    def __init__(self, ctx: Context, inputs: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(ctx, inputs, kwargs, None)

    def writes(self) -> list[Array]:
        return [*self._inputs[:1], *super().writes()]

    def __call__(self) -> None:
        ctx = light(self._ctx, empty=True)
        ctx.function.in_place(ctx, *self._inputs, **self._kwargs)
        for name, value in vars(ctx).items():
            if name not in _GRAPH:
                setattr(self._ctx, name, self._write(self._attributes.get(name), value))


class Backward(Again):
    """The backward computation of an operation."""

    def __init__(self, ctx: Context, grad_outputs: list[Any], returned: Any) -> None:
        super().__init__(ctx, grad_outputs, {}, returned)

    def writes(self) -> list[Array]:
        return [*arrays_in(self._result)]

    def __call__(self) -> None:
        returned = self._ctx.function.backward(self._ctx, *self._inputs)
        returned = returned if type(returned) is tuple else (returned,)
        for recorded, new in zip(self._result, returned, strict=True):
            if recorded is not None:
                self._write(recorded, new)


_GRAPH = ("function", "edges", "outputs", "number", "_hooks")
"""Attributes of a node that belong to the graph, not to its computation."""


def light(ctx: Context, empty: bool = False) -> Context:
    """A copy of a context that does not keep the graph alive; only its edges if `empty` is true."""
    edges = [
        None if edge is None else (SimpleNamespace(outputs=edge[0].outputs), edge[1])
        for edge in ctx.edges
    ]
    copied = Context(ctx.function, tuple(edges))  # type: ignore[arg-type]
    copied.outputs = ctx.outputs
    if not empty:
        for name, value in vars(ctx).items():
            if name not in _GRAPH:
                setattr(copied, name, value)
    return copied
