"""im2col and col2im: copies, and sums in a fixed order."""

from typing import Any

from specs.spec import HUGE, MUST_FIT, NAMED_PADDING, Call, Spec, zeros
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase


def _window(case: Conv2dCase) -> dict[str, Any]:
    return {"kernel_size": case.weight_shape[2:], **case.window}


def _im2col(case: Conv2dCase, dtype: Any) -> Call:
    x, *_ = case.arrays(dtype)
    return Call("im2col", (x,), _window(case), (None,))


def _col2im(case: Conv2dCase, dtype: Any) -> Call:
    s = case.sizes
    shape = s.n, s.c * s.kh * s.kw, s.oh * s.ow
    cols = case.random().standard_normal(shape, dtype)
    return Call("col2im", (cols,), {"x_shape": case.x_shape, **_window(case)}, (None,))


TYPICAL = Conv2dCase((2, 4, 9, 8), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2)
LARGE = (Conv2dCase((4, 9, 33, 35), (1, 9, 3, 3), 2, 1),)

im2col = Spec(
    "im2col",
    call=_im2col,
    cases=CONV2D_CASES,
    typical=TYPICAL,
    large=LARGE,
    good={"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    bad=(
        *NAMED_PADDING,
        ({"kernel_size": (6, 2)}, ValueError, f"{MUST_FIT} (got 6x2 and 5x6)"),
        ({"dilation": (3, 1)}, ValueError, f"{MUST_FIT} (got 7x2 and 5x6)"),
        ({"x": zeros(1, 1, 0, 4), "kernel_size": 1}, ValueError, "(got 1x1 and 0x4)"),
        ({"x": HUGE}, ValueError, "x would be too large"),
        ({"padding": 2**30}, ValueError, "the padded x would be too large"),
        ({"x": zeros(0, 4, 5, 6), "padding": 2**30}, ValueError, "would be too large"),
    ),
)

col2im = Spec(
    "col2im",
    call=_col2im,
    cases=CONV2D_CASES,
    typical=TYPICAL,
    large=LARGE,
    good={"cols": zeros(2, 24, 15), "x_shape": (2, 4, 5, 6), "kernel_size": (3, 2)},
    bad=(
        *NAMED_PADDING,
        ({"cols": zeros(2, 24, 14)}, ValueError, "cols.shape must equal (n, c*kh*kw, oh*ow)"),
        ({"cols": zeros(1, 24, 15)}, ValueError, "(got (1, 24, 15) and (2, 24, 15))"),
        ({"x_shape": (2, 4, 5)}, ValueError, "x_shape must be 4 sizes, none negative"),
        ({"x_shape": (2, 4, 5, -6)}, ValueError, "x_shape must be 4 sizes, none negative"),
        ({"x_shape": (2, 4, 5, 6.0)}, TypeError, "x_shape must be a sequence of ints"),
        ({"x_shape": "2456"}, TypeError, "x_shape must be a sequence of ints"),
        ({"x_shape": 5}, TypeError, "x_shape must be a sequence of ints"),
        ({"x_shape": (2**20,) * 4}, ValueError, "would be too large"),
        ({"x_shape": (0, 4, 2**40, 2**40)}, ValueError, "would be too large"),
    ),
)
