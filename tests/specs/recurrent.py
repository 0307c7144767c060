"""Recurrent layers. Weights are so small that the states, and with them rounding errors, do not
grow from step to step."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnet.kernels.recurrent import CELLS
from oracle import reference
from specs.spec import Arrays, Bad, Call, Case, Spec, zeros


@dataclass(frozen=True)
class LayerCase(Case):
    cell: str
    steps: int
    n: int
    hidden: int
    size: int = 0
    bias: bool = True
    reverse: bool = False

    def arrays(self, dtype: Any) -> tuple[Any, ...]:
        random, size = self.random(), self.size or self.hidden
        width, has_cell_state = CELLS[self.cell].gates * self.hidden, CELLS[self.cell].states > 1

        def numbers(*shape: int, scale: float = 1.0) -> np.ndarray:
            return dtype(scale) * random.standard_normal(shape, dtype)

        return (
            numbers(self.steps, self.n, width),
            numbers(width, size, scale=0.5 / max(size, 1) ** 0.5),
            numbers(self.n, size),
            numbers(self.n, self.hidden) if has_cell_state else None,
            numbers(width) if self.bias else None,
            numbers(size, self.hidden, scale=self.hidden**-0.5) if self.size else None,
        )

    def terms(self, count: int) -> tuple[int, ...]:
        width = CELLS[self.cell].gates * self.hidden
        return (16 * self.steps + self.hidden + self.size + width,) * count


def _recurrent(case: LayerCase, dtype: Any) -> Call:
    options = {"cell": case.cell, "reverse": case.reverse, "keep": True}
    cell = CELLS[case.cell]
    return Call("recurrent", case.arrays(dtype), options, case.terms(cell.states + cell.kept))


def _recurrent_backward(case: LayerCase, dtype: Any) -> Call:
    arrays, random, cell = case.arrays(dtype), case.random(), CELLS[case.cell]
    options = {"cell": case.cell, "reverse": case.reverse}
    y, cy, gates, kept = reference.recurrent(*arrays, **options, keep=True)
    grads = [
        None if x is None else random.standard_normal(x.shape, dtype) for x in (y, arrays[2], cy)
    ]
    gates = y if gates is None else gates
    return Call(
        "recurrent_backward", (*grads[:2], gates, arrays[1], grads[2], kept, arrays[5]), options,
        case.terms(3 + cell.separate + cell.states - 1),
    )  # fmt: skip


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """That of the largest number."""
    largest = max(np.abs(x).max(initial=1) for x in (*expected, *call.arrays) if x is not None)
    return (4 * largest,) * len(expected)


CASES = tuple(LayerCase(*arguments) for arguments in (
    ("tanh", 3, 2, 5), ("relu", 4, 3, 8), ("lstm", 1, 1, 1), ("lstm", 3, 5, 4), ("gru", 3, 2, 7),
    ("lstm", 5, 3, 17, 6), ("lstm", 20, 2, 9, 4, False, True), ("gru", 24, 1, 100, 0, False, True),
    ("tanh", 40, 1, 70), ("lstm", 2, 20, 33), ("lstm", 2, 0, 4), ("gru", 2, 4, 0),
    ("relu", 3, 7, 16, 0, True, True), ("lstm", 17, 1, 64, 32),
))  # fmt: skip
_LARGE = LayerCase("lstm", 2, 150, 130), LayerCase("gru", 3, 7, 300), LayerCase("tanh", 5, 90, 200)
_BAD: tuple[Bad, ...] = (
    ({"cell": "rnn"}, ValueError, "cell must be one of tanh, relu, lstm, gru (got 'rnn')"),
    ({"cell": "gru"}, ValueError, "3 gates in its last dimension (got (2, 3, 8))"),
    ({"w_hh": zeros(8, 3)}, ValueError, "w_hh.shape[1] must equal the size of a gate without w_hr "
     "(got 3 and 2)"),
    ({"w_hh": zeros(4, 2)}, ValueError, "w_hh.shape must equal ("),
)  # fmt: skip

recurrent = Spec(
    "recurrent",
    call=_recurrent,
    cases=CASES,
    typical=LayerCase("lstm", 3, 4, 20, 12),
    large=_LARGE,
    scales=_scales,
    good={
        "products": zeros(2, 3, 8),
        "w_hh": zeros(8, 2),
        "hx": zeros(3, 2),
        "cx": zeros(3, 2),
        "b_hh": zeros(8),
        "cell": "lstm",
    },
    bad=(
        *_BAD,
        ({"products": zeros(0, 3, 8)}, ValueError, "products must have at least 1 step"),
        ({"cx": None}, TypeError, "cx must be given for an lstm, and for no other cell"),
        ({"hx": zeros(3, 4)}, ValueError, "hx.shape must equal (n, w_hh.shape[1]) "
         "(got (3, 4) and (3, 2))"),
        ({"w_hr": zeros(2, 3)}, ValueError, "w_hr.shape must equal (w_hh.shape[1], hidden) "
         "(got (2, 3) and (2, 2))"),
        ({"products": zeros(2, 3, 2), "cell": "tanh", "w_hr": zeros(2, 2)}, ValueError,
         "w_hr must be None for a cell without a cell state"),
    ),
)  # fmt: skip

recurrent_backward = Spec(
    "recurrent_backward",
    call=_recurrent_backward,
    cases=CASES,
    typical=LayerCase("lstm", 3, 4, 20, 12),
    large=_LARGE,
    scales=_scales,
    good={
        "grad_y": zeros(2, 3, 2),
        "grad_hy": zeros(3, 2),
        "gates": zeros(2, 3, 8),
        "w_hh": zeros(8, 2),
        "grad_cy": zeros(3, 2),
        "kept": zeros(2, 3, 4),
        "cell": "lstm",
    },
    bad=(
        *_BAD,
        ({"grad_cy": None}, TypeError, "grad_cy must be given for an lstm"),
        ({"kept": None}, TypeError, "kept must be given for an lstm and a gru"),
        ({"kept": zeros(2, 3, 2)}, ValueError, "kept.shape must equal (steps, n, 2 * hidden) "
         "(got (2, 3, 2) and (2, 3, 4))"),
    ),
)  # fmt: skip
