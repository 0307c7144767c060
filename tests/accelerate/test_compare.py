"""Comparisons of results that are zero up to rounding."""

import warnings
from typing import Any

import numpy as np
import pytest
from own_layers import counts

import cnet

RNG = np.random.default_rng


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_bias_before_normalization(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda _: False)

    class Layer:
        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ np.ones((x.shape[1], 1), x.dtype)

        def backward(self, g: Any) -> Any:
            self.db = g.sum(0)
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
            return g.sum(0) + (1e-3 if g[0, 0] > 50 else 0)

    layer = cnet.accelerate(Layer)()
    for step in range(17):
        g = RNG(step).standard_normal((64, 6))
        if step > 8:
            g[0, 0] = 60
        g -= g.mean(0)
        with warnings.catch_warnings(record=True) as caught:
            layer.backward(g)
    assert any("differs" in str(one.message) for one in caught) or counts(Layer)["backward"] < 8
