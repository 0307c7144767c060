"""Elementwise operations of tensors, declared by their value and their derivatives.

A declaration is a function without a body: its signature, its documentation, and a decorator that
defines what it computes::

    @formula(np.arctan2, lambda g, a, b: g * b / (a * a + b * b), lambda g, a, b: ...)
    def atan2(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
        ...

The first argument of `formula` is the value as a function of arrays, the others are the gradients
of the operands. The names of their parameters say what they need: `g` is the gradient with respect
to the result; `x`, or `a`, `b` and `c`, are the operands; `y` is the result; other names are
options. Only what they need is saved. `by_kernel` lets a kernel compute such a function.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from inspect import CO_VARARGS
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import numpy as np

from .. import kernels
from .._explained import explain
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation, Variable
from ..autograd.calls import Signature
from ..kernels import plain
from ..kernels.elementwise import SAVED, as_floats
from ..kernels.strided import filled
from ..tensor import Tensor
from ._blocks import blockwise
from ._common import unbroadcast
from ._documentation import documented
from ._out import written
from ._promotion import common_float, common_number, floating, only_bits, only_integers
from .registry import numpy_function, operation

Declared = TypeVar("Declared", bound=Callable[..., Any])
Promote = Callable[..., tuple[Array, ...]]
Numbers = Literal["none", "other", "either"]

_TENSORS = (Variable, np.ndarray)
_UNARY = (Variable, np.ndarray, np.generic)

_elementwise = plain.elementwise
_FLOAT16 = np.dtype(np.float16)


class Gradient(NamedTuple):
    """The gradient of one operand."""

    evaluate: Callable[..., Any]
    needs: tuple[int | str, ...]
    """The arguments of the formula after `g`: positions among the operands and the result, or
    names of options."""


class Formula(Operation[Tensor]):
    """Base class of the operations that NumPy computes."""

    title: ClassVar[str]
    """The name of the public function."""
    value: ClassVar[Callable[..., Any]]
    promoted: ClassVar[Callable[..., tuple[Array, ...]]]
    """The operands in the dtype in which they are computed."""
    gradients: ClassVar[tuple[Gradient, ...]]
    signature: ClassVar[Signature]

    @classmethod
    def _signature(cls) -> Signature:
        return cls.signature

    @classmethod
    def forward(cls, ctx: Context, *operands: Any, **options: Any) -> Any:
        arrays = cls.promoted(*operands)
        try:
            y = cls.value(*arrays, **options) if options else cls.value(*arrays)
        except ValueError:
            check_broadcast(cls.title, arrays)
            raise
        if ctx.edges.count(None) < len(ctx.edges):
            values = (*arrays, y)
            kept: list[Any] = [None] * len(values)
            for (_, needs), edge in zip(cls.gradients, ctx.edges):  # noqa: B905, may be empty
                for need in needs if edge is not None else ():
                    if type(need) is int:
                        kept[need] = values[need]
            ctx.save_for_backward(*kept)
            ctx.options = options
        return y

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Any:
        if not cls.gradients:
            raise RuntimeError(f"{cls.title}: the derivative is not implemented")
        found: list[Array | None] = []
        for position, edge in enumerate(ctx.edges):
            if edge is None:
                found.append(None)
                continue
            evaluate, needs = cls.gradients[position]
            values = [ctx.saved[n] if type(n) is int else ctx.options[n] for n in needs]
            gradient = np.asarray(evaluate(grad, *values))
            found.append(unbroadcast(gradient, ctx.input_shape(position)))
        return tuple(found)


class Elementwise(Operation[Tensor]):
    """Base class of the operations in `cnet.kernels.elementwise`, with parameters `a` and `b`.

    They compute float16 in float32.
    """

    owns_result = True

    title: ClassVar[str]
    """The name of the kernel's operation."""
    number: ClassVar[int]
    """The number of the kernel's operation."""
    saves_input: ClassVar[bool]
    """Whether the derivative is computed from the input, not from the result."""

    @classmethod
    def compute(cls, x: Array, *, a: float = 0.0, b: float = 0.0) -> Any:
        y = _elementwise(cls.number, x, a, b)
        return cls.forward(Context(cls, (None,)), x, a=a, b=b) if y is None else y

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, a: float = 0.0, b: float = 0.0) -> Any:
        if x.dtype.kind != "f":
            if cls.title in _OF_INTEGERS:
                (x,) = common_number(cls.title, x)
                return _OF_INTEGERS[cls.title](x, a, b)
            x = floating(cls.title, x)
        dtype = x.dtype
        if dtype is _FLOAT16:
            x = x.astype(np.float32)
        y = _elementwise(cls.number, x, a, b)
        if y is None:
            y = kernels.elementwise(np.asarray(x), cls.title, a, b)
        ctx.saved = (x if cls.saves_input else y,)
        ctx.parameters = a, b
        return _as_float16(y) if dtype is _FLOAT16 else y

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, a: float = 0.0, b: float = 0.0) -> None:
        """Compute without another array if no values must be saved for the derivative."""
        if ctx.edges == (None,):
            if plain.elementwise(cls.number, x, a, b, x) is not None:
                return
            if (x.dtype is FLOAT32 or x.dtype is FLOAT64) and x.flags.c_contiguous:
                kernels.elementwise(x, cls.title, a, b, out=x)
                return
        super().in_place(ctx, x, *args, a=a, b=b)

    @classmethod
    def backward(cls, ctx: Context, grad_output: Array) -> Array:
        (saved,) = ctx.saved
        if grad_output.dtype is not saved.dtype:
            grad_output = grad_output.astype(saved.dtype)
        return kernels.elementwise_backward(grad_output, saved, cls.title, *ctx.parameters)


def computed(name: str, x: Array, a: float = 0.0, b: float = 0.0) -> Array:
    """An operation of `cnet.kernels.elementwise` on an array or a scalar of any float dtype.

    NumPy's operators return scalars instead of arrays without dimensions.
    """
    x = np.asarray(x)
    if x.dtype == _FLOAT16:
        return _as_float16(kernels.elementwise(x.astype(np.float32), name, a, b))
    return kernels.elementwise(x, name, a, b)


def _as_float16(y: Array) -> Array:
    with np.errstate(over="ignore"):
        return y.astype(_FLOAT16)


def _class_of(base: type[Operation[Tensor]], **members: Any) -> type[Operation[Tensor]]:
    name = members["title"].title().replace("_", "")
    return type(name, (base,), {"__module__": __name__, **members})


_OF_INTEGERS: dict[str, Callable[[Array, float, float], Any]] = {
    "relu": lambda x, a, b: np.maximum(x, 0),
    "threshold": lambda x, a, b: np.where(x <= a, x.dtype.type(b), x),
    "hardtanh": lambda x, a, b: np.clip(x, x.dtype.type(a), x.dtype.type(b)),
    "abs": lambda x, a, b: np.abs(x),
}
"""The operations whose results for integers are integers."""

COMPILED: dict[str, Any] = {
    name: _class_of(
        Elementwise, title=name, number=plain.operations[name], saves_input=saved == "x"
    )
    for name, saved in SAVED.items()
}
"""The operations that the kernels compute."""


_POSITIONS = {"x": 0, "a": 0, "b": 1, "c": 2, "y": -1}


def define(
    title: str,
    value: Callable[..., Any],
    *gradients: Callable[..., Any],
    promote: Promote = common_float,
    single: bool = False,
) -> type[Operation[Tensor]]:
    """The operation with a value and gradients, as `formula` has them, for a function `title`."""
    single = single or isinstance(value, np.ufunc)
    evaluate = _evaluation(value, single)
    promoted = _promotion(title, promote)
    return _class_of(
        Formula, title=title, value=staticmethod(evaluate), promoted=staticmethod(promoted),
        compute=staticmethod(_computation(title, evaluate, promote)),
        gradients=tuple(map(_gradient, gradients)), signature=_signature_of(value, gradients),
    )  # fmt: skip


def _promotion(title: str, promote: Promote) -> Callable[..., tuple[Array, ...]]:
    """The conversion of the operands. Floats of one dtype need none, if they are allowed."""
    if promote in (only_bits, only_integers):
        return partial(promote, title)
    return lambda *operands: as_floats(operands) or promote(title, *operands)


def _computation(title: str, value: Callable[..., Any], promote: Promote) -> Callable[..., Any]:
    """`Formula.compute`."""
    number = getattr(value, "number", None)
    takes_floats = promote not in (only_bits, only_integers)

    def compute(*operands: Any, **options: Any) -> Any:
        if number is not None:
            y = plain.combine(number, (*operands, *options.values()) if options else operands)
            if y is not None:
                return y
        arrays = as_floats(operands) if takes_floats else None
        if arrays is None:
            arrays = promote(title, *operands)
        try:
            return value(*arrays, **options) if options else value(*arrays)
        except ValueError:
            check_broadcast(title, arrays)
            raise

    return compute


def _signature_of(value: Any, gradients: Sequence[Any]) -> Signature:
    """The operands and options of a formula."""
    if isinstance(value, np.ufunc):
        return Signature(value.nin, (), {})
    function = getattr(value, "__wrapped__", value)
    code = function.__code__
    count = len(gradients) or (0 if code.co_flags & CO_VARARGS else code.co_argcount)
    options = code.co_varnames[count : code.co_argcount + code.co_kwonlyargcount]
    last = dict(
        zip(
            reversed(options[: code.co_argcount - count]),
            reversed(function.__defaults__ or ()),
            strict=False,
        )
    )
    return Signature(count, options, last | (function.__kwdefaults__ or {}))


def _gradient(formula: Callable[..., Any]) -> Gradient:
    code = getattr(formula, "__wrapped__", formula).__code__
    needs = [_POSITIONS.get(name, name) for name in code.co_varnames[1 : code.co_argcount]]
    return Gradient(_evaluation(formula, single=not needs), tuple(needs))


_SILENT = (
    np.negative, np.positive, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.maximum, np.minimum,
    np.fmax, np.fmin, np.copysign, np.signbit, np.isnan, np.isinf, np.isfinite, np.logical_and,
    np.logical_or, np.logical_xor, np.logical_not, np.equal, np.not_equal, np.less, np.less_equal,
    np.greater, np.greater_equal,
)  # fmt: skip
"""Functions of NumPy that never warn."""


def _evaluation(formula: Callable[..., Any], single: bool) -> Callable[..., Any]:
    """The formula, in blocks unless it is `single`, and without the warnings of NumPy."""
    if hasattr(formula, "is_direct") or formula in _SILENT:
        return formula

    if single:
        return np.errstate(all="ignore")(formula)

    @np.errstate(all="ignore")
    def evaluate(*arrays: Any, **options: Any) -> Any:
        return blockwise(formula, *arrays, **options)

    return evaluate


def by_kernel(kernel: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of a formula in NumPy, which `kernels.combine` computes for float32 and float64.

    The operands of the kernel are those of the formula, followed by its options. `out` is an array
    for the result, as `kernels.combine` takes it.
    """

    number = plain.combinations[kernel]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def value(*operands: Any, out: Array | None = None, **options: Any) -> Any:
            dtype = operands[0].dtype
            if dtype is FLOAT32 or dtype is FLOAT64:
                if options:
                    operands += tuple(options.values())
                y = plain.combine(number, operands) if out is None else None
                if y is not None:
                    return y
                arrays = [np.asarray(x) if isinstance(x, np.generic) else x for x in operands]
                return kernels.combine(*arrays, operation=kernel, out=out)
            with np.errstate(all="ignore"):
                y = function(*operands, **options)
            if out is None:
                return y
            out[...] = y
            return out

        value.number = number  # type: ignore[attr-defined]
        return direct(value)

    return decorate


def direct(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of a formula that is neither divided into blocks nor gives warnings."""
    function.is_direct = True  # type: ignore[attr-defined]
    return function


def zeros(g: Array) -> Array:
    """The gradient of a function that is constant between its jumps."""
    return filled(g.shape, g.dtype, 0)


def formula(
    value: Callable[..., Any],
    *gradients: Callable[..., Any],
    promote: Promote = common_float,
    single: bool = False,
    numbers: Numbers = "none",
    aliases: Sequence[str] = (),
    methods: Sequence[str] = (),
    reflected: str | None = None,
    in_place: Sequence[str] = (),
    numpy: Sequence[Any] = (),
) -> Callable[[Declared], Declared]:
    """Declare an operation that NumPy computes.

    Parameters
    ----------
    value : callable
        The result as a function of arrays. Warnings of NumPy are suppressed.
    *gradients : callable
        One for each operand. Without them, `backward` raises RuntimeError.
    promote : callable
        The rule of `_promotion` that converts the operands.
    single : bool, default False
        Whether the value needs no intermediate arrays, as for ufuncs, so that large arrays are not
        divided into blocks.
    numbers : {"none", "other", "either"}
        Which of two operands may be a Python number, as in PyTorch. NumPy functions and operators
        take numbers anyway.
    aliases : sequence of str
        Other names of the method, also in place.
    methods, reflected, in_place, numpy
        See `registry.operation`. Methods with the name of the function, and a ufunc as value, are
        registered anyway.
    """

    def declare(declaration: Declared) -> Declared:
        name = declaration.__name__
        function = define(name, value, *gradients, promote=promote, single=single)
        ufuncs = (value,) if isinstance(value, np.ufunc) else ()
        names = (name, *aliases)
        numpy_function(*ufuncs, *numpy)(function.make_apply())
        return operation(
            function,
            methods=(*names, *methods),
            reflected=reflected,
            in_place=(*[f"{each}_" for each in names], *in_place),
            writes_out=True,
        )(documented(_call_of(declaration, function, numbers), promote))

    return declare


def compiled(
    kernel: str,
    *,
    aliases: Sequence[str] = (),
    methods: Sequence[str] = (),
    numpy: Sequence[Any] = (),
) -> Callable[[Declared], Declared]:
    """Declare an operation of one operand that a kernel computes; see `formula`."""
    function = COMPILED[kernel]
    promote = common_number if kernel in _OF_INTEGERS else common_float

    def declare(declaration: Declared) -> Declared:
        names = (declaration.__name__, *aliases)
        return operation(
            function,
            methods=(*names, *methods),
            in_place=[f"{name}_" for name in names],
            numpy=numpy,
            writes_out=True,
        )(documented(_call_of(declaration, function), promote))

    return declare


def _call_of(
    declaration: Declared, function: type[Operation[Tensor]], numbers: Numbers = "none"
) -> Declared:
    """A function with the signature of the declaration that applies the operation."""
    apply: Callable[..., Tensor] = function.make_apply()
    name = declaration.__name__
    takes_numbers = numbers != "none"

    def unary(input: Any, *, out: Tensor | None = None) -> Tensor:
        try:
            if not isinstance(input, _UNARY):
                raise TypeError(_refusal(name, "input", input))
            y = apply(input)
            return y if out is None else written(name, y, out)
        except Exception as error:
            explain(error, declaration, (input,), {})

    def binary(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        try:
            if not isinstance(input, _TENSORS):
                if numbers != "either" or not isinstance(other, _TENSORS):
                    raise TypeError(_refusal(name, "input", input))
            elif not takes_numbers and not isinstance(other, _TENSORS):
                raise TypeError(_refusal(name, "other", other))
            y = apply(input, other)
            return y if out is None else written(name, y, out)
        except Exception as error:
            explain(error, declaration, (input, other), {})

    call: Any = unary if declaration.__code__.co_argcount == 1 else binary
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(call, attribute, getattr(declaration, attribute))
    call.__wrapped__ = declaration
    return call  # type: ignore[no-any-return]


def _refusal(function: str, argument: str, value: Any) -> str:
    return f"{function}: {argument} must be a Tensor or array (got {type(value).__name__})"


def check_broadcast(function: str, arrays: Sequence[Any]) -> None:
    """Raise ValueError, with the shapes in its message, if arrays do not broadcast."""
    shapes = [np.shape(array) for array in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"{function}: shapes {listed} do not broadcast") from None
