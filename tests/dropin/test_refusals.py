"""Arguments that `cnet.kernels` refuses, and what `cnet.dropin.kernels` makes of them."""

import numpy as np
import pytest

from cnet import kernels as strict
from cnet.dropin import kernels
from dropin import loops

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(1, 1, 28, 28)), RNG.normal(size=(8, 1, 3, 3)), RNG.normal(size=8)
DIGITS = RNG.integers(0, 256, X.shape).astype(np.uint8)
NO_BIAS = np.zeros(8)


def convolved(x, pads=loops.NO_PADS, stride=(1, 1), bias=NO_BIAS):
    return loops.convolution(x.astype(float), W, bias, stride, pads)


CASES = {
    "float32 images": (TypeError, "conv2d", (X.astype(np.float32), W), {},
                       convolved(X.astype(np.float32))),
    "uint8 images": (TypeError, "conv2d", (DIGITS, W), {}, convolved(DIGITS)),
    "float16 images": (TypeError, "conv2d", (X.astype(np.float16), W), {},
                       convolved(X.astype(np.float16))),
    "an image without n": (ValueError, "conv2d", (X[0], W), {}, convolved(X)[0]),
    "pooling without n": (ValueError, "max_pool2d", (X[0], 2), {},
                          loops.maximum(X, (2, 2), (2, 2))[0]),
    "a bias of shape (8, 1)": (ValueError, "conv2d", (X, W, B.reshape(8, 1)), {},
                               convolved(X, bias=B)),
    "four numbers of padding": (ValueError, "conv2d", (X, W), {"padding": (1, 0, 1, 0)},
                                convolved(X, ((1, 0), (1, 0)))),
    "same padding with a stride": (ValueError, "conv2d", (X, W), {"padding": "same", "stride": 2},
                                   convolved(X, ((1, 1), (1, 1)), (2, 2))),
    "a border wider than half of the window": (
        ValueError, "max_pool2d", (X, 2, 2), {"padding": 2},
        loops.maximum(X, (2, 2), (2, 2), ((2, 2), (2, 2)))),
    "asymmetric padding of a pool": (
        TypeError, "max_pool2d", (X, 2, 2), {"padding": ((1, 0), (1, 0))},
        loops.maximum(X, (2, 2), (2, 2), ((1, 0), (1, 0)))),
    "zeros around a pool": (
        TypeError, "max_pool2d", (X - 9, 2, 2), {"padding": 1, "pad_value": 0},
        loops.maximum(X - 9, (2, 2), (2, 2), ((1, 1), (1, 1)), 0.0)),
    "a rule for equal maxima": (TypeError, "max_pool2d", (X, 2), {"ties": "all"},
                                loops.maximum(X, (2, 2), (2, 2))),
    "channels last": (TypeError, "conv2d", (loops.last(X), loops.hwio(W)), {"layout": "nhwc"},
                      loops.last(convolved(X))),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_strict_kernels_refuse(case):
    error, function, arguments, options, expected = CASES[case]
    with pytest.raises(error):
        getattr(strict, function)(*arguments, **options)
    result = getattr(kernels, function)(*arguments, **options)
    loops.close(result[0] if isinstance(result, tuple) else result, expected)


def test_columns_of_a_matrix():
    with pytest.raises(ValueError, match="4 dimensions"):
        strict.im2col(X[0, 0], 3)
    np.testing.assert_array_equal(kernels.im2col(X[0, 0], 3), strict.im2col(X, 3)[0])


def test_asymmetric_padding_of_a_convolution():
    y = kernels.conv2d(X, W, padding=((1, 0), (1, 0)))
    loops.close(y, convolved(X, ((1, 0), (1, 0))))


def test_gradients_after_relu_go_to_all_zeros():
    x = np.maximum(X - 5, 0)
    dy = RNG.normal(size=(1, 1, 14, 14))
    for ties in ("all", "share"):
        dx = kernels.max_pool2d_gradient(dy, x, 2, ties=ties)
        loops.close(dx, loops.maximum_gradient(dy, x, (2, 2), (2, 2), ties))
