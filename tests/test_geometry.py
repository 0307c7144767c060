"""Shape arithmetic against what it means, and its bounds."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cases import CONV2D_CASES, POOL2D_CASES, Conv2dCase, Pool2dCase
from cnet import geometry

AXIS = [
    (size, kernel, stride, padding, dilation)
    for size, kernel, stride, padding, dilation in itertools.product(
        range(8), range(1, 5), range(1, 5), range(4), range(1, 4)
    )
    if dilation * (kernel - 1) + 1 <= size + 2 * padding
]
MAX = 2**63 - 1


def _inside(size: int, kernel: int, stride: int, padding: int, dilation: int, at: int) -> bool:
    """Whether the window at this position ends within the padded axis."""
    return at * stride + dilation * (kernel - 1) < size + 2 * padding


def test_output_size_counts_the_windows_that_fit() -> None:
    for size, kernel, stride, padding, dilation in AXIS:
        count = geometry.output_size(size, kernel, stride, 2 * padding, dilation)
        axis = size, kernel, stride, padding, dilation
        assert _inside(*axis, at=count - 1), axis
        assert not _inside(*axis, at=count), axis


def test_window2d_treats_the_axes_apart() -> None:
    for (h, *vertical), (w, *horizontal) in zip(AXIS[::7], reversed(AXIS[::7]), strict=True):
        kernel_size, stride, padding, dilation = zip(vertical, horizontal, strict=True)
        g = geometry.window2d("f", (2, 3, h, w), kernel_size, stride, padding, dilation)
        assert g.oh == geometry.output_size(h, g.kh, g.sh, 2 * g.ph, g.dh)
        assert g.ow == geometry.output_size(w, g.kw, g.sw, 2 * g.pw, g.dw)
        assert g[:4] == g.x_shape == (2, 3, h, w)
        assert g[4:14] == (*kernel_size, *stride, *padding, *padding, *dilation)
        assert g.y_shape == (2, 3, g.oh, g.ow)
        assert g.cols_shape == (2, 3 * g.kh * g.kw, g.oh * g.ow)


def test_ceil_mode_adds_a_window_that_starts_before_the_padding_ends() -> None:
    """The last window may hang over the end, but has to start in the image or the left padding."""
    for size, kernel, stride, padding, dilation in AXIS:
        if 2 * padding > kernel:
            continue
        axis = (1, 1, size, size), kernel, stride, padding, dilation
        floor, ceil = (geometry.pool2d("f", *axis, ceil_mode).oh for ceil_mode in (False, True))
        ends = size + 2 * padding - dilation * (kernel - 1) - 1
        hangs_over = ends % stride != 0 and floor * stride < size + padding
        assert ceil == floor + hangs_over, axis


def test_pool2d_stride_defaults_to_the_kernel_size() -> None:
    g = geometry.pool2d("f", (1, 1, 9, 9), (2, 3))
    assert (g.sh, g.sw) == (2, 3)
    assert g.y_shape == (1, 1, 4, 3)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_padding_keeps_the_size(kernel: int, dilation: int) -> None:
    """The odd cell of padding goes below and to the right."""
    g = geometry.window2d("f", (1, 1, 6, 9), kernel, 1, "same", dilation)
    assert (g.oh, g.ow) == (6, 9)
    assert g.ph == g.pw == dilation * (kernel - 1) // 2


def test_valid_is_no_padding() -> None:
    assert geometry.window2d("f", (1, 1, 6, 9), 3, 2, "valid") == geometry.window2d(
        "f", (1, 1, 6, 9), 3, 2, 0
    )


def test_conv2d_is_a_window_with_outputs_and_groups() -> None:
    g = geometry.conv2d("f", (2, 6, 9, 8), (4, 3, 3, 2), 2, 1, 1, 2)
    assert g[:16] == geometry.window2d("f", (2, 6, 9, 8), (3, 2), 2, 1)
    assert (g.o, g.g) == (4, 2)
    assert g.x_shape == (2, 6, 9, 8)
    assert g.weight_shape == (4, 3, 3, 2)
    assert g.y_shape == (2, 4, 5, 5)


@pytest.mark.parametrize("case", [*CONV2D_CASES, *POOL2D_CASES], ids=lambda case: case.id)
def test_geometries_are_plain_integers(case: Conv2dCase | Pool2dCase) -> None:
    """The C struct is filled from them, so not one may be a NumPy integer or a bool."""
    assert {type(size) for size in case.geometry} == {int}
    assert min(case.geometry) >= 0


@pytest.mark.parametrize(
    "two", [(2, 2), [2, 2], np.array([2, 2]), (np.int64(2), np.uint8(2)), 2, np.int32(2)], ids=repr
)
def test_sizes_may_be_written_in_many_ways(two: Any) -> None:
    assert geometry.window2d("f", (1, 1, 9, 9), two, two, two, two) == geometry.window2d(
        "f", (1, 1, 9, 9), (2, 2), (2, 2), (2, 2), (2, 2)
    )
    assert geometry.pool2d("f", (1, 1, 9, 9), two, two) == geometry.pool2d("f", (1, 1, 9, 9), 2, 2)
    assert {type(size) for size in geometry.pool2d("f", (1, 1, 9, 9), two, two)} == {int}


CACHED: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (geometry.window2d, ((1, 2, 9, 9), (2, 2), (2, 2), (1, 1), (1, 1))),
    (geometry.conv2d, ((1, 2, 9, 9), (3, 2, 2, 2), (2, 2), (1, 1), (1, 1), 1)),
    (geometry.pool2d, ((1, 2, 9, 9), (2, 2), (2, 2), (1, 1), (1, 1))),
]
NAMES = [function.__name__ for function, _ in CACHED]


@pytest.mark.parametrize(("function", "arguments"), CACHED, ids=NAMES)
def test_a_cached_geometry_does_not_excuse_another_type(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """(2, 2), (2.0, 2.0) and (True, True) are equal keys of a dictionary."""
    good = function("f", *arguments)
    for i, value in enumerate(arguments):
        if i == 0 or (function is geometry.conv2d and i == 1):
            continue
        if isinstance(value, int):
            bad: list[Any] = [float(value), bool(value), [value]]
        else:
            floats = tuple(map(float, value))
            bad = [floats, list(floats), (value[0], floats[1]), (True, True), True, {value: value}]
        for other in bad:
            with pytest.raises(TypeError, match=r"f: \w+ must be an int"):
                function("f", *arguments[:i], other, *arguments[i + 1 :])
    assert function("f", *arguments) == good


def test_an_error_is_raised_each_time_and_names_the_caller() -> None:
    for name in ("one", "two", "one"):
        with pytest.raises(ValueError, match=f"^{name}: stride must be at least 1"):
            geometry.window2d(name, (1, 1, 9, 9), 2, 0)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("2", TypeError, "f: x must be an int or a pair of ints (got '2')"),
        (2.5, TypeError, "f: x must be an int or a pair of ints (got 2.5)"),
        (None, TypeError, "f: x must be an int or a pair of ints (got None)"),
        ((1, 2.5), TypeError, "f: x must be an int or a pair of ints (got (1, 2.5))"),
        (True, TypeError, "f: x must be an int or a pair of ints (got True)"),
        ((1, 2, 3), ValueError, "f: x must have 2 items (got 3: (1, 2, 3))"),
        ((), ValueError, "f: x must have 2 items (got 0: ())"),
        (0, ValueError, "f: x must be at least 1 (got 0)"),
        ((3, -1), ValueError, "f: x must be at least 1 (got (3, -1))"),
    ],
)
def test_pair_says_what_is_wrong(value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        geometry.pair("f", "x", value, 1)
    assert str(raised.value) == text


def test_pair_takes_one_number_or_two() -> None:
    assert geometry.pair("f", "x", 3, 1) == (3, 3)
    assert geometry.pair("f", "x", [3, np.int8(0)], 0) == (3, 0)


def test_an_array_must_be_addressable_in_float64() -> None:
    geometry.check_size("f", "x", (2**60 - 1,))
    geometry.check_size("f", "x", (0, 2**20))
    for shape in ((2**60,), (2**30, 2**30), (2**70, 1), (0, 2**40, 2**40), (2**40, 0, 2**70)):
        with pytest.raises(ValueError) as raised:
            geometry.check_size("f", "x", shape)
        assert str(raised.value) == f"f: x would be too large (shape {shape})"


def test_addressable_means_that_numpy_can_allocate_it() -> None:
    """NumPy leaves zeros out of the product: so must the bound, or its own error comes through."""
    with pytest.raises(ValueError, match="too big"):
        np.empty((0, 2**40, 2**40))


TOO_LARGE = [
    (geometry.window2d, ((2**20,) * 4, 1), "x would"),
    (geometry.window2d, ((1, 1, 3, 3), 1, 1, 2**30), "the padded x would"),
    (geometry.window2d, ((1, 1, 2**29, 2**29), 3, 1, 1), "cols would"),
    (geometry.window2d, ((0, 1, 3, 3), 1, 1, 2**30), "the padded x would"),
    (geometry.conv2d, ((2**20,) * 4, (1, 2**20, 1, 1)), "x would"),
    (geometry.conv2d, ((1, 1, 3, 3), (1, 1, 1, 1), 1, 2**30), "the padded x would"),
    (geometry.conv2d, ((1, 1, 2**20, 2**20), (2**20, 1, 1, 1)), "the result would"),
    (geometry.conv2d, ((0, 1, 1, 1), (2**60, 1, 1, 1)), "weight would"),
    (geometry.conv2d, ((0, 2**15, 2**20, 2**20), (1, 2**15, 9, 9)), "one image unfolded would"),
    (geometry.pool2d, ((2**30, 2**20, 2**10, 2**10), 1), "x would"),
    (geometry.pool2d, ((2**59, 1, 1, 1), 2, 1, 1), "the result would"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "arguments", "text"), TOO_LARGE)
def test_products_that_overflow_are_refused(
    function: Callable[..., Any], arguments: tuple[Any, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=f"^f: {text} be too large"):
        function("f", *arguments)


@pytest.mark.parametrize(("function", "arguments"), CACHED, ids=NAMES)
def test_what_is_taken_fits_into_c(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """Sizes and steps become ptrdiff_t, and so do the products that lead to an address."""
    for i in range(len(arguments)):
        for value in (2**31, 2**40, 2**62, 2**63, 2**70):
            if i == 0 or (function is geometry.conv2d and i in (1, 5)):
                continue
            try:
                g = function("f", *arguments[:i], value, *arguments[i + 1 :])
            except ValueError as error:
                assert str(error).startswith("f: ")  # noqa: PT017
            else:
                assert max(g) * max(g.w, 1) <= MAX


def test_a_plane_must_fit_into_an_int32_argmax() -> None:
    geometry.pool2d("f", (1, 1, 2**31 - 1, 1), 1)
    with pytest.raises(ValueError) as raised:
        geometry.pool2d("f", (1, 1, 2**16, 2**15), 1)
    assert str(raised.value) == "f: an image must have at most 2147483647 pixels (got 65536x32768)"


MESSAGES = [
    (geometry.window2d, ((1, 1, 3, 4), (4, 1)),
     "f: kernel_size, dilated, must fit into the padded input (got 4x1 and 3x4)"),
    (geometry.window2d, ((1, 1, 3, 4), 2, 1, 1, (2, 6)),
     "f: kernel_size, dilated, must fit into the padded input (got 3x7 and 5x6)"),
    (geometry.window2d, ((1, 1, 3, 4), 2, 2, "same"),
     "f: padding='same' needs stride 1 (got (2, 2))"),
    (geometry.window2d, ((1, 1, 3, 4), 2, 1, "reflect"),
     "f: padding must be a number, a pair, 'valid' or 'same' (got 'reflect')"),
    (geometry.window2d, ((1, 1, 3, 4), 2, 1, -1), "f: padding must be at least 0 (got -1)"),
    (geometry.window2d, ((1, 1, 3, 4), 0), "f: kernel_size must be at least 1 (got 0)"),
    (geometry.window2d, ((1, 1, 3, 4), 1, 1, 0, (1, 0)),
     "f: dilation must be at least 1 (got (1, 0))"),
    (geometry.conv2d, ((1, 4, 3, 4), (4, 4, 1, 1), 1, 0, 1, 0),
     "f: groups must be at least 1 (got 0)"),
    (geometry.conv2d, ((1, 4, 3, 4), (4, 4, 1, 1), 1, 0, 1, 3),
     "f: groups must divide x.shape[1] (got 3 and 4)"),
    (geometry.conv2d, ((1, 4, 3, 4), (5, 2, 1, 1), 1, 0, 1, 2),
     "f: groups must divide weight.shape[0] (got 2 and 5)"),
    (geometry.conv2d, ((1, 4, 3, 4), (6, 4, 1, 1), 1, 0, 1, 2),
     "f: weight.shape[1] must equal x.shape[1] / groups (got 4 and 2)"),
    (geometry.conv2d, ((1, 4, 3, 4), (6, 4, 1, 0)),
     "f: weight.shape[2:] must be at least 1x1 (got 1x0)"),
    (geometry.pool2d, ((1, 1, 9, 9), (3, 2), 1, (2, 0)),
     "f: padding must be at most half of kernel_size (got (2, 0) and (3, 2))"),
    (geometry.pool2d, ((1, 1, 3, 4), 4),
     "f: kernel_size, dilated, must fit into the padded input (got 4x4 and 3x4)"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "arguments", "text"), MESSAGES)
def test_a_message_names_both_sides(
    function: Callable[..., Any], arguments: tuple[Any, ...], text: str
) -> None:
    with pytest.raises(ValueError) as raised:
        function("f", *arguments)
    assert str(raised.value) == text
