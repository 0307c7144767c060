"""Convert a network into the steps of a plan.

The network runs once on the example while its operations are listed. Each operation that depends on
the input becomes a step by its rule in `rules`, or is folded into the previous step. Values that do
not depend on the input are constants.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array, Call, Variable, listing_calls, no_grad
from ..autograd.changes import owner
from ..tensor import Tensor
from . import rules as rules
from .steps import RULES, Step, Value, elementwise


def lower(model: Callable[[Tensor], Any], example: Array) -> tuple[list[Step], Value]:
    """The steps of a network in order, and its result."""
    x = Tensor(example.copy())  # an in-place operation may write into it
    with no_grad(), listing_calls() as calls:
        y = model(x)
    if not isinstance(y, Tensor):
        raise TypeError(f"compile: the model must return one Tensor (got {type(y).__name__})")
    values = {id(x): Value(example.shape, None, _readers(calls, x, y))}
    steps: list[Step] = []
    for number, call in enumerate(calls):
        arguments = [_argument(argument, values) for argument in call.args]
        if not any(isinstance(argument, Value) for argument in arguments):
            continue
        made = _apply(call, arguments, len(example))
        if isinstance(made, Step):
            _append(steps, made, example.dtype)
            made = Value(made.shape, made, 0)
        output = call.outputs[0]
        shared = max(
            argument.readers if argument.step is made.step else 1
            for argument in arguments
            if isinstance(argument, Value)
        )
        if made.step:
            made.step.call = number
        later = calls[number + 1 :]
        if output is call.args[0]:
            _check_aliases(later, output, y)
        readers = max(shared, _readers(later, output, y))
        values[id(output)] = Value(made.shape, made.step, readers)
    if id(y) not in values:
        raise TypeError("compile: the result of the model does not depend on its input")
    result = values[id(y)]
    if result.shape[:1] != example.shape[:1]:
        raise TypeError(
            f"compile: axis 0 of the result must be the batch (got shape {result.shape} for an "
            f"example of shape {example.shape})"
        )
    if result.step is None:
        result.step = elementwise("copy", result)
        steps.append(result.step)
    return steps, result


def _append(steps: list[Step], step: Step, dtype: np.dtype[Any]) -> None:
    """Append a step, after those of its inputs that are new; its constants get the dtype."""
    for source in step.dependencies():
        if source not in steps:
            _append(steps, source, dtype)
    for name, value in step.arguments.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            step.arguments[name] = value.astype(dtype)
    steps.append(step)


def _argument(argument: Any, values: dict[int, Value]) -> Any:
    """The value of an argument, or a copy of a constant."""
    if not isinstance(argument, Variable):
        return argument.copy() if isinstance(argument, np.ndarray) else argument
    return values[id(argument)] if id(argument) in values else argument._array.copy()


def _apply(call: Call, arguments: list[Any], images: int) -> Step | Value:
    """The result of an operation; its axis 0 holds one or more rows of each image, in order."""
    name = call.function.__name__
    if call.function not in RULES:
        known = ", ".join(sorted(function.__name__ for function in RULES))
        raise TypeError(f"compile: a plan does not support {name} (it supports {known})")
    has_empty = any(isinstance(x, np.ndarray) and not x.size for x in arguments)
    result = None if has_empty else RULES[call.function](*arguments, **call.kwargs)
    if result is None or not 1 <= len(result.shape) <= 8 or result.shape[0] % images:
        shapes = [x.shape for x in arguments if isinstance(x, Value | np.ndarray)]
        raise TypeError(f"compile: a plan cannot compute {name} of {shapes} with {call.kwargs}")
    return result


def _readers(calls: list[Call], tensor: Variable, y: Tensor) -> int:
    """How many operations read a tensor before an in-place operation writes into it."""
    readers = 0
    for call in calls:
        readers += sum(tensor is argument for argument in call.args)
        if tensor is call.outputs[0]:
            return readers
    return readers + (tensor is y)


def _check_aliases(calls: list[Call], written: Variable, y: Tensor) -> None:
    """TypeError if an older tensor that shares memory with the written one is read later."""
    memory = owner(written._array)
    younger = {id(output) for call in calls for output in call.outputs if output is not written}
    for argument in (y, *(argument for call in calls for argument in call.args)):
        other = isinstance(argument, Variable) and argument is not written
        if other and id(argument) not in younger and owner(argument._array) is memory:
            raise TypeError(
                "compile: a plan cannot compute an in-place operation on a tensor that shares "
                f"memory with another tensor that is read later (shape {written._array.shape})"
            )
