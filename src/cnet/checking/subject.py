"""A layer, or a pair of functions, as something to run forward and backward on copies."""

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..accelerate._values import copied
from ..arrays import Array
from .places import Place, is_float_array, places

FORWARD = (
    "forward", "forward_pass", "forwardpass", "forward_prop", "forward_propagate",
    "forward_propagation", "fprop", "feedforward", "feed_forward", "__call__",
)  # fmt: skip
BACKWARD = (
    "backward", "backprop", "backward_pass", "backwardpass", "backward_prop", "back_prop",
    "back_propagate", "backpropagate", "backpropagation", "backward_propagation", "bprop",
    "feedback", "gradient", "grad",
)  # fmt: skip
RATE = re.compile(r"lr|eta|alpha|.*learn.*|.*rate|step_?size", re.IGNORECASE)
TRAINING = re.compile(r"(is_?)?train(ing)?(_mode)?|mode", re.IGNORECASE)
CACHE = re.compile(r".*cache.*|memory|context|ctx|saved", re.IGNORECASE)
RESULT = re.compile(r"y|out|output|outputs|result|z|a", re.IGNORECASE)
LEARNING_RATE = 0.125


class RaisedError(Exception):
    """The code to check raised an exception."""

    def __init__(self, stage: str, error: BaseException) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = str(error).splitlines()[0] if str(error) else ""
        self.stage, self.error = stage, error
        self.is_refusal = (frame.line or "").startswith(("raise ", "assert "))
        name = type(error).__name__
        super().__init__(
            f"{name}: {message}" if message else name,
            f"line {frame.lineno} of {frame.name}: {frame.line}",
        )

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.args[1]})"


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Parameters
    ----------
    layer : object or None
        None for a pair of functions.
    forward, backward : str or callable
        Names of methods of the layer, or functions; backward may be None.
    inputs : dict
        Arguments of the forward pass, by the name of the parameter.
    arguments : dict
        Arguments of the backward pass that cannot be found by their names.
    """

    layer: Any
    forward: Any
    backward: Any
    inputs: dict[str, Any]
    arguments: dict[str, Any]

    @property
    def title(self) -> str:
        """What is checked, for the first line of a report."""
        names = [
            name if isinstance(name, str) else name.__name__
            for name in (self.forward, self.backward) if name is not None
        ]  # fmt: skip
        prefix = "" if self.layer is None else f"{type(self.layer).__name__}: "
        arrays = [
            f"{name} {x.shape}" for name, x in self.inputs.items() if isinstance(x, np.ndarray)
        ]
        return f"{prefix}{' and '.join(names)} with {', '.join(arrays)}"

    def warmed(self) -> "Subject":
        """The subject after a forward pass, in which it may have made its parameters."""
        return replace(self, layer=self.run({}).layer)

    def run(self, values: Mapping[str, Array]) -> "Run":
        """A forward pass on a copy with float64 arrays, some of them replaced by `values`."""
        try:
            layer, inputs = copied((self.layer, self.inputs))
        except Exception as error:
            name = type(self.layer).__name__
            raise TypeError(f"check: {name} cannot be copied ({error})") from error
        for place in _values(layer, inputs).values():
            if place.path in values:
                place.set(np.array(values[place.path]))
            elif (
                is_float_array(place.value)
                and place.value.dtype != np.float64
                and not isinstance(place.holder, tuple)
            ):
                place.set(place.value.astype(np.float64))
        given = dict(inputs)
        before = {name: np.array(x) for name, x in given.items() if isinstance(x, np.ndarray)}
        call = self.forward if layer is None else getattr(layer, self.forward)
        try:
            result = call(*given.values())
        except Exception as error:
            raise RaisedError("forward", error) from None
        changed = [n for n, x in before.items() if not np.array_equal(x, given[n], equal_nan=True)]
        return Run(self, layer, given, result, changed)

    def places(self) -> dict[str, Place]:
        """Values of the layer and of the arguments; arguments without "self."."""
        return _values(self.layer, self.inputs)


def _values(layer: Any, inputs: dict[str, Any]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for name, value in inputs.items():
        found[name] = Place(name, inputs, name, value)
        if not isinstance(value, np.ndarray):
            found |= places(name, value) | {name: found[name]}
    if layer is not None:
        found |= places("self", layer)
        del found["self"]
    return found


class Run:
    """One forward pass, and then one backward pass."""

    def __init__(
        self, subject: Subject, layer: Any, inputs: dict[str, Any], result: Any, changed: list[str]
    ) -> None:
        self.subject, self.layer, self.inputs, self.changed = subject, layer, inputs, changed
        parts = result if isinstance(result, tuple) else (result,)
        arrays = [part for part in parts if _is_result(part)]
        if not arrays:
            raise TypeError(
                "check: the forward pass must return an array of real numbers that is not empty "
                f"(got {result!r})"
            )
        self.y: Array = np.asarray(arrays[0])
        rest = [part for part in parts if part is not arrays[0]]
        self.cache = rest[0] if len(rest) == 1 else tuple(rest)

    def backward(self, grad_output: Array) -> dict[str, Array]:
        """Arrays that the backward pass returns or changes, by path."""
        call = self.subject.backward
        if isinstance(call, str):
            call = getattr(self.layer, call)
        before = {
            path: np.array(place.value)
            for path, place in _values(self.layer, self.inputs).items()
            if isinstance(place.value, np.ndarray)
        }
        grad = np.array(grad_output)
        try:
            arguments = self._bound(call, grad if grad.ndim else grad[()])
            result = call(**arguments) if isinstance(arguments, dict) else call(*arguments)
        except Exception as error:
            raise RaisedError("backward", error) from None
        if not np.array_equal(grad, grad_output):
            self.changed.append("grad_output")
        after = _values(self.layer, self.inputs)
        found = {
            path: place.value for path, place in places("return", result).items()
            if _is_result(place.value)
        }  # fmt: skip
        for path, place in after.items():
            value = place.value
            if isinstance(value, float) and is_gradient_name(place.name):
                found[path] = np.array(value)
            elif is_float_array(value):
                old = before.get(path)
                is_new = old is None or old.shape != value.shape or not np.array_equal(old, value)
                if is_new or is_gradient_name(place.name):
                    found[path] = value
        self.before = before
        return {path: np.asarray(value) for path, value in found.items()}

    def _bound(self, call: Callable[..., Any], grad: Any) -> Any:
        """The arguments of the backward pass, by the names of its parameters."""
        own = self.subject.arguments
        try:
            parameters = list(inspect.signature(call).parameters.values())
        except (TypeError, ValueError):
            return [grad]
        positional: list[Any] = []
        is_grad_given = False
        for parameter in parameters:
            name = parameter.name
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name in own:
                positional.append(own[name])
            elif name in self.inputs:
                positional.append(self.inputs[name])
            elif CACHE.fullmatch(name) and not is_empty(self.cache):
                positional.append(self.cache)
            elif RATE.fullmatch(name):
                positional.append(LEARNING_RATE)
            elif not is_grad_given:
                positional.append(grad)
                is_grad_given = True
            elif parameter.default is not parameter.empty:
                break
            elif TRAINING.fullmatch(name):
                positional.append(True)
            elif RESULT.fullmatch(name):
                positional.append(self.y)
            else:
                raise TypeError(
                    f"check: the backward pass needs {name!r}: give it in backward_arguments"
                )
        return positional


def is_empty(value: Any) -> bool:
    return isinstance(value, tuple) and not value


def _is_result(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size > 0
    )


GRADIENT = re.compile(r"d[A-Z_].*|d(w|b|x|weights?|bias|biases|filters?|kernels?|gamma|beta)\d*"
                      r"|.*(grad|delta|deriv|error).*|.*_d|d[kf]", re.IGNORECASE)  # fmt: skip


def is_gradient_name(name: str) -> bool:
    """Whether arrays with this name are usually gradients."""
    return bool(GRADIENT.fullmatch(name))


def subject_of(
    layer: Any, inputs: tuple[Any, ...], forward: Any, backward: Any, arguments: Mapping[str, Any]
) -> Subject:
    """The methods or functions to call, with named arguments.

    Raises
    ------
    TypeError
        If there is no forward pass, or it needs other arguments.
    """
    if isinstance(layer, (tuple, list)) and len(layer) == 2 and all(map(callable, layer)):
        forward, backward = layer
        layer = None
        call = forward
    elif inspect.isfunction(layer):
        forward, layer = layer, None
        call = forward
    elif isinstance(layer, type):
        raise TypeError(f"check: layer must be an instance (got the class {layer.__name__})")
    else:
        forward = forward or _method(layer, FORWARD)
        backward = backward or _method(layer, BACKWARD)
        if forward is None:
            raise TypeError(
                f"check: {type(layer).__name__} has none of the methods {', '.join(FORWARD)}: "
                "name it in forward="
            )
        call = getattr(layer, forward)
    return Subject(layer, forward, backward, _named(call, inputs), dict(arguments))


def _method(layer: Any, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if callable(getattr(layer, name, None))), None)


def _named(call: Callable[..., Any], inputs: tuple[Any, ...]) -> dict[str, Any]:
    parameters = list(inspect.signature(call).parameters.values())
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    names += [f"arguments[{index}]" for index in range(len(names), len(inputs))]
    found = dict(zip(names, inputs, strict=False))
    for parameter in parameters[len(inputs) :]:
        if parameter.default is parameter.empty and TRAINING.fullmatch(parameter.name):
            found[parameter.name] = True
    missing = [
        p.name for p in parameters
        if p.name not in found and p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    if missing:
        raise TypeError(f"check: the forward pass also needs {', '.join(missing)}")
    return found
