"""What a call costs: common functions, layers and optimizers on tensors of a few elements.

A case is one line of a table, as in `moving`. Its work is `CALLS` calls, so that milliseconds of
the work are microseconds of a call.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnet.bench.cases import Case, Work, arrays

from .moving import Input, Layer, Mask, Positions, callable_of, make_array
from .operations import Function, with_gradients

CALLS = 1000


class Constant(NamedTuple):
    """An input of normally distributed numbers that never requires grad."""

    sizes: tuple[int, ...]


Table: TypeAlias = dict[str, tuple[Function | Layer, *tuple[Input | Constant, ...]]]

IMAGE, CHANNELS = (1, 4, 8, 8), (4,)
MATRIX, ROW = (16, 16), (16,)
MATRICES = (2, 8, 8)

DIFFERENTIABLE: Table = {
    "conv2d": (lambda t, F, x, w, b: F.conv2d(x, w, b, padding=1), IMAGE, (4, 4, 3, 3), CHANNELS),
    "conv_transpose2d": (
        lambda t, F, x, w, b: F.conv_transpose2d(x, w, b), IMAGE, (4, 4, 3, 3), CHANNELS),
    "linear": (lambda t, F, x, w, b: F.linear(x, w, b), MATRIX, MATRIX, ROW),
    "nn.Linear": (Layer(lambda nn: nn.Linear(16, 16)), MATRIX),
    "nn.BatchNorm2d": (Layer(lambda nn: nn.BatchNorm2d(4)), IMAGE),
    "nn.BatchNorm2d, eval": (Layer(lambda nn: nn.BatchNorm2d(4).eval()), IMAGE),
    "relu": (lambda t, F, x: F.relu(x), IMAGE),
    "gelu": (lambda t, F, x: F.gelu(x), MATRIX),
    "sigmoid": (lambda t, F, x: t.sigmoid(x), MATRIX),
    "max_pool2d": (lambda t, F, x: F.max_pool2d(x, 2), IMAGE),
    "avg_pool2d": (lambda t, F, x: F.avg_pool2d(x, 2), IMAGE),
    "adaptive_avg_pool2d": (lambda t, F, x: F.adaptive_avg_pool2d(x, 1), IMAGE),
    "cross_entropy": (lambda t, F, x, i: F.cross_entropy(x, i), MATRIX, Positions(ROW, 16)),
    "mse_loss": (lambda t, F, x, y: F.mse_loss(x, y), MATRIX, Constant(MATRIX)),
    "binary_cross_entropy_with_logits": (
        lambda t, F, x, y: F.binary_cross_entropy_with_logits(x, y), MATRIX, Constant(MATRIX)),
    "softmax": (lambda t, F, x: F.softmax(x, 1), MATRIX),
    "log_softmax": (lambda t, F, x: F.log_softmax(x, 1), MATRIX),
    "layer_norm": (lambda t, F, x, w, b: F.layer_norm(x, ROW, w, b), MATRIX, ROW, ROW),
    "group_norm": (lambda t, F, x, w, b: F.group_norm(x, 2, w, b), IMAGE, CHANNELS, CHANNELS),
    "scaled_dot_product_attention": (
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v), *[(1, 2, 8, 8)] * 3),
    "embedding": (lambda t, F, w, i: F.embedding(i, w), MATRIX, Positions((4,), 16)),
    "interpolate": (lambda t, F, x: F.interpolate(x, scale_factor=2), IMAGE),
    "interpolate, bilinear": (
        lambda t, F, x: F.interpolate(x, scale_factor=2, mode="bilinear"), IMAGE),
    "pad": (lambda t, F, x: F.pad(x, (1, 1, 1, 1)), IMAGE),
    "add": (lambda t, F, x, y: x + y, MATRIX, MATRIX),
    "mul, number": (lambda t, F, x: x * 2.5, MATRIX),
    "pow 2": (lambda t, F, x: x**2, MATRIX),
    "exp": (lambda t, F, x: t.exp(x), MATRIX),
    "clamp": (lambda t, F, x: x.clamp(0, 1), MATRIX),
    "where": (lambda t, F, m, x, y: t.where(m, x, y), Mask(MATRIX), MATRIX, MATRIX),
    "matmul": (lambda t, F, x, y: x @ y, MATRIX, MATRIX),
    "bmm": (lambda t, F, x, y: t.bmm(x, y), MATRICES, MATRICES),
    "einsum": (lambda t, F, x, y: t.einsum("bij,bjk->bik", x, y), MATRICES, MATRICES),
    "sum": (lambda t, F, x: x.sum(), MATRIX),
    "mean": (lambda t, F, x: x.mean(), MATRIX),
    "mean, two dims": (lambda t, F, x: x.mean((2, 3)), IMAGE),
    "var": (lambda t, F, x: x.var(), MATRIX),
    "std, dim": (lambda t, F, x: x.std(1), MATRIX),
    "max": (lambda t, F, x: x.max(), MATRIX),
    "max, dim": (lambda t, F, x: x.max(1)[0], MATRIX),
    "median": (lambda t, F, x: x.median(), (15,)),
    "cat": (lambda t, F, x, y: t.cat([x, y], 1), IMAGE, IMAGE),
    "stack": (lambda t, F, x, y: t.stack([x, y]), MATRIX, MATRIX),
    "reshape": (lambda t, F, x: x.reshape(1, -1), IMAGE),
    "transpose": (lambda t, F, x: x.transpose(0, 1), MATRIX),
    "x[2:5]": (lambda t, F, x: x[2:5], MATRIX),
}  # fmt: skip

OTHERS: Table = {
    "argmax": (lambda t, F, x: x.argmax(1), MATRIX),
    "eq": (lambda t, F, x, y: x == y, MATRIX, MATRIX),
}
"""Functions without a derivative."""

RULES: dict[str, Callable[[Any, Any], Any]] = {
    "SGD": lambda optim, parameters: optim.SGD(parameters, lr=1e-3),
    "SGD, momentum": lambda optim, parameters: optim.SGD(parameters, lr=1e-3, momentum=0.9),
    "Adam": lambda optim, parameters: optim.Adam(parameters),
    "AdamW": lambda optim, parameters: optim.AdamW(parameters),
}
PARAMETERS = 20


def _repeat(calls: int, call: Callable[[], Any]) -> Any:
    for _ in range(calls - 1):
        call()
    return call()


def _bind(
    function: Function | Layer, inputs: tuple[Input | Constant, ...], graph: bool, backward: bool,
    side: Any, calls: int,
) -> Work:  # fmt: skip
    """Calls of a function, recorded in a graph or not, or also of its backward pass."""
    rng = np.random.default_rng(0)
    tensors = []
    for item in inputs:
        array = make_array(item.sizes if isinstance(item, Constant) else item, calls, rng)
        requires_grad = graph and array.dtype.kind == "f" and not isinstance(item, Constant)
        tensors.append(side.tensor(array, requires_grad))
    call = partial(callable_of(function, side, graph), side.package, side.functional, *tensors)
    if not backward:
        return lambda: _repeat(calls, call).detach()
    grad_output = side.tensor(rng.standard_normal(tuple(call().shape), np.float32), False)
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    both = with_gradients(call, leaves, grad_output)
    return lambda: _repeat(calls, both)


def _bind_step(rule: Callable[[Any, Any], Any], side: Any, calls: int) -> Work:
    """Steps of an optimizer with `PARAMETERS` matrices."""
    parameters = [side.tensor(array, True) for array in arrays(*[MATRIX] * PARAMETERS)]
    for parameter, gradient in zip(parameters, arrays(*[MATRIX] * PARAMETERS), strict=True):
        parameter.grad = side.tensor(gradient, False)
    optimizer = rule(side.package.optim, parameters)

    def steps() -> tuple[Any, ...]:
        _repeat(calls, optimizer.step)
        return tuple([parameter.detach() for parameter in parameters])

    return steps


def _cases(name: str, entry: Any, differentiable: bool) -> Iterator[tuple[str, Case]]:
    function, *inputs = entry
    kinds = [("no graph", False, False), ("graph", True, False), ("graph + backward", True, True)]
    for kind, graph, backward in kinds[: 3 if differentiable else 1]:
        title = f"{name}, {kind}"
        yield title, Case(title, partial(_bind, function, tuple(inputs), graph, backward), CALLS)


CASES = {
    title: case
    for table, differentiable in ((DIFFERENTIABLE, True), (OTHERS, False))
    for name, entry in table.items()
    for title, case in _cases(name, entry, differentiable)
} | {
    title: Case(title, partial(_bind_step, rule), CALLS)
    for title, rule in ((f"{name}, step", rule) for name, rule in RULES.items())
}
