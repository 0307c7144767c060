"""grid_sample and its gradients."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from cnet.kernels.sampling import MODES, PADDING_MODES
from specs.spec import Bad, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class GridCase(Case):
    x_shape: Shape
    samples: Shape
    mode: str = "bilinear"
    padding_mode: str = "zeros"
    align_corners: bool = False

    @property
    def options(self) -> dict[str, Any]:
        return {
            "mode": self.mode, "padding_mode": self.padding_mode,
            "align_corners": self.align_corners,
        }  # fmt: skip

    def arrays(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """grad_output, x, grid. Positions are away from the edges of cells."""
        rng, (n, c, *sizes) = self.random(), self.x_shape
        cells = [rng.integers(-2, size + 2, (n, *self.samples)) for size in sizes[::-1]]
        shares = rng.uniform(0.1, 0.4, (n, *self.samples, len(sizes)))
        lengths = np.array(sizes[::-1])
        positions = np.stack(cells, -1) + shares
        if self.align_corners:
            grid = positions / np.maximum(lengths - 1, 1) * 2 - 1
        else:
            grid = (positions * 2 + 1) / lengths - 1
        return (
            rng.standard_normal((n, c, *self.samples), dtype),
            rng.standard_normal(self.x_shape, dtype),
            grid.astype(dtype),
        )


def _sample(case: GridCase, dtype: Any) -> Call:
    _, x, grid = case.arrays(dtype)
    return Call("grid_sample", (x, grid), case.options, (64,))


def _gradients(case: GridCase, dtype: Any) -> Call:
    cells = 16 * int(np.prod(case.samples))
    channels = 64 * case.x_shape[1]
    return Call("grid_sample_backward", case.arrays(dtype), case.options, (cells, channels))


def _scales(call: Call, expected: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    # Weights of "bicubic" add up to less than 2.5 in magnitude, along each axis.
    return (8 * np.abs(call.arrays[0]).max(initial=1),)


def _scales_of_gradients(call: Call, expected: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    grad, x, grid = call.arrays
    largest = np.abs(grad).max(initial=1)
    size = max(x.shape[2:])
    return 8 * largest, 8 * largest * np.abs(x).max(initial=1) * size * np.abs(grid).max(initial=1)


CASES = tuple(
    GridCase(x_shape, samples, mode, padding, align)
    for mode, padding, align in product(MODES, PADDING_MODES, (False, True))
    for x_shape, samples in (
        ((2, 3, 4, 5), (3, 7)),
        ((1, 1, 1, 1), (2, 2)),
        ((1, 9, 3, 2), (9, 8)),
        ((2, 2, 3, 2, 4), (1, 2, 5)),
        ((0, 2, 3, 3), (2, 2)),
        ((1, 2, 3, 3), (0, 2)),
    )
    if mode != "bicubic" or len(x_shape) == 4
)
LARGE = GridCase((3, 9, 40, 50), (60, 80)), GridCase((30, 3, 20, 20), (40, 30), "bicubic")
_BAD: tuple[Bad, ...] = (
    ({"mode": "cubic"}, ValueError, "mode must be one of bilinear, nearest, bicubic (got 'cubic')"),
    ({"padding_mode": "same"}, ValueError, "padding_mode must be one of zeros, border, reflection"),
    ({"grid": zeros(2, 3, 3, 3)}, ValueError, "grid must have the shape (n, ..., 2)"),
    ({"grid": zeros(1, 3, 3, 2)}, ValueError, "with as many dimensions as x and its n"),
    ({"x": zeros(2, 1, 0, 4)}, ValueError, "x must have 1 to 2**31 - 1 cells for each channel"),
    ({"x": zeros(2, 1, 4)}, ValueError, "x must have 4 or 5 dimensions (got 3"),
)

grid_sample = Spec(
    "grid_sample",
    call=_sample,
    cases=CASES,
    typical=GridCase((2, 3, 4, 5), (3, 7)),
    large=LARGE,
    scales=_scales,
    good={"x": zeros(2, 1, 4, 4), "grid": zeros(2, 3, 3, 2)},
    any_rank=("x", "grid"),
    bad=(
        *_BAD,
        (
            {"x": zeros(1, 1, 2, 2, 2), "grid": zeros(1, 1, 1, 1, 3), "mode": "bicubic"},
            ValueError,
            "x must have 4 dimensions in mode 'bicubic' (got 5)",
        ),
    ),
)

grid_sample_backward = Spec(
    "grid_sample_backward",
    call=_gradients,
    cases=CASES,
    typical=GridCase((2, 3, 4, 5), (3, 7)),
    large=LARGE,
    scales=_scales_of_gradients,
    good={
        "grad_output": zeros(2, 1, 3, 3), "x": zeros(2, 1, 4, 4), "grid": zeros(2, 3, 3, 2),
    },
    any_rank=("grad_output", "x", "grid"),
    bad=(
        *_BAD,
        ({"grad_output": zeros(2, 1, 3, 2)}, ValueError,
         "grad_output.shape must equal that of the samples (got (2, 1, 3, 2) and (2, 1, 3, 3))"),
    ),
)  # fmt: skip
