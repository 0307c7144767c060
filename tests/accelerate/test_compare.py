"""Comparisons of results that are zero up to rounding."""

import warnings
from typing import Any

import numpy as np
import pytest
from own_layers import counts

import cnet

RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def _also_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnet.accelerate._budget.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda _: False)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_bias_before_normalization(dtype: Any) -> None:
    class Layer:
        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ np.ones((x.shape[1], 1), x.dtype)

        def backward(self, g: Any) -> Any:
            self.db = np.ones(len(g), g.dtype) @ g
            self.dw = self.x.T @ g
            return self.dw

    layer = cnet.accelerate(Layer)()
    for step in range(20):
        x, g = RNG(step).standard_normal((2, 64, 6)).astype(dtype)
        g -= g.mean(0)
        layer.forward(x)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            layer.backward(g)
        assert np.abs(layer.db).max() < 1e-4
    assert counts(Layer)["backward"] > 10


def test_a_mistake_is_no_rounding() -> None:
    class Layer:
        def forward(self, x: Any) -> Any:
            return x

        def backward(self, g: Any) -> Any:
            return g.sum(0) + (g[0, 0] > 5e4)

    layer = cnet.accelerate(Layer, verify="always")()
    for step in range(7):
        g = RNG(step).standard_normal((64, 6))
        g[0, 0] *= 1e6 if step == 6 else 1
        layer.forward(g)
        if step < 6:
            layer.backward(g - g.mean(0))
    with pytest.warns(cnet.accelerate.AccelerateWarning, match="return differs by 1"):
        layer.backward(np.abs(g) - np.abs(g).mean(0))
