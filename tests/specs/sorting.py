"""sort and kth: sorted elements along an axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Bad, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class SortCase(Case):
    shape: Shape
    axis: int = -1
    count: int | None = None
    descending: bool = False
    values: str = "normal"

    def array(self, dtype: Any) -> np.ndarray:
        rng = self.random()
        x = rng.standard_normal(self.shape, dtype)
        if self.values == "equal":
            x = rng.integers(-2, 3, self.shape).astype(dtype) * rng.choice([-1, 1], self.shape)
        elif self.values == "ordered":
            x.sort(self.axis)
        elif self.values == "bits":
            size = x.dtype.itemsize
            x = rng.integers(0, 256, (*self.shape, size), np.uint8).view(dtype)[..., 0]
        elif self.values == "special":
            special = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45]
            x[...] = np.where(rng.random(self.shape) < 0.5, x, rng.choice(special, self.shape))
        return x.astype(dtype)

    @property
    def integers(self) -> bool:
        return self.values == "bits"


@dataclass(frozen=True)
class KthCase(SortCase):
    k: int = 0
    nan: str = "greatest"


def _sort(case: SortCase, dtype: Any) -> Call:
    options = {
        "axis": case.axis, "count": case.count, "descending": case.descending,
        "integers": case.integers,
    }  # fmt: skip
    return Call("sort", (case.array(dtype),), options, (None, None))


def _kth(case: KthCase, dtype: Any) -> Call:
    options = {"k": case.k, "axis": case.axis, "nan": case.nan, "integers": case.integers}
    return Call("kth", (case.array(dtype),), options, (None, None))


VALUES = "normal", "equal", "ordered", "bits", "special"
_BAD: tuple[Bad, ...] = (
    ({"axis": 2}, ValueError, "axis must be in range for x (got 2 and 2 dimensions)"),
    ({"axis": 1.0}, TypeError, "axis must be an int"),
    ({"x": np.array(3, np.float32)}, ValueError, "(got -1 and 0 dimensions)"),
)  # fmt: skip

sort = Spec(
    "sort",
    call=_sort,
    cases=[
        SortCase(shape, axis, count, descending, values)
        for shape, axis, count in (
            ((1,), 0, None), ((7,), 0, 3), ((3, 39), -1, None), ((2, 90), -1, None),
            ((2, 90), -1, 20), ((2, 90), -1, 50), ((3, 300), -1, 1), ((2, 300), -1, 75),
            ((2, 700), -1, 9), ((50, 3), 0, 7), ((2, 60, 3), 1, None), ((3, 1, 5), 1, None),
        )
        for descending in (False, True)
        for values in VALUES
    ] + [
        SortCase((0, 3)), SortCase((3, 0)), SortCase((0,), -1, 0), SortCase((3, 9), -1, 0),
        SortCase((2, 7, 0), 1),
    ],
    typical=SortCase((2, 30, 3), 1),
    large=(
        SortCase((40, 900)), SortCase((300, 50), 0, values="equal"), SortCase((60, 900), 1, 200),
        SortCase((20, 9000), 1, 7), SortCase((3, 1, 9000), 1),
    ),
    any_rank=("x",),
    good={"x": zeros(3, 4)},
    bad=(
        *_BAD,
        ({"count": 5}, ValueError, "between 0 and the size of the axis (got 5 and 4)"),
        ({"count": -1}, ValueError, "(got -1 and 4)"),
        ({"count": 1.5}, TypeError, "count must be an int"),
    ),
)  # fmt: skip

kth = Spec(
    "kth",
    call=_kth,
    cases=[
        KthCase(shape, axis, values=values, k=k, nan=nan)
        for shape, axis, k in (
            ((1,), 0, 0), ((7,), 0, 3), ((3, 39), -1, 38), ((2, 90), -1, 0), ((4, 300), -1, 150),
            ((2, 60, 3), 1, 29), ((50, 3), 0, 7), ((3, 1, 5), 1, 0),
        )
        for values in VALUES
        for nan in ("greatest", "wins", "ignored")
        if nan == "greatest" or values != "bits"
    ] + [KthCase((0, 3)), KthCase((2, 7, 0), 1)],
    typical=KthCase((2, 30, 3), 1, k=11),
    large=(KthCase((17000, 9), k=4), KthCase((20, 9000), 0, values="special", nan="ignored")),
    any_rank=("x",),
    good={"x": zeros(3, 4), "k": 2},
    bad=(
        *_BAD,
        ({"k": 4}, ValueError, "k must be at least 0 and less than the size of the axis (got 4"),
        ({"k": -1}, ValueError, "(got -1 and 4)"),
        ({"k": 0.5}, TypeError, "k must be an int"),
        ({"nan": "least"}, ValueError, "nan must be one of greatest, wins, ignored"),
        ({"nan": "wins", "integers": True}, ValueError, "and greatest for integers (got 'wins')"),
    ),
)  # fmt: skip
