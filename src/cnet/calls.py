"""Operations, and what a call of an operation does.

A class of operations gets its `apply` when it is defined: a function that looks up nothing that
the class determines. It computes on the arrays of its inputs and puts the results into tensors.
Only if an input requires grad, the call becomes a node of the graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import CO_VARARGS
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from . import changes
from .dtypes import can_hold
from .engine import UNWATCHED, Array, Context, Edge, Variable, View, wrap
from .grad_mode import current
from .replay import assign, copied

Output = TypeVar("Output")
Apply = Callable[..., Any]


class Call(NamedTuple):
    """One call of `Operation.apply`."""

    function: "type[Operation[Any]]"
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Variable, ...]


@contextmanager
def listing_calls(calls: list[Call] | None = None) -> Iterator[list[Call]]:
    """Append all calls of operations that this thread makes in the ``with`` block to a list."""
    calls = [] if calls is None else calls
    previous, current.calls = current.calls, calls
    try:
        yield calls
    finally:
        current.calls = previous


def is_listing_calls() -> bool:
    """Whether `listing_calls` is active in this thread."""
    return current.calls is not None


class Operation(Generic[Output]):
    """A computation and its derivative: two static methods on plain arrays, called by `apply`.

    A third method, `compute`, can do the same as `forward` in less time if nothing is saved.

    The type parameter, as in ``Operation[Tensor]``, is the return type of `apply`. `Function` is
    the corresponding class for code that computes on tensors, as in PyTorch.
    """

    owns_result: ClassVar[bool] = False
    """Whether the result is always a new array that only its tensor and the graph have."""

    compute: ClassVar[Any] = None
    """`forward` without ``ctx``, for calls whose inputs do not require grad; optional.

    A subclass with another result of `forward` must also replace it.
    """

    @classmethod
    def forward(cls, ctx: Context, *args: Any, **kwargs: Any) -> Any:
        """Return an array or a tuple of arrays; only outputs of a float dtype have a gradient.

        By default, that is what `compute` returns.
        """
        if cls.compute is None:
            raise NotImplementedError("an operation needs a static method forward(ctx, ...)")
        return cls.compute(*args, **kwargs)

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        """Return a gradient or None for each positional argument of `apply`, in its shape.

        The arrays in `grad_outputs` may be shared and must not be changed.
        """
        raise NotImplementedError("an operation needs a static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Output:
        """Call `forward`, and record the call if an input requires grad.

        `forward` gets tensors among `args` as arrays, and all other arguments unchanged; `kwargs`
        have no gradient. The result is a tensor, or a tuple of tensors if `forward` returns a
        tuple.
        """
        return _of_any(cls)(*args, **kwargs)  # type: ignore[no-any-return]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.apply = staticmethod(cls._applier())  # type: ignore[method-assign]

    @classmethod
    def _applier(cls) -> Apply:
        """`apply` of this class."""
        return {1: _of_one, 2: _of_two}.get(cls._inputs(), _of_any)(cls)

    @classmethod
    def _inputs(cls) -> int:
        """The number of inputs; 0 if it may vary."""
        for function, others in (cls.forward, 1), (cls.compute, 0):  # others: ctx
            code = getattr(getattr(function, "__func__", function), "__code__", None)
            if code is not None and not code.co_flags & CO_VARARGS:
                count: int = code.co_argcount - others - hasattr(function, "__self__")
                return 0 if function.__defaults__ and others else count
        return 0

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, **kwargs: Any) -> None:
        """Write the result of `forward` into `x`; saved arrays that share its memory are copied."""
        y = cls.forward(ctx, x, *args, **kwargs)
        if y.shape != x.shape:
            raise RuntimeError(
                f"{cls.__name__}: output with shape {list(x.shape)} doesn't match the broadcast "
                f"shape {list(y.shape)}"
            )
        if not can_hold(x.dtype, y.dtype):
            raise RuntimeError(
                f"{cls.__name__}: result type {y.dtype} can't be cast to the desired output type "
                f"{x.dtype}"
            )
        ctx.saved = tuple(
            [
                copied(value) if isinstance(value, np.ndarray) and np.may_share_memory(value, x)
                else value
                for value in ctx.saved
            ]
        )  # fmt: skip
        assign(x, y)


def _of_one(cls: type[Operation[Any]]) -> Apply:
    """`apply` of an operation with one input."""
    compute, forward = cls.compute, cls.forward

    def apply(x: Any, /, **kwargs: Any) -> Any:
        mode = current.__dict__
        if mode["recorder"] is not None or mode["calls"] is not None:
            return _observed(cls, (x,), kwargs)
        edge = None
        if isinstance(x, Variable):
            if mode["enabled"]:
                if x._view is not None:
                    x._renew()
                if x._requires_grad:
                    edge = x._grad_fn or x, x._output_index
            x = x._array
        if edge is None and compute is not None:
            result = compute(x, **kwargs) if kwargs else compute(x)
        else:
            ctx = _new(Context)
            ctx.function, ctx.edges = cls, (edge,)
            result = forward(ctx, x, **kwargs)
            if edge is not None:
                return ctx._outputs(result)
        return wrap(result) if type(result) is np.ndarray else _tensors(result)

    return apply


def _of_two(cls: type[Operation[Any]]) -> Apply:
    """`apply` of an operation with two inputs."""
    compute, forward, whole = cls.compute, cls.forward, _of_any(cls)

    def apply(a: Any, b: Any = _BY_NAME, /, **kwargs: Any) -> Any:
        if b is _BY_NAME:
            return whole(a, **kwargs)
        mode = current.__dict__
        if mode["recorder"] is not None or mode["calls"] is not None:
            return _observed(cls, (a, b), kwargs)
        enabled, a_edge, b_edge = mode["enabled"], None, None
        if isinstance(a, Variable):
            if enabled:
                if a._view is not None:
                    a._renew()
                if a._requires_grad:
                    a_edge = a._grad_fn or a, a._output_index
            a = a._array
        if isinstance(b, Variable):
            if enabled:
                if b._view is not None:
                    b._renew()
                if b._requires_grad:
                    b_edge = b._grad_fn or b, b._output_index
            b = b._array
        recorded = a_edge or b_edge
        if not recorded and compute is not None:
            result = compute(a, b, **kwargs) if kwargs else compute(a, b)
        else:
            ctx = _new(Context)
            ctx.function, ctx.edges = cls, (a_edge, b_edge)
            result = forward(ctx, a, b, **kwargs)
            if recorded:
                return ctx._outputs(result)
        return wrap(result) if type(result) is np.ndarray else _tensors(result)

    return apply


def _of_any(cls: type[Operation[Any]]) -> Apply:
    """`apply` of an operation with any number of inputs."""
    compute, forward = cls.compute, cls.forward

    def apply(*args: Any, **kwargs: Any) -> Any:
        mode = current.__dict__
        if mode["recorder"] is not None or mode["calls"] is not None:
            return _observed(cls, args, kwargs)
        arrays, edges, recorded = inputs_of(args, mode["enabled"])
        if not recorded and compute is not None:
            result = compute(*arrays, **kwargs)
        else:
            ctx = _new(Context)
            ctx.function, ctx.edges = cls, tuple(edges)
            result = forward(ctx, *arrays, **kwargs)
            if recorded:
                return ctx._outputs(result)
        return wrap(result) if type(result) is np.ndarray else _tensors(result)

    return apply


def inputs_of(args: tuple[Any, ...], enabled: bool) -> "tuple[list[Any], list[Edge | None], bool]":
    """The arrays of arguments, their edges, and whether there is an edge."""
    arrays: list[Any] = []
    edges: list[Edge | None] = []
    recorded = False
    for arg in args:
        edge = None
        if isinstance(arg, Variable):
            if enabled:
                if arg._view is not None:
                    arg._renew()
                if arg._requires_grad:
                    edge, recorded = (arg._grad_fn or arg, arg._output_index), True
            arg = arg._array
        arrays.append(arg)
        edges.append(edge)
    return arrays, edges, recorded


def _observed(cls: type[Operation[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call that a recorder records, or that is appended to a list."""
    mode = current.__dict__
    recorder, calls = mode["recorder"], mode["calls"]
    arrays, edges, recorded = inputs_of(args, mode["enabled"])
    ctx = Context(cls, tuple(edges))
    if recorder is None:
        result = cls.forward(ctx, *arrays, **kwargs)
    else:
        result = recorder.forward(ctx, args, arrays, kwargs)
    output = ctx._outputs(result) if recorded else _tensors(result)
    if calls is not None:
        outputs = output if type(output) is tuple else (output,)
        calls.append(Call(cls, args, kwargs, outputs))
    return output


def _tensors(result: Any) -> Any:
    """The tensor of a result without a graph, or the tensors of several."""
    if type(result) is tuple:
        return tuple(map(_tensors, result))
    return wrap(result if type(result) is np.ndarray else np.asarray(result))


_BY_NAME = object()
"""Marks an input that is not given, or given by its name, so that it has no gradient."""

_new: Any = object.__new__  # a call of a class takes twice as long
_new_tuple: Any = tuple.__new__


class ViewOperation(Operation[Output]):
    """An operation of one input whose result shares the input's memory where possible.

    An in-place operation on the result also changes the input, and the graph records this.
    """

    @classmethod
    def _applier(cls) -> Apply:
        """`apply` for one argument."""
        compute, forward, whole = cls.compute, cls.forward, _of_one(cls)
        default: Any = Operation.forward
        saves_nothing = getattr(forward, "__func__", None) is default.__func__

        def apply(x: Any, /, **kwargs: Any) -> Any:
            if not isinstance(x, Variable):
                return whole(x, **kwargs)
            mode = current.__dict__
            enabled, recorder, edge = mode["enabled"], mode["recorder"], None
            if enabled:
                if x._view is not None:
                    x._renew()
                if x._requires_grad:
                    edge = x._grad_fn or x, x._output_index
            array = x._array
            ctx: Any = None
            if edge is not None or recorder is not None or compute is None:
                ctx = _new(Context)
                ctx.function, ctx.edges = cls, (edge,)
            if recorder is not None:
                result = recorder.forward(ctx, (x,), [array], kwargs)
            elif ctx is None or saves_nothing:
                result = compute(array, **kwargs)
            else:
                result = forward(ctx, array, **kwargs)
            if edge is None:
                output = wrap(result)
            else:
                ctx.number = next(changes.numbers)
                ctx.outputs = ((result.shape, result.dtype),)
                output = wrap(result, ctx)
            base = result.base
            if base is array or (base is not None and base is array.base):
                if x._view is UNWATCHED:
                    output._view = UNWATCHED
                else:
                    origin = x, cls if enabled else None, kwargs, x._grad_fn
                    output._view = _new_tuple(View, origin)
            if (calls := mode["calls"]) is not None:
                calls.append(Call(cls, (x,), kwargs, (output,)))
            return output

        return apply
