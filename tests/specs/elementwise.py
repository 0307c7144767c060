"""Elementwise operations."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import reference
from specs.spec import HUGE, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class ElementsCase(Case):
    shape: Shape
    operation: str = ""
    a: float = 0.0
    b: float = 0.0

    def arrays(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """x, with special values among its numbers, and grad_output."""
        rng = self.random()
        x, grad_output = map(np.asarray, rng.standard_normal((2, *self.shape), dtype))
        special = np.resize([0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40], self.shape)
        return np.where(rng.random(self.shape) < 0.3, special, x).astype(dtype), grad_output

    @property
    def options(self) -> dict[str, Any]:
        return {"operation": self.operation, "a": self.a, "b": self.b}


def _elementwise(case: ElementsCase, dtype: Any) -> Call:
    x, _ = case.arrays(dtype)
    return Call("elementwise", (x,), case.options, (None,))


def _elementwise_backward(case: ElementsCase, dtype: Any) -> Call:
    x, grad_output = case.arrays(dtype)
    return Call("elementwise_backward", (grad_output, x), case.options, (None,))


def _relu(case: ElementsCase, dtype: Any) -> Call:
    x, _ = case.arrays(dtype)
    return Call("relu", (x,), {}, (None,))


def _relu_backward(case: ElementsCase, dtype: Any) -> Call:
    x, grad_output = case.arrays(dtype)
    return Call("relu_backward", (grad_output, reference.relu(x)), {}, (None,))


def _add(case: ElementsCase, dtype: Any) -> Call:
    return Call("add", case.arrays(dtype), {}, (None,))


ELEMENTS_CASES = tuple(
    ElementsCase(shape)
    for shape in (
        (), (0,), (1,), (7,), (8,), (9,), (15,), (16,), (17,), (31,), (33,), (65,), (1000,),
        (3, 5, 7), (2, 0, 3), (40, 8, 28, 28),
    )
)  # fmt: skip
TYPICAL = ElementsCase((3, 5, 7))
LARGE = (ElementsCase((3, 70_001)),)

# Operations whose results are exact; test_elementwise compares all operations with their formulas.
EXACT_CASES = tuple(
    ElementsCase(case.shape, operation, a, b)
    for case in ELEMENTS_CASES
    for operation, a, b in (("leaky_relu", 0.25, 0.0), ("hardtanh", -0.75, 1.5))
)
UNKNOWN = {"operation": "gelo"}, ValueError, "operation must be one of abs, "

elementwise = Spec(
    "elementwise",
    call=_elementwise,
    cases=EXACT_CASES,
    typical=ElementsCase((3, 5, 7), "leaky_relu", 0.25),
    large=(ElementsCase((3, 70_001), "leaky_relu", 0.25),),
    any_rank=("x",),
    good={"x": zeros(3, 4), "operation": "gelu"},
    bad=(UNKNOWN, ({"x": HUGE}, ValueError, "x would be too large")),
)

elementwise_backward = Spec(
    "elementwise_backward",
    call=_elementwise_backward,
    cases=EXACT_CASES,
    typical=ElementsCase((3, 5, 7), "leaky_relu", 0.25),
    large=(ElementsCase((3, 70_001), "leaky_relu", 0.25),),
    any_rank=("grad_output", "saved"),
    good={"grad_output": zeros(3, 4), "saved": zeros(3, 4), "operation": "gelu"},
    bad=(
        UNKNOWN,
        (
            {"saved": zeros(4, 3)},
            ValueError,
            "grad_output.shape must equal saved.shape (got (3, 4) and (4, 3))",
        ),
    ),
)

relu = Spec(
    "relu",
    call=_relu,
    cases=ELEMENTS_CASES,
    typical=TYPICAL,
    large=LARGE,
    any_rank=("x",),
    good={"x": zeros(3, 4)},
    bad=(({"x": HUGE}, ValueError, "x would be too large"),),
)

relu_backward = Spec(
    "relu_backward",
    call=_relu_backward,
    cases=ELEMENTS_CASES,
    typical=TYPICAL,
    large=LARGE,
    any_rank=("grad_output", "y"),
    good={"grad_output": zeros(3, 4), "y": zeros(3, 4)},
    bad=(
        ({"y": zeros(4, 3)}, ValueError,
         "grad_output.shape must equal y.shape (got (3, 4) and (4, 3))"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class SoftmaxCase(Case):
    shape: Shape
    logarithm: bool = False
    axis: int = -1

    @property
    def options(self) -> dict[str, Any]:
        return {"logarithm": self.logarithm, "axis": self.axis}


def _softmax(case: SoftmaxCase, dtype: Any) -> Call:
    x = 3 * case.random().standard_normal(case.shape, dtype)
    return Call("softmax", (x,), case.options, (case.shape[case.axis],))


def _softmax_scales(call: Call, expected: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
    """The exponential multiplies the rounding error of its argument."""
    (x,), (y,) = call.arrays, expected
    distance = x.max(call.options.get("axis", -1), keepdims=True, initial=-np.inf) - x
    return ((4 + distance) * (1 if call.options.get("logarithm") else y),)


def _softmax_backward(case: SoftmaxCase, dtype: Any) -> Call:
    rng = case.random()
    grad_output, y = (rng.standard_normal(case.shape, dtype) for _ in range(2))
    return Call("softmax_backward", (grad_output, y), case.options, (case.shape[case.axis],))


def _softmax_backward_scales(call: Call, expected: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
    (grad, y), axis = call.arrays, call.options.get("axis", -1)
    terms, by = (np.abs(grad), np.exp(y)) if call.options.get("logarithm") else (
        np.abs(grad * y), np.abs(y)
    )  # fmt: skip
    return (np.abs(grad) + by * (np.abs(grad) + 4 * terms.sum(axis, keepdims=True)),)


SOFTMAX_CASES = tuple(
    SoftmaxCase(shape, logarithm, axis)
    for shape, axis in (
        ((1,), -1), ((7,), 0), ((3, 16), -1), ((2, 3, 33), -1), ((5, 1000), -1), ((0, 3), -1),
        ((4, 0), -1), ((1, 70_001), -1), ((2, 3, 33), 1), ((70, 5), 0), ((3, 0, 2), 1),
        ((2, 9, 4, 5), 1), ((1000, 19), 0),
    )
    for logarithm in (False, True)
)  # fmt: skip

softmax = Spec(
    "softmax",
    call=_softmax,
    scales=_softmax_scales,
    cases=SOFTMAX_CASES,
    typical=SoftmaxCase((3, 5, 7)),
    large=(SoftmaxCase((700, 301)), SoftmaxCase((40, 30, 60), axis=1)),
    any_rank=("x",),
    good={"x": zeros(3, 4)},
    bad=(
        ({"x": HUGE}, ValueError, "x would be too large"),
        ({"axis": 2}, IndexError, "axis must be in range for (3, 4) (got 2)"),
    ),
)

softmax_backward = Spec(
    "softmax_backward",
    call=_softmax_backward,
    scales=_softmax_backward_scales,
    cases=SOFTMAX_CASES,
    typical=SoftmaxCase((3, 5, 7)),
    large=(SoftmaxCase((700, 301)), SoftmaxCase((40, 30, 60), axis=1)),
    any_rank=("grad_output", "y"),
    good={"grad_output": zeros(3, 4), "y": zeros(3, 4)},
    bad=(
        ({"y": zeros(4, 3)}, ValueError,
         "grad_output.shape must equal y.shape (got (3, 4) and (4, 3))"),
        ({"axis": 2}, IndexError, "axis must be in range for (3, 4) (got 2)"),
    ),
)  # fmt: skip

add = Spec(
    "add",
    call=_add,
    cases=ELEMENTS_CASES,
    typical=TYPICAL,
    large=LARGE,
    any_rank=("a", "b"),
    good={"a": zeros(3, 4), "b": zeros(3, 4)},
    bad=(
        ({"b": zeros(4, 3)}, ValueError, "b.shape must equal a.shape (got (4, 3) and (3, 4))"),
        ({"out": zeros(4, 3)}, ValueError, "out.shape must equal a.shape (got (4, 3) and (3, 4))"),
    ),
)


@dataclass(frozen=True)
class ArithmeticCase(Case):
    a_shape: Shape
    b_shape: Shape
    operation: str


def _arithmetic(case: ArithmeticCase, dtype: Any) -> Call:
    a, _ = ElementsCase(case.a_shape, "a").arrays(dtype)
    b, _ = ElementsCase(case.b_shape, "b").arrays(dtype)
    return Call("arithmetic", (a, b), {"operation": case.operation}, (None,))


arithmetic = Spec(
    "arithmetic",
    call=_arithmetic,
    cases=tuple(
        ArithmeticCase(a_shape, b_shape, operation)
        for a_shape, b_shape in (
            ((), ()), ((9,), ()), ((1,), (33,)), ((5, 17), (5, 17)), ((5, 17), (17,)),
            ((5, 17), (5, 1)), ((3, 1), (3, 40)), ((2, 0, 3), (2, 1, 1)), ((3, 1), (1, 4)),
            ((2, 3, 7), (3, 1)), ((2, 3, 2, 3, 2), (2, 1, 2, 1, 2)),
            ((2, 3, 2, 3, 2, 3), (2, 1, 2, 1, 2, 1)),
        )
        for operation in ("add", "sub", "mul", "div")
    ),
    typical=ArithmeticCase((3, 5, 7), (5, 1), "sub"),
    large=(
        ArithmeticCase((3, 70_001), (3, 1), "add"),
        ArithmeticCase((1, 1001), (210, 1001), "div"),
    ),
    any_rank=("a", "b"),
    good={"a": zeros(3, 4), "b": zeros(4), "operation": "mul"},
    bad=(
        ({"operation": "pow"}, ValueError, "operation must be one of add, div, mul, sub (got 'pow"),
        ({"b": zeros(3)}, ValueError, "shapes (3, 4) and (3,) do not broadcast"),
        ({"b": zeros(4).astype(float)}, TypeError, "b.dtype must equal a.dtype"),
        ({"a": HUGE}, ValueError, "a would be too large"),
    ),
)  # fmt: skip
