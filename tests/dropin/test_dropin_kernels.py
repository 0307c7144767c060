"""Kernels for arrays of any dtype, single images and biases of any shape."""

import numpy as np
import pytest

from cnet import kernels as strict
from cnet.dropin import kernels

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
W = RNG.normal(size=(4, 3, 3, 3))
B = RNG.normal(size=4)


@pytest.mark.parametrize(
    ("x", "w", "b", "dtype"),
    [
        (np.float32, np.float64, np.float32, np.float64),
        (np.uint8, np.float32, np.float32, np.float32),
        (np.uint8, np.float64, np.float64, np.float64),
        (np.int64, np.float32, np.float32, np.float64),
        (np.float32, np.float32, np.float64, np.float64),
        (np.float16, np.float16, np.float16, np.float64),
        (bool, np.int8, np.int16, np.float64),
        (">f4", np.float32, np.float32, np.float32),
    ],
)
def test_dtypes(x, w, b, dtype):
    arrays = X.astype(x), W.astype(w), B.astype(b)
    y = kernels.conv2d(*arrays, padding=1)
    expected = strict.conv2d(*(array.astype(dtype) for array in arrays), padding=1)
    np.testing.assert_array_equal(y, expected, strict=True)
    for ours, theirs in zip(
        kernels.conv2d_backward(y.astype(dtype), *arrays[:2], padding=1),
        strict.conv2d_backward(y, arrays[0].astype(dtype), arrays[1].astype(dtype), padding=1),
        strict=True,
    ):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "shape", [(4,), (4, 1), (1, 4), (4, 1, 1), (1, 4, 1, 1), (2, 2)], ids=lambda shape: str(shape)
)
def test_bias_shapes(shape):
    expected = strict.conv2d(X.astype(float), W, B)
    np.testing.assert_array_equal(kernels.conv2d(X, W, B.reshape(shape)), expected)
    x = RNG.normal(size=(5, 3))
    matrix = RNG.normal(size=(4, 3))
    np.testing.assert_array_equal(
        kernels.linear(x, matrix, B.reshape(shape)), strict.linear(x, matrix, B)
    )


@pytest.mark.parametrize("bias", [2.0, [2.0], [[2.0]]])
def test_one_bias_for_all_channels(bias):
    expected = strict.conv2d(X.astype(float), W, np.full(4, 2.0))
    np.testing.assert_array_equal(kernels.conv2d(X, W, bias), expected)


def test_one_image_is_a_batch_of_one():
    image, batch = X[0], X[:1]
    y = kernels.conv2d(image, W, B)
    np.testing.assert_array_equal(y, kernels.conv2d(batch, W, B)[0])
    dx, dw, _ = kernels.conv2d_backward(y, image, W)
    assert dx.shape == image.shape
    np.testing.assert_array_equal(dw, kernels.conv2d_backward(y[np.newaxis], batch, W)[1])
    pooled, argmax = kernels.max_pool2d(image, 2)
    np.testing.assert_array_equal(pooled, image.reshape(3, 4, 2, 4, 2).max((2, 4)))
    assert argmax.shape == pooled.shape
    gradient = kernels.max_pool2d_backward(np.ones_like(pooled), argmax, list(image.shape))
    assert gradient.shape == image.shape
    assert gradient.sum() == pooled.size
    mean = kernels.avg_pool2d(image, 2)
    np.testing.assert_allclose(mean, image.reshape(3, 4, 2, 4, 2).mean((2, 4)))
    assert kernels.avg_pool2d_backward(mean, np.array(image.shape), 2).shape == image.shape
    cols = kernels.im2col(image, 3)
    np.testing.assert_array_equal(cols, kernels.im2col(batch, 3)[0])
    np.testing.assert_array_equal(
        kernels.col2im(cols, image.shape, 3), kernels.col2im(cols[np.newaxis], batch.shape, 3)[0]
    )
    assert kernels.conv2d_backward(y, image, W, needs=(False, True, True))[0] is None


def test_products_and_relu():
    a, b = np.arange(6).reshape(2, 3), np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(kernels.matmul(a, b), (a @ b.astype(float)), strict=True)
    np.testing.assert_array_equal(kernels.relu([-1, 2]), [0, 2])
    np.testing.assert_array_equal(kernels.relu_backward([3, 4], np.array([-1, 2])), [0, 4])


def test_errors():
    with pytest.raises(ValueError, match=r"conv2d: bias must have 4 elements.*got shape \(3, 2\)"):
        kernels.conv2d(X, W, np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"linear: bias must have 4 elements.*got shape \(3, 2\)"):
        kernels.linear(np.ones((5, 3)), np.ones((4, 3)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"conv2d: x must have 2 or 3 or 4 dimensions .*\(got 1"):
        kernels.conv2d(np.ones(8), W)
    with pytest.raises(ValueError, match=r"grad_output must have the axes nchw \(got 3 dim"):
        kernels.conv2d_backward(X[0], X, W)
    with pytest.raises(TypeError, match="conv2d: weight must hold real numbers"):
        kernels.conv2d(X, W.astype(complex))
    with pytest.raises(ValueError, match=r"conv2d: .*shape\[1\]"):
        kernels.conv2d(X[:, :2], W)


@pytest.mark.parametrize("stride", [np.array([1, 1]), [1, 1], np.int64(1), np.array([2, 1])])
def test_strides_of_any_kind_with_channels_last(stride):
    x, weight = np.ones((2, 6, 6, 3)), np.ones((3, 3, 3, 8))
    plain = tuple(map(int, np.broadcast_to(stride, 2)))
    y = kernels.conv2d(x, weight, None, stride, 1, layout="nhwc")
    np.testing.assert_array_equal(y, kernels.conv2d(x, weight, None, plain, 1, layout="nhwc"))
    ours = kernels.conv2d_backward(y, x, weight, stride, 1, layout="nhwc")
    expected = kernels.conv2d_backward(y, x, weight, plain, 1, layout="nhwc")
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(a, b)
