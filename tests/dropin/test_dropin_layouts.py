"""Layouts of images and filters, forms of padding: the same numbers as channels first."""

import numpy as np
import pytest

from cnet import geometry
from cnet import kernels as strict
from cnet.dropin import kernels
from cnet.dropin._convolution import is_faster
from cnet.dropin._layouts import images

RNG = np.random.default_rng(0)
X = RNG.integers(-9, 10, size=(2, 3, 7, 6)).astype(float)
W = RNG.integers(-9, 10, size=(4, 3, 3, 2)).astype(float)
B = RNG.integers(-9, 10, size=4).astype(float)
"""Integers, so that sums are exact in the order of every kernel."""

LAYOUTS = ("nchw", "nhwc", "hwcn", "chwn", "nwhc", "cnhw", "wchn")


def arranged(x, source, target):
    """Axes in another order; axes that `target` lacks must have size 1."""
    x = x.reshape([size for a, size in zip(source, x.shape, strict=True) if a in target])
    present = [letter for letter in source if letter in target]
    return np.ascontiguousarray(x.transpose([present.index(letter) for letter in target]))


def equal(actual, expected):
    assert actual.flags.c_contiguous
    np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("weight_layout", [None, "oihw", "hwio", "ohwi", "iohw", "wohi"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolution(layout, weight_layout, dtype):
    x, w, b = X.astype(dtype), W.astype(dtype), B.astype(dtype)
    y = strict.conv2d(x, w, b, (2, 1), 1)
    gradients = strict.conv2d_backward(y, x, w, (2, 1), 1)
    default = "hwio" if layout.index("c") > layout.index("h") else "oihw"
    of_weight = weight_layout or default
    arrays = arranged(x, "nchw", layout), arranged(w, "oihw", of_weight)
    layouts = {"layout": layout, "weight_layout": weight_layout}
    equal(kernels.conv2d(*arrays, b, (2, 1), 1, **layouts), arranged(y, "nchw", layout))
    dy = arranged(y, "nchw", layout)
    dx, dw, db = kernels.conv2d_backward(dy, *arrays, (2, 1), 1, **layouts)
    equal(dx, arranged(gradients[0], "nchw", layout))
    equal(dw, arranged(gradients[1], "oihw", of_weight))
    equal(db, gradients[2])


@pytest.mark.parametrize(
    ("layout", "weight_layout", "x_axes", "w_axes", "y_axes"),
    [
        ("nchw", None, "chw", "oihw", "chw"),
        ("nchw", None, "hw", "oihw", "chw"),
        ("nchw", None, "hw", "ohw", "chw"),
        ("nchw", None, "hw", "hw", "hw"),
        ("nchw", None, "chw", "hw", "chw"),
        ("nhwc", None, "hwc", "hwio", "hwc"),
        ("nhwc", None, "hw", "hwo", "hwc"),
        ("chw", None, "chw", "oihw", "chw"),
        ("hwc", "ohwi", "hwc", "ohwi", "hwc"),
        ("hwcn", None, "hwc", "hwio", "hwc"),
        ("nhw", "ohw", "nhw", "ohw", "nchw"),
        ("hw", "ohw", "hw", "ohw", "chw"),
        ("hw", "hw", "hw", "hw", "hw"),
    ],
)
def test_axes_may_be_missing(layout, weight_layout, x_axes, w_axes, y_axes):
    x = X if "n" in x_axes else X[:1]
    x, w = (x, W) if "c" in x_axes and "i" in w_axes else (x[:, :1], W[:, :1])
    w = w if "o" in w_axes else w[:1]
    y = strict.conv2d(x, w)
    gradients = strict.conv2d_backward(y, x, w)
    arrays = arranged(x, "nchw", x_axes), arranged(w, "oihw", w_axes)
    layouts = {"layout": layout, "weight_layout": weight_layout}
    equal(kernels.conv2d(*arrays, **layouts), arranged(y, "nchw", y_axes))
    dx, dw, db = kernels.conv2d_backward(arranged(y, "nchw", y_axes), *arrays, **layouts)
    equal(dx, arranged(gradients[0], "nchw", x_axes))
    equal(dw, arranged(gradients[1], "oihw", w_axes))
    equal(db, gradients[2])


@pytest.mark.parametrize("layout", [*LAYOUTS, "chw", "hwc", "hw", "nhw"])
def test_pooling_and_columns(layout):
    x = RNG.integers(0, 4, X.shape).astype(float)
    x = x if "n" in layout else x[:1]
    x = x if "c" in layout else x[:, :1]
    given = arranged(x, "nchw", layout)
    window = (3, 2), (2, 1), 1
    y, indices = strict.max_pool2d(x, *window)
    results = kernels.max_pool2d(given, *window, layout=layout)
    equal(results[0], arranged(y, "nchw", layout))
    equal(results[1], arranged(indices, "nchw", layout))
    dx = strict.max_pool2d_backward(y, indices, x.shape)
    equal(
        kernels.max_pool2d_backward(*results, given.shape, layout=layout),
        arranged(dx, "nchw", layout),
    )
    mean = strict.avg_pool2d(x, *window)
    equal(kernels.avg_pool2d(given, *window, layout=layout), arranged(mean, "nchw", layout))
    np.testing.assert_allclose(
        kernels.avg_pool2d_backward(results[0], given.shape, *window, layout=layout),
        arranged(strict.avg_pool2d_backward(y, x.shape, *window), "nchw", layout),
        rtol=1e-15,
    )
    cols = strict.im2col(x, *window)
    columns = kernels.im2col(given, *window, layout=layout)
    equal(columns, cols if "n" in layout else cols[0])
    back = strict.col2im(cols, x.shape, *window)
    equal(
        kernels.col2im(columns, given.shape, *window, layout=layout),
        arranged(back, "nchw", layout),
    )


@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "stride"), [(1, 8, 3, 1), (8, 1, 3, 2), (3, 64, 1, 2)]
)
def test_gradients_of_different_kernels(channels, filters, kernel, stride):
    x = RNG.integers(-9, 10, size=(4, channels, 28, 28)).astype(float)
    w = RNG.integers(-9, 10, size=(filters, channels, kernel, kernel)).astype(float)
    y = strict.conv2d(x, w, None, stride)
    grad = RNG.integers(-9, 10, size=y.shape).astype(float)
    x_last, filters_last = arranged(x, "nchw", "nhwc"), arranged(w, "oihw", "hwio")
    equal(kernels.conv2d(x_last, filters_last, None, stride, layout="nhwc"),
          arranged(y, "nchw", "nhwc"))  # fmt: skip
    dx, dw, db = strict.conv2d_backward(grad, x, w, stride)
    dy = arranged(grad, "nchw", "nhwc")
    ours = kernels.conv2d_backward(dy, x_last, filters_last, stride, layout="nhwc")
    for actual, expected in zip(
        ours, (arranged(dx, "nchw", "nhwc"), arranged(dw, "oihw", "hwio"), db), strict=True
    ):
        equal(actual, expected)
    nothing = kernels.conv2d_backward(
        dy, x_last, filters_last, stride, needs=(False, False, True), layout="nhwc"
    )
    assert nothing[:2] == (None, None)
    equal(nothing[2], db)


def test_images_with_one_channel_are_not_copied():
    x = arranged(X[:, :1], "nchw", "nhwc")
    one = images("test", "nhwc", 4).with_single("c")
    assert np.shares_memory(one.to_kernels(x), x)
    equal(one.to_kernels(x), X[:, :1])
    equal(one.from_kernels(X[:, :1].copy()), x)
    equal(one.to_kernels(x[::2]), X[::2, :1])
    y, indices = kernels.max_pool2d(x, 2, layout="nhwc")
    expected, positions = strict.max_pool2d(X[:, :1], 2)
    equal(y, arranged(expected, "nchw", "nhwc"))
    equal(indices, arranged(positions, "nchw", "nhwc"))
    dx = kernels.max_pool2d_backward(y, indices, x.shape, layout="nhwc")
    equal(dx, arranged(strict.max_pool2d_backward(expected, positions, (2, 1, 7, 6)),
                       "nchw", "nhwc"))  # fmt: skip


def test_a_bias_for_each_cell():
    x, y = arranged(X, "nchw", "nhwc"), strict.conv2d(X, W)
    bias = RNG.normal(size=y.shape[1:])
    equal(kernels.conv2d(X, W, bias), y + bias)
    equal(kernels.conv2d(X[0], W, bias), y[0] + bias)
    last = kernels.conv2d(x, arranged(W, "oihw", "hwio"), bias.transpose(1, 2, 0), layout="nhwc")
    equal(last, arranged(y + bias, "nchw", "nhwc"))
    hwcn = arranged(X, "nchw", "hwcn")
    y_hwcn = kernels.conv2d(hwcn, W, bias.transpose(1, 2, 0), layout="hwcn", weight_layout="oihw")
    equal(y_hwcn, arranged(y + bias, "nchw", "hwcn"))


PADDINGS = {
    "same": (((1, 1), (0, 1)), ((2, 2), (0, 1))),
    "same_lower": (((1, 1), (1, 0)), ((2, 2), (1, 0))),
    "valid": (((0, 0), (0, 0)),) * 2,
    ((1, 0), (2, 3)): (((1, 0), (2, 3)),) * 2,
    (1, 0, 2, 3): (((1, 0), (2, 3)),) * 2,
    (2, 1): (((2, 2), (1, 1)),) * 2,
    3: (((3, 3), (3, 3)),) * 2,
}
"""Forms of padding, and what they add for a kernel of 3 x 2 with dilation 1 and (2, 1)."""


@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_padding(padding, stride):
    for dilation, pads in zip((1, (2, 1)), PADDINGS[padding], strict=True):
        padded = np.pad(X, ((0, 0), (0, 0), *pads))
        options = stride, padding, dilation
        y = strict.conv2d(padded, W, None, stride, 0, dilation)
        np.testing.assert_allclose(kernels.conv2d(X, W, None, *options), y, rtol=1e-13)
        dx, dw, _ = strict.conv2d_backward(y, padded, W, stride, 0, dilation)
        ours = kernels.conv2d_backward(y, X, W, *options)
        (top, bottom), (left, right) = pads
        inner = dx[:, :, top : dx.shape[2] - bottom, left : dx.shape[3] - right]
        np.testing.assert_allclose(ours[0], inner, rtol=1e-12)
        np.testing.assert_allclose(ours[1], dw, rtol=1e-12)
        cols = strict.im2col(padded, (3, 2), stride, 0, dilation)
        equal(kernels.im2col(X, (3, 2), *options), cols)
        folded = strict.col2im(cols, padded.shape, (3, 2), stride, 0, dilation)
        folded = folded[:, :, top : folded.shape[2] - bottom, left : folded.shape[3] - right]
        equal(kernels.col2im(cols, X.shape, (3, 2), *options), np.ascontiguousarray(folded))
    pads = PADDINGS[padding][0]
    padded = np.pad(X, ((0, 0), (0, 0), *pads))
    for include in (True, False):
        sums = strict.avg_pool2d(padded, (3, 2), stride, divisor_override=1)
        ones = np.pad(np.ones_like(X), ((0, 0), (0, 0), *pads), constant_values=float(include))
        counts = strict.avg_pool2d(ones, (3, 2), stride, divisor_override=1)
        with np.errstate(invalid="ignore"):
            expected = np.where(counts > 0, sums / counts, 0)
        y = kernels.avg_pool2d(X, (3, 2), stride, padding, count_include_pad=include)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-15)


def test_views_are_read_as_they_are():
    given = arranged(X, "nchw", "nhwc")[::-1, :, ::-1]
    expected = kernels.conv2d(given.copy(), W, layout="nhwc", weight_layout="oihw")
    equal(kernels.conv2d(given, W, layout="nhwc", weight_layout="oihw"), expected)
    view = X.transpose(0, 2, 3, 1)
    y = kernels.max_pool2d(view, 2, layout="nhwc")[0]
    equal(y, arranged(strict.max_pool2d(X, 2)[0], "nchw", "nhwc"))
    assert not np.shares_memory(kernels.avg_pool2d(X, 1), X)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layout": "nchx"}, ValueError, "layout must be the letters h and w, and n and c at most"),
        ({"layout": "nhhw"}, ValueError, "in any order"),
        ({"layout": "nch"}, ValueError, "letters h and w"),
        ({"layout": 3}, TypeError, "layout must be a string"),
        ({"weight_layout": "nchw"}, ValueError, "weight_layout must be the letters h and w, and o"),
        ({"weight_layout": "ohw"}, ValueError, "weight must have 2 or 3 dim.*'ohw' .*got 4"),
        ({"layout": "chw"}, ValueError, "x must have 2 or 3 dimensions for layout='chw' .got 4"),
        ({"padding": "full"}, ValueError, "'same' or 'same_lower' .got 'full'"),
        ({"padding": (1, 2, 3)}, ValueError, "padding must have 2 items"),
        ({"padding": 1.5}, TypeError, "padding must be"),
        ({"layout": "nhwc"}, ValueError, "conv2d: "),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        kernels.conv2d(X, W, **arguments)


@pytest.mark.parametrize(("channels", "is_last"), [(16, True), (512, False)])
def test_gradients_of_many_weights_are_computed_with_channels_first(channels, is_last):
    g = geometry.conv("conv2d", (8, channels, 7, 7), (channels, channels, 1, 1))
    assert is_faster(g, "dw", np.dtype(np.float32)) is is_last


@pytest.mark.parametrize(
    "needs", [(True, False, False), (False, True, False), (False, False, True)]
)
@pytest.mark.parametrize("shape", [(2, 9, 9, 4), (2, 9, 9, 64)])
def test_single_gradients_equal_those_of_all(shape, needs):
    """Also if other kernels compute them: each gets only the arrays that it needs."""
    x, w = RNG.normal(size=shape), RNG.normal(size=(3, 3, shape[3], shape[3]))
    grad = RNG.normal(size=shape)
    options = {"padding": 1, "layout": "nhwc"}
    everything = kernels.conv2d_backward(grad, x, w, **options)
    some = kernels.conv2d_backward(grad, x, w, needs=needs, **options)
    for one, expected, need in zip(some, everything, needs, strict=True):
        if need:
            np.testing.assert_allclose(one, expected, rtol=1e-10, atol=1e-10)
        else:
            assert one is None
