"""Functions of single numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import reference
from specs.spec import HUGE, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class ElementsCase(Case):
    shape: Shape

    def arrays(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """x, with special values among its numbers, and grad_output."""
        rng = self.random()
        x, grad_output = map(np.asarray, rng.standard_normal((2, *self.shape), dtype))
        special = np.resize([0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40], self.shape)
        return np.where(rng.random(self.shape) < 0.3, special, x).astype(dtype), grad_output


def _relu(case: ElementsCase, dtype: Any) -> Call:
    x, _ = case.arrays(dtype)
    return Call("relu", (x,), {}, (None,))


def _relu_backward(case: ElementsCase, dtype: Any) -> Call:
    x, grad_output = case.arrays(dtype)
    return Call("relu_backward", (grad_output, reference.relu(x)), {}, (None,))


ELEMENTS_CASES = tuple(
    ElementsCase(shape)
    for shape in (
        (), (0,), (1,), (7,), (8,), (9,), (15,), (16,), (17,), (31,), (33,), (65,), (1000,),
        (3, 5, 7), (2, 0, 3), (40, 8, 28, 28),
    )
)  # fmt: skip
TYPICAL = ElementsCase((3, 5, 7))
LARGE = (ElementsCase((3, 70_001)),)

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
