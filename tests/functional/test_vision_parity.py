"""Convolutions, pooling, padding and resizing have the values and gradients of PyTorch."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="compared with PyTorch")
TF = torch.nn.functional


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


SEQUENCE, IMAGES, VOLUME = numbers(2, 4, 9), numbers(2, 4, 7, 6), numbers(2, 4, 5, 6, 4)
FILTERS = {axes: numbers(4, 2, *(3, 2, 3)[:axes]) for axes in (1, 2, 3)}

# Each function takes a namespace like torch.nn.functional, and the arguments.
CASES = {
    "conv1d": (lambda f, x, w: f.conv1d(x, w, None, 2, 1, 2, 2), SEQUENCE, FILTERS[1]),
    "conv3d": (
        lambda f, x, w: f.conv3d(x, w, padding=(1, 0, 2), groups=2), VOLUME, FILTERS[3],
    ),
    "conv_transpose1d": (
        lambda f, x, w: f.conv_transpose1d(x, w, None, 3, 1, 2, 2), SEQUENCE, FILTERS[1],
    ),
    "conv_transpose2d": (
        lambda f, x, w, b: f.conv_transpose2d(x, w, b, 2, 1, 1), IMAGES, FILTERS[2], numbers(2),
    ),
    "conv_transpose3d": (
        lambda f, x, w: f.conv_transpose3d(x, w, dilation=2, groups=2), VOLUME[0], FILTERS[3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, dtype):
    function, *arguments = CASES[name]
    ours = [Tensor(x.astype(dtype), requires_grad=True) for x in arguments]
    theirs = [torch.tensor(x.astype(dtype), requires_grad=True) for x in arguments]
    y, expected = function(F, *ours), function(TF, *theirs)
    tolerance = 5e-5 if dtype == np.float32 else 1e-11
    start = numbers(*y.shape, seed=1).astype(dtype)
    y.backward(start)
    expected.backward(torch.tensor(start))
    pairs = [(y, expected), *((x.grad, z.grad) for x, z in zip(ours, theirs, strict=True))]
    for got, wanted in pairs:
        assert got.dtype == wanted.detach().numpy().dtype
        np.testing.assert_allclose(got.detach(), wanted.detach(), rtol=tolerance, atol=tolerance)
