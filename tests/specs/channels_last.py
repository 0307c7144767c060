"""Convolution and pooling with channels last, on cases of channels first; transposition."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs import conv, pooling
from specs.spec import HUGE, MUST_FIT, NAMED_PADDING, Call, Case, Shape, Spec, zeros
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase
from specs.tables.pool2d import POOL2D_CASES, Pool2dCase


def _last(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _of_channels_first(spec: Spec) -> Any:
    """The call with channels last that corresponds to one of `spec`."""

    def call(case: Any, dtype: Any) -> Call:
        first = spec.call(case, dtype)
        options = dict(first.options)
        if "x_shape" in options:
            n, c, h, w = options["x_shape"]
            options["x_shape"] = n, h, w, c
        name = first.function.replace("2d", "2d_nhwc")
        return Call(name, tuple(map(_last, first.arrays)), options, first.terms)

    return call


def _filters_last(weight: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def _conv2d_nhwc(case: Conv2dCase, dtype: Any) -> Call:
    x, weight, bias, _ = case.arrays(dtype)
    arrays = _last(x), _filters_last(weight), bias
    return Call("conv2d_nhwc", arrays, case.window, (case.taps,))


def _conv2d_nhwc_backward(case: Conv2dCase, dtype: Any) -> Call:
    s = case.sizes
    x, weight, _, grad_output = case.arrays(dtype)
    pixels = s.n * s.oh * s.ow
    return Call(
        "conv2d_nhwc_backward",
        (_last(grad_output), _last(x), _filters_last(weight)),
        case.window,
        (s.o * s.kh * s.kw, pixels, pixels),
    )


ONE_GROUP = tuple(
    case for case in CONV2D_CASES if case.groups == 1 and case.algorithm in ("auto", "product")
)
RUNS_AND_PHASES = (
    Conv2dCase((2, 3, 9, 11), (5, 3, 3, 4), padding=1, name="runs of outputs overlap"),
    Conv2dCase((2, 3, 13, 17), (4, 3, 3, 2), (4, 3), 1, 2, name="phases of dilated taps"),
    Conv2dCase((2, 8, 9, 11), (2, 8, 3, 3), padding=1, name="few filters"),
    Conv2dCase((2, 3, 13, 17), (16, 3, 3, 2), (2, 1), 1, name="few channels"),
)
CONVOLUTION = Conv2dCase((2, 4, 9, 8), (6, 4, 3, 2), (2, 1), (1, 2), (1, 2))
LARGE_CONVOLUTIONS = (
    Conv2dCase((5, 6, 29, 31), (10, 6, 3, 5), (1, 2), (1, 2)),
    Conv2dCase((1, 40, 19, 17), (70, 40, 3, 3), padding=1),
    Conv2dCase((70, 1, 14, 14), (4, 1, 5, 5), padding=2),
    Conv2dCase((9, 16, 31, 30), (2, 16, 3, 3), padding=1),
    Conv2dCase((9, 1, 31, 30), (8, 1, 3, 3), 2, 1),
    Conv2dCase((9, 20, 31, 30), (18, 20, 1, 1), (1, 2)),
    Conv2dCase((2, 130, 9, 9), (129, 130, 3, 3), padding=2, name="parts are few"),
    Conv2dCase((1, 1, 2, 2), (17_000, 1, 1, 1), name="many filters"),
)
CHANNELS = "weight.shape[2] must equal x.shape[3] (got 3 and 4)"

conv2d_nhwc = Spec(
    "conv2d_nhwc",
    call=_conv2d_nhwc,
    cases=(*ONE_GROUP, *RUNS_AND_PHASES),
    typical=CONVOLUTION,
    large=LARGE_CONVOLUTIONS,
    good={"x": zeros(2, 5, 6, 4), "weight": zeros(3, 2, 4, 6), "bias": zeros(6), "padding": 1},
    bad=(
        *NAMED_PADDING,
        ({"weight": zeros(3, 2, 3, 6)}, ValueError, CHANNELS),
        ({"weight": zeros(8, 2, 4, 6)}, ValueError, f"{MUST_FIT} (got 8x2 and 7x8)"),
        ({"bias": zeros(5)}, ValueError,
         "bias.shape must equal (weight.shape[3],) (got (5,) and (6,))"),
    ),
)  # fmt: skip

conv2d_nhwc_backward = Spec(
    "conv2d_nhwc_backward",
    call=_conv2d_nhwc_backward,
    cases=(*ONE_GROUP, *RUNS_AND_PHASES),
    typical=CONVOLUTION,
    large=LARGE_CONVOLUTIONS,
    good={
        "grad_output": zeros(2, 5, 7, 6),
        "x": zeros(2, 5, 6, 4),
        "weight": zeros(3, 2, 4, 6),
        "padding": 1,
    },
    bad=(
        *NAMED_PADDING,
        *conv.NEEDS,
        ({"weight": zeros(3, 2, 3, 6)}, ValueError, CHANNELS),
        ({"grad_output": zeros(2, 5, 6, 6)}, ValueError,
         "grad_output.shape must equal (n, oh, ow, o) (got (2, 5, 6, 6) and (2, 5, 7, 6))"),
    ),
)  # fmt: skip

SOME = POOL2D_CASES[::3]
SOME_AVERAGES = pooling.AVERAGES[::3]
WIDE = Pool2dCase((2, 35, 6, 5), 3, 2, 1, ceil_mode=True)
COLOR = Pool2dCase((2, 3, 6, 5), 3, 2, 1, ceil_mode=True)
"""More channels than a vector has lanes, and those of images in color."""
LARGE = (Pool2dCase((9, 16, 31, 33), 3, 2, 1),)

max_pool2d_nhwc = Spec(
    "max_pool2d_nhwc",
    call=_of_channels_first(pooling.max_pool2d),
    cases=(*SOME, WIDE, COLOR),
    typical=pooling.TYPICAL,
    large=LARGE,
    good={"x": zeros(2, 5, 6, 4), "kernel_size": (3, 2)},
    bad=(
        ({"kernel_size": (6, 2)}, ValueError, f"{MUST_FIT} (got 6x2 and 5x6)"),
        ({"padding": (2, 1)}, ValueError, f"{pooling.HALF} (got (2, 1) and (3, 2))"),
        ({"x": HUGE}, ValueError, "x would be too large"),
    ),
)

max_pool2d_nhwc_backward = Spec(
    "max_pool2d_nhwc_backward",
    call=_of_channels_first(pooling.max_pool2d_backward),
    cases=(*SOME, WIDE, COLOR),
    typical=pooling.TYPICAL,
    large=LARGE,
    good={
        "grad_output": zeros(2, 2, 2, 3),
        "indices": np.zeros((2, 2, 2, 3), np.int32),
        "x_shape": (2, 4, 5, 3),
    },
    bad=(
        ({"indices": np.full((2, 2, 2, 3), 20)}, ValueError,
         "indices must be at least -1 and less than x_shape[1] * x_shape[2] (got 20 and 20)"),
        ({"indices": np.full((2, 2, 2, 3), -2)}, ValueError, "(got -2 and 20)"),
        ({"indices": np.zeros((2, 2, 3, 3), int)}, ValueError,
         "indices.shape must equal grad_output.shape (got (2, 2, 3, 3) and (2, 2, 2, 3))"),
        ({"x_shape": (2, 4, 5, 4)}, ValueError, "(n, c) of x_shape (got (2, 3) and (2, 4))"),
        ({"x_shape": (2, 3, 4)}, ValueError, "x_shape must be 4 sizes"),
    ),
)  # fmt: skip

avg_pool2d_nhwc = Spec(
    "avg_pool2d_nhwc",
    call=_of_channels_first(pooling.avg_pool2d),
    cases=(*SOME_AVERAGES, WIDE, COLOR),
    typical=pooling.TYPICAL,
    large=LARGE,
    scales=pooling.avg_pool2d.scales,
    good={"x": zeros(2, 5, 6, 4), "kernel_size": (3, 2)},
    bad=(({"divisor_override": 0}, ValueError, "divisor_override must not be zero"),),
)

avg_pool2d_nhwc_backward = Spec(
    "avg_pool2d_nhwc_backward",
    call=_of_channels_first(pooling.avg_pool2d_backward),
    cases=(*SOME_AVERAGES, WIDE, COLOR),
    typical=pooling.TYPICAL,
    large=LARGE,
    scales=pooling.avg_pool2d_backward.scales,
    good={"grad_output": zeros(2, 1, 3, 4), "x_shape": (2, 5, 6, 4), "kernel_size": (3, 2)},
    bad=(
        ({"grad_output": zeros(2, 1, 2, 4)}, ValueError,
         "grad_output.shape must equal (n, oh, ow, c) (got (2, 1, 2, 4) and (2, 1, 3, 4))"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class MatrixCase(Case):
    shape: Shape

    def call(self, dtype: Any) -> Call:
        return Call("transpose", (self.random().standard_normal(self.shape, dtype),), {}, (None,))


transpose = Spec(
    "transpose",
    call=lambda case, dtype: case.call(dtype),
    cases=tuple(
        MatrixCase(shape)
        for shape in ((1, 1, 1), (2, 3, 50), (2, 50, 3), (3, 16, 16), (1, 130, 70), (2, 65, 129),
                      (0, 3, 4), (2, 0, 4), (2, 4, 0))
    ),
    typical=MatrixCase((2, 19, 9)),
    large=(MatrixCase((5, 300, 250)), MatrixCase((2, 3, 70000)), MatrixCase((2, 70000, 3))),
    good={"x": zeros(2, 3, 4)},
)  # fmt: skip
