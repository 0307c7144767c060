"""Functions of tensors, forward and backward, on many elements and on one.

A case is one line of a table: a function of the package ``t``, its module ``F`` and tensors, and
the shapes of the tensors. Operations of another family are added as lines.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from cnet.bench.cases import Case, Work, arrays

Function: TypeAlias = Callable[..., Any]
Sizes: TypeAlias = tuple[int | None, ...]
"""A shape; None is the number of rows."""
Table: TypeAlias = dict[str, tuple[Function, *tuple[Sizes, ...]]]

ONE_ELEMENT, SMALL = "one element", "small"
CALLS = ONE_ELEMENT, SMALL
"""The ends of the titles of cases whose time is mostly that of a call."""

ROWS = 1000
MANY, ROW = (None, 1000), (1, 1000)
CHANNELS = (None, 10, 100)
SHORT_ROWS = (None, 100, 10)

SMOOTH: Table = {
    "add": (lambda t, F, x, y: x + y, MANY, MANY),
    "add, row": (lambda t, F, x, y: x + y, MANY, ROW),
    "add, number": (lambda t, F, x: x + 2.5, MANY),
    "sub": (lambda t, F, x, y: x - y, MANY, MANY),
    "mul": (lambda t, F, x, y: x * y, MANY, MANY),
    "div": (lambda t, F, x, y: x / y, MANY, MANY),
    "pow 2": (lambda t, F, x: x**2, MANY),
    "pow 2.5": (lambda t, F, x: x**2.5, MANY),
    "pow, tensor": (lambda t, F, x, y: x**y, MANY, MANY),
    "neg": (lambda t, F, x: -x, MANY),
    "abs": (lambda t, F, x: t.abs(x), MANY),
    "square": (lambda t, F, x: t.square(x), MANY),
    "sqrt": (lambda t, F, x: t.sqrt(x), MANY),
    "rsqrt": (lambda t, F, x: t.rsqrt(x), MANY),
    "reciprocal": (lambda t, F, x: t.reciprocal(x), MANY),
    "exp": (lambda t, F, x: t.exp(x), MANY),
    "exp2": (lambda t, F, x: t.exp2(x), MANY),
    "expm1": (lambda t, F, x: t.expm1(x), MANY),
    "log": (lambda t, F, x: t.log(x), MANY),
    "log2": (lambda t, F, x: t.log2(x), MANY),
    "log10": (lambda t, F, x: t.log10(x), MANY),
    "log1p": (lambda t, F, x: t.log1p(x), MANY),
    "logaddexp": (lambda t, F, x, y: t.logaddexp(x, y), MANY, MANY),
    "logit": (lambda t, F, x: t.logit(x), MANY),
    "sin": (lambda t, F, x: t.sin(x), MANY),
    "cos": (lambda t, F, x: t.cos(x), MANY),
    "tan": (lambda t, F, x: t.tan(x), MANY),
    "asin": (lambda t, F, x: t.asin(x), MANY),
    "acos": (lambda t, F, x: t.acos(x), MANY),
    "atan": (lambda t, F, x: t.atan(x), MANY),
    "atan2": (lambda t, F, x, y: t.atan2(x, y), MANY, MANY),
    "sinh": (lambda t, F, x: t.sinh(x), MANY),
    "cosh": (lambda t, F, x: t.cosh(x), MANY),
    "atanh": (lambda t, F, x: t.atanh(x), MANY),
    "hypot": (lambda t, F, x, y: t.hypot(x, y), MANY, MANY),
    "erf": (lambda t, F, x: t.erf(x), MANY),
    "erfc": (lambda t, F, x: t.erfc(x), MANY),
    "floor": (lambda t, F, x: t.floor(x), MANY),
    "round": (lambda t, F, x: t.round(x), MANY),
    "trunc": (lambda t, F, x: t.trunc(x), MANY),
    "frac": (lambda t, F, x: t.frac(x), MANY),
    "sign": (lambda t, F, x: t.sign(x), MANY),
    "clamp": (lambda t, F, x: t.clamp(x, 0.2, 0.8), MANY),
    "maximum": (lambda t, F, x, y: t.maximum(x, y), MANY, MANY),
    "fmax": (lambda t, F, x, y: t.fmax(x, y), MANY, MANY),
    "where": (lambda t, F, x, y: t.where(x > 0.5, x, y), MANY, MANY),
    "remainder": (lambda t, F, x, y: t.remainder(x, y), MANY, MANY),
    "fmod": (lambda t, F, x, y: t.fmod(x, y), MANY, MANY),
    "nan_to_num": (lambda t, F, x: t.nan_to_num(x), MANY),
    "addcmul": (lambda t, F, x, y, z: t.addcmul(x, y, z, value=0.5), MANY, MANY, MANY),
    "addcdiv": (lambda t, F, x, y, z: t.addcdiv(x, y, z, value=0.5), MANY, MANY, MANY),
    "lerp": (lambda t, F, x, y: t.lerp(x, y, 0.3), MANY, MANY),
    "sigmoid": (lambda t, F, x: t.sigmoid(x), MANY),
    "tanh": (lambda t, F, x: t.tanh(x), MANY),
}
"""Functions of numbers between 0.1 and 0.9, with a derivative."""

ACTIVATIONS: Table = {
    "relu": (lambda t, F, x: F.relu(x), MANY),
    "relu6": (lambda t, F, x: F.relu6(x), MANY),
    "leaky_relu": (lambda t, F, x: F.leaky_relu(x), MANY),
    "prelu": (lambda t, F, x, w: F.prelu(x, w), MANY, (1,)),
    "prelu, channels": (lambda t, F, x, w: F.prelu(x, w), CHANNELS, (10,)),
    "elu": (lambda t, F, x: F.elu(x), MANY),
    "celu": (lambda t, F, x: F.celu(x), MANY),
    "selu": (lambda t, F, x: F.selu(x), MANY),
    "gelu": (lambda t, F, x: F.gelu(x), MANY),
    "gelu, tanh": (lambda t, F, x: F.gelu(x, approximate="tanh"), MANY),
    "silu": (lambda t, F, x: F.silu(x), MANY),
    "mish": (lambda t, F, x: F.mish(x), MANY),
    "hardswish": (lambda t, F, x: F.hardswish(x), MANY),
    "hardsigmoid": (lambda t, F, x: F.hardsigmoid(x), MANY),
    "hardtanh": (lambda t, F, x: F.hardtanh(x), MANY),
    "softplus": (lambda t, F, x: F.softplus(x), MANY),
    "softsign": (lambda t, F, x: F.softsign(x), MANY),
    "logsigmoid": (lambda t, F, x: F.logsigmoid(x), MANY),
    "threshold": (lambda t, F, x: F.threshold(x, 0.5, 0.0), MANY),
    "hardshrink": (lambda t, F, x: F.hardshrink(x), MANY),
    "softshrink": (lambda t, F, x: F.softshrink(x), MANY),
    "tanhshrink": (lambda t, F, x: F.tanhshrink(x), MANY),
    "glu": (lambda t, F, x: F.glu(x), MANY),
    "softmax": (lambda t, F, x: F.softmax(x, dim=1), MANY),
    "softmax, channels": (lambda t, F, x: F.softmax(x, dim=1), CHANNELS),
    "softmax, 10": (lambda t, F, x: F.softmax(x, dim=2), SHORT_ROWS),
    "log_softmax": (lambda t, F, x: F.log_softmax(x, dim=1), MANY),
    "log_softmax, 10": (lambda t, F, x: F.log_softmax(x, dim=2), SHORT_ROWS),
}
"""Functions of normally distributed numbers, with a derivative."""

OTHERS: Table = {
    "eq": (lambda t, F, x, y: x == y, MANY, MANY),
    "lt": (lambda t, F, x, y: x < y, MANY, MANY),
    "gt, number": (lambda t, F, x: x > 0.5, MANY),
    "isnan": (lambda t, F, x: t.isnan(x), MANY),
    "isfinite": (lambda t, F, x: t.isfinite(x), MANY),
    "logical_and": (lambda t, F, x, y: t.logical_and(x, y), MANY, MANY),
    "floor_divide": (lambda t, F, x, y: t.floor_divide(x, y), MANY, MANY),
    "isclose": (lambda t, F, x, y: t.isclose(x, y), MANY, MANY),
    "add_": (lambda t, F, x, y: x.add_(y), MANY, MANY),
    "mul_, number": (lambda t, F, x: x.mul_(1.0), MANY),
    "clamp_": (lambda t, F, x: x.clamp_(0, 1), MANY),
    "sigmoid_": (lambda t, F, x: x.sigmoid_(), MANY),
}
"""Functions without a derivative, and in place."""

REDUCTIONS: Table = {
    "sum": (lambda t, F, x: t.sum(x), MANY),
    "sum, rows": (lambda t, F, x: t.sum(x, 1), MANY),
    "sum, columns": (lambda t, F, x: t.sum(x, 0), MANY),
    "sum, channels": (lambda t, F, x: t.sum(x, (0, 2)), CHANNELS),
    "mean": (lambda t, F, x: t.mean(x), MANY),
    "mean, rows": (lambda t, F, x: t.mean(x, 1), MANY),
    "mean, columns": (lambda t, F, x: t.mean(x, 0), MANY),
    "var": (lambda t, F, x: t.var(x, correction=0), MANY),
    "var, rows": (lambda t, F, x: t.var(x, 1, correction=0), MANY),
    "var, columns": (lambda t, F, x: t.var(x, 0, correction=0), MANY),
    "std, rows": (lambda t, F, x: t.std(x, 1, correction=0), MANY),
    "norm": (lambda t, F, x: t.norm(x), MANY),
    "norm, rows": (lambda t, F, x: t.norm(x, dim=1), MANY),
    "norm 1, rows": (lambda t, F, x: t.norm(x, 1, 1), MANY),
    "norm, columns": (lambda t, F, x: t.norm(x, dim=0), MANY),
    "prod, rows": (lambda t, F, x: t.prod(x, 1), MANY),
    "prod, columns": (lambda t, F, x: t.prod(x, 0), MANY),
    "logsumexp, rows": (lambda t, F, x: t.logsumexp(x, 1), MANY),
    "logsumexp, columns": (lambda t, F, x: t.logsumexp(x, 0), MANY),
    "max": (lambda t, F, x: t.max(x), MANY),
    "max, rows": (lambda t, F, x: t.max(x, 1)[0], MANY),
    "max, columns": (lambda t, F, x: t.max(x, 0)[0], MANY),
    "amax, rows": (lambda t, F, x: t.amax(x, 1), MANY),
    "amin, columns": (lambda t, F, x: t.amin(x, 0), MANY),
    "median, rows": (lambda t, F, x: t.median(x, 1)[0], MANY),
    "cumsum, rows": (lambda t, F, x: t.cumsum(x, 1), MANY),
    "cumsum, columns": (lambda t, F, x: t.cumsum(x, 0), MANY),
    "cumprod, rows": (lambda t, F, x: t.cumprod(x, 1), MANY),
    "cumprod, columns": (lambda t, F, x: t.cumprod(x, 0), MANY),
}
"""Reductions and running sums of normally distributed numbers, with a derivative."""

POSITIONS: Table = {
    "argmax": (lambda t, F, x: t.argmax(x), MANY),
    "argmax, rows": (lambda t, F, x: t.argmax(x, 1), MANY),
    "argmin, columns": (lambda t, F, x: t.argmin(x, 0), MANY),
    "any": (lambda t, F, x: t.any(x), MANY),
    "all, rows": (lambda t, F, x: t.all(x, 1), MANY),
    "any, columns": (lambda t, F, x: t.any(x, 0), MANY),
}
"""Reductions without a derivative."""


def _bind(
    function: Function,
    sizes: tuple[Sizes, ...],
    backward: bool,
    positive: bool,
    side: Any,
    batch: int,
) -> Work:
    """The call of a function, and its backward pass.

    Numbers are normally distributed, or between 0.1 and 0.9 if `positive`.
    """
    shapes = [tuple([batch if size is None else size for size in each]) for each in sizes]
    numbers = arrays(*shapes)
    if positive:
        numbers = [0.5 + 0.4 * array.clip(-1, 1) for array in numbers]
    tensors = [side.tensor(array, backward) for array in numbers]
    call = partial(function, side.package, side.functional, *tensors)
    if not backward:
        return call
    return with_gradients(call, tensors, side.tensor(*arrays(tuple(call().shape)), False))


def with_gradients(call: Function, leaves: Iterable[Any], grad_output: Any) -> Work:
    """A call and its backward pass; returns the gradients of the leaves."""

    def both() -> tuple[Any, ...]:
        for tensor in leaves:
            tensor.grad = None
        call().backward(grad_output)
        return tuple([tensor.grad for tensor in leaves])

    return both


def _cases(name: str, entry: Any, backward: bool, positive: bool) -> Iterator[tuple[str, Case]]:
    function, *sizes = entry
    kinds = [("forward", sizes, False), ("forward + backward", sizes, True)][: 1 + backward]
    if name != "glu":
        kinds.append((ONE_ELEMENT, [(1,) * len(each) for each in sizes], False))
    for kind, each, both in kinds:
        title = f"{name}, {kind}"
        yield title, Case(title, partial(_bind, function, tuple(each), both, positive), ROWS)


CASES = {
    title: case
    for table, backward, positive in (
        (SMOOTH, True, True), (ACTIVATIONS, True, False), (OTHERS, False, True),
        (REDUCTIONS, True, False), (POSITIONS, False, False),
    )
    for name, entry in table.items()
    for title, case in _cases(name, entry, backward, positive)
}  # fmt: skip
