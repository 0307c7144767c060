"""A step of an LSTM. Gates are at most 1, so that the scale of a sum is that of its terms."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Arrays, Bad, Call, Case, Spec, zeros


@dataclass(frozen=True)
class CellCase(Case):
    n: int
    hidden: int

    def states(self, count: int, dtype: Any) -> list[np.ndarray]:
        return [*self.random().standard_normal((count, self.n, self.hidden), dtype)]

    def products(self, count: int, dtype: Any) -> list[np.ndarray]:
        return [*self.random().standard_normal((count, self.n, 4 * self.hidden), dtype)]


def _lstm_cell(case: CellCase, dtype: Any) -> Call:
    arrays = *case.products(2, dtype), *case.states(1, dtype)
    return Call("lstm_cell", arrays, {}, (16, 8, 8, 12))


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    a, b, cx = call.arrays
    size = 2 + np.abs(cx)
    return size, size, 1 + np.abs(a) + np.abs(b), size


def _lstm_cell_backward(case: CellCase, dtype: Any) -> Call:
    grad_hy, grad_cy, cx, tanh = case.states(4, dtype)
    (gates,) = case.products(1, dtype)
    gates = dtype(1) / (1 + np.exp(-gates))
    return Call("lstm_cell_backward", (grad_hy, grad_cy, gates, cx, np.tanh(tanh)), {}, (8, 8))


def _scales_of_gradients(call: Call, expected: Arrays) -> tuple[Any, ...]:
    grad_hy, grad_cy, _, cx, _ = map(np.abs, call.arrays)
    sums = grad_hy + grad_cy
    return np.concatenate([sums * (1 + cx)] * 4, 1), sums


CASES = tuple(CellCase(n, hidden) for n, hidden in (
    (1, 1), (3, 5), (2, 16), (5, 17), (7, 100), (0, 4), (4, 0), (64, 128),
))  # fmt: skip
_LARGE = CellCase(70, 1003), CellCase(3, 70_001)
_BAD: tuple[Bad, ...] = (
    ({"cx": zeros(3, 4)}, ValueError, ".shape must equal (n, 4 * hidden) of cx "
     "(got (3, 8) and (3, 16))"),
    ({"cx": zeros(3)}, ValueError, "cx must have 2 dimensions (got 1, shape (3,))"),
)  # fmt: skip

lstm_cell = Spec(
    "lstm_cell",
    call=_lstm_cell,
    cases=CASES,
    typical=CellCase(3, 20),
    large=_LARGE,
    scales=_scales,
    good={"a": zeros(3, 8), "b": zeros(3, 8), "cx": zeros(3, 2)},
    bad=(
        *_BAD,
        ({"b": zeros(3, 4)}, ValueError, "b.shape must equal a.shape (got (3, 4) and (3, 8))"),
    ),
)

lstm_cell_backward = Spec(
    "lstm_cell_backward",
    call=_lstm_cell_backward,
    cases=CASES,
    typical=CellCase(3, 20),
    large=_LARGE,
    scales=_scales_of_gradients,
    good={
        "grad_hy": zeros(3, 2),
        "grad_cy": zeros(3, 2),
        "gates": zeros(3, 8),
        "cx": zeros(3, 2),
        "tanh_cy": zeros(3, 2),
    },
    bad=(
        *_BAD,
        ({"grad_cy": zeros(3, 4)}, ValueError,
         "grad_cy.shape must equal cx.shape (got (3, 4) and (3, 2))"),
        ({"out": zeros(3, 4)}, ValueError,
         "out.shape must equal gates.shape (got (3, 4) and (3, 8))"),
    ),
)  # fmt: skip
