"""conv_transpose2d and its gradients."""

from dataclasses import dataclass
from itertools import compress
from math import prod
from typing import Any

import numpy as np

from specs.conv import NEEDS
from specs.spec import HUGE, Call, Case, Shape, Size, Spec, zeros
from specs.tables.conv2d import pair


@dataclass(frozen=True)
class TransposedCase(Case):
    x_shape: Shape
    weight_shape: Shape
    stride: Size = 1
    padding: Size = 0
    output_padding: Size = 0
    groups: int = 1
    dilation: Size = 1
    name: str = ""
    algorithm: str = "exact"

    @property
    def options(self) -> dict[str, Any]:
        names = "stride", "padding", "output_padding", "groups", "dilation", "algorithm"
        return {name: getattr(self, name) for name in names}

    @property
    def y_shape(self) -> Shape:
        settings = self.stride, self.padding, self.output_padding, self.dilation
        sides = [
            (size - 1) * s - 2 * p + extra + d * (k - 1) + 1
            for size, k, s, p, extra, d in zip(
                self.x_shape[2:], self.weight_shape[2:], *map(pair, settings), strict=True
            )
        ]
        return self.x_shape[0], self.weight_shape[1] * self.groups, *sides

    def arrays(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """x, weight, bias, grad_output."""
        rng, y_shape = self.random(), self.y_shape
        shapes = self.x_shape, self.weight_shape, y_shape[1:2], y_shape
        return tuple(rng.standard_normal(shape, dtype) for shape in shapes)


def _forward(case: TransposedCase, dtype: Any) -> Call:
    terms = (case.weight_shape[0] // case.groups * prod(case.weight_shape[2:]) + 1,)
    return Call("conv_transpose2d", case.arrays(dtype)[:3], case.options, terms)


def _backward(case: TransposedCase, dtype: Any) -> Call:
    x, weight, _, grad_output = case.arrays(dtype)
    pixels = prod(case.y_shape[2:]) * case.y_shape[0]
    needs = True, case.algorithm != "fold", True
    terms = prod(case.weight_shape[1:]), prod(case.x_shape[2:]) * case.x_shape[0], pixels
    return Call(
        "conv_transpose2d_backward",
        (grad_output, x, weight),
        {**case.options, "needs": needs},
        tuple(compress(terms, needs)),
    )


CASES = (
    TransposedCase((1, 1, 1, 1), (1, 1, 1, 1)),
    TransposedCase((2, 3, 4, 5), (3, 2, 2, 3)),
    TransposedCase((2, 3, 4, 5), (3, 2, 4, 4), 2, 1, name="doubles"),
    TransposedCase((2, 3, 4, 5), (3, 2, 3, 3), 2, 1, 1, name="doubles, odd filters"),
    TransposedCase((2, 3, 4, 5), (3, 4, 2, 2), 2, name="disjoint filters"),
    TransposedCase((1, 3, 4, 5), (3, 4, 2, 1), 3, name="gaps between filters"),
    TransposedCase((1, 2, 3, 3), (2, 2, 2, 2), (2, 1), (0, 1), (1, 2), 1, (1, 3)),
    TransposedCase((1, 2, 3, 4), (2, 2, 2, 3), 1, 0, 2, 1, 3, name="more rows than filters reach"),
    TransposedCase((2, 4, 5, 6), (4, 3, 3, 2), (1, 2), groups=2),
    TransposedCase((2, 6, 5, 6), (6, 1, 3, 3), 2, 1, groups=6, name="depthwise"),
    TransposedCase((2, 8, 5, 6), (8, 8, 1, 1), name="pointwise"),
    TransposedCase((1, 20, 9, 8), (20, 18, 3, 3), 1, 1, name="many channels"),
    TransposedCase((0, 3, 4, 5), (3, 2, 2, 3), name="no images"),
)
TYPICAL = TransposedCase((2, 4, 5, 6), (4, 3, 3, 2), (2, 1), (1, 0), 0, 2)
LARGE = (
    TransposedCase((3, 17, 11, 12), (17, 19, 4, 4), 2, 1),
    TransposedCase((5, 12, 29, 31), (12, 5, 3, 5), groups=2, dilation=(1, 2)),
    TransposedCase((1, 40, 9, 8), (40, 70, 3, 3), padding=1),
    TransposedCase((1, 1, 2, 2), (1, 17_000, 1, 1), name="many filters"),
)
BAD = (
    *(({"algorithm": name}, ValueError, "algorithm must be one of") for name in ("", None, 1)),
    ({"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
    ({"weight": zeros(3, 3, 3, 2)}, ValueError,
     "weight.shape[0] must equal x.shape[1] (got 3 and 4)"),
    ({"weight": zeros(4, 3, 0, 2)}, ValueError, "weight.shape[2:] must be at least 1x1"),
    ({"padding": "same"}, TypeError, "padding must be an int or a pair of ints"),
    ({"output_padding": (1, 2)}, ValueError,
     "output_padding must be less than stride or dilation (got (1, 2), (2, 2) and (1, 1))"),
    ({"output_padding": -1}, ValueError, "output_padding must be at least 0"),
    ({"padding": 9}, ValueError, "the result must be at least 1 on every axis"),
)  # fmt: skip

conv_transpose2d = Spec(
    "conv_transpose2d",
    call=_forward,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    good={
        "x": zeros(2, 4, 5, 6), "weight": zeros(4, 3, 3, 2), "bias": zeros(6), "stride": 2,
        "groups": 2,
    },
    bad=(
        *BAD,
        ({"bias": zeros(3)}, ValueError,
         "bias.shape must equal (weight.shape[1] * groups,) (got (3,) and (6,))"),
        ({"x": HUGE, "groups": 1, "weight": zeros(1 << 15, 1, 1, 1), "bias": zeros(1)}, ValueError,
         "would be too large"),
    ),
)  # fmt: skip

conv_transpose2d_backward = Spec(
    "conv_transpose2d_backward",
    call=_backward,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    good={
        "grad_output": zeros(2, 6, 11, 12), "x": zeros(2, 4, 5, 6), "weight": zeros(4, 3, 3, 2),
        "stride": 2, "groups": 2,
    },
    bad=(
        *BAD,
        *NEEDS,
        ({"grad_output": zeros(2, 6, 11, 11)}, ValueError,
         "grad_output.shape must equal (n, o, oh, ow) (got (2, 6, 11, 11) and (2, 6, 11, 12))"),
    ),
)  # fmt: skip
