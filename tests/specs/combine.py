"""Elementwise functions of several operands."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnet import _core
from specs.spec import HUGE, Arrays, Call, Case, Shape, Spec, zeros

EXACT = ("fmod", "remainder", "floor_divide", "prelu", "sign")
"""Operations that round at most once."""


@dataclass(frozen=True)
class CombineCase(Case):
    operation: str
    shapes: tuple[Shape, ...]
    special: bool = False

    def arrays(self, dtype: Any) -> Arrays:
        rng = self.random()
        arrays = [np.asarray(rng.standard_normal(shape, dtype)) for shape in self.shapes]
        if self.special:
            edges = [0, -0.0, np.nan, np.inf, -np.inf, 1e-40, 1e30, 2.5, 3.0, -7.0]
            for array in arrays:
                chosen = np.asarray(rng.random(array.shape) < 0.3)
                array[chosen] = rng.choice(edges, int(chosen.sum()))
        return tuple(arrays)


def _call(case: CombineCase, dtype: Any) -> Call:
    return Call("combine", case.arrays(dtype), {"operation": case.operation}, (None,))


SHAPES: dict[int, tuple[tuple[Shape, ...], ...]] = {
    1: (((),), ((0,),), ((17,),), ((3, 5, 7),)),
    2: (
        ((), ()), ((9,), (9,)), ((33,), ()), ((1,), (31,)), ((3, 5, 7), (5, 1)), ((4, 1), (3,)),
        ((2, 0, 3), (2, 1, 1)), ((2, 3, 4, 5, 6), (2, 1, 4, 1, 6)),
    ),
    3: (((2, 3, 65), (1, 3, 1), (65,)), ((70,), (70,), ())),
    4: (((6, 17), (6, 1), (17,), ()), ((40,), (40,), (40,), (40,))),
}  # fmt: skip

combine = Spec(
    "combine",
    call=_call,
    cases=tuple(
        CombineCase(operation, shapes, special=True)
        for operation in ("sign", *EXACT[:3], "prelu_dx", "times_sign", "nan_to_num")
        for shapes in SHAPES[_core.combinations[operation][1]]
    ),
    typical=CombineCase("fmod", ((3, 5, 7), (5, 1))),
    large=(
        CombineCase("prelu", ((3, 70_001), (3, 1))),
        CombineCase("fmod", ((210, 1001), (1, 1001))),
    ),
    good={"a": zeros(3, 4), "b": 2.0, "operation": "hypot"},
    any_rank=("a",),
    bad=(
        ({"b": [1.0]}, TypeError, "b must be a NumPy array (got list)"),
        ({"b": zeros(4).astype(int)}, TypeError, "b.dtype must be float32 or float64"),
        ({"b": zeros(4).astype(float)}, TypeError, "b.dtype must equal a.dtype"),
        ({"operation": "hypo"}, ValueError, "operation must be one of addcdiv, "),
        ({"b": None}, ValueError, "hypot takes 2 operands (got 1)"),
        ({"c": 1.0}, ValueError, "hypot takes 2 operands (got 3)"),
        ({"b": zeros(3)}, ValueError, "shapes (3, 4) and (3,) do not broadcast"),
        ({"a": HUGE}, ValueError, "a would be too large"),
        ({"out": zeros(4)}, ValueError, "out.shape must equal the broadcast shape"),
        ({"out": zeros(3, 4).astype(float)}, TypeError, "out.dtype must equal a.dtype"),
    ),
)
