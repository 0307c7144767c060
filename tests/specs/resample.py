"""resample: weighted sums along an axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class ResampleCase(Case):
    x_shape: Shape
    counts: tuple[int, ...]
    axis: int = -1
    name: str = ""

    def call(self, dtype: Any) -> Call:
        rng = self.random()
        starts = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        cells = rng.integers(0, max(self.x_shape[self.axis], 1), starts[-1], np.int32)
        arrays = (
            rng.standard_normal(self.x_shape, dtype), starts, cells,
            rng.standard_normal(starts[-1], dtype),
        )  # fmt: skip
        return Call("resample", arrays, {"axis": self.axis}, (max(self.counts, default=1),))


CASES = (
    ResampleCase((1,), (1,)),
    ResampleCase((2, 3, 5), (2,) * 10, name="two terms"),
    ResampleCase((2, 3, 5), (1,) * 7, name="copies"),
    ResampleCase((2, 17), (4,) * 9, name="four terms"),
    ResampleCase((2, 9), (3,) * 5, name="three terms"),
    ResampleCase((3, 9), (0, 2, 5, 0, 1), name="some outputs without terms"),
    ResampleCase((3, 9), (0, 0), name="no terms"),
    ResampleCase((3, 9, 33), (2, 0, 2, 3, 1), axis=1, name="runs of an odd length"),
    ResampleCase((5, 4, 2, 3), (2, 2, 2), axis=0, name="the first axis"),
    ResampleCase((2, 5, 16), (4,) * 7, axis=-2, name="runs of four terms"),
    ResampleCase((0, 3, 4), (1, 2), axis=1, name="nothing"),
    ResampleCase((2, 3), (), name="no outputs"),
)

resample = Spec(
    "resample",
    call=lambda case, dtype: case.call(dtype),
    cases=CASES,
    typical=ResampleCase((2, 6, 7), (2, 0, 3, 1), axis=1),
    large=(
        ResampleCase((400, 70), (2,) * 131, name="lines"),
        ResampleCase((3, 70, 310), (1, 2, 3) * 40, axis=1, name="runs"),
    ),
    good={
        "x": zeros(2, 3), "starts": np.array([0, 1, 3]), "cells": np.array([0, 1, 2]),
        "weights": zeros(3),
    },
    any_rank=("x",),
    bad=(
        ({"axis": 2}, ValueError, "axis must be in range for x (got 2 and 2 dimensions)"),
        ({"axis": 1.0}, TypeError, "axis must be an int"),
        ({"cells": np.array([0, 1, 3])}, ValueError,
         "cells must be at least 0 and less than x.shape[axis] (got 0 to 3 and 3)"),
        ({"cells": np.array([0, -1, 2])}, ValueError, "(got -1 to 2 and 3)"),
        ({"starts": np.array([0, 2, 1])}, ValueError,
         "starts must ascend from 0 to the size of cells (got [0 2 1])"),
        ({"starts": np.array([1, 1, 3])}, ValueError, "starts must ascend from 0"),
        ({"starts": np.array([], int)}, ValueError, "starts must ascend from 0"),
        ({"weights": zeros(2)}, ValueError,
         "weights.shape must equal cells.shape (got (2,) and (3,))"),
    ),
)  # fmt: skip
