"""In-place operations: they change the array that all aliases share, and the graph records them.

An in-place operation on a view also changes the tensor that it is a view of. The node of that
tensor is then a `CopySlices`, which passes on the gradient of all elements that were not written.
"""

from typing import Any

import numpy as np

from . import changes
from .engine import UNWATCHED, Array, Call, Context, Edge, Operation, Variable
from .grad_mode import current


def apply_in_place(operation: type[Operation[Any]], x: Any, *args: Any, **kwargs: Any) -> Any:
    """Write the result of `operation` into the array of the tensor `x`, and return `x`.

    Raises
    ------
    RuntimeError
        If the graph is recorded and `x` is a leaf that requires grad or a view of one; if `x` is
        read-only or has elements that share memory; or if the result has another shape than `x` or
        cannot be cast to its dtype.
    """
    array = x._array
    if not array.flags.writeable:
        raise RuntimeError(_read_only(operation.__name__, array))
    arrays = [arg._array if isinstance(arg, Variable) else arg for arg in args]
    edges: tuple[Edge | None, ...] = (None,) * (len(args) + 1)
    if current.enabled:
        edges = tuple([_edge(arg) for arg in (x, *args)])
    recorded = edges.count(None) < len(edges)
    if recorded or x._view is not None:
        _check_base(x, recorded)
    ctx = Context(operation, edges)
    operation.in_place(ctx, array, *arrays, **kwargs)
    if recorded:
        _record(ctx, x)
    else:
        x.note_change(operation.__name__)
    if current.calls is not None:
        current.calls.append(Call(operation, (x, *args), kwargs, (x,)))
    return x


def _edge(arg: Any) -> "Edge | None":
    edge = arg.edge if isinstance(arg, Variable) else None  # brings `_requires_grad` up to date
    return edge if edge is not None and arg._requires_grad else None


def _read_only(name: str, array: Array) -> str:
    if 0 in array.strides:
        return (
            f"{name}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before performing the operation"
        )
    return f"{name}: the tensor's array is read-only"


def _check_base(x: Variable, recorded: bool) -> None:
    """Raise RuntimeError if an in-place operation on `x`, or on its base, cannot be recorded."""
    if not current.enabled:
        return
    base, known = x, True
    while base._view is not None and base._view is not UNWATCHED:
        known = known and base._view.operation is not None
        base = base._view.parent
    if base._requires_grad and base._grad_fn is None:
        what = "a leaf Variable" if base is x else "a view of a leaf Variable"
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation.")
    if not known and (recorded or base._requires_grad):
        raise RuntimeError(
            "a view was created in no_grad mode and is being modified in place with grad mode "
            "enabled; make the view with grad mode enabled, or use detach()"
        )


def _record(ctx: Context, x: Variable) -> None:
    """Make the call the origin of `x`, or of the tensor that `x` is a view of."""
    operation, edges = ctx.function, ctx.edges
    written, steps = x, []
    while written._view is not None and written._view is not UNWATCHED:
        steps.append((written._view.operation, written._view.kwargs))
        written = written._view.parent
    if steps:
        inner = ctx
        edge = written.edge if written._requires_grad else None
        ctx = Context(CopySlices, (edge, *edges[1:]))
        ctx.inner, ctx.steps = inner, steps[::-1]
        ctx.order = np.argsort([-stride for stride in written._array.strides], kind="stable")
        ctx.save_for_backward(*inner.saved)
        inner.saved = ()
    x.note_change(operation.__name__)
    ctx.number = next(changes.numbers)
    ctx.outputs = ((written._array.shape, written._array.dtype),)
    written._rebase(ctx)


class CopySlices(Operation[Any]):
    """The node of a tensor after an in-place operation on a view of it."""

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        inner = ctx.inner
        rest = _laid_out(grad, ctx.order)
        view = rest
        for operation, kwargs in ctx.steps:
            view = operation.forward(Context(operation, (None,)), view, **kwargs)
        inner.saved = ctx.saved
        returned = inner.function.backward(inner, view.copy())
        inner.saved = ()
        own, *others = returned if type(returned) is tuple else (returned,)
        view[...] = 0 if own is None else own
        return rest, *others


def _laid_out(grad: Array, order: Array) -> Array:
    """A copy of a gradient with its axes in the memory order `order`, the order of the tensor."""
    copy = np.array(grad.transpose(order), order="C")
    return copy.transpose(np.argsort(order))
