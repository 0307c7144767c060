"""Operations that change the shape."""

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


CASES = [
    ("reshape", (2, 3), lambda x: cnet.reshape(x, 3, -1), lambda x: x.reshape(3, 2)),
    ("reshape to a tuple", (2, 3), lambda x: cnet.reshape(x, (6,)), lambda x: x.reshape(6)),
    ("reshape to a scalar", (1, 1), lambda x: cnet.reshape(x, ()), lambda x: x.reshape(())),
    ("reshape of nothing", (0, 3), lambda x: cnet.reshape(x, (3, 0)), lambda x: x.reshape(3, 0)),
    ("view", (2, 3), lambda x: x.view(x.size(0), -1), lambda x: x),
    ("flatten", (2, 3, 4), cnet.flatten, lambda x: x.reshape(-1)),
    ("flatten from 1", (2, 3, 4), lambda x: cnet.flatten(x, 1), lambda x: x.reshape(2, 12)),
    ("flatten to -2", (2, 3, 4), lambda x: cnet.flatten(x, 0, -2), lambda x: x.reshape(6, 4)),
    ("flatten one", (2, 3), lambda x: cnet.flatten(x, 1, 1), lambda x: x),
    ("flatten a scalar", (), cnet.flatten, lambda x: x.reshape(1)),
    ("flatten nothing", (0, 3, 4), lambda x: cnet.flatten(x, 1), lambda x: x.reshape(0, 12)),
    ("squeeze", (1, 2, 1), cnet.squeeze, np.squeeze),
    ("squeeze one", (1, 2, 1), lambda x: cnet.squeeze(x, -1), lambda x: x[..., 0]),
    ("squeeze some", (1, 2, 1), lambda x: cnet.squeeze(x, (0, 1)), lambda x: x[0]),
    ("unsqueeze", (2, 3), lambda x: cnet.unsqueeze(x, 1), lambda x: x[:, None]),
    ("unsqueeze at the end", (2, 3), lambda x: cnet.unsqueeze(x, -1), lambda x: x[..., None]),
    ("unsqueeze a scalar", (), lambda x: cnet.unsqueeze(x, 0), lambda x: x[None]),
    ("permute", (2, 3, 4), lambda x: cnet.permute(x, 2, 0, -2), lambda x: x.transpose(2, 0, 1)),
    ("permute by a list", (2, 3), lambda x: cnet.permute(x, [1, 0]), np.transpose),
    ("permute a scalar", (), lambda x: cnet.permute(x), np.transpose),
    ("transpose", (2, 3, 4), lambda x: cnet.transpose(x, 0, -1), lambda x: x.swapaxes(0, 2)),
    ("T", (2, 3, 4), lambda x: x.T, np.transpose),
    ("mT", (2, 3, 4), lambda x: x.mT, lambda x: x.swapaxes(1, 2)),
    (
        "broadcast_to", (3, 1), lambda x: cnet.broadcast_to(x, (2, 3, 4)),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
    ),
    ("broadcast a scalar", (), lambda x: x.broadcast_to((2,)), lambda x: np.broadcast_to(x, 2)),
    ("broadcast to nothing", (1,), lambda x: cnet.broadcast_to(x, (0,)), lambda x: x[:0]),
    (
        "expand", (3, 1), lambda x: x.expand(2, -1, 4),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
    ),
    ("expand to a tuple", (3, 1), lambda x: x.expand((-1, 2)), lambda x: x.repeat(2, 1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "function", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_values_and_gradients(shape, function, expected):
    x = np.asarray(numbers(*shape))
    y = function(Tensor(x))
    np.testing.assert_array_equal(y, expected(x))
    assert y.shape == expected(x).shape
    assert gradcheck(function, x)


def test_results_share_memory():
    x = Tensor(numbers(2, 3))
    for y in (x.reshape(6), x.flatten(), x.unsqueeze(0), x.T, x.broadcast_to((4, 2, 3))):
        assert np.shares_memory(x.detach().numpy(), y.detach().numpy())


def test_names_of_numpy_and_of_pytorch():
    x = tensor([[1.0], [2.0]])
    assert x.squeeze(axis=1).shape == x.squeeze(dim=1).shape == (2,)
    assert x.unsqueeze(axis=0).shape == cnet.unsqueeze(x, dim=0).shape == (1, 2, 1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: cnet.flatten(x, 2),
            r"flatten: an axis must be in range for 2 dimensions \(got 2\)",
        ),
        (lambda x: cnet.flatten(x, 1, 0), r"flatten: start_dim .* \(got 1 and 0\)"),
        (lambda x: cnet.squeeze(x, 2), "squeeze: an axis"),
        (lambda x: cnet.unsqueeze(x, 3), r"unsqueeze: an axis must be in range for 3 dimensions"),
        (lambda x: cnet.transpose(x, 0, 2), "transpose: an axis"),
        (lambda x: cnet.permute(x, 0), "axes"),
        (lambda x: cnet.permute(x, 0, 0), "axis"),
        (lambda x: cnet.reshape(x, 4), "reshape"),
        (lambda x: cnet.broadcast_to(x, (3, 3)), "broadcast"),
    ],
)
def test_errors(function, message):
    with pytest.raises(ValueError, match=message):
        function(tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
