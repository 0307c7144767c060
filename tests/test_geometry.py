"""Shape arithmetic against its definition, and its bounds."""

import itertools
import random
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

from cnet import geometry, reference
from cnet.arrays import Shape
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase
from specs.tables.pool2d import POOL2D_CASES, Pool2dCase

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


def test_a_window_treats_its_axes_apart() -> None:
    for number, axis in enumerate(AXIS[::5]):
        axes = [axis, *AXIS[number::97]][: 1 + number % 3]
        sizes, *rest = zip(*axes, strict=True)
        g = geometry.window("f", (2, 3, *sizes), *rest)
        assert g.x_shape == (2, 3, *sizes)
        for at, (size, kernel, stride, padding, dilation) in zip(g.axes, axes, strict=True):
            output = geometry.output_size(size, kernel, stride, 2 * padding, dilation)
            assert at == (size, kernel, stride, padding, padding, dilation, output)
            assert at.extent == dilation * (kernel - 1) + 1
            assert at.padded == size + 2 * padding
        outputs = tuple(axis.output for axis in g.axes)
        assert g.y_shape == (2, 3, *outputs)
        assert g.cols_shape == (2, 3 * prod(rest[0]), prod(outputs))


def test_sizes_for_the_kernels_name_both_axes() -> None:
    g = geometry.conv("f", (2, 6, 9, 8), (4, 3, 3, 2), (2, 1), ((1, 0), (2, 3)), (1, 2), 2).sizes2d
    assert g._asdict() == {
        "n": 2, "c": 6, "h": 9, "w": 8, "kh": 3, "kw": 2, "sh": 2, "sw": 1, "ph": 1, "pw": 2,
        "qh": 0, "qw": 3, "dh": 1, "dw": 2, "oh": 4, "ow": 11, "o": 4, "g": 2,
    }  # fmt: skip
    window = geometry.window("f", (2, 6, 9, 8), (3, 2), (2, 1), ((1, 0), (2, 3)), (1, 2))
    assert g[:16] == window.sizes2d
    assert g._fields[:16] == window.sizes2d._fields


def test_one_axis_is_one_row_for_the_kernels() -> None:
    flat = geometry.conv("f", (2, 6, 9), (4, 6, 3), 2, 1, 2)
    image = geometry.conv("f", (2, 6, 1, 9), (4, 6, 1, 3), (1, 2), (0, 1), (1, 2))
    assert flat.sizes2d == image.sizes2d
    assert geometry.pool("f", (1, 2, 9), 3).sizes2d == geometry.pool(
        "f", (1, 2, 1, 9), (1, 3)
    ).sizes2d  # fmt: skip


def test_three_axes_are_too_many_for_the_kernels() -> None:
    g = geometry.conv("f", (1, 2, 5, 6, 7), (4, 2, 2, 3, 4))
    assert g.y_shape == (1, 4, 4, 4, 4)
    with pytest.raises(ValueError, match=r"up to 2 spatial axes \(got 3\)"):
        _ = g.sizes2d


def test_geometries_are_looked_up() -> None:
    """Equal arguments return the same object, however they are written."""
    first = geometry.conv("f", (1, 2, 9, 9), (4, 2, 3, 3), 2, [1, 1])
    assert geometry.conv("f", (1, 2, 9, 9), (4, 2, 3, 3), 2, (1, np.int64(1))) is first
    assert first.sizes2d is first.sizes2d


def test_each_end_of_an_axis_has_its_padding() -> None:
    g = geometry.window("f", (1, 1, 6, 9), 3, 1, ((2, 0), [0, 5]))
    assert [(axis.begin, axis.end) for axis in g.axes] == [(2, 0), (0, 5)]
    assert g.output == (6, 12)
    assert geometry.window("f", (1, 1, 6, 9), 3, 1, ((2, 2), (1, 1))).axes == (
        geometry.window("f", (1, 1, 6, 9), 3, 1, (2, 1)).axes
    )


def test_ceil_mode_adds_a_window_that_starts_before_the_padding_ends() -> None:
    """The last window may extend beyond the end, but must start in the image or left padding."""
    for size, kernel, stride, padding, dilation in AXIS:
        if 2 * padding > kernel:
            continue
        axis = (1, 1, size), kernel, stride, padding, dilation
        (floor,), (ceil,) = (geometry.pool("f", *axis, mode).output for mode in (False, True))
        ends = size + 2 * padding - dilation * (kernel - 1) - 1
        hangs_over = ends % stride != 0 and floor * stride < size + padding
        assert ceil == floor + hangs_over, axis


def _torch_pooled(torch: Any, shape: Shape, *window: Any, ceil_mode: bool) -> Shape | None:
    pool = (torch.max_pool1d, torch.max_pool2d, torch.max_pool3d)[len(shape) - 3]
    try:
        return tuple(pool(torch.empty(shape, device="meta"), *window, ceil_mode=ceil_mode).shape)
    except RuntimeError:
        return None


def test_pooled_sizes_are_those_of_pytorch() -> None:
    """Also for invalid arguments, except that PyTorch also rejects images without pixels."""
    torch = pytest.importorskip("torch")
    rng = random.Random(9)
    taken = hanging = 0
    for _ in range(1000):
        axes = rng.randint(1, 3)
        sizes, kernel, stride, padding, dilation = (
            tuple(rng.randint(low, high) for _ in range(axes))
            for low, high in ((1, 9), (1, 5), (1, 5), (0, 2), (1, 3))
        )
        shape, window = (2, 1, *sizes), (kernel, stride, padding, dilation)
        ceil_mode = rng.random() < 0.7
        expected = _torch_pooled(torch, shape, *window, ceil_mode=ceil_mode)
        try:
            g = geometry.pool("f", shape, *window, ceil_mode)
        except ValueError:
            assert expected is None, (shape, window, ceil_mode)
        else:
            assert g.y_shape == expected, (shape, window, ceil_mode)
            taken += 1
            hanging += any(axis.extent > axis.padded for axis in g.axes)
    assert taken > 250
    assert hanging > 15


def test_the_stride_of_pooling_defaults_to_the_kernel_size() -> None:
    g = geometry.pool("f", (1, 1, 9, 9), (2, 3))
    assert [axis.stride for axis in g.axes] == [2, 3]
    assert g.y_shape == (1, 1, 4, 3)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_padding_keeps_the_size(kernel: int, dilation: int) -> None:
    """The odd cell of padding goes to the end."""
    g = geometry.window("f", (1, 1, 5, 6, 9), kernel, 1, "same", dilation)
    assert g.output == (5, 6, 9)
    total = dilation * (kernel - 1)
    assert {(axis.begin, axis.end) for axis in g.axes} == {(total // 2, total - total // 2)}


def test_valid_is_no_padding() -> None:
    assert geometry.window("f", (1, 1, 6, 9), 3, 2, "valid") == geometry.window(
        "f", (1, 1, 6, 9), 3, 2, 0
    )


def test_a_convolution_is_a_window_with_outputs_and_groups() -> None:
    g = geometry.conv("f", (2, 6, 9, 8), (4, 3, 3, 2), 2, 1, 1, 2)
    assert g.axes == geometry.window("f", (2, 6, 9, 8), (3, 2), 2, 1).axes
    assert (g.o, g.groups) == (4, 2)
    assert g.x_shape == (2, 6, 9, 8)
    assert g.weight_shape == (4, 3, 3, 2)
    assert g.y_shape == (2, 4, 5, 5)


TRANSPOSED = [
    ((2, 4, 5), (4, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 4, 5, 3), (4, 3, 3, 2), {"stride": (2, 3), "padding": (0, 1), "groups": 2}),
    ((1, 4, 2, 3), (4, 1, 3, 3), {"dilation": (1, 3), "output_padding": (0, 2), "groups": 4}),
    ((1, 2, 4, 4), (2, 5, 4, 4), {"stride": 2, "padding": 1}),
    ((0, 2, 1, 1), (2, 1, 1, 1), {"stride": 3, "output_padding": 2}),
    ((1, 2, 2, 3, 2), (2, 2, 3, 2, 1), {"stride": (3, 2, 1), "output_padding": (2, 1, 0)}),
]


@pytest.mark.parametrize(("x_shape", "weight_shape", "options"), TRANSPOSED)
def test_transposed_sizes_are_those_of_pytorch(
    x_shape: Shape, weight_shape: Shape, options: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    function = (f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d)[len(x_shape) - 3]
    y = function(torch.empty(x_shape), torch.empty(weight_shape), **options)
    g = geometry.transposed("f", x_shape, weight_shape, **options)
    assert g.x_shape == tuple(y.shape)
    assert g.y_shape == x_shape
    assert g.weight_shape == weight_shape


@pytest.mark.parametrize(("x_shape", "weight_shape", "options"), TRANSPOSED)
def test_transposed_is_the_adjoint_of_a_convolution(
    x_shape: Shape, weight_shape: Shape, options: dict[str, Any]
) -> None:
    """A convolution of the result has the shape of the input, unless dilation adds to its end."""
    g = geometry.transposed("f", x_shape, weight_shape, **options)
    options = {name: value for name, value in options.items() if name != "output_padding"}
    conv = geometry.conv("f", g.x_shape, g.weight_shape, **options)
    if all(axis.output == at.output for axis, at in zip(conv.axes, g.axes, strict=True)):
        assert conv == g
    else:
        assert max(axis.dilation for axis in g.axes) > 1


@pytest.mark.parametrize(("x_shape", "weight_shape", "options"), TRANSPOSED[1:5])
def test_a_transposed_convolution_is_a_gradient(
    x_shape: Shape, weight_shape: Shape, options: dict[str, Any]
) -> None:
    """With this geometry, the reference of conv2d's backward pass computes PyTorch's values."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x, weight = rng.standard_normal(x_shape), rng.standard_normal(weight_shape)
    g = geometry.transposed("f", x_shape, weight_shape, **options)
    y = np.full(g.x_shape, np.nan)
    reference.conv2d_backward(x, y, weight, y, None, None, g.sizes2d, 0)
    x, weight = map(torch.from_numpy, (x, weight))
    expected = torch.nn.functional.conv_transpose2d(x, weight, **options)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [*CONV2D_CASES, *POOL2D_CASES], ids=lambda case: case.id)
def test_geometries_are_plain_integers(case: Conv2dCase | Pool2dCase) -> None:
    """The C struct is filled from them, so none may be a NumPy integer or a bool."""
    assert {type(size) for size in case.geometry} == {int}
    assert min(case.geometry) >= 0


@pytest.mark.parametrize(
    "two", [(2, 2), [2, 2], np.array([2, 2]), (np.int64(2), np.uint8(2)), 2, np.int32(2)], ids=repr
)
def test_sizes_may_be_written_in_many_ways(two: Any) -> None:
    assert geometry.window("f", (1, 1, 9, 9), two, two, two, two) == geometry.window(
        "f", (1, 1, 9, 9), (2, 2), (2, 2), (2, 2), (2, 2)
    )
    assert geometry.pool("f", (1, 1, 9, 9), two, two) == geometry.pool("f", (1, 1, 9, 9), 2, 2)
    assert {type(size) for size in geometry.pool("f", (1, 1, 9, 9), two, two).sizes2d} == {int}


CACHED: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (geometry.window, ((1, 2, 9, 9), (2, 2), (2, 2), (1, 1), (1, 1))),
    (geometry.conv, ((1, 2, 9, 9), (3, 2, 2, 2), (2, 2), (1, 1), (1, 1), 1)),
    (geometry.pool, ((1, 2, 9, 9), (2, 2), (2, 2), (1, 1), (1, 1))),
]
NAMES = [function.__name__ for function, _ in CACHED]


@pytest.mark.parametrize(("function", "arguments"), CACHED, ids=NAMES)
def test_a_cached_geometry_does_not_excuse_another_type(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """(2, 2), (2.0, 2.0) and (True, True) are equal keys of a dictionary."""
    good = function("f", *arguments)
    for i, value in enumerate(arguments):
        if i == 0 or (function is geometry.conv and i == 1):
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
            geometry.window(name, (1, 1, 9, 9), 2, 0)


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
def test_per_axis_says_what_is_wrong(value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        geometry.per_axis("f", "x", value, 2, 1)
    assert str(raised.value) == text


def test_per_axis_takes_one_number_or_one_for_each() -> None:
    assert geometry.per_axis("f", "x", 3, 2, 1) == (3, 3)
    assert geometry.per_axis("f", "x", [3, np.int8(0)], 2, 0) == (3, 0)
    assert geometry.per_axis("f", "x", 3, 1, 1) == geometry.per_axis("f", "x", [3], 1, 1) == (3,)
    assert geometry.per_axis("f", "x", range(3), 3, 0) == (0, 1, 2)
    assert geometry.per_axis("f", "x", (3,), 2, 1) == (3, 3)


@pytest.mark.parametrize(
    ("axes", "value", "error", "text"),
    [
        (1, "2", TypeError, "f: x must be an int (got '2')"),
        (1, (1, 2), ValueError, "f: x must have 1 items (got 2: (1, 2))"),
        (3, 2.5, TypeError, "f: x must be an int or 3 ints (got 2.5)"),
        (3, (1, 2), ValueError, "f: x must have 3 items (got 2: (1, 2))"),
    ],
)
def test_per_axis_knows_the_number_of_axes(
    axes: int, value: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        geometry.per_axis("f", "x", value, axes, 1)
    assert str(raised.value) == text


def test_an_array_must_be_addressable_in_float64() -> None:
    geometry.check_size("f", "x", (2**60 - 1,))
    geometry.check_size("f", "x", (0, 2**20))
    for shape in ((2**60,), (2**30, 2**30), (2**70, 1), (0, 2**40, 2**40), (2**40, 0, 2**70)):
        with pytest.raises(ValueError) as raised:
            geometry.check_size("f", "x", shape)
        assert str(raised.value) == f"f: x would be too large (shape {shape})"


def test_addressable_means_that_numpy_can_allocate_it() -> None:
    """NumPy omits zeros from the product; so must the bound, or NumPy's error is raised."""
    with pytest.raises(ValueError, match="too big"):
        np.empty((0, 2**40, 2**40))


TOO_LARGE = [
    (geometry.window, ((2**20,) * 4, 1), "x would"),
    (geometry.window, ((1, 1, 3, 3), 1, 1, 2**30), "the padded x would"),
    (geometry.window, ((1, 1, 2**29, 2**29), 3, 1, 1), "cols would"),
    (geometry.window, ((0, 1, 3, 3), 1, 1, 2**30), "the padded x would"),
    (geometry.conv, ((2**20,) * 4, (1, 2**20, 1, 1)), "x would"),
    (geometry.conv, ((1, 1, 3, 3), (1, 1, 1, 1), 1, 2**30), "the padded x would"),
    (geometry.conv, ((1, 1, 2**20, 2**20), (2**20, 1, 1, 1)), "the result would"),
    (geometry.conv, ((0, 1, 1, 1), (2**60, 1, 1, 1)), "weight would"),
    (geometry.conv, ((0, 2**15, 2**20, 2**20), (1, 2**15, 9, 9)), "one image unfolded would"),
    (geometry.pool, ((2**30, 2**20, 2**10, 2**10), 1), "x would"),
    (geometry.pool, ((2**59, 1, 1, 1), 2, 1, 1), "the result would"),
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
    """Sizes and steps become ptrdiff_t, as do the products in addresses."""
    for i in range(len(arguments)):
        for value in (2**31, 2**40, 2**62, 2**63, 2**70):
            if i == 0 or (function is geometry.conv and i in (1, 5)):
                continue
            try:
                g = function("f", *arguments[:i], value, *arguments[i + 1 :])
            except ValueError as error:
                assert str(error).startswith("f: ")  # noqa: PT017
            else:
                assert max(g.sizes2d) * max(g.sizes2d.w, 1) <= MAX


def test_a_plane_must_fit_into_an_int32_argmax() -> None:
    geometry.pool("f", (1, 1, 2**31 - 1, 1), 1)
    with pytest.raises(ValueError) as raised:
        geometry.pool("f", (1, 1, 2**16, 2**15), 1)
    assert str(raised.value) == "f: an image must have at most 2147483647 pixels (got 65536x32768)"


MESSAGES = [
    (geometry.window, ((1, 1, 3, 4), (4, 1)),
     "f: kernel_size, dilated, must fit into the padded input (got 4x1 and 3x4)"),
    (geometry.window, ((1, 1, 3, 4), 2, 1, 1, (2, 6)),
     "f: kernel_size, dilated, must fit into the padded input (got 3x7 and 5x6)"),
    (geometry.window, ((1, 1, 3, 4), 2, 2, "same"),
     "f: padding='same' needs stride 1 (got (2, 2))"),
    (geometry.window, ((1, 1, 3, 4), 2, 1, "reflect"),
     "f: padding must be a number, a pair, 'valid' or 'same' (got 'reflect')"),
    (geometry.window, ((1, 1, 3, 4), 2, 1, -1), "f: padding must be at least 0 (got -1)"),
    (geometry.window, ((1, 1, 3, 4), 0), "f: kernel_size must be at least 1 (got 0)"),
    (geometry.window, ((1, 1, 3, 4), 1, 1, 0, (1, 0)),
     "f: dilation must be at least 1 (got (1, 0))"),
    (geometry.window, ((1, 1, 3, 4), 1, 1, ((1, 2), (0, -1))),
     "f: padding must be at least 0 (got (2, -1))"),
    (geometry.window, ((1, 1, 3, 4), 1, 1, ((1, 2),) * 3),
     "f: padding must have 2 items (got 3: (1, 1, 1))"),
    (geometry.window, ((1, 1, 2, 3, 4), (1, 4, 1)),
     "f: kernel_size, dilated, must fit into the padded input (got 1x4x1 and 2x3x4)"),
    (geometry.conv, ((1, 4, 3, 4), (4, 4, 1, 1), 1, 0, 1, 0),
     "f: groups must be at least 1 (got 0)"),
    (geometry.conv, ((1, 4, 3, 4), (4, 4, 1, 1), 1, 0, 1, 3),
     "f: groups must divide x.shape[1] (got 3 and 4)"),
    (geometry.conv, ((1, 4, 3, 4), (5, 2, 1, 1), 1, 0, 1, 2),
     "f: groups must divide weight.shape[0] (got 2 and 5)"),
    (geometry.conv, ((1, 4, 3, 4), (6, 4, 1, 1), 1, 0, 1, 2),
     "f: weight.shape[1] must equal x.shape[1] / groups (got 4 and 2)"),
    (geometry.conv, ((1, 4, 3, 4), (6, 4, 1, 0)),
     "f: weight.shape[2:] must be at least 1x1 (got 1x0)"),
    (geometry.pool, ((1, 1, 9, 9), (3, 2), 1, (2, 0)),
     "f: padding must be at most half of kernel_size (got (2, 0) and (3, 2))"),
    (geometry.pool, ((1, 1, 3, 4), 4),
     "f: kernel_size, dilated, must fit into the padded input (got 4x4 and 3x4)"),
    (geometry.pool, ((1, 1, 2, 4), 4, 1, 0, 1, True),
     "f: kernel_size, dilated, must fit into the padded input, or hang over it by less than stride "
     "(got 4x4 and 2x4)"),
    (geometry.transposed, ((1, 4, 3, 4), (3, 4, 1, 1)),
     "f: weight.shape[0] must equal x.shape[1] (got 3 and 4)"),
    (geometry.transposed, ((1, 4, 3, 4), (4, 4, 1, 1), 1, 0, 0, 1, 3),
     "f: groups must divide x.shape[1] (got 3 and 4)"),
    (geometry.transposed, ((1, 4, 3, 4), (4, 4, 1, 1), 2, 0, (1, 2)),
     "f: output_padding must be less than stride or dilation (got (1, 2), (2, 2) and (1, 1))"),
    (geometry.transposed, ((1, 4, 3, 1), (4, 4, 1, 2), 1, 1),
     "f: the result must be at least 1 on every axis (got [1, 0])"),
]  # fmt: skip


@pytest.mark.parametrize(
    "padding", [((1, 2), 3), ((1, 2, 3), (1, 2)), ((1.0, 2), (1, 2)), ([1], [1])]
)
def test_what_is_no_padding(padding: Any) -> None:
    with pytest.raises(TypeError, match="f: padding must be an int or a pair of ints"):
        geometry.window("f", (1, 1, 9, 9), 2, 1, padding)


@pytest.mark.parametrize(("function", "arguments", "text"), MESSAGES)
def test_a_message_names_both_sides(
    function: Callable[..., Any], arguments: tuple[Any, ...], text: str
) -> None:
    with pytest.raises(ValueError) as raised:
        function("f", *arguments)
    assert str(raised.value) == text


def test_the_cells_of_a_tap() -> None:
    g = geometry.conv("f", (1, 1, 5), (1, 1, 3), 2, 3, 2)
    (axis,) = g.axes
    padded = [None] * 3 + list(range(5)) + [None] * 3
    for tap in range(3):
        outputs, cells = axis.cells(tap)
        read = [padded[2 * i + 2 * tap] for i in range(axis.output)]
        assert read[outputs] == list(range(5))[cells]
        assert [i for i, cell in enumerate(read) if cell is not None] == list(
            range(*outputs.indices(axis.output))
        )


def test_other_numbers_of_axes_on_two_axes() -> None:
    g = geometry.conv("f", (2, 4, 7, 6, 5), (6, 2, 3, 2, 1), 2, 1, groups=2)
    assert g.images.x_shape == (2 * 4, 4 * 3, 6, 5)
    assert g.images.weight_shape == (6, 2 * 3, 2, 1)
    assert g.images.y_shape == (2 * 4, 6, *g.output[1:])
    assert geometry.conv("f", g.x_shape, g.weight_shape, **g.options) == g
    assert geometry.conv("f", (2, 4, 7), (6, 4, 3)).images.x_shape == (2, 4, 1, 7)
    window = geometry.pool("f", (2, 4, 8, 6, 5), 2)
    assert [stage.x_shape for stage in window.stages] == [(2, 32, 6, 5), (2, 4, 8, 6)]
    assert [stage.y_shape for stage in window.stages] == [(2, 32, 3, 2), (2, 4, 4, 6)]
