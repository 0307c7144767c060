"""Max pooling, which is exact, and average pooling."""

from typing import Any

import numpy as np

from oracle import reference
from specs.spec import HUGE, MUST_FIT, Arrays, Bad, Call, Spec, magnitudes, zeros
from specs.tables.pool2d import POOL2D_CASES, Pool2dCase


def _max_pool2d(case: Pool2dCase, dtype: Any) -> Call:
    options = {**case.window, "dilation": case.dilation}
    return Call("max_pool2d", (case.x(dtype),), options, (None, None))


def _max_pool2d_backward(case: Pool2dCase, dtype: Any) -> Call:
    call = _max_pool2d(case, dtype)
    _, indices = reference.max_pool2d(*call.arrays, **call.options)
    grad_output = case.random().standard_normal(case.y_shape, dtype)
    arrays = grad_output, indices
    return Call("max_pool2d_backward", arrays, {"x_shape": case.x_shape}, (None,))


def _avg_pool2d(case: Pool2dCase, dtype: Any) -> Call:
    x = case.random().standard_normal(case.x_shape, dtype)
    return Call("avg_pool2d", (x,), case.averaging, (case.cells,))


def _avg_pool2d_backward(case: Pool2dCase, dtype: Any) -> Call:
    grad_output = case.random().standard_normal(case.y_shape, dtype)
    options = {"x_shape": case.x_shape, **case.averaging}
    return Call("avg_pool2d_backward", (grad_output,), options, (case.cells,))


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    divisor = call.options["divisor_override"]
    options = {**call.options, "divisor_override": divisor and abs(divisor)}
    return magnitudes(call._replace(options=options), expected)


AVERAGES = tuple(case for case in POOL2D_CASES if case.dilation == 1)
TYPICAL = Pool2dCase((2, 3, 9, 7), 3, 2, 1, ceil_mode=True)
LARGE = (Pool2dCase((9, 16, 31, 33), 3, 2, 1),)
HALF = "padding must be at most half of kernel_size"
_DIVISORS: tuple[Bad, ...] = (
    ({"divisor_override": 0}, ValueError, "divisor_override must not be zero"),
    ({"divisor_override": 2**70}, ValueError, "divisor_override"),
    *(({"divisor_override": value}, TypeError, "divisor_override must be an int")
      for value in (2.5, "2", (2,), np.nan)),
)  # fmt: skip

max_pool2d = Spec(
    "max_pool2d",
    call=_max_pool2d,
    cases=POOL2D_CASES,
    typical=TYPICAL,
    large=LARGE,
    good={"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    bad=(
        ({"kernel_size": (6, 2)}, ValueError, f"{MUST_FIT} (got 6x2 and 5x6)"),
        ({"padding": (2, 1)}, ValueError, f"{HALF} (got (2, 1) and (3, 2))"),
        ({"padding": "same"}, TypeError, "padding must be an int or a pair of ints"),
        ({"x": zeros(0, 1, 2**16, 2**15)}, ValueError,
         "an image must have at most 2147483647 pixels (got 65536x32768)"),
        ({"x": HUGE}, ValueError, "x would be too large"),
    ),
)  # fmt: skip

max_pool2d_backward = Spec(
    "max_pool2d_backward",
    call=_max_pool2d_backward,
    cases=POOL2D_CASES,
    typical=TYPICAL,
    large=LARGE,
    good={
        "grad_output": zeros(2, 3, 2, 2),
        "indices": np.zeros((2, 3, 2, 2), np.int32),
        "x_shape": (2, 3, 4, 5),
    },
    bad=(
        ({"indices": np.full((2, 3, 2, 2), 20)}, ValueError,
         "indices must be at least -1 and less than x_shape[2] * x_shape[3] (got 20 and 20)"),
        ({"indices": np.full((2, 3, 2, 2), -2)}, ValueError, "(got -2 and 20)"),
        ({"indices": np.full((2, 3, 2, 2), 2**31)}, ValueError, "indices must fit into int32"),
        ({"indices": np.full((2, 3, 2, 2), 2**63, np.uint64)}, ValueError,
         "indices must fit into int32"),
        ({"x_shape": (2, 3, 0, 5)}, ValueError, "(got 0 and 0)"),
        ({"indices": np.zeros((2, 3, 2, 3), int)}, ValueError,
         "indices.shape must equal grad_output.shape (got (2, 3, 2, 3) and (2, 3, 2, 2))"),
        ({"x_shape": (2, 4, 4, 5)}, ValueError, "must equal x_shape[:2] (got (2, 3) and (2, 4))"),
        ({"x_shape": (2, 3, 4)}, ValueError, "x_shape must be 4 sizes"),
        ({"x_shape": (2, 3, 2**16, 2**15)}, ValueError, "2147483647 pixels"),
        ({"x_shape": (2, 3, 2**40, 2**40)}, ValueError, "would be too large"),
    ),
)  # fmt: skip

avg_pool2d = Spec(
    "avg_pool2d",
    call=_avg_pool2d,
    cases=AVERAGES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales,
    good={"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    bad=(
        *_DIVISORS,
        ({"kernel_size": (6, 2)}, ValueError, f"{MUST_FIT} (got 6x2 and 5x6)"),
        ({"padding": (2, 1)}, ValueError, HALF),
    ),
)

avg_pool2d_backward = Spec(
    "avg_pool2d_backward",
    call=_avg_pool2d_backward,
    cases=AVERAGES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales,
    good={"grad_output": zeros(2, 4, 1, 3), "x_shape": (2, 4, 5, 6), "kernel_size": (3, 2)},
    bad=(
        *_DIVISORS,
        ({"grad_output": zeros(2, 4, 1, 2)}, ValueError,
         "grad_output.shape must equal (n, c, oh, ow) (got (2, 4, 1, 2) and (2, 4, 1, 3))"),
        ({"x_shape": (2, 4, 5, 6, 7)}, ValueError, "x_shape must be 4 sizes"),
    ),
)  # fmt: skip
