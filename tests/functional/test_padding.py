"""Padding against NumPy, for every dtype."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize(
    ("shape", "pad"),
    [((4,), (3, 2)), ((2, 5), (1, 0)), ((2, 4, 5), (2, 4, 3, 0)), ((1, 2, 4, 4, 3), (2, 1) * 3)],
)
def test_modes(mode, dtype, shape, pad):
    x = (4 * numbers(*shape)).astype(dtype)
    pairs = [pad[i : i + 2] for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    y = F.pad(x, pad, mode)
    np.testing.assert_array_equal(y, np.pad(x, widths, MODES[mode]))
    assert y.dtype == dtype
    if dtype == np.float64:
        assert gradcheck(lambda x: F.pad(x, pad, mode), x)


@pytest.mark.parametrize(
    ("mode", "pad", "expected"),
    [
        ("constant", (-1, 2), [1, 2, 3, 9, 9]),
        ("reflect", (-2, 3), [2, 3, 2, 1, 0]),
        ("replicate", (2, -3), [0, 0, 0]),
        ("circular", (-1, 2), [1, 2, 3, 1, 2]),
        ("reflect", (-1, -1), [1, 2]),
    ],
)
def test_negative_numbers_remove_cells(mode, pad, expected):
    x = np.arange(4.0)
    value = 9.0 if mode == "constant" else None
    assert F.pad(x, pad, mode, value).tolist() == expected
    assert gradcheck(lambda x: F.pad(x, pad, mode, value), x)


def test_the_result_is_new():
    x = Tensor(np.zeros((1, 3)), requires_grad=True)
    assert not np.shares_memory(F.pad(x, (0, 0)).detach(), x.detach())
    assert F.pad(np.zeros((0, 3)), (1, 1, 0, 0)).shape == (0, 5)


def test_an_empty_batch_has_an_empty_gradient():
    x = cnet.zeros(0, 3, 3, requires_grad=True)
    F.pad(x, (1, 2), "reflect").sum().backward()
    assert x.grad.shape == (0, 3, 3)


def test_numbers_of_cells_are_integers():
    with pytest.raises(TypeError, match=r"pad: pad must be an int \(got 1\.5\)"):
        F.pad(np.zeros((2, 3)), (1, 1.5))


@pytest.mark.parametrize(
    ("message", "act"),
    [
        ("pad must have two numbers for each of at most 2 axes (got (1, 2, 3))",
         lambda x: F.pad(x, (1, 2, 3))),
        ("mode must be one of constant, reflect, replicate, circular (got 'edge')",
         lambda x: F.pad(x, (1, 2), "edge")),
        ("value is for the mode 'constant' only (got 1.0 and 'reflect')",
         lambda x: F.pad(x, (1, 2), "reflect", 1.0)),
        ("pad must add at most 2 elements in the mode 'reflect' (got (1, 3) and shape (2, 3))",
         lambda x: F.pad(x, (1, 3), "reflect")),
        ("pad must add at most 3 elements in the mode 'circular' (got (4, 0) and shape (2, 3))",
         lambda x: F.pad(x, (4, 0), "circular")),
        ("pad removes too much (got (-2, -2) and shape (2, 3))", lambda x: F.pad(x, (-2, -2))),
    ],
)  # fmt: skip
def test_errors(message, act):
    with pytest.raises(ValueError) as caught:
        act(np.zeros((2, 3)))
    assert str(caught.value) == f"pad: {message}"
