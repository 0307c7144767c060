"""From a network to the steps of a plan.

The network runs once on the example while its operations are listed. Each operation that depends on
the input becomes a step by its rule in `RULES`, or is folded into the step before it; what does not
depend on the input is a constant.
"""

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import numpy as np

from .. import geometry, kernels, runtime
from ..autograd import Array, Call, Function, Variable, listing_calls, no_grad
from ..functional._operation import Operation
from ..functional.activation import GELU, GELUTanh
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


WEIGHTED = ("conv2d", "prepared_conv2d", "prepared_linear")


def _conv2d(x: Value, weight: Any, bias: Any, **options: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = geometry.conv2d("compile", x.shape, weight.shape, **options)
    arguments: dict[str, Any] = {"weight": weight, "bias": bias, "g": g}
    if kernels.conv2d_choice(g, weight.dtype) == "direct" and g.o // g.g >= 4:
        arguments |= {"relu": 0, "pool": 0}
        return Step("prepared_conv2d", (x.step,), g.y_shape, arguments)
    arguments["algorithm"] = "exact" if runtime.exact_is_on() else "auto"
    return Step("conv2d", (x.step,), g.y_shape, arguments)


def _linear(x: Value, weight: Any, bias: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value) or len(x.shape) < 2:
        return None
    outputs, inputs = weight.shape
    g = prod(x.shape[:-1]), outputs, inputs
    arguments = {"weight": weight, "bias": bias, "g": g, "relu": 0}
    return Step("prepared_linear", (x.step,), (*x.shape[:-1], outputs), arguments)


def _relu(x: Value) -> Step | Value:
    step = _extendable(x)
    if step and step.kernel != "conv2d":
        step.arguments["relu"] = 1
        return x
    return _operation(x, "relu")


def _batch_norm(
    x: Value, weight: Any, bias: Any, *, mean: Array, var: Array, eps: float, from_batch: bool
) -> Step | Value | None:
    if from_batch or isinstance(weight, Value) or isinstance(bias, Value):
        return None
    step = _extendable(x)
    if step and step.kernel == "prepared_linear" and len(x.shape) != 2:
        step = None
    if step and not (step.arguments.get("relu") or step.arguments.get("pool")):
        _fold(step, mean, var, weight, bias, eps)
        return x
    g = x.shape[0], x.shape[1], prod(x.shape[2:])
    arguments = {"mean": mean, "var": var, "weight": weight, "bias": bias, "g": g, "eps": eps}
    return Step("batch_norm", (x.step,), x.shape, arguments)


def _fold(step: Step, mean: Array, var: Array, weight: Any, bias: Any, eps: float) -> None:
    """Make the normalisation of its result part of a convolution or linear layer."""
    former = step.arguments["weight"], step.arguments["bias"]
    dtype = former[0].dtype
    scale = 1 / np.sqrt(var.astype(np.float64) + eps)
    scale = scale if weight is None else weight * scale
    shift = ((0.0 if former[1] is None else former[1]) - mean) * scale
    shift = shift if bias is None else bias + shift
    step.arguments["bias"] = shift.astype(dtype)
    shape = -1, *[1] * (former[0].ndim - 1)
    step.arguments["weight"] = (former[0] * scale.reshape(shape)).astype(dtype)


def _extendable(x: Value) -> Step | None:
    """The step with weights that gives this value, as it is, to this reader alone."""
    step = x.step
    if step and step.kernel in WEIGHTED and step.shape == x.shape and x.readers == 1:
        return step
    return None


def _elementwise(kernel: str, x: Value, **arguments: Any) -> Step:
    return Step(kernel, (x.step,), x.shape, arguments)


def _operation(x: Value, name: str, a: float = 0.0, b: float = 0.0) -> Step:
    return _elementwise("elementwise", x, operation=name, a=a, b=b)


def _rule_of(function: type[Operation]) -> Rule:
    return lambda x, **parameters: _operation(x, function.operation, **parameters)


def _softmax(logarithm: int) -> Rule:
    def rule(x: Value, *, axis: int) -> Step | None:
        if len(x.shape) < 2 or axis not in (-1, len(x.shape) - 1):
            return None
        g = prod(x.shape[:-1]), x.shape[-1]
        return _elementwise("softmax", x, g=g, logarithm=logarithm)

    return rule


def _max_pool2d(x: Value, **options: Any) -> Step | Value:
    g = geometry.pool2d("compile", x.shape, **options)
    step = _extendable(x)
    halves = (g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw) == (2, 2, 2, 2, 0, 0, 1, 1)
    halves = halves and g.y_shape[2:] == (x.shape[2] // 2, x.shape[3] // 2)  # no partial window
    if step and halves and step.kernel == "prepared_conv2d" and not step.arguments["pool"]:
        step.arguments["pool"], step.shape = 1, g.y_shape
        return Value(g.y_shape, step, 0)
    return Step("max_pool2d", (x.step,), g.y_shape, {"g": g})


def _avg_pool2d(
    x: Value, *, count_include_pad: bool, divisor_override: int | None, **window: Any
) -> Step:
    g = geometry.pool2d("compile", x.shape, **window)
    arguments = {"count_include_pad": int(count_include_pad)}
    arguments["divisor_override"] = divisor_override or 0
    return Step("avg_pool2d", (x.step,), g.y_shape, {"g": g, **arguments})


def _reshape(x: Value, *, shape: Any) -> Value | None:
    shape = np.broadcast_to(0, x.shape).reshape(shape).shape
    return Value(shape, x.step, 0) if shape[:1] == x.shape[:1] else None


def _add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape)


RULES: dict[type[Function[Any]], Rule] = {
    Conv2d: _conv2d,
    Linear: _linear,
    BatchNorm: _batch_norm,
    ReLU: _relu,
    LeakyReLU: lambda x, negative_slope: _operation(x, "leaky_relu", negative_slope),
    **{function: _rule_of(function) for function in (GELU, GELUTanh, Sigmoid, Tanh)},
    Softmax: _softmax(0),
    LogSoftmax: _softmax(1),
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
    return values[id(argument)] if id(argument) in values else argument.data.copy()


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
