"""From a network to the steps of a plan.

The network runs once on the example while its operations are listed. Each operation that depends on
the input becomes a step by its rule in `rules`, or is folded into the step before it; what does not
depend on the input is a constant.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array, Call, Variable, listing_calls, no_grad
from ..tensor import Tensor
from .rules import RULES
from .steps import Step, Value, elementwise


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
        result.step = elementwise("copy", result)
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
