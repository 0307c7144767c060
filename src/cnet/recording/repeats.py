"""The parts of a step that each replay runs again in Python, on the arrays of the recorded step."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine import Context, Variable
from .buffers import arrays_in


class Repeat:
    """A computation on given arrays.

    Parameters
    ----------
    name : str
        What it is, for errors.
    compute : callable
        Runs it again.
    arrays : list of ndarray
        All arrays that it reads or writes.
    """

    def __init__(self, name: str, compute: Callable[[], Any], arrays: Sequence[Array]) -> None:
        self.name, self._compute, self._arrays = name, compute, arrays

    def __call__(self) -> None:
        self._compute()

    def arrays(self) -> list[Array]:
        """The arrays that it reads or writes."""
        return [*self._arrays]

    def changes(self) -> list[Array]:
        """The arrays that it may change in place."""
        return self.arrays()


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

    def arrays(self) -> list[Array]:
        return [*arrays_in((self._inputs, self._kwargs, self._result, self._attributes))]

    def changes(self) -> list[Array]:
        return []

    def _write(self, recorded: Any, new: Any) -> Any:
        """Copy new arrays to those that were recorded, which kernels read; other values are new."""
        if isinstance(recorded, tuple) and isinstance(new, tuple):
            return tuple([self._write(*pair) for pair in zip(recorded, new, strict=True)])
        if isinstance(recorded, np.ndarray):
            new = new._array if isinstance(new, Variable) else np.asarray(new)
            if new.shape != recorded.shape:
                raise RuntimeError(
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

    def changes(self) -> list[Array]:
        return self._inputs[:1]

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

    def __call__(self) -> None:
        returned = self._ctx.function.backward(self._ctx, *self._inputs)
        returned = returned if type(returned) is tuple else (returned,)
        for recorded, new in zip(self._result, returned, strict=True):
            if recorded is not None:
                self._write(recorded, new)


class Update(Repeat):
    """A step of an optimizer, with its state."""

    def __init__(self, name: str, optimizer: Any, step: Callable[[], Any]) -> None:
        self.name, self._optimizer, self._compute = name, optimizer, step

    def arrays(self) -> list[Array]:
        params = [p for group in self._optimizer.param_groups for p in group["params"]]
        grads = [p._grad for p in params if p._grad is not None]
        return [*arrays_in((params, grads, list(self._optimizer.state.values())))]

    def changes(self) -> list[Array]:
        params = [p for group in self._optimizer.param_groups for p in group["params"]]
        return [*arrays_in((params, list(self._optimizer.state.values())))]


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
