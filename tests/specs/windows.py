"""Max pooling with windows at given bounds, which is exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import HUGE, Call, Case, Shape, Spec, zeros
from specs.tables.pool2d import cells


@dataclass(frozen=True)
class WindowsCase(Case):
    x_shape: Shape
    outputs: Shape
    longest: int = 6
    shared: bool = True

    def bounds(self) -> np.ndarray:
        """Windows of 1 to `longest` cells at random places."""
        rng = self.random()
        tables = () if self.shared else self.x_shape[:2]
        axes = []
        for size, count in zip(self.x_shape[2:], self.outputs, strict=True):
            lengths = rng.integers(1, min(size, self.longest) + 1, (*tables, count))
            begin = rng.integers(0, size - lengths + 1)
            axes.append(np.stack([begin, begin + lengths], -1))
        return np.concatenate(axes, -2).astype(np.int32)


def _max_pool_windows(case: WindowsCase, dtype: Any) -> Call:
    arrays = cells(case.random(), case.x_shape, dtype), case.bounds()
    return Call("max_pool_windows", arrays, {"outputs": case.outputs}, (None, None))


WINDOWS_CASES = (
    WindowsCase((1, 1, 1), (1,)),
    WindowsCase((2, 3, 50), (9,)),
    WindowsCase((2, 3, 50), (9,), 50),
    WindowsCase((2, 3, 9, 7), (4, 5)),
    WindowsCase((2, 3, 9, 7), (4, 5), shared=False),
    WindowsCase((1, 2, 3, 70), (2, 9), 40),
    WindowsCase((2, 2, 5, 6, 7), (3, 2, 4)),
    WindowsCase((2, 2, 5, 6, 7), (3, 2, 4), shared=False),
    WindowsCase((2, 2, 5, 6), (0, 3)),
    WindowsCase((0, 2, 5, 6), (2, 3)),
)
_INSIDE = "bounds must be those of windows in the input, which are not empty"

max_pool_windows = Spec(
    "max_pool_windows",
    call=_max_pool_windows,
    cases=WINDOWS_CASES,
    typical=WindowsCase((2, 3, 9, 7), (4, 5)),
    large=(WindowsCase((9, 16, 31, 33), (20, 20)),),
    good={"x": zeros(2, 3, 5, 6), "bounds": np.array([[0, 1], [1, 5], [3, 6]]), "outputs": (2, 1)},
    any_rank=("x", "bounds"),
    bad=(
        ({"x": zeros(2, 3)}, ValueError, "x must have 3, 4 or 5 dimensions (got 2"),
        ({"outputs": (2, 2)}, ValueError, "bounds.shape must equal that of the windows"),
        ({"outputs": (2, -1)}, ValueError, "outputs"),
        ({"bounds": zeros(3, 2)}, TypeError, "bounds.dtype must be an integer dtype"),
        ({"bounds": np.array([[0, 1], [1, 6], [3, 6]])}, ValueError,
         f"{_INSIDE} (got [0, 1] to [1, 6] and 5 cells)"),
        ({"bounds": np.array([[0, 1], [1, 1], [3, 6]])}, ValueError, _INSIDE),
        ({"bounds": np.array([[-1, 1], [1, 2], [3, 6]])}, ValueError, _INSIDE),
        ({"bounds": np.array([[0, 2**40]] * 3)}, ValueError, "bounds must fit into int32"),
        ({"x": zeros(0, 1, 2**16, 2**15)}, ValueError, "2147483647 pixels"),
        ({"x": HUGE}, ValueError, "x would be too large"),
    ),
)  # fmt: skip
