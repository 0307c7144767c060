"""Layers that count their calls."""

import pytest

import cnet
from own_layers import close, counts
from written_layers import RNG, made

COUNTER = """
class Layer:
    def __init__(self, rng):
        self.W, self.t, self.state = rng.standard_normal((8, 5)), 0, {"n": 3, "x": None}

    def forward(self, x):
        self.state["n"] += 1
        self.x = x
        return x @ self.W

    def backward(self, g):
        self.t += 1
        return FACTOR * g @ self.W.T
"""


@pytest.mark.parametrize(
    ("factor", "backward"),
    [
        ("0.5", 6),
        ("self.t", 0),
        ("0.9 ** self.t", 0),
        ("0.5 ** (1000 + self.t)", 0),
        ("(0.5 if self.t > 3 else 2)", 0),
        ("(0.5 if self.t % 1000 else 2)", 0),
        ("(0.5 if self.t else 2)", 0),
        ("{7: 2}.get(self.t, 0.5)", 0),
    ],
)
def test_counters(factor: str, backward: int) -> None:
    body = COUNTER.replace("FACTOR", factor)
    cls = cnet.accelerate(made(body), verify="never")
    layer, expected = cls(RNG(0)), made(body)(RNG(0))
    for step in range(8):
        x, g = RNG(step).standard_normal((6, 8)), RNG(step).standard_normal((6, 5))
        close(layer.forward(x), expected.forward(x))
        close(layer.backward(g), expected.backward(g))
        assert (layer.t, layer.state["n"]) == (step + 1, step + 4)
    assert counts(cls) == {"forward": 6, "backward": backward}
