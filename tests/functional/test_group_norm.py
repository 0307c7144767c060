"""Normalisation of groups, channels and trailing axes, and by neighbours, against NumPy."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
X = RNG.normal(2, 3, (3, 4, 5, 2))
WEIGHT, BIAS = RNG.normal(size=(2, 4))


def normalised(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def per_channel(v):
    return v[:, None, None]


def grouped(x, groups):
    rows = x.reshape(len(x), groups, -1)
    return normalised(rows, 2).reshape(x.shape)


def rms(x, axes):
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + np.finfo(np.float64).eps)


LAST = RNG.normal(size=(2, 5, 2))
CASES = {
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (5, 2), w, b), (X, *LAST),
        normalised(X, (2, 3)) * LAST[0] + LAST[1],
    ),
    "layer_norm plain": (
        lambda x: F.layer_norm(x, [2], eps=0.1), (X,), normalised(X, 3, 0.1),
    ),
    "layer_norm of rows": (
        lambda x, b: F.layer_norm(x, (4,), None, b), (X[:, :, 0, 0], BIAS),
        normalised(X[:, :, 0, 0], 1) + BIAS,
    ),
    "rms_norm": (lambda x, w: F.rms_norm(x, (5, 2), w), (X, LAST[0]), rms(X, (2, 3)) * LAST[0]),
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b), (X, WEIGHT, BIAS),
        grouped(X, 2) * per_channel(WEIGHT) + per_channel(BIAS),
    ),
    "group_norm of vectors": (
        lambda x, w: F.group_norm(x, 2, w), (X[:, :, 0, 0], WEIGHT),
        grouped(X[:, :, 0, 0], 2) * WEIGHT,
    ),
    "instance_norm": (
        lambda x, w, b: F.instance_norm(x, None, None, w, b), (X, WEIGHT, BIAS),
        normalised(X, (2, 3)) * per_channel(WEIGHT) + per_channel(BIAS),
    ),
    "local_response_norm": (
        lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (X,),
        X / (2 + 0.5 / 3 * sum(
            np.pad(X * X, [(0, 0), (1, 1), (0, 0), (0, 0)])[:, i : i + 4] for i in range(3)
        )) ** 0.75,
    ),
    "local_response_norm of an even size": (
        lambda x: F.local_response_norm(x, 2, 0.5), (X,),
        X / (1 + 0.25 * sum(
            np.pad(X * X, [(0, 0), (1, 0), (0, 0), (0, 0)])[:, i : i + 4] for i in range(2)
        )) ** 0.75,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    norm, arrays, expected = CASES[name]
    np.testing.assert_allclose(norm(*arrays), expected, rtol=1e-10, atol=1e-12)
    assert norm(*(tensor(x, dtype="float32") for x in arrays)).dtype == np.float32
    assert gradcheck(norm, arrays)


def test_only_wanted_gradients_are_computed():
    weight = Tensor(WEIGHT.copy(), requires_grad=True)
    F.group_norm(X, 2, weight).sum().backward()
    np.testing.assert_allclose(weight.grad, grouped(X, 2).sum((0, 2, 3)))


def test_running_statistics_of_instances():
    mean, var = WEIGHT.copy(), np.abs(BIAS)
    before = var.copy()
    F.instance_norm(X, mean, var, momentum=0.25)
    items = X.reshape(3, 4, -1)
    np.testing.assert_allclose(mean, 0.75 * WEIGHT + 0.25 * items.mean((0, 2)))
    np.testing.assert_allclose(var, 0.75 * before + 0.25 * items.var(2, ddof=1).mean(0))
    y = F.instance_norm(X, mean, var, use_input_stats=False)
    np.testing.assert_allclose(y, F.batch_norm(X, mean, var))


def test_infinite_running_statistics_of_instances_remain():
    mean, var = np.array([np.inf, -np.inf, 0, 0]), np.array([1, 1, np.inf, 1])
    F.instance_norm(X, mean, var, momentum=0.25)
    np.testing.assert_array_equal(np.isinf(mean), [True, True, False, False])
    np.testing.assert_array_equal(np.sign(mean[:2]), [1, -1])
    np.testing.assert_array_equal(np.isinf(var), [False, False, True, False])
    assert not np.isnan([mean, var]).any()


def test_empty_inputs_and_single_numbers():
    assert F.layer_norm(np.ones((0, 3)), (3,)).shape == (0, 3)
    assert F.layer_norm(np.ones((3, 0)), (0,)).shape == (3, 0)
    assert F.group_norm(np.ones((0, 4, 3)), 2).shape == (0, 4, 3)
    assert F.instance_norm(np.ones((0, 4, 3))).shape == (0, 4, 3)
    assert F.local_response_norm(np.ones((0, 4, 3)), 7).shape == (0, 4, 3)
    assert F.batch_norm(np.ones(0), np.ones(0), np.ones(0)).shape == (0,)
    x = Tensor(np.full((2, 1), 3.0), requires_grad=True)
    y = F.layer_norm(x, (1,), np.array([5.0]), np.array([7.0]))
    y.sum().backward()
    np.testing.assert_array_equal(y.detach(), [[7], [7]])
    np.testing.assert_array_equal(x.grad, [[0], [0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.layer_norm(X, (4, 2)), ValueError, r"normalized_shape .*got \(4, 2\)"),
        (lambda: F.layer_norm(X, ()), ValueError, "layer_norm: normalized_shape"),
        (lambda: F.layer_norm(X, (2,), np.ones(3)), ValueError, r"layer_norm: weight .*\(2,\)"),
        (
            lambda: F.layer_norm(X, (2,), np.ones(2, np.float32)), ValueError,
            "weight must have shape .* and the dtype of input",
        ),
        (lambda: F.layer_norm(X.astype(int), (2,)), TypeError, "layer_norm: .*float dtype"),
        (lambda: F.rms_norm(X, (3,)), ValueError, "rms_norm: normalized_shape"),
        (lambda: F.group_norm(X, 3), ValueError, r"group_norm: num_groups .*got 3 and 4"),
        (lambda: F.group_norm(X, 0), ValueError, "group_norm: num_groups must be positive"),
        (lambda: F.group_norm(X[0, 0, 0], 1), ValueError, "at least 2 dimensions"),
        (lambda: F.group_norm(np.ones((1, 4)), 4), ValueError, "at least 2 values per group"),
        (lambda: F.group_norm(X, 2, None, np.ones(2)), ValueError, "bias must have shape"),
        (lambda: F.instance_norm(X[:, :, :1, 0]), ValueError, "more than 1 value per channel"),
        (lambda: F.instance_norm(X, use_input_stats=False), ValueError, "running_mean"),
        (lambda: F.instance_norm(X, np.ones(3), np.ones(3)), ValueError, "running_mean must have"),
        (lambda: F.local_response_norm(X[0, 0], 2), ValueError, "at least 3 dimensions"),
        (lambda: F.local_response_norm(X, 0), ValueError, r"size must be at least 1 \(got 0\)"),
        (lambda: F.local_response_norm(X, 2.0), TypeError, "size must be an int"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms_norm_of_infinity(dtype):
    x = np.array([[np.inf, 1, 2], [np.inf, -np.inf, 1], [np.nan, 1, 2], [3, 0, 0]], dtype)
    expected = [[np.nan, 0, 0], [np.nan, np.nan, 0], [np.nan] * 3, [3**0.5, 0, 0]]
    np.testing.assert_allclose(F.rms_norm(x, (3,)).numpy(), expected, 1e-6)


def test_rms_norm_is_captured():
    weight = cnet.tensor(LAST[0][0], requires_grad=True)

    def step(x):
        weight.grad = None
        y = F.rms_norm(x, (2,), weight).square().sum()
        y.backward()
        return y, weight.grad

    captured = cnet.capture(step)
    for x in RNG.normal(size=(4, 3, 2)):
        for ours, plain in zip(captured(cnet.tensor(x)), step(cnet.tensor(x)), strict=True):
            np.testing.assert_array_equal(ours.detach().numpy(), plain.detach().numpy())
