"""Columns of windows, and rearrangements of pixels and channels."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import kernels
from cnet.gradcheck import gradcheck

WINDOW = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_unfold():
    x = numbers(2, 3, 5, 6)
    y = F.unfold(x, **WINDOW)
    np.testing.assert_array_equal(y, kernels.im2col(x, **WINDOW))
    np.testing.assert_array_equal(F.unfold(x[0], **WINDOW), y[0])
    np.testing.assert_array_equal(F.unfold(x, (3, 2), (1, 2), (1, 0), (2, 1)), y)
    assert gradcheck(lambda x: F.unfold(x, **WINDOW), x)


def test_fold():
    cols = numbers(2, 18, 12)
    y = F.fold(cols, (5, 6), **WINDOW)
    np.testing.assert_array_equal(y, kernels.col2im(cols, (2, 3, 5, 6), **WINDOW))
    np.testing.assert_array_equal(F.fold(cols[0], (5, 6), **WINDOW), y[0])
    assert gradcheck(lambda x: F.fold(x, (5, 6), **WINDOW), cols)


def test_pixel_shuffle():
    x = np.arange(2 * 18 * 2 * 3.0).reshape(2, 18, 2, 3)
    y = F.pixel_shuffle(x, 3)
    assert y.shape == (2, 2, 6, 9)
    for c, h, w in ((0, 0, 0), (1, 4, 2), (0, 5, 8)):
        expected = x[:, 9 * c + 3 * (h % 3) + w % 3, h // 3, w // 3]
        np.testing.assert_array_equal(y[:, c, h, w], expected)
    np.testing.assert_array_equal(F.pixel_unshuffle(y, 3), x)
    np.testing.assert_array_equal(F.pixel_shuffle(x[0], 3), y[0])
    assert gradcheck(lambda x: F.pixel_shuffle(x, 3), x)
    assert gradcheck(lambda x: F.pixel_unshuffle(x, 2), numbers(3, 4, 6))


def test_channel_shuffle():
    x = np.arange(12).reshape(1, 6, 2)
    assert F.channel_shuffle(x, 3)[0, :, 0].tolist() == [0, 4, 8, 2, 6, 10]
    assert F.native_channel_shuffle(x, 2)[0, :, 0].tolist() == [0, 6, 2, 8, 4, 10]
    assert gradcheck(lambda x: F.channel_shuffle(x, 3), numbers(2, 6, 3, 2))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "unfold: input must have 4 dimensions, or 3 for one image",
         lambda: F.unfold(np.zeros((2, 2)), 1)),
        (ValueError, "unfold: kernel_size, dilated, must fit into the padded input (got 3x3 and "
         "2x2)",
         lambda: F.unfold(np.zeros((1, 2, 2)), 3)),
        (ValueError, "fold: input must have 3 dimensions, or 2 for one image (got 1",
         lambda: F.fold(np.zeros(4), 2, 2)),
        (ValueError, "fold: the number of rows of input must be a multiple of the cells of a "
         "window (got 6 and 4)", lambda: F.fold(np.zeros((6, 4)), 3, 2)),
        (ValueError, "fold: the number of columns of input must be the number of windows "
         "(got 3 and 4)", lambda: F.fold(np.zeros((4, 3)), 3, 2)),
        (ValueError, "pixel_shuffle: the channels of input must be a multiple of upscale_factor "
         "** 2 (got 6 and 4)", lambda: F.pixel_shuffle(np.zeros((6, 1, 1)), 2)),
        (ValueError, "pixel_shuffle: input must have at least 3 dimensions (got 2",
         lambda: F.pixel_shuffle(np.zeros((6, 1)), 2)),
        (ValueError, "pixel_shuffle: upscale_factor must be at least 1 (got 0)",
         lambda: F.pixel_shuffle(np.zeros((4, 1, 1)), 0)),
        (TypeError, "pixel_unshuffle: downscale_factor must be an int (got 2.0)",
         lambda: F.pixel_unshuffle(np.zeros((4, 2, 2)), 2.0)),
        (ValueError, "pixel_unshuffle: height and width of input must be multiples of "
         "downscale_factor (got 3, 2 and 2)", lambda: F.pixel_unshuffle(np.zeros((1, 3, 2)), 2)),
        (ValueError, "channel_shuffle: groups must divide the channels of input (got 4 and 6)",
         lambda: F.channel_shuffle(np.zeros((1, 6, 1)), 4)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert message in str(caught.value)
