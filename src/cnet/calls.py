"""Operations, and what a call of an operation does.

A class of operations gets its `apply` when it is defined: a function that looks up nothing that
the class determines. It computes on the arrays of its inputs and puts the results into tensors.
Only if an input requires grad, the call becomes a node of the graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
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
        of_any, inputs = _of_any(cls), cls._inputs()
        return _of(inputs)(cls, cls.compute, cls.forward, of_any) if inputs > 0 else of_any

    @classmethod
    def _inputs(cls) -> int:
        """The number of inputs; 0 if it may vary."""
        for function, others in (cls.forward, 1), (cls.compute, 0):  # others: ctx
            code = getattr(getattr(function, "__func__", function), "__code__", None)
            if code is not None and not code.co_flags & CO_VARARGS:
                return int(code.co_argcount - others - hasattr(function, "__self__"))
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


def _of_any(cls: type[Operation[Any]]) -> Apply:
    """`apply` of an operation with any number of inputs."""
    compute, forward = cls.compute, cls.forward

    def apply(*args: Any, **kwargs: Any) -> Any:
        mode = current.__dict__
        if mode["recorder"] is not None or mode["calls"] is not None:
            return _observed(cls, args, kwargs)
        arrays, edges, recorded = inputs_of(args, mode["enabled"])
        if compute is not None and not recorded:
            result = compute(*arrays, **kwargs)
        else:
            ctx = _new(Context)
            ctx.function, ctx.edges = cls, tuple(edges)
            result = forward(ctx, *arrays, **kwargs)
            if recorded:
                return ctx._outputs(result)
        return wrap(result) if type(result) is np.ndarray else _tensors(result)

    return apply


_OF_INPUTS = """
def of_inputs(cls, compute, forward, of_any):
    def apply({parameters}, /, **kwargs):
        if {last} is _MISSING:
            return of_any(*[x for x in ({inputs},) if x is not _MISSING], **kwargs)
        mode = current.__dict__
        if mode["recorder"] is not None or mode["calls"] is not None:
            return _observed(cls, ({inputs},), kwargs)
        enabled = mode["enabled"]
        {arrays}
        if compute is not None and {no_edges}:
            result = compute({inputs}, **kwargs) if kwargs else compute({inputs})
        else:
            ctx = _new(Context)
            ctx.function, ctx.edges = cls, ({edges},)
            result = forward(ctx, {inputs}, **kwargs)
            if {any_edge}:
                return ctx._outputs(result)
        return wrap(result) if type(result) is np.ndarray else _tensors(result)

    return apply
"""
_ARRAY = """
        {x}_edge = None
        if isinstance({x}, Variable):
            if enabled:
                if {x}._view is not None:
                    {x}._renew()
                if {x}._requires_grad:
                    {x}_edge = {x}._grad_fn or {x}, {x}._output_index
            {x} = {x}._array
"""
_MISSING = object()
"""Marks an input that is not given, or given by its name, so that it has no gradient."""


@cache
def _of(count: int) -> Callable[..., Apply]:
    """`_of_any` for a number of inputs: the loop over them is unrolled, which saves a third.

    The arguments of the result are a class, its `compute` and `forward`, and `_of_any` of it.
    """
    inputs = [f"x{position}" for position in range(count)]
    edges = [f"{x}_edge" for x in inputs]
    source = _OF_INPUTS.format(
        parameters=", ".join([inputs[0], *[f"{x}=_MISSING" for x in inputs[1:]]]),
        last=inputs[-1],
        inputs=", ".join(inputs),
        arrays="".join([_ARRAY.format(x=x) for x in inputs]).strip(),
        no_edges=" is None and ".join(edges) + " is None",
        edges=", ".join(edges),
        any_edge=" or ".join(edges),
    )
    names: dict[str, Any] = {}
    exec(compile(source, f"<apply of {count} inputs>", "exec"), globals(), names)
    return names["of_inputs"]


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
    if type(result) is not tuple:
        return wrap(np.asarray(result))
    return tuple([wrap(y if type(y) is np.ndarray else np.asarray(y)) for y in result])


_new: Any = object.__new__  # a call of a class takes twice as long
_new_tuple: Any = tuple.__new__


class ViewOperation(Operation[Output]):
    """An operation of one input whose result shares the input's memory where possible.

    An in-place operation on the result also changes the input, and the graph records this.
    """

    @classmethod
    def _applier(cls) -> Apply:
        """`apply` for one argument."""
        compute, forward, whole = cls.compute, cls.forward, super()._applier()
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
