"""Layers that count their calls."""

import pytest
from own_layers import close, counts
from written_layers import RNG, made

import cnet

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


OPTIMIZER = """
class Adam:
    def __init__(self, shape):
        self.m, self.v, self.t, self.epsilon = np.zeros(shape), np.zeros(shape), 0, 1e-8
        self.lr, self.beta1, self.beta2 = 0.01, 0.9, 0.99

    def step(self, w, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        c1, c2 = 1 - self.beta1**self.t, 1 - self.beta2**self.t
        STEP

class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((8, 5)), np.ones(5)
        self.of_w, self.of_b = Adam((8, 5)), Adam(5)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        dx = g @ self.W.T
        self.of_w.step(self.W, self.x.T @ g)
        self.of_b.step(self.b, g.sum(0))
        return dx
"""


@pytest.mark.parametrize(
    ("step", "backward"),
    [
        ("w -= self.lr * (self.m / c1) / (np.sqrt(self.v / c2) + self.epsilon)", 6),
        pytest.param(
            "w -= self.lr * np.sqrt(c2) / c1 * self.m / (np.sqrt(self.v) + self.epsilon)",
            6,
            marks=pytest.mark.slow,
        ),
        ("w -= self.lr * self.m / (np.sqrt(self.v) + self.epsilon)", 6),
        ("w -= self.lr * g / (np.sqrt(self.v) + 1e-8)", 6),
        pytest.param(
            "w -= self.lr * (self.m / c1) / (np.sqrt(self.v / c1) + self.epsilon)",
            0,
            marks=pytest.mark.slow,
        ),
        pytest.param("w -= self.lr * np.sign(self.m) * np.sqrt(self.v)", 0, marks=pytest.mark.slow),
    ],
)
def test_optimizers_in_backward(step: str, backward: int) -> None:
    body = OPTIMIZER.replace("STEP", step)
    cls = cnet.accelerate(made(body), verify="never")
    layer, expected = cls(RNG(0)), made(body)(RNG(0))
    for step_number in range(8):
        x, g = RNG(step_number).standard_normal((6, 8)), RNG(step_number).standard_normal((6, 5))
        for one in (layer, expected):
            one.of_w.lr *= 0.9
        close(layer.forward(x), expected.forward(x))
        close(layer.backward(g), expected.backward(g))
        close(layer.W, expected.W)
        close(layer.b, expected.b)
        close({**vars(layer.of_w)}, {**vars(expected.of_w)})
    assert counts(cls) == {"forward": 6, "backward": backward}
