"""In-place operations: they change the array that all aliases share, and the graph records them.

An in-place operation on a view also changes the tensor that it is a view of. The node of that
tensor is then a `CopySlices`, which passes on the gradient of all elements that were not written.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..modes import current
from . import changes
from .calls import Call, Operation, inputs_of
from .engine import UNWATCHED, Array, Context, Variable, View, settle, wrap


def apply_in_place(operation: type[Operation[Any]], x: Any, *args: Any, **kwargs: Any) -> Any:
    """Write the result of `operation` into the array of the tensor `x`, and return `x`.

    Raises
    ------
    RuntimeError
        If the graph is recorded and `x` is a leaf that requires grad or a view of one; if `x` is
        read-only or has elements that share memory; or if the result has another shape than `x` or
        cannot be cast to its dtype.
    """
    mode = current.__dict__
    enabled, recorder, calls = mode["enabled"], mode["recorder"], mode["calls"]
    if mode["deferred"]:
        settle()
    array = x._array
    if not array.flags.writeable:
        raise RuntimeError(_read_only(operation.__name__, array))
    arrays, edges, recorded = inputs_of((x, *args), enabled)
    recorded = recorded and array.dtype.kind == "f"
    if enabled and (recorded or x._view is not None):
        _check_base(x, recorded)
    ctx = Context(operation, tuple(edges))
    if recorder is None:
        operation.in_place(ctx, *arrays, **kwargs)
    else:
        recorder.in_place(ctx, (x, *args), arrays, kwargs)
    if recorded:
        _record(ctx, x)
    elif x._view is not UNWATCHED:
        changes.changed(array, operation.__name__)
    if calls is not None:
        calls.append(Call(operation, (x, *args), kwargs, (x,)))
    return x


def adopt(x: Variable, result: Variable) -> None:
    """Make `x` the output of the node that produced `result`, whose array is that of `x`.

    RuntimeError if the graph is recorded and `x` is a leaf that requires grad, or a view.
    """
    if not result._requires_grad:
        return
    if x._view is not None and x._view is not UNWATCHED:
        raise RuntimeError("a view cannot be changed in place by a Function; use clone()")
    _check_base(x, True)
    x._rebase(result._grad_fn)  # type: ignore[arg-type]
    x._output_index = result._output_index


def note_shared_memory(results: Iterable[Any], args: Iterable[Any]) -> None:
    """Make results that share the memory of a tensor among `args` views of it.

    It is not known how they were made, so that in-place operations on them cannot be recorded.
    """
    owners = [(arg, changes.owner(arg._array)) for arg in args if isinstance(arg, Variable)]
    for result in results:
        if isinstance(result, Variable):
            own = changes.owner(result._array)
            for arg, other in owners:
                if own is other and result is not arg:
                    result._view = View(arg, None, {}, arg._grad_fn)


def note_replacement(result: Variable, arg: Variable) -> None:
    """Let `result`, which shares the memory of a result `arg` of an operation, replace `arg`.

    In-place operations on `result` are recorded, and `arg` cannot be used in a graph afterwards.
    """
    if arg._view is None and arg._grad_fn is not None:
        arg._view = View(result, None, {}, result._grad_fn)
    else:
        note_shared_memory((result,), (arg,))


def take_over(x: Variable, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Give `x` the shape that a function of views returns: ``x = function(x, *args)``, in place.

    Views of `x` that were made before cannot be used in a graph afterwards.
    """
    if current.enabled and x._requires_grad and x._grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    before = wrap(x._array, x._grad_fn, x._output_index)
    before._requires_grad, before._view = x._requires_grad, x._view
    result = function(before, *args, **kwargs)
    x._array = result._array
    if current.enabled:
        x._view = result._view
    if result._grad_fn is not None and result._grad_fn is not x._grad_fn:
        x._rebase(result._grad_fn)


def _read_only(name: str, array: Array) -> str:
    if 0 in array.strides:
        return (
            f"{name}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before performing the operation"
        )
    return f"{name}: the tensor's array is read-only"


def _check_base(x: Variable, recorded: bool) -> None:
    """Raise RuntimeError if an in-place operation on `x`, or on its base, cannot be recorded."""
    base, known = x, True
    while base._view is not None and base._view is not UNWATCHED:
        known = known and base._view.operation is not None
        base = base._view.parent
    if base._requires_grad and base._grad_fn is None:
        what = "a leaf Variable" if base is x else "a view of a leaf Variable"
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation.")
    if not known and (recorded or base._requires_grad):
        raise RuntimeError(
            "a view was created in no_grad mode, or by a Function, and is being modified in place "
            "with grad mode enabled; make the view with grad mode enabled, or use clone()"
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
