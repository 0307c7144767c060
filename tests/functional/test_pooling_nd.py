"""Pooling with one to three axes, and adaptive pooling, against windows in NumPy."""

from itertools import product

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck

SIZES, KERNEL = (7, 6, 5), (3, 2, 3)
AXES = pytest.mark.parametrize("axes", [1, 2, 3])


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.arange(np.prod(shape)) * 0.1).reshape(shape)


def windows(x, starts, ends, reduce):
    """A reduction of the window between each combination of starts and ends of the axes."""
    y = np.zeros((*x.shape[:2], *map(len, starts)), x.dtype)
    for place in product(*[range(len(s)) for s in starts]):
        cells = [slice(s[i], e[i]) for s, e, i in zip(starts, ends, place, strict=True)]
        part = x[(slice(None), slice(None), *cells)]
        y[(..., *place)] = reduce(part.reshape(*x.shape[:2], -1), -1)
    return y


@AXES
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8])
def test_max_pool(axes, dtype):
    x = (10 * distinct(2, 2, *SIZES[:axes])).astype(dtype)
    pool, kernel = getattr(F, f"max_pool{axes}d"), KERNEL[:axes]
    starts = [range(0, size - k + 1, 2) for size, k in zip(SIZES[:axes], kernel, strict=True)]
    ends = [[s + k for s in starts] for starts, k in zip(starts, kernel, strict=True)]
    y, indices = pool(x, kernel, 2, return_indices=True)
    np.testing.assert_array_equal(y, windows(x, starts, ends, np.max))
    assert y.dtype == dtype
    assert indices.dtype == np.int64
    flat = x.reshape(2, 2, -1)
    taken = np.take_along_axis(flat, indices.numpy().reshape(2, 2, -1), -1)
    np.testing.assert_array_equal(taken.reshape(y.shape), y)


@AXES
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1}, {"stride": (2,), "ceil_mode": True}], ids=str
)
def test_gradients(axes, options):
    x, kernel = distinct(1, 2, *SIZES[:axes]), KERNEL[:axes]
    dilated = {**options, "dilation": 2, "padding": 1, "kernel_size": 2}
    assert gradcheck(lambda x: getattr(F, f"max_pool{axes}d")(x, kernel, **options), x)
    assert gradcheck(lambda x: getattr(F, f"max_pool{axes}d")(x, **dilated), x)
    assert gradcheck(lambda x: getattr(F, f"avg_pool{axes}d")(x, kernel, **options), x)
    counted = {**options, "count_include_pad": False}
    assert gradcheck(lambda x: getattr(F, f"avg_pool{axes}d")(x[0], kernel, **counted), x)
    assert gradcheck(lambda x: getattr(F, f"max_pool{axes}d")(x[0], kernel, **options), x)


@AXES
def test_avg_pool(axes):
    x = distinct(2, 2, *SIZES[:axes])
    pool, kernel = getattr(F, f"avg_pool{axes}d"), KERNEL[:axes]
    starts = [range(0, size - k + 1, 2) for size, k in zip(SIZES[:axes], kernel, strict=True)]
    ends = [[s + k for s in starts] for starts, k in zip(starts, kernel, strict=True)]
    expected = windows(x, starts, ends, np.mean)
    np.testing.assert_allclose(pool(x, kernel, 2), expected)
    if axes > 1:
        y = pool(x, kernel, 2, divisor_override=-7)
        np.testing.assert_allclose(y, expected * np.prod(kernel) / -7)


@AXES
@pytest.mark.parametrize("outputs", [(3, 2, 5), (7, 4, 3), (1, 1, 1), (9, None, 1)])
def test_adaptive_pooling(axes, outputs):
    x, outputs = distinct(2, 2, *SIZES[:axes]), outputs[:axes]
    counts = [n or size for n, size in zip(outputs, SIZES, strict=False)]
    starts = [[i * s // n for i in range(n)] for s, n in zip(SIZES, counts, strict=False)]
    ends = [[-(-(i + 1) * s // n) for i in range(n)] for s, n in zip(SIZES, counts, strict=False)]
    average, maximum = (
        getattr(F, f"adaptive_avg_pool{axes}d"),
        getattr(F, f"adaptive_max_pool{axes}d"),
    )
    np.testing.assert_allclose(average(x, outputs), windows(x, starts, ends, np.mean))
    y, indices = maximum(x, outputs, return_indices=True)
    np.testing.assert_array_equal(y, windows(x, starts, ends, np.max))
    taken = np.take_along_axis(x.reshape(2, 2, -1), indices.numpy().reshape(2, 2, -1), -1)
    np.testing.assert_array_equal(taken.reshape(y.shape), y)
    np.testing.assert_array_equal(average(x[0], outputs), average(x, outputs)[0])
    assert gradcheck(lambda x: average(x, outputs), x)
    assert gradcheck(lambda x: maximum(x, outputs), x)


def test_a_window_without_cells():
    options = {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 2, "return_indices": True}
    for dtype, least in ((np.float64, -np.inf), (np.int16, np.iinfo(np.int16).min)):
        y, indices = F.max_pool1d(np.ones((1, 1, 1), dtype), **options)
        assert (y.item(), indices.item()) == (least, -1)


def test_nan_and_ties_in_volumes():
    x = np.zeros((1, 1, 2, 2, 2))
    y, indices = F.max_pool3d(x, 2, return_indices=True)
    assert indices.item() == 0
    x[0, 0, 1, 0, 1] = np.nan
    y, indices = F.max_pool3d(x, 2, return_indices=True)
    assert np.isnan(y.item())
    assert indices.item() == 5


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "max_pool1d: input must have 3 dimensions, or 2 for one sequence",
         lambda: F.max_pool1d(np.zeros(4), 2)),
        (ValueError, "max_pool3d: kernel_size, dilated, must fit into the padded input "
         "(got 2x2x3 and 2x2x2)", lambda: F.max_pool3d(np.zeros((1, 1, 2, 2, 2)), (2, 2, 3))),
        (ValueError, "max_pool1d: input must have channels",
         lambda: F.max_pool1d(np.zeros((0, 5)), 2)),
        (TypeError, "avg_pool1d: input.dtype must be float32 or float64 (got int64)",
         lambda: F.avg_pool1d(np.zeros((1, 1, 4), int), 2)),
        (ValueError, "adaptive_avg_pool2d: output_size must have 2 items (got (1, 2, 3))",
         lambda: F.adaptive_avg_pool2d(np.zeros((1, 1, 4, 4)), (1, 2, 3))),
        (ValueError, "adaptive_max_pool1d: output_size must not be negative (got -1)",
         lambda: F.adaptive_max_pool1d(np.zeros((1, 1, 4)), -1)),
        (TypeError, "adaptive_avg_pool1d: output_size must be an int (got 1.5)",
         lambda: F.adaptive_avg_pool1d(np.zeros((1, 1, 4)), 1.5)),
        (TypeError, "adaptive_avg_pool1d: input.dtype must be float32 or float64 (got int64)",
         lambda: F.adaptive_avg_pool1d(np.zeros((1, 1, 4), int), 2)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert message in str(caught.value)
