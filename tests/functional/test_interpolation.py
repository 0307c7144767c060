"""Resizing against NumPy and literals."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_repeats_cells(axes, mode):
    x = numbers(2, 3, *(3, 4, 2)[:axes])
    expected = x
    for axis in range(2, axes + 2):
        expected = np.repeat(expected, 3, axis)
    np.testing.assert_array_equal(F.interpolate(x, scale_factor=3, mode=mode), expected)
    integers = (10 * x).astype(np.int16)
    y = F.interpolate(integers, scale_factor=3, mode=mode)
    np.testing.assert_array_equal(y, (10 * expected).astype(np.int16))
    assert y.dtype == np.int16


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("nearest", [0, 0, 1, 2, 2, 3, 4]), ("nearest-exact", [0, 1, 1, 2, 3, 3, 4])],
)
def test_nearest_positions(mode, expected):
    assert F.interpolate(np.arange(5.0)[None, None], 7, mode=mode)[0, 0].tolist() == expected


@pytest.mark.parametrize(("factor", "repeats"), [(1.1, 1), (2.1, 2)])
def test_images_of_the_same_or_twice_the_size_repeat_cells(factor, repeats):
    x = np.arange(5.0)[None, None, None]
    expected = np.repeat(x, repeats, -1)
    np.testing.assert_array_equal(F.interpolate(x, scale_factor=(1, factor)), expected)


@pytest.mark.parametrize("outputs", [1, 3, 5, 12])
@pytest.mark.parametrize("align_corners", [False, True])
def test_linear(outputs, align_corners):
    x = numbers(2, 3, 5)
    if align_corners:
        positions = np.linspace(0, 4, outputs)
    else:
        positions = (np.arange(outputs) + 0.5) * 5 / outputs - 0.5
    expected = [[np.interp(positions, np.arange(5), line) for line in image] for image in x]
    y = F.interpolate(x, outputs, mode="linear", align_corners=align_corners)
    np.testing.assert_allclose(y, expected, atol=1e-12)


def test_several_axes_are_resized_one_after_another():
    x = numbers(2, 3, 4, 5, 3)
    y = F.interpolate(x, (6, 3, 7), mode="trilinear")
    expected = x
    for axis, outputs in ((2, 6), (3, 3), (4, 7)):
        lines = np.moveaxis(expected, axis, -1)
        flat = lines.reshape(1, -1, lines.shape[-1])
        line = F.interpolate(flat, outputs, mode="linear").numpy()
        expected = np.moveaxis(line.reshape(*lines.shape[:-1], outputs), -1, axis)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("mode", "antialias"), [("bilinear", False), ("bilinear", True), ("bicubic", True)]
)
def test_polynomials_are_reproduced(mode, antialias):
    """Away from the edges, where the filter is cut; by cubic convolution up to squares."""
    power = 2 if mode == "bicubic" else 1
    image = (np.arange(12.0) + 3)[:, None] ** power * np.ones(12)
    y = F.interpolate(image[None, None], (24, 12), mode=mode, antialias=antialias)[0, 0]
    positions = (np.arange(24) + 0.5) / 2 - 0.5 + 3
    np.testing.assert_allclose(y[4:-4, 0], positions[4:-4] ** power)
    np.testing.assert_allclose(F.interpolate(np.ones((1, 1, 9, 9)), (4, 5), mode=mode), 1.0)


def test_literals():
    x = np.array([[[[1.0, 2.0, 4.0, 8.0, 3.0, 1.0]]]])
    y = F.interpolate(x, (1, 3), mode="bilinear", antialias=True)
    weights = np.array([[3, 3, 1, 0, 0, 0], [0, 1, 3, 3, 1, 0], [0, 0, 0, 1, 3, 3]])
    np.testing.assert_allclose(y[0, 0, 0], weights @ x[0, 0, 0] / weights.sum(1))
    y = F.interpolate(x, (1, 12), mode="bicubic")
    weights = np.array([-0.03515625, 0.26171875, 0.87890625, -0.10546875])
    np.testing.assert_allclose(y[0, 0, 0, 4], weights @ x[0, 0, 0, :4])


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 2, 5), {"size": 8, "mode": "linear"}),
        ((1, 2, 5), {"scale_factor": 0.5, "mode": "area"}),
        ((1, 2, 4, 5), {"scale_factor": (1.6, 0.7), "mode": "nearest"}),
        ((1, 2, 4, 5), {"scale_factor": 1.6, "mode": "bilinear", "recompute_scale_factor": True}),
        ((1, 2, 4, 5), {"size": (7, 3), "mode": "bicubic", "align_corners": True}),
        ((1, 2, 7, 6), {"size": (3, 4), "mode": "bicubic", "antialias": True}),
        ((1, 1, 3, 2, 3), {"scale_factor": 2, "mode": "trilinear"}),
    ],
)
def test_gradients(shape, options):
    assert gradcheck(lambda x: F.interpolate(x, **options), numbers(*shape))


def test_former_names():
    x = numbers(1, 2, 3, 4)
    np.testing.assert_array_equal(F.upsample(x, scale_factor=2), F.interpolate(x, scale_factor=2))
    np.testing.assert_array_equal(F.upsample_nearest(x, 5), F.interpolate(x, 5))
    np.testing.assert_array_equal(
        F.upsample_bilinear(x, 5), F.interpolate(x, 5, mode="bilinear", align_corners=True)
    )


IMAGE = np.zeros((1, 1, 4, 4))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "exactly one of size and scale_factor must be given (got None and None)",
         lambda: F.interpolate(IMAGE)),
        (ValueError, "exactly one of size and scale_factor", lambda: F.interpolate(IMAGE, 2, 2)),
        (ValueError, "recompute_scale_factor needs scale_factor",
         lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True)),
        (ValueError, "size must be one number, or one for each of the 2 spatial axes",
         lambda: F.interpolate(IMAGE, (2, 2, 2))),
        (ValueError, "sizes must be at least 1 before and after (got (4, 4) and (0, 2))",
         lambda: F.interpolate(IMAGE, (0, 2))),
        (NotImplementedError, "mode must be one of nearest, nearest-exact, linear",
         lambda: F.interpolate(IMAGE, 2, mode="lanczos")),
        (NotImplementedError, "input must have 3 dimensions in mode 'linear' (got 4)",
         lambda: F.interpolate(IMAGE, 2, mode="linear")),
        (NotImplementedError, "input must have 3, 4 or 5 dimensions (got 2, shape (4, 4))",
         lambda: F.interpolate(IMAGE[0, 0], 2)),
        (ValueError, "align_corners can be set only for the modes linear",
         lambda: F.interpolate(IMAGE, 2, align_corners=False)),
        (ValueError, "antialias needs mode 'bilinear' or 'bicubic' (got 'nearest')",
         lambda: F.interpolate(IMAGE, 2, antialias=True)),
        (TypeError, "size must be an int (got 2.5)", lambda: F.interpolate(IMAGE, (2, 2.5))),
        (TypeError, "input must have a float dtype in mode 'bilinear' (got int64)",
         lambda: F.interpolate(IMAGE.astype(int), 2, mode="bilinear")),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert f"interpolate: {message}" in str(caught.value)


def test_integers_have_no_gradient():
    x = Tensor(np.arange(4).reshape(1, 1, 4))
    assert not F.interpolate(x, 8).requires_grad
