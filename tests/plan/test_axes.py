"""Compiled networks with one axis, and with global and adaptive pooling."""

from typing import Any

import numpy as np
import pytest

import cnet
from cnet import nn

MODELS = {
    "one axis": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 6, 3, 2),
            nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3),
        ),
        (3, 2, 21),
    ),
    "global pooling": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
        ),
        (2, 3, 9, 8),
    ),
    "shuffles": (
        lambda: nn.Sequential(nn.ChannelShuffle(2), nn.PixelShuffle(2), nn.PixelUnshuffle(2)),
        (2, 4, 3, 5),
    ),
    "adaptive pooling": (lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 3, 5, 7)),
    "adaptive pooling by divisors": (
        lambda: nn.Sequential(nn.AdaptiveMaxPool2d((4, 3)), nn.AdaptiveAvgPool2d((2, None))),
        (2, 3, 8, 9),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("isa", ["reference", cnet.available_isas()[-1]])
def test_agrees_with_the_model(name: str, dtype: Any, isa: str) -> None:
    make, shape = MODELS[name]
    model = make().to(dtype).eval()
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    with cnet.use_isa(isa):
        plan, expected = cnet.compile(model, x), model(x).detach().numpy()
        bound = 5e-6 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(plan(x), expected, rtol=bound, atol=bound)
        np.testing.assert_allclose(plan(-x), model(-x).detach().numpy(), rtol=bound, atol=bound)
