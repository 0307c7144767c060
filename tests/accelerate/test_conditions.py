"""Layers that clip, or that use thresholds: computed as they are, or left alone."""

from typing import Any

import numpy as np
import pytest

import cnet

SOFTMAX = "e = np.exp(x / 2); self.y = e / e.sum(-1, keepdims=True)"
SOFTMAX_GRADIENT = "dx = self.y * (g - (g * self.y).sum(-1, keepdims=True))"
DENSE = "e = np.exp(x @ self.W); self.y = e / e.sum(-1, keepdims=True)"
DENSE_GRADIENT = f"{SOFTMAX_GRADIENT}; dx = dx @ self.W.T"
LINEAR = "self.y = x @ self.W"
LINEAR_GRADIENT = "dx = g @ self.W.T"
CASES = {
    "gradient of softmax": (SOFTMAX, SOFTMAX_GRADIENT, "g", "g = np.clip(g, -4, 4)"),
    "softmax of a dense layer": (DENSE, DENSE_GRADIENT, "g", "g = np.minimum(g, 20)"),
    "result": (SOFTMAX, SOFTMAX_GRADIENT, "dx", "dx = np.clip(dx, -4, 4)"),
    "threshold": (LINEAR, LINEAR_GRADIENT, "dx", "dx = np.where(abs(dx) > 50, dx, 0)"),
}
SOURCE = """
class Layer:
    def __init__(self):
        self.W = np.random.default_rng(5).standard_normal((6, 6)).astype({dtype})

    def forward(self, x):
        {forward}
        return self.y

    def backward(self, g):
        {first}
        {backward}
        {last}
        return dx
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_a_condition_is_not_left_out(case: str, dtype: str, tmp_path: Any) -> None:
    forward, backward, place, condition = CASES[case]
    first, last = (condition if name == place else "pass" for name in ("g", "dx"))
    source = SOURCE.format(
        dtype=f"np.{dtype}", forward=forward, first=first, backward=backward, last=last
    )
    path = tmp_path / "layer.py"
    path.write_text(source)
    layers = []
    for _ in range(2):
        namespace: dict[str, Any] = {"np": np, "__name__": "layer"}
        exec(compile(source, str(path), "exec"), namespace)
        layers.append(namespace["Layer"])
    plain, fast = layers[0](), cnet.accelerate(layers[1], verify="never")()
    rng = np.random.default_rng(0)
    limit = 2e-4 if dtype == "float32" else 1e-9
    for call in range(12):
        x = rng.standard_normal((4, 6)).astype(dtype)
        g = rng.standard_normal((4, 6)).astype(dtype) * (60 if call > 6 else 1)
        pairs = [(a.forward(x.copy()), a.backward(g.copy())) for a in (plain, fast)]
        for theirs, ours in zip(*pairs, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=limit * np.abs(g).max())
