"""Operations, and what a call of an operation does.

The first call of a class of operations makes its `apply`: a function that looks up nothing that the
class determines. It computes on the arrays of its inputs and puts the results into tensors.
Only if an input requires grad, the call becomes a node of the graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from ..dtypes import can_hold
from ..modes import current
from ..replay import assign, copied
from . import changes
from .engine import UNWATCHED, Array, Context, Edge, Variable, View, wrap

Output = TypeVar("Output")
Apply = Callable[..., Any]


class Call(NamedTuple):
    """One call of `Operation.apply`."""

    function: "type[Operation[Any]]"
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Variable, ...]


class Signature(NamedTuple):
    """The arguments of `Operation.apply`."""

    inputs: int
    """Their number; 0 if it may vary."""
    options: tuple[str, ...]
    """Those with names, which have no gradient."""
    defaults: dict[str, Any]
    """The defaults of options."""
    others: bool = False
    """Whether there may be other options."""


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

    A third method, `compute`, can do the same as `forward` in less time if nothing is saved. Both
    take the same arguments.

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
        apply = cls.make_apply()
        cls.apply = staticmethod(apply)  # type: ignore[method-assign]
        return apply(*args, **kwargs)  # type: ignore[no-any-return]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Not that of the superclass.
        cls.apply = vars(Operation)["apply"]  # type: ignore[method-assign]

    @classmethod
    def make_apply(cls) -> Apply:
        """`apply` of this class, which `Operation.apply` replaces itself with."""
        of_any = _of_any(cls)
        signature = cls._signature()
        if signature.inputs < 1 or not _RESERVED.isdisjoint(signature.options):
            return of_any
        needed = tuple([name for name in signature.options if name not in signature.defaults])
        make = _of(signature.inputs, needed, tuple(signature.defaults), signature.others)
        return make(cls, cls.compute, cls.forward, of_any, signature.defaults)

    @classmethod
    def _signature(cls) -> "Signature":
        """The arguments of `apply`: those of `forward` and `compute` without ``ctx``."""
        inputs, others = 0, False
        options: dict[str, None] = {}
        defaults: dict[str, Any] = {}
        for function, before in (cls.forward, 1), (cls.compute, 0):
            plain: Any = getattr(function, "__func__", function)
            if isinstance(plain, FunctionType):
                code = plain.__code__
                count, named = code.co_argcount, code.co_kwonlyargcount
                if not (inputs or code.co_flags & CO_VARARGS):
                    inputs = count - before - hasattr(function, "__self__")
                options |= dict.fromkeys(code.co_varnames[count : count + named])
                defaults |= plain.__kwdefaults__ or {}
                others = others or (before == 1 and bool(code.co_flags & CO_VARKEYWORDS))
        return Signature(inputs, tuple(options), defaults, others)

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
    """`apply` of an operation with any number of inputs and options."""
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
def of_inputs(_cls, _compute, _forward, _of_any, _defaults):
    def apply({parameters}, **_others):
        if {last} is _MISSING{unknown}:
            return _of_any(*[_x for _x in [{inputs}] if _x is not _MISSING], {named} **_others)
        _mode = current.__dict__
        if _mode["recorder"] is not None or _mode["calls"] is not None:
            return _observed(_cls, ({inputs},), _given(dict({options}), _defaults))
        _enabled = _mode["enabled"]
        {arrays}
        if _compute is not None and {no_edges}:
            _result = _compute({inputs}, {options})
        else:
            _ctx = _new(Context)
            _ctx.function, _ctx.edges = _cls, ({edges},)
            _result = _forward(_ctx, {inputs}, {options})
            if {any_edge}:
                return _ctx._outputs(_result)
        return wrap(_result) if type(_result) is np.ndarray else _tensors(_result)

    return apply
"""
_ARRAY = """
        {edge} = None
        if isinstance({x}, Variable):
            if _enabled:
                if {x}._view is not None:
                    {x}._renew()
                if {x}._requires_grad:
                    {edge} = {x}._grad_fn or {x}, {x}._output_index
            {x} = {x}._array
"""
_RESERVED = {*globals(), "dict", "isinstance", "type"}
"""Names that these functions use, so that no option can have them."""
_MISSING = object()
"""Marks an input that is not given, or given by its name, so that it has no gradient."""


@cache
def _of(
    count: int, needed: tuple[str, ...], optional: tuple[str, ...], others: bool
) -> Callable[..., Apply]:
    """`_of_any` for a number of inputs and some options, written out, which takes half the time.

    The arguments of the result are a class, its `compute` and `forward`, `_of_any` of it, and the
    defaults of the optional ones.
    """
    inputs = [f"_x{i}" for i in range(count)]
    edges = [f"_edge{i}" for i in range(count)]
    options = needed + optional
    named = "".join([f"{name}={name}, " for name in options])
    parameters = [inputs[0], *[f"{x}=_MISSING" for x in inputs[1:]], "/", *["*"][: len(options)]]
    parameters += [*needed, *[f"{name}=_defaults[{name!r}]" for name in optional]]
    source = _OF_INPUTS.format(
        parameters=", ".join(parameters),
        last=inputs[-1],
        inputs=", ".join(inputs),
        named=named,
        options=named + "**_others" * others,
        unknown="" if others else " or _others",
        arrays="".join(
            [_ARRAY.format(x=x, edge=edge) for x, edge in zip(inputs, edges, strict=True)]
        ).strip(),
        no_edges=" is ".join([*edges, "None"]),
        edges=", ".join(edges),
        any_edge=" or ".join(edges),
    )
    names: dict[str, Any] = {}
    exec(compile(source, f"<apply of {count} inputs>", "exec"), globals(), names)
    return names["of_inputs"]  # type: ignore[no-any-return]


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


def _given(options: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The options whose value is not the default."""
    return {
        name: value
        for name, value in options.items()
        if name not in defaults or value is not defaults[name]
    }


def _tensors(result: Any) -> Any:
    """The tensor of a result without a graph, or the tensors of several."""
    if type(result) is not tuple:
        return wrap(np.asarray(result))
    if len(result) == 2:  # a loop takes twice as long
        first, second = result
        return wrap(np.asarray(first)), wrap(np.asarray(second))
    return tuple([wrap(np.asarray(each)) for each in result])


_new: Any = object.__new__  # a call of a class takes twice as long
_new_tuple: Any = tuple.__new__


class ViewOperation(Operation[Output]):
    """An operation of one input whose result shares the input's memory where possible.

    An in-place operation on the result also changes the input, and the graph records this.
    """

    @classmethod
    def make_apply(cls) -> Apply:
        """`apply` for one argument."""
        compute, forward, whole = cls.compute, cls.forward, _of_any(cls)
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
