"""From a network to the steps of a plan.

The network runs once on the example while its operations are listed. Each operation that depends on
the input becomes a step by its rule in `RULES`, or is folded into the step before it; what does not
depend on the input is a constant.
"""

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .. import geometry, kernels
from ..autograd import Array, Call, Operation, Variable, listing_calls, no_grad
from ..functional.arithmetic import Add
from ..functional.conv import Conv2d
from ..functional.elementwise import LeakyReLU, ReLU, Sigmoid, Tanh
from ..functional.linear import Linear
from ..functional.norm import BatchNorm
from ..functional.pooling import AvgPool2d, MaxPool2d
from ..functional.shape import Reshape
from ..functional.softmax import LogSoftmax, Softmax
from ..tensor import Tensor
from .steps import Step, Value

Rule: TypeAlias = Callable[..., Step | Value | None]
"""Takes the positional arguments of the operation, values or constants, and its options. Gives a
step, a value that is there already, or None where the arguments are beyond what a plan can do."""


WEIGHTED = ("conv2d", "prepared_conv2d", "linear")


def sizes(c: int, o: int = 0, h: int = 1) -> geometry.Conv2d:
    """The geometry of a step without a window."""
    return geometry.Conv2d(1, c, h, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, o, 1)


def _conv2d(x: Value, weight: Any, bias: Any, **options: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = geometry.conv2d("compile", x.shape, weight.shape, **options)
    direct = kernels.conv2d_algorithm(x.shape, weight.shape, **options) == "direct"
    kind = "prepared_conv2d" if direct and g.o // g.g >= 4 else "conv2d"
    return Step(kind, (x.step,), g.y_shape, g, weight, bias, options=options)


def _linear(x: Value, weight: Any, bias: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value) or len(x.shape) < 2:
        return None
    outputs, inputs = weight.shape
    g = sizes(inputs, outputs, prod(x.shape[1:-1]))
    return Step("linear", (x.step,), (*x.shape[:-1], outputs), g, weight, bias)


def _relu(x: Value) -> Step | Value:
    step = _extendable(x)
    if step:
        step.relu = True
        return x
    return _elementwise("relu", x)


def _batch_norm(
    x: Value, weight: Any, bias: Any, *, mean: Array, var: Array, eps: float, from_batch: bool
) -> Step | Value | None:
    if from_batch or isinstance(weight, Value) or isinstance(bias, Value):
        return None
    weight = np.ones_like(mean) if weight is None else weight
    bias = np.zeros_like(mean) if bias is None else bias
    step = _extendable(x)
    if step and not (step.relu or step.pool) and (step.kind != "linear" or len(x.shape) == 2):
        _fold(step, mean, var, weight, bias, eps)
        return x
    g = sizes(x.shape[1], 0, prod(x.shape[2:]))
    return Step(
        "batch_norm", (x.step,), x.shape, g, np.concatenate([mean, var, weight, bias]),
        options={"eps": eps},
    )  # fmt: skip


def _fold(step: Step, mean: Array, var: Array, weight: Array, bias: Array, eps: float) -> None:
    """Make the normalisation of its result part of a convolution or linear layer."""
    assert step.weight is not None
    dtype = step.weight.dtype
    scale = weight.astype(np.float64) / np.sqrt(var.astype(np.float64) + eps)
    former = 0.0 if step.bias is None else step.bias
    step.bias = (bias + (former - mean) * scale).astype(dtype)
    step.weight = (step.weight * scale.reshape(-1, *[1] * (step.weight.ndim - 1))).astype(dtype)


def _extendable(x: Value) -> Step | None:
    """The step with weights that gives this value, as it is, to nobody but the one who asks."""
    step = x.step
    if step and step.kind in WEIGHTED and step.shape == x.shape and x.readers == 1:
        return step
    return None


def _elementwise(kind: str, x: Value, **options: Any) -> Step:
    return Step(kind, (x.step,), x.shape, sizes(prod(x.shape[1:])), options=options)


def _activation(name: str) -> Rule:
    return lambda x, **options: _elementwise("activate", x, name=name, **options)


def _softmax(logarithm: bool) -> Rule:
    def rule(x: Value, *, axis: int) -> Step | None:
        if len(x.shape) < 2 or axis not in (-1, len(x.shape) - 1):
            return None
        g = sizes(x.shape[-1], 0, prod(x.shape[1:-1]))
        return Step("softmax", (x.step,), x.shape, g, options={"logarithm": logarithm})

    return rule


def _max_pool2d(x: Value, **options: Any) -> Step | Value:
    g = geometry.pool2d("compile", x.shape, **options)
    step = _extendable(x)
    halves = (g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw) == (2, 2, 2, 2, 0, 0, 1, 1)
    halves = halves and g.y_shape[2:] == (x.shape[2] // 2, x.shape[3] // 2)  # no partial window
    if step and halves and step.kind == "prepared_conv2d" and not step.pool:
        step.pool, step.shape = True, g.y_shape
        return Value(g.y_shape, step, 0)
    return Step("max_pool2d", (x.step,), g.y_shape, geometry.Conv2d(*g, 0, 1), options=options)


def _avg_pool2d(x: Value, **options: Any) -> Step:
    window = {name: options[name] for name in ("kernel_size", "stride", "padding", "ceil_mode")}
    g = geometry.pool2d("compile", x.shape, **window)
    return Step("avg_pool2d", (x.step,), g.y_shape, geometry.Conv2d(*g, 0, 1), options=options)


def _reshape(x: Value, *, shape: Any) -> Value | None:
    shape = np.broadcast_to(0, x.shape).reshape(shape).shape
    return Value(shape, x.step, 0) if shape[:1] == x.shape[:1] else None


def _add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape, sizes(prod(a.shape[1:])))


RULES: dict[type[Operation[Any]], Rule] = {
    Conv2d: _conv2d,
    Linear: _linear,
    BatchNorm: _batch_norm,
    ReLU: _relu,
    LeakyReLU: _activation("leaky_relu"),
    Sigmoid: _activation("sigmoid"),
    Tanh: _activation("tanh"),
    Softmax: _softmax(False),
    LogSoftmax: _softmax(True),
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
    Reshape: _reshape,
    Add: _add,
}
"""What becomes of an operation."""


def lower(model: Callable[[Tensor], Any], example: Array) -> tuple[list[Step], Value]:
    """The steps of a network, in order, and its result."""
    x = Tensor(example)
    with no_grad(), listing_calls() as calls:
        y = model(x)
    if not isinstance(y, Tensor):
        raise TypeError(f"compile: the model must return one Tensor (got {type(y).__name__})")
    values = {id(x): Value(example.shape, None, _readers(calls, x, y))}
    steps: list[Step] = []
    for call in calls:
        arguments = [_argument(argument, values) for argument in call.args]
        if not any(isinstance(argument, Value) for argument in arguments):
            continue
        made = _apply(call, arguments)
        if isinstance(made, Step):
            steps.append(made)
            made = Value(made.shape, made, 0)
        output = call.outputs[0]
        shared = max(
            argument.readers if argument.step is made.step else 1
            for argument in arguments
            if isinstance(argument, Value)
        )
        values[id(output)] = Value(made.shape, made.step, max(shared, _readers(calls, output, y)))
    if id(y) not in values:
        raise TypeError("compile: what the model returns does not come from its input")
    result = values[id(y)]
    if result.step is None:
        result.step = _elementwise("copy", result)
        steps.append(result.step)
    return steps, result


def _argument(argument: Any, values: dict[int, Value]) -> Any:
    """A value, or a constant as it is now."""
    if not isinstance(argument, Variable):
        return argument.copy() if isinstance(argument, np.ndarray) else argument
    return values[id(argument)] if id(argument) in values else argument._array.copy()


def _apply(call: Call, arguments: list[Any]) -> Step | Value:
    name = call.function.__name__
    if call.function not in RULES:
        known = ", ".join(sorted(function.__name__ for function in RULES))
        raise TypeError(f"compile: a plan knows no {name} (it knows {known})")
    result = RULES[call.function](*arguments, **call.kwargs)
    if result is None:
        shapes = [x.shape for x in arguments if isinstance(x, Value | np.ndarray)]
        raise TypeError(f"compile: a plan cannot compute {name} of {shapes} with {call.kwargs}")
    return result


def _readers(calls: list[Call], tensor: Variable, y: Tensor) -> int:
    return sum(tensor is argument for call in calls for argument in call.args) + (tensor is y)
