"""Activation functions, alone and before weights."""

from typing import Any

import pytest
from written_layers import BOTH, same

ACTIVATION = """
class Layer:
    def __init__(self, rng):
        self.slope = 0.1

    def forward(self, x):
        self.x = x
        self.y = FORWARD
        return self.y

    def backward(self, g):
        x, d = self.x, np.ones_like(self.x)
        BACKWARD
        return g * d
"""
GELU = "np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        ("np.where(x > 0, x, self.slope * x)", "d[x < 0] = self.slope"),
        ("np.where(x > 0, x, self.slope * x)", "d[x <= 0] = self.slope"),
        ("np.maximum(0.01 * x, x)", "d[x < 0] = 0.01"),
        ("np.maximum(-0.01 * x, x)", "d = np.where(x > 0, 1, -0.01)"),
        ("np.where(x > 0, x, np.expm1(x))", "d = np.where(x > 0, 1, np.exp(np.minimum(x, 0)))"),
        ("np.where(x > 0, x, np.expm1(x))", "d = np.where(self.y > 0, 1, self.y + 1)"),
        ("np.where(x >= 0, x, 1.2 * np.expm1(x))", "d = np.where(x >= 0, 1, 1.2 * np.exp(x))"),
        (
            "1.5 * np.where(x > 0, x, self.slope * np.expm1(x))",
            "d = 1.5 * np.where(x > 0, 1, self.slope * np.exp(x))",
        ),
        ("np.where(x > 0, x, 1.2 * np.expm1(x))", "d = np.where(x > 0, 1, 1.2 * np.cos(x))"),
        ("x / (1 + np.exp(-x))", "s = 1 / (1 + np.exp(-x)); d = s + x * s * (1 - s)"),
        ("np.where(x > 0, 2.0, -0.5)", "d = np.where(x >= 0, 1, 0.25)"),
        (f"0.5 * x * (1 + {GELU})", "d = np.cos(x)"),
    ],
)
def test_activations(forward: str, backward: str) -> None:
    def between(layer: Any, _: Any) -> None:
        layer.slope *= 0.9

    body = ACTIVATION.replace("FORWARD", forward).replace("BACKWARD", backward)
    expected = {**BOTH, "backward": 6 if "cos" not in backward else 0}
    assert same(body, (6, 9), between) == expected


def test_a_vector_through_an_activation_and_weights() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((12, 5)), np.ones(5)

    def forward(self, x):
        self.x = x.ravel()
        self.y = 1 / (1 + np.exp(-(self.x @ self.W / 9 + self.b)))
        return self.y

    def backward(self, g):
        g = g * self.y * (1 - self.y)
        self.W -= 0.1 * g * self.x[:, None]
        self.b -= 0.1 * g
        return (self.W @ g).reshape(3, 4)
"""
    assert same(body, (3, 4))["backward"] == 6


@pytest.mark.parametrize("keeps", ["z", "y"])
@pytest.mark.parametrize(
    ("function", "slope"),
    [
        ("1 / (1 + np.exp(-z))", "y * (1 - y)"),
        ("np.tanh(z)", "(1 - y * y)"),
        ("np.maximum(z, 0)", "(y > 0)"),
    ],
)
def test_a_dense_layer_keeps_the_argument_of_its_activation(
    function: str, slope: str, keeps: str
) -> None:
    """The forward call leaves it out at first, and sets it since the backward call needs it."""
    body = f"""
class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((9, 5)), np.ones(5)

    def forward(self, x):
        self.x, z = x, x @ self.W + self.b
        y = {function}
        self.{keeps} = {keeps}
        return y

    def backward(self, g):
        z = {"self.z" if keeps == "z" else "0"}
        y = {function if keeps == "z" else "self.y"}
        g = g * {slope}
        self.dW, self.db = self.x.T @ g, g.sum(0)
        return g @ self.W.T
"""
    assert same(body, (6, 9))["backward"] >= 2
