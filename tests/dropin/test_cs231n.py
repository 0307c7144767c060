"""The fast layers of CS231n, against plain sums over windows."""

import numpy as np
import pytest

from cnet.dropin import cs231n
from oracle import reference

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(4, 3, 9, 8)), RNG.normal(size=(5, 3, 3, 2)), RNG.normal(size=5)
PARAMS = [{"stride": 1, "pad": 0}, {"stride": 1, "pad": 1}, {"stride": 2, "pad": 1}]
POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("param", PARAMS, ids=str)
@pytest.mark.parametrize("variant", ["fast", "im2col", "strides"])
def test_convolution(variant, param):
    options = {"stride": param["stride"], "padding": param["pad"]}
    forward = getattr(cs231n, f"conv_forward_{variant}")
    out, cache = forward(X, W, B, param)
    close(out, reference.conv2d(X, W, B, **options))
    dout = RNG.normal(size=out.shape)
    gradients = getattr(cs231n, f"conv_backward_{variant}")(dout, cache)
    for gradient, expected in zip(
        gradients, reference.conv2d_backward(dout, X, W, **options), strict=True
    ):
        close(gradient, expected)


def test_the_cache_of_a_convolution():
    param = {"stride": 1, "pad": 1}
    columns = reference.im2col(X, (3, 2), padding=1)
    for forward, order in (
        (cs231n.conv_forward_fast, columns.transpose(1, 0, 2)),
        (cs231n.conv_forward_im2col, columns.transpose(1, 2, 0)),
    ):
        _, cache = forward(X, W, B, param)
        x, w, b, conv_param, x_cols = cache
        assert (x is X, w is W, b is B, conv_param is param) == (True,) * 4
        np.testing.assert_array_equal(x_cols, order.reshape(18, -1))
        assert len(cache) == 5
        np.testing.assert_array_equal(cache[-1], x_cols)
        assert cache[:2] == (X, W)


def test_weights_are_read_afresh():
    out, cache = cs231n.conv_forward_fast(X, W.copy(), B, PARAMS[0])
    cache[1][...] = 0
    dx, _, _ = cs231n.conv_backward_fast(np.ones_like(out), cache)
    assert not dx.any()


@pytest.mark.parametrize(
    ("dtype", "expected"), [("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("u1", "f8")]
)
def test_dtypes(dtype, expected):
    x, w, b = (10 * np.abs(array) for array in (X, W, B))
    x, w, b = x.astype(dtype), w.astype(dtype), b.astype(dtype)
    out, cache = cs231n.conv_forward_fast(x, w, b, PARAMS[0])
    assert out.dtype == expected
    assert all(g.dtype == expected for g in cs231n.conv_backward_fast(out, cache))
    out, cache = cs231n.max_pool_forward_fast(x[:, :, :8], POOL)
    assert out.dtype == cs231n.max_pool_backward_fast(out, cache).dtype == expected


@pytest.mark.parametrize(("window", "stride"), [((2, 2), 2), ((3, 2), 1), ((2, 3), 2), ((3, 3), 2)])
def test_max_pooling(window, stride):
    param = {"pool_height": window[0], "pool_width": window[1], "stride": stride}
    x = RNG.permutation(X[:, :, :8].ravel()).reshape(4, 3, 8, 8)
    out, cache = cs231n.max_pool_forward_fast(x, param)
    expected, argmax = reference.max_pool2d(x, window, stride)
    np.testing.assert_array_equal(out, expected)
    dout = RNG.normal(size=out.shape)
    dx = reference.max_pool2d_backward(dout, argmax, x.shape)
    close(cs231n.max_pool_backward_fast(dout, cache), dx)
    assert cache[0] == ("reshape" if window == (2, 2) else "im2col")
    plain = cache[0], tuple(cache[1])
    close(cs231n.max_pool_backward_fast(dout, plain), dx)


def test_equal_maxima():
    x = np.array([[[[1.0, 1, 0, 0], [1, 0, 0, 0]]]])
    _, cache = cs231n.max_pool_forward_fast(x, POOL)
    dx = cs231n.max_pool_backward_fast(np.array([[[[3.0, 4.0]]]]), cache)
    assert dx.tolist() == [[[[1, 1, 1, 1], [1, 0, 1, 1]]]]
    _, cache = cs231n.max_pool_forward_im2col(x, POOL)
    dx = cs231n.max_pool_backward_im2col(np.array([[[[3.0, 4.0]]]]), cache)
    assert dx.tolist() == [[[[3, 0, 4, 0], [0, 0, 0, 0]]]]


def test_all_cells_of_a_large_window_are_equal():
    x = np.zeros((1, 1, 16, 16), np.float32)
    param = {"pool_height": 16, "pool_width": 16, "stride": 16}
    _, cache = cs231n.max_pool_forward_fast(x, param)
    dx = cs231n.max_pool_backward_fast(np.full((1, 1, 1, 1), 256, np.float32), cache)
    assert dx.dtype == np.float32
    assert (dx == 1).all()


def test_an_infinite_gradient_goes_to_the_maximum_alone():
    x = np.array([[[[1.0, 2], [0, 0]]]])
    _, cache = cs231n.max_pool_forward_fast(x, POOL)
    dx = cs231n.max_pool_backward_fast(np.full((1, 1, 1, 1), np.inf), cache)
    assert dx.tolist() == [[[[0, np.inf], [0, 0]]]]


def test_the_caches_of_max_pooling():
    x = X[:, :, :8]
    _, (_, (_, x_reshaped, out)) = cs231n.max_pool_forward_fast(x, POOL)
    np.testing.assert_array_equal(x_reshaped.max((3, 5)), out)
    _, (same, x_cols, argmax, param) = cs231n.max_pool_forward_im2col(x, POOL)
    assert same is x
    assert param is POOL
    columns = reference.im2col(x.reshape(12, 1, 8, 8), 2, 2).transpose(1, 2, 0).reshape(4, -1)
    np.testing.assert_array_equal(x_cols, columns)
    np.testing.assert_array_equal(argmax, columns.argmax(0))


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (0, 2), (1, 2)])
def test_columns(padding, stride):
    options = {"padding": padding, "stride": stride}
    columns = reference.im2col(X, (3, 2), **options)
    cols = cs231n.im2col_indices(X, 3, 2, **options)
    np.testing.assert_array_equal(cols, columns.transpose(1, 2, 0).reshape(18, -1))
    np.testing.assert_array_equal(cs231n.im2col_cython(X, 3, 2, padding, stride), cols)
    folded = reference.col2im(columns, X.shape, (3, 2), **options)
    close(cs231n.col2im_indices(cols, X.shape, 3, 2, **options), folded)
    close(cs231n.col2im_cython(cols, *X.shape, 3, 2, padding, stride), folded)
    oh = (9 + 2 * padding - 3) // stride + 1
    six = columns.transpose(1, 0, 2).reshape(3, 3, 2, 4, oh, -1)
    close(cs231n.col2im_6d_cython(six, *X.shape, 3, 2, padding, stride), folded)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cs231n.conv_forward_fast(X, W, B, {"pad": 1}), ValueError, "the key 'stride'"),
        (lambda: cs231n.conv_forward_fast(X[0], W, B, PARAMS[0]), ValueError, "x must have 4"),
        (lambda: cs231n.conv_forward_fast(X, W[:, :2], B, PARAMS[0]), ValueError, "weight.shape"),
        (lambda: cs231n.conv_forward_fast("x", W, B, PARAMS[0]), TypeError, "x must hold real"),
        (lambda: cs231n.max_pool_forward_reshape(X, POOL), ValueError, "must be squares that tile"),
        (lambda: cs231n.max_pool_backward_fast(X, ("sort", ())), ValueError, "got 'sort'"),
        (lambda: cs231n.max_pool_forward_fast(X, {}), ValueError, "the key 'pool_height'"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
