"""Convolution, ReLU and pooling in one kernel, and their gradients.

If sums are rounded differently, another cell of a window may be the largest. So codes are compared
exactly only within the same implementation (see `test_conv2d_relu_pool`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from specs.conv import NEEDS, TYPICAL
from specs.spec import MUST_FIT, NAMED_PADDING, Arrays, Call, Spec, bytes_of, zeros
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase
from tolerance import assert_bounded

NOWHERE = 4
"""The code of a window without a positive cell."""


def _codes(case: Conv2dCase) -> np.ndarray:
    """Arbitrary codes: gradients depend on them, not on the values."""
    s = case.sizes
    return case.random().integers(0, NOWHERE + 1, (s.n, s.o, s.oh // 2, s.ow // 2), np.uint8)


def _grad_output(case: Conv2dCase, dtype: Any) -> np.ndarray:
    return case.random().standard_normal(_codes(case).shape, dtype)


def _conv2d_relu_pool(case: Conv2dCase, dtype: Any) -> Call:
    x, weight, bias, _ = case.arrays(dtype)
    return Call("conv2d_relu_pool", (x, weight, bias), case.options, (case.taps, None))


def _agree(actual: Arrays, expected: Arrays, call: Call, scales: Sequence[Any]) -> None:
    """The error of a maximum is at most that of a cell; codes are positions, or mark zeros."""
    (y, codes), (wanted, _) = actual, expected
    assert y.dtype == call.arrays[0].dtype
    assert codes.dtype == np.uint8
    assert_bounded(y, wanted, call.terms[0] or 0, scales[0])
    np.testing.assert_array_equal(codes == NOWHERE, y == 0)
    assert codes.max(initial=0) <= NOWHERE


def backward(case: Conv2dCase, grad_output: np.ndarray, codes: np.ndarray) -> Call:
    """The gradients for given codes."""
    s = case.sizes
    x, weight, *_ = case.arrays(grad_output.dtype)
    pooled = s.n * (s.oh // 2) * (s.ow // 2)
    terms = s.o // s.g * s.kh * s.kw, pooled, pooled
    return Call("conv2d_relu_pool_backward", (grad_output, codes, x, weight), case.options, terms)


def _conv2d_relu_pool_backward(case: Conv2dCase, dtype: Any) -> Call:
    return backward(case, _grad_output(case, dtype), _codes(case))


def _relu_pool(case: Conv2dCase, dtype: Any) -> Call:
    *_, z = case.arrays(dtype)
    return Call("relu_pool", (z,), {}, (None, None))


def _relu_pool_backward(case: Conv2dCase, dtype: Any) -> Call:
    arrays = _grad_output(case, dtype), _codes(case)
    return Call("relu_pool_backward", arrays, {"x_shape": case.y_shape}, (None,))


BEYOND_CACHES = [
    Conv2dCase((1, 3, 200, 190), (2, 3, 3, 3), padding=1, name="image beyond the cache"),
    Conv2dCase((1, 300, 22, 22), (2, 300, 3, 3), name="channels beyond the cache"),
    Conv2dCase((1, 8, 20, 20), (2, 8, 3, 3), padding=70, name="padding beyond the cache"),
]
"""Cases whose gradients are computed from an unpooled gradient."""
FITTING = [case for case in CONV2D_CASES if min(case.sizes.oh, case.sizes.ow) >= 2]
SIZES = [
    *(Conv2dCase((2, 3, 5, ow), (7, 3, 3, 3), padding=1, name=f"{ow} columns")
      for ow in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 30, 31, 32, 33, 34, 35, 63, 64, 65, 66, 67, 96)),
    *(Conv2dCase((2, 3, oh, 5), (7, 3, 3, 3), padding=1, name=f"{oh} rows")
      for oh in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 23, 31, 33, 64, 65)),
    *(Conv2dCase((1, 2, 6, 7), (o, 2, 3, 3), padding=1, name=f"{o} outputs")
      for o in (1, 2, 5, 6, 7, 8, 9, 12, 16, 17, 24)),
    *(Conv2dCase((2, 3, 5, ow), (8, 3, 3, 3), padding=1, name=f"{ow} columns of 8 outputs")
      for ow in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 28, 29)),
    *(Conv2dCase((2, 3, 6, 10), (o, 3, 3, 3), padding=1, name=f"{o} outputs of ten columns")
      for o in (14, 15, 16, 23, 24, 32)),
    Conv2dCase((2, 24, 20, 14), (32, 12, 3, 3), padding=1, groups=2, name="groups of 16 outputs"),
    Conv2dCase((1, 90, 21, 40), (7, 90, 3, 3), padding=1, name="several blocks of rows"),
    Conv2dCase((3, 4, 13, 15), (6, 2, 3, 3), 2, 1, 2, 2, "everything"),
    Conv2dCase((3, 4, 14, 15), (8, 1, 5, 2), (1, 2), 2, 1, 4, "depthwise"),
    Conv2dCase((2, 3, 0, 5), (3, 3, 3, 3), padding=3, name="rows of padding"),
    Conv2dCase((40, 3, 18, 19), (8, 3, 5, 5), padding=2, name="work for many threads"),
]  # fmt: skip
CASES = (*SIZES, *BEYOND_CACHES, *FITTING[::9])
LARGE = (
    Conv2dCase((9, 3, 30, 29), (8, 3, 5, 5), padding=2),
    Conv2dCase((8, 3, 46, 48), (16, 3, 3, 3), padding=1),
)

conv2d_relu_pool = Spec(
    "conv2d_relu_pool",
    call=_conv2d_relu_pool,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    agree=_agree,
    good={
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "bias": zeros(6),
        "padding": 1,
        "groups": 2,
    },
    bad=(
        *NAMED_PADDING,
        ({"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
        ({"bias": zeros(5)}, ValueError, "(got (5,) and (6,))"),
        ({"dilation": 4}, ValueError, f"{MUST_FIT} (got 9x5 and 7x8)"),
        ({"dilation": (3, 1)}, ValueError, f"{MUST_FIT} (got 2x2 and 1x7)"),
        ({"stride": (1, 9)}, ValueError, f"{MUST_FIT} (got 2x2 and 5x1)"),
    ),
)

conv2d_relu_pool_backward = Spec(
    "conv2d_relu_pool_backward",
    call=_conv2d_relu_pool_backward,
    cases=CASES,
    typical=TYPICAL,
    large=(
        *LARGE,
        Conv2dCase((1, 64, 8, 8), (300, 64, 1, 1), name="many weights"),
        Conv2dCase((1, 1, 2, 2), (17_000, 1, 1, 1), name="many filters"),
    ),
    good={
        "grad_output": zeros(2, 6, 2, 3),
        "codes": bytes_of(2, 6, 2, 3),
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "padding": 1,
        "groups": 2,
    },
    bad=(
        *NAMED_PADDING,
        *NEEDS,
        ({"grad_output": zeros(2, 6, 2, 2)}, ValueError,
         "grad_output.shape must equal (n, o, oh / 2, ow / 2) (got (2, 6, 2, 2) and (2, 6, 2, 3))"),
        ({"codes": bytes_of(2, 6, 2, 2)}, ValueError,
         "codes.shape must equal grad_output.shape (got (2, 6, 2, 2) and (2, 6, 2, 3))"),
        ({"codes": np.full((2, 6, 2, 3), 256)}, ValueError, "codes must fit into uint8"),
        ({"groups": 3}, ValueError, "groups must divide x.shape[1]"),
        ({"dilation": (3, 1)}, ValueError, f"{MUST_FIT} (got 2x2 and 1x7)"),
    ),
)  # fmt: skip

relu_pool = Spec(
    "relu_pool",
    call=_relu_pool,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    good={"x": zeros(2, 3, 4, 5)},
    bad=(({"x": zeros(2, 3, 1, 5)}, ValueError, f"{MUST_FIT} (got 2x2 and 1x5)"),),
)

relu_pool_backward = Spec(
    "relu_pool_backward",
    call=_relu_pool_backward,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    good={
        "grad_output": zeros(2, 3, 2, 2),
        "codes": bytes_of(2, 3, 2, 2),
        "x_shape": (2, 3, 4, 5),
    },
    bad=(
        ({"grad_output": zeros(2, 3, 2, 3)}, ValueError,
         "grad_output.shape must equal (n, c, h / 2, w / 2) (got (2, 3, 2, 3) and (2, 3, 2, 2))"),
        ({"codes": bytes_of(2, 3, 4, 5)}, ValueError,
         "codes.shape must equal grad_output.shape (got (2, 3, 4, 5) and (2, 3, 2, 2))"),
        ({"codes": np.full((2, 3, 2, 2), 256)}, ValueError,
         "codes must fit into uint8 (got 256 to 256)"),
        ({"codes": np.full((2, 3, 2, 2), -1)}, ValueError,
         "codes must fit into uint8 (got -1 to -1)"),
        ({"x_shape": (2, 3, 4)}, ValueError, "x_shape must be 4 sizes"),
        ({"x_shape": (2, 3, 6, 5)}, ValueError, "(got (2, 3, 2, 2) and (2, 3, 3, 2))"),
        ({"x_shape": (2, 3, 1, 5)}, ValueError, f"{MUST_FIT} (got 2x2 and 1x5)"),
        ({"x_shape": (2, 3, 2**16, 2**15)}, ValueError, "2147483647 pixels"),
    ),
)  # fmt: skip
