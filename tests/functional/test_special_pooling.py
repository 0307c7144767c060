"""Unpooling, power-average pooling and fractional max pooling."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck

SIZES = (6, 4, 8)
AXES = pytest.mark.parametrize("axes", [1, 2, 3])


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.arange(np.prod(shape)) * 0.1 + 1).reshape(shape)


@AXES
def test_max_unpool(axes):
    x = distinct(2, 3, *SIZES[:axes])
    pool, unpool = getattr(F, f"max_pool{axes}d"), getattr(F, f"max_unpool{axes}d")
    y, indices = pool(x, 2, return_indices=True)
    back = unpool(y, indices, 2)
    assert back.shape == x.shape
    repeated = y.numpy()
    for axis in range(2, axes + 2):
        repeated = np.repeat(repeated, 2, axis)
    np.testing.assert_array_equal(back, np.where(x == repeated, x, 0))
    np.testing.assert_array_equal(unpool(y[0], indices[0], 2), back[0])
    assert unpool(y, indices, 2, output_size=[n + 1 for n in SIZES[:axes]]).shape[2:] == tuple(
        n + 1 for n in SIZES[:axes]
    )
    assert gradcheck(lambda y: unpool(y, indices.numpy(), 2), y.numpy())


@AXES
@pytest.mark.parametrize("p", [1, 2, 3.0])
def test_lp_pool(axes, p):
    x = distinct(2, 3, *SIZES[:axes])
    pool = getattr(F, f"lp_pool{axes}d")
    blocks = x.reshape(2, 3, *[n for size in SIZES[:axes] for n in (size // 2, 2)])
    expected = (blocks**p).sum(tuple(range(3, 3 + 2 * axes, 2))) ** (1 / p)
    np.testing.assert_allclose(pool(x, p, 2), expected)
    assert gradcheck(lambda x: pool(x, p, 2, 1), x[0])


@pytest.mark.parametrize("axes", [2, 3])
def test_fractional_max_pool(axes):
    x = distinct(2, 3, *(9, 8, 7)[:axes])
    pool = getattr(F, f"fractional_max_pool{axes}d")
    samples = np.random.default_rng(1).random((2, 3, axes))
    y, indices = pool(x, 2, 4, return_indices=True, _random_samples=samples)
    order = [1, 0] if axes == 2 else [0, 1, 2]
    starts = []
    for axis, number in enumerate(order):
        mean = (x.shape[2 + axis] - 2) / 3
        u = samples[..., number, None]
        starts.append(np.append(((np.arange(3) + u) * mean).astype(int) - (u * mean).astype(int),
                                np.full((2, 3, 1), x.shape[2 + axis] - 2), -1))  # fmt: skip
    for place in np.ndindex(y.shape):
        corner = [s[place[:2]][i] for s, i in zip(starts, place[2:], strict=True)]
        window = x[(*place[:2], *[slice(i, i + 2) for i in corner])]
        assert y.numpy()[place] == window.max()
    flat = x.reshape(2, 3, -1)
    taken = np.take_along_axis(flat, indices.numpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(taken.reshape(y.shape), y)
    assert gradcheck(lambda x: pool(x, 2, output_ratio=0.5, _random_samples=samples), x)


def test_fractional_max_pool_follows_the_seed():
    x = distinct(1, 2, 20, 20)
    state = cnet.get_rng_state()
    cnet.manual_seed(0)
    first, second = (F.fractional_max_pool2d(x, 3, 7).numpy() for _ in range(2))
    cnet.manual_seed(0)
    np.testing.assert_array_equal(F.fractional_max_pool2d(x, 3, 7), first)
    cnet.set_rng_state(state)
    assert not np.array_equal(first, second)
    assert F.fractional_max_pool2d(x[0], 3, (4, 5)).shape == (2, 4, 5)


X = np.ones((1, 1, 4))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "max_unpool1d: indices.shape must equal input.shape (got (1, 1, 3) and "
         "(1, 1, 4))", lambda: F.max_unpool1d(X, np.zeros((1, 1, 3), int), 2)),
        (ValueError, "max_unpool1d: indices must be at least 0 and less than the cells of the "
         "result (got 9 to 9, and 8)", lambda: F.max_unpool1d(X, np.full((1, 1, 4), 9), 2)),
        (TypeError, "max_unpool1d: indices must be integers (got float64)",
         lambda: F.max_unpool1d(X, X, 2)),
        (ValueError, "max_unpool1d: output_size must differ from (8,) by less than stride "
         "(got (10,) and stride (2,))",
         lambda: F.max_unpool1d(X, X.astype(int), 2, output_size=(10,))),
        (ValueError, "lp_pool1d: norm_type must not be zero", lambda: F.lp_pool1d(X, 0, 2)),
        (ValueError, "fractional_max_pool2d: exactly one of output_size and output_ratio",
         lambda: F.fractional_max_pool2d(np.ones((1, 4, 4)), 2)),
        (ValueError, "fractional_max_pool2d: output_ratio must be 2 numbers between 0 and 1",
         lambda: F.fractional_max_pool2d(np.ones((1, 4, 4)), 2, output_ratio=1.5)),
        (ValueError, "fractional_max_pool2d: output_size + kernel_size - 1 must be at most",
         lambda: F.fractional_max_pool2d(np.ones((1, 4, 4)), 2, 4)),
        (ValueError, "fractional_max_pool3d: _random_samples must have the shape (n, c, 3)",
         lambda: F.fractional_max_pool3d(np.ones((1, 4, 4, 4)), 2, 2, _random_samples=X)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert message in str(caught.value)
