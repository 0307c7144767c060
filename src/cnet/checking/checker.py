"""The steps of a check."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ..accelerate.explain import Expression, Sample, explain
from ..accelerate.explain.arithmetic import Product
from ..accelerate.explain.convolution import Convolution
from ..accelerate.explain.pooling import Pooling
from ..arrays import Array
from ..dropin.kernels import max_pool2d_gradient
from .differences import elements_of, gradient_at, is_along
from .gradients import Found, assign, gradient_name, leaf
from .judgement import Judge
from .places import NUMBERS, is_float_array
from .result import Fault, Quantity
from .subject import RaisedError, Run, Subject

DOUBLE, SINGLE = (2e-6, 1.0), (1e-2, 300.0)
"""The allowed relative error, and the size of steps, by the precision of the forward pass."""
MOST_ARRAYS = 40
BIAS = ("b", "bias", "biases", "beta")


@dataclass
class Findings:
    """What is known so far."""

    quantities: list[Quantity] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, quantity: str, name: str, text: str) -> None:
        self.faults.append(Fault(quantity, name, text))


class Checker:
    """Checks one subject with one set of arguments."""

    def __init__(self, subject: Subject, seconds: float, seed: int) -> None:
        self.subject, self.seconds = subject, seconds
        self.rng = np.random.default_rng(seed)
        self.states = np.random.get_state(), random.getstate()
        self.findings = Findings()
        places = subject.places()
        self.numbers = {
            path: float(place.value) for path, place in places.items()
            if isinstance(place.value, NUMBERS) and not isinstance(place.value, bool)
        }  # fmt: skip
        self.values: dict[str, Array] = {
            path: place.value.astype(np.float64)
            for path, place in places.items() if is_float_array(place.value)
        }  # fmt: skip
        self.tolerance, self.step = DOUBLE
        self.forward: Expression | None = None
        self.updated: dict[str, Array] = {}
        """Parameters that the backward pass has changed itself."""

    @property
    def is_double(self) -> bool:
        return (self.tolerance, self.step) == DOUBLE

    # ---- Forward ---------------------------------------------------------------------------------

    def run(self, values: Mapping[str, Array]) -> Run:
        np.random.set_state(self.states[0])
        random.setstate(self.states[1])
        return self.subject.run(values)

    def y(self, values: Mapping[str, Array]) -> Array:
        return self.run(values).y.astype(np.float64)

    def check(self, grad_output: Array | None) -> Findings:
        try:
            self._check(grad_output)
        except RaisedError as raised:
            name = "refuses" if raised.is_refusal and raised.stage == "forward" else "raises"
            self.findings.fault(raised.stage, name, f"raises {raised}")
        return self.findings

    def _check(self, grad_output: Array | None) -> None:
        first = self.run(self.values)
        if not self._is_checkable(first):
            return
        self.paths = self._influential(first.y)
        self.inputs = tuple(path for path in self.paths if path in self.subject.inputs)
        for path in self.paths:
            if path not in self.inputs and np.ptp(self.values[path]) == 0:
                noise = self.rng.standard_normal(self.values[path].shape)
                self.values[path] = self.values[path] + 0.1 * noise
        first = self.run(self.values)
        self.forward = self._explained()
        self._describe_forward(first.y)
        if self.subject.backward is None:
            self.findings.notes.append("no backward pass was found: name it in backward=")
            return
        if grad_output is None:
            grad_output = self.rng.standard_normal(first.y.shape) if first.y.ndim else np.ones(())
        grad_output = np.asarray(grad_output, np.float64)
        if grad_output.shape != first.y.shape:
            raise ValueError(
                f"check: grad_output.shape must equal that of the result (got {grad_output.shape} "
                f"and {first.y.shape})"
            )
        if not self.paths:
            self.findings.notes.append(
                "the result depends on no array of floats: nothing to check."
            )
        self._gradients(grad_output)
        if self.forward and isinstance(self.forward.term.operation, Pooling):
            self._ties(self.forward.term.operation)

    def _is_checkable(self, first: Run) -> bool:
        """Whether the result is the same in every call; notes other effects."""
        for name in first.changed:
            self.findings.fault("forward", "input changed", f"changes its argument {name} in place")
        poison = [np.full(first.y.shape, np.nan) for _ in range(4)]
        del poison
        again = self.subject.run(self.values)
        repeated = self.run(self.values)
        if not np.array_equal(first.y, repeated.y, equal_nan=True):
            self.findings.fault(
                "forward", "not deterministic",
                "gives other results for the same input: it reads memory that is not set "
                "(np.empty), or random numbers of its own",
            )  # fmt: skip
            return False
        if not np.array_equal(first.y, again.y, equal_nan=True):
            self.findings.notes.append("the forward pass is random; it is checked for one draw.")
        if not np.isfinite(first.y).all():
            self.findings.fault("forward", "not finite", "gives NaN or infinity")
            return False
        if first.y.dtype != np.float64 or not self._is_precise(first.y):
            self.tolerance, self.step = SINGLE
            kind = "float32" if first.y.dtype.kind == "f" else str(first.y.dtype)
            self.findings.notes.append(f"it computes in {kind}: checked with less precision.")
        return True

    def _is_precise(self, y: Array) -> bool:
        """Whether tiny changes of the arguments change the result as much as they should."""
        names = [name for name in self.subject.inputs if name in self.values]
        direction = {name: self.rng.standard_normal(self.values[name].shape) for name in names}
        slopes = []
        for step in (1e-6, 1e-9):
            moved = {n: x + step * direction[n] for n, x in self.values.items() if n in direction}
            slopes.append((self.y({**self.values, **moved}) - y) / step)
        sizes = [float(np.linalg.norm(slope)) for slope in slopes]
        return not names or float(np.linalg.norm(slopes[0] - slopes[1])) <= 0.1 * max(
            *sizes, 1e-300
        )

    def _influential(self, y: Array) -> list[str]:
        """Paths of the arrays that the result depends on; arguments first."""
        found = []
        for path, value in list(self.values.items())[:MOST_ARRAYS]:
            moved = value + 1e-3 * self.rng.standard_normal(value.shape)
            try:
                after = self.y({**self.values, path: moved})
            except RaisedError:
                continue
            if after.shape == y.shape and not np.array_equal(after, y):
                found.append(path)
        return sorted(found, key=lambda path: path not in self.subject.inputs)

    def _explained(self) -> Expression | None:
        """The forward pass as an operation of cnet."""
        samples = []
        try:
            for kind in ("random", "random", "tied"):
                values = dict(self.values)
                for path in self.paths:
                    shape = values[path].shape
                    values[path] = (
                        self.rng.standard_normal(shape) if kind == "random"
                        else self.rng.integers(-2, 3, shape).astype(np.float64)
                    )  # fmt: skip
                y = self.run(values).y
                y = y if self.is_double else y.astype(np.float32)
                inputs = {path: values[path] for path in self.paths}
                samples.append(Sample(inputs, self.numbers, {"y": y}))
        except RaisedError:
            return None
        return explain(samples, "y")

    def model(self, values: Mapping[str, Array]) -> Array:
        """The forward pass, by cnet if it is known."""
        if self.forward is None:
            return self.y(values)
        factor = self.forward.scale.value(self.numbers)
        y = self.forward.term.compute(values, self.numbers)
        return factor * y.reshape(self.forward.shape)

    def _describe_forward(self, y: Array) -> None:
        if self.forward is None:
            note = "not a known operation; gradients are checked by finite differences"
            self.findings.quantities.append(Quantity("forward", "", True, None, note))
            return
        error = np.abs(self.model(self.values) - y).max() / max(np.abs(y).max(), 1e-300)
        faults = [*self._settings(self.forward.term.operation), *self._wrong_bias()]
        for name, text in faults:
            self.findings.fault("forward", name, text)
        self.findings.quantities.append(
            Quantity("forward", "", not faults, float(error), str(self.forward))
        )

    def _wrong_bias(self) -> Iterator[tuple[str, str]]:
        """A bias that a linear layer has but does not add, or adds more than once."""
        assert self.forward is not None
        term = self.forward.term
        times = getattr(term.operation, "bias_times", 1)
        if times > 1:
            yield (
                "bias repeated",
                (f"the bias is added {times} times: it belongs outside of the sum over the window"),
            )
        if not isinstance(term.operation, (Convolution, Product)) or len(term.operands) > 2:
            return
        for path, value in self.values.items():
            if leaf(path) in BIAS and path not in self.paths and value.size > 1:
                yield "bias missing", f"{path} does not affect the result"

    def _settings(self, operation: Any) -> Iterator[tuple[str, str]]:
        """Attributes that say something else than what is computed."""
        if not isinstance(operation, (Convolution, Pooling)):
            return
        stride, padding = operation.plane.stride, operation.plane.padding
        for path, number in self.numbers.items():
            is_used = min(self.forward_output[2:] or (2,)) > 1
            if leaf(path) in ("stride", "strides") and number not in (0, *stride) and is_used:
                yield (
                    "stride ignored",
                    f"{path} is {number:g}, but the result has stride {stride[0]}",
                )
            if leaf(path) in ("padding", "pad") and not any(number in ends for ends in padding):
                yield "padding ignored", f"{path} is {number:g}, but the padding is {padding}"

    @property
    def forward_output(self) -> tuple[int, ...]:
        assert self.forward is not None
        operation = self.forward.term.operation
        if isinstance(operation, Convolution):
            return operation.y.full
        return self.forward.shape

    # ---- Backward --------------------------------------------------------------------------------

    def _gradients(self, grad_output: Array) -> None:
        run = self.run(self.values)
        found = run.backward(grad_output)
        for name in dict.fromkeys(run.changed):
            self.findings.notes.append(f"the backward pass changes {name} in place.")
        self.updated = {
            path: found[path] for path in self.paths if path in found and path not in self.inputs
        }
        share = self.seconds / (4 * max(len(self.paths), 1))
        rights = {}
        for path in self.paths:
            elements = elements_of(self.model, self.values, self.values[path].size, share, self.rng)
            right = gradient_at(self.model, self.values, path, grad_output, elements, self.step)
            rights[path] = elements, right
        before = {**run.before, **{path: self.values[path] for path in self.paths}}
        assigned = assign(rights, self.inputs, found, before)
        judge = Judge(self, run.y.astype(np.float64), grad_output)
        for path in self.paths:
            self._judge(judge, path, assigned, found, *rights[path])
        judge.check_means()

    def explained_gradient(self, found: Found, shape: tuple[int, ...]) -> str:
        """What a gradient is computed as, if it is a known operation; for reports."""
        if self.forward is None or found.is_update:
            return ""
        samples = []
        try:
            for _ in range(3):
                values = dict(self.values)
                for path in self.paths:
                    values[path] = self.rng.standard_normal(values[path].shape)
                run = self.run(values)
                grad_output = self.rng.standard_normal(shape)
                outputs = {found.source: run.backward(grad_output)[found.source]}
                inputs = {path: values[path] for path in self.paths}
                inputs |= {"grad_output": grad_output, "y": run.y}
                samples.append(Sample(inputs, self.numbers, outputs))
        except (RaisedError, KeyError):
            return ""
        expression = explain(samples, found.source, [self.forward])
        return f"{expression} of {' and '.join(expression.operands)}" if expression else ""

    def _judge(
        self, judge: Judge, path: str, assigned: Mapping[str, Found],
        found: Mapping[str, Array], elements: Array, right: Array,
    ) -> None:  # fmt: skip
        name = gradient_name(path, path in self.inputs)
        gradient = assigned.get(path)
        if gradient is None:
            used = {other.source for other in assigned.values()}
            self._missing(name, path, {s: value for s, value in found.items() if s not in used})
            return
        verdict = judge.verdict(path, gradient, elements, right)
        if verdict.is_right and verdict.error is not None and self.is_double:
            direction = self.rng.standard_normal(self.values[path].shape)
            own = float(np.vdot(gradient.value.reshape(direction.shape), direction))
            size = np.linalg.norm(right) * np.sqrt(self.values[path].size / len(right))
            if not is_along(
                self.y, self.values, path, judge.grad_output, direction, own / verdict.factor,
                1e-5 * max(float(size), 1e-3),
            ):  # fmt: skip
                self.findings.fault(name, "unknown", "is wrong in some elements")
                verdict = replace(verdict, is_right=False)
        source = f"update of {path}" if gradient.is_update else gradient.source
        self.findings.quantities.append(
            Quantity(name, source, verdict.is_right, verdict.error, verdict.note)
        )

    def _missing(self, name: str, path: str, found: Mapping[str, Array]) -> None:
        named = [
            source for source in found
            if leaf(source) != leaf(path) and leaf(path) in leaf(source) and path not in self.inputs
        ]  # fmt: skip
        if named:
            shape = found[named[0]].shape
            text = f"{named[0]} has shape {shape}, but {path} has shape {self.values[path].shape}"
            self.findings.fault(name, "shape", text)
        elif path in self.inputs:
            wrong = found.get("return", found.get("return[0]"))
            if wrong is not None and len(self.inputs) == 1:
                text = f"has shape {wrong.shape}, but {path} has shape {self.values[path].shape}"
                self.findings.fault(name, "shape", text)
            else:
                self.findings.notes.append(f"the backward pass returns no gradient of {path}.")
                return
        else:
            self.findings.fault(name, "missing", f"no gradient of {path} was found")
        self.findings.quantities.append(Quantity(name, "", False, None))

    def _ties(self, operation: Pooling) -> None:
        """Which of equal maxima get the gradient."""
        if operation.kind != "max":
            return
        path = self.inputs[0]
        x = self.rng.integers(0, 3, self.values[path].shape).astype(np.float64)
        run = self.run({**self.values, path: x})
        grad = self.rng.standard_normal(run.y.shape)
        gradients = [value for value in run.backward(grad).values() if value.size == x.size]
        size: Any = operation.kernel, operation.plane.stride, operation.plane.padding
        for ties in ("first", "last", "share", "all"):
            right = max_pool2d_gradient(
                grad, x, *size, layout=operation.layout, ties=ties, pad_value=operation.pad_value
            )
            if any(np.allclose(value.reshape(x.shape), right) for value in gradients):
                which = {
                    "first": "the first of them gets the gradient",
                    "last": "the last of them gets the gradient",
                    "share": "each of them gets a share of the gradient",
                    "all": "all of them get the whole gradient: it is counted more than once",
                }[ties]
                self.findings.notes.append(
                    f"if maxima of a window are equal, as zeros after ReLU, {which}."
                )
                return


def images(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) in (2, 4) else 1


def window(operation: Any) -> int:
    """The number of taps of a convolution or pooling."""
    if isinstance(operation, Convolution):
        return prod(operation.weight.full[2:])
    return prod(operation.kernel) if isinstance(operation, Pooling) else 1
