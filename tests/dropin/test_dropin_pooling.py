"""Max pooling with rules for equal maxima and numbers in the padding, against loops."""

import numpy as np
import pytest

from cnet.dropin import kernels
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.integers(-3, 3, (2, 3, 7, 6)).astype(float)


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "hwcn"])
@pytest.mark.parametrize("pad_value", [-np.inf, 0, 1.5])
@pytest.mark.parametrize("ties", ["first", "last", "all", "share"])
@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [
        ((2, 2), (2, 2), 0),
        ((3, 2), (1, 2), ((1, 0), (0, 1))),
        ((2, 3), (2, 1), "same"),
        ((2, 2), (2, 2), 2),
    ],
)
def test_rules(layout, pad_value, ties, window, stride, padding):
    order = ["nchw".index(letter) for letter in layout]
    back = [layout.index(letter) for letter in "nchw"]
    pads = {0: ((0, 0),) * 2, 2: ((2, 2),) * 2, "same": ((0, 1), (1, 1))}.get(padding, padding)
    expected = loops.maximum(X, window, stride, pads, pad_value)
    options = {"layout": layout, "ties": ties}
    given = X.transpose(order)
    y, indices = kernels.max_pool2d(given, window, stride, padding, pad_value=pad_value, **options)
    np.testing.assert_array_equal(y.transpose(back), expected)
    grad = RNG.normal(size=expected.shape)
    dx = kernels.max_pool2d_backward(grad.transpose(order), indices, given.shape, **options)
    assert y.flags.c_contiguous
    assert dx.flags.c_contiguous
    assert indices.dtype == np.int32
    wanted = loops.maximum_gradient(grad, X, window, stride, ties, pads, pad_value)
    loops.close(dx.transpose(back), wanted)
    dx = kernels.max_pool2d_gradient(
        grad.transpose(order), given, window, stride, padding, pad_value=pad_value, **options
    )
    assert dx.flags.c_contiguous
    loops.close(dx.transpose(back), wanted)


@pytest.mark.parametrize("channels", [1, 5, 70])
@pytest.mark.parametrize("ties", ["last", "all", "share"])
@pytest.mark.parametrize("window", [(3, 2, 1), (2, 2, 0), (2, 3, 1)])
def test_gradient_on_every_implementation(impl, dtype, window, ties, channels):
    x = RNG.integers(-2, 2, (2, channels, 5, 6)).astype(dtype)
    x[0, 0, 2, 2] = np.nan
    y, indices = kernels.max_pool2d(x, *window, ties=ties)
    grad = RNG.integers(-4, 5, y.shape).astype(dtype)
    expected = kernels.max_pool2d_backward(grad, indices, x.shape, ties=ties)
    dx = kernels.max_pool2d_gradient(grad, x, *window, ties=ties)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-6)
    last = kernels.max_pool2d_gradient(
        loops.last(grad), loops.last(x), *window, ties=ties, layout="nhwc"
    )
    np.testing.assert_allclose(last, loops.last(expected), rtol=1e-6, atol=1e-6)


def test_after_relu_many_cells_are_equal():
    x = np.maximum(RNG.normal(size=(4, 4)), 0) * 0
    for ties, total in {"first": 4, "last": 4, "all": 16, "share": 4}.items():
        y, indices = kernels.max_pool2d(x, 2, ties=ties)
        dx = kernels.max_pool2d_backward(np.ones_like(y), indices, x.shape, ties=ties)
        assert dx.sum() == total
    assert dx[0, 0] == 0.25


def test_all_of_several_nan_are_maxima():
    x = np.array([[np.nan, 1], [np.nan, 2]])
    _, indices = kernels.max_pool2d(x, 2, ties="all")
    np.testing.assert_array_equal(indices.ravel(), [0, -1, 2, -1])


def test_ceil_mode_and_dilation():
    y, _ = kernels.max_pool2d(np.arange(9).reshape(3, 3), 2, ceil_mode=True, ties="last")
    np.testing.assert_array_equal(y, [[4, 5], [7, 8]])
    y, indices = kernels.max_pool2d(np.arange(9).reshape(3, 3), 2, 1, dilation=2, ties="all")
    np.testing.assert_array_equal(y, [[8]])
    np.testing.assert_array_equal(indices, [[[-1, -1, -1, 8]]])


def test_errors():
    with pytest.raises(ValueError, match="max_pool2d: ties must be 'first', 'last', 'all' or 'sh"):
        kernels.max_pool2d(X, 2, ties="none")
    _, indices = kernels.max_pool2d(X, 2, ties="all")
    with pytest.raises(ValueError, match=r"indices must have the axes nchw \(got 5 dimensions"):
        kernels.max_pool2d_backward(np.ones((2, 3, 3, 3)), indices, X.shape)
    with pytest.raises(ValueError, match="grad_output must have the axes nchw"):
        kernels.max_pool2d_backward(np.ones((3, 3, 3)), indices, X.shape, ties="all")
    with pytest.raises(ValueError, match=r"grad_output.shape must equal that of the result"):
        kernels.avg_pool2d_backward(np.ones((2, 3, 3, 2)), X.shape, 2)
