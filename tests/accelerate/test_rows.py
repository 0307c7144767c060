"""Layers that get the gradient of their images as rows, from a dense layer behind them."""

from dataclasses import replace

import numpy as np
import pytest
from own_layers import close, counts
from written_layers import BOTH, RNG, made, same

import cnet
from cnet.accelerate.explain import Expression, Sample, Scale, Term, explain
from cnet.accelerate.explain.pooling import Pooling
from cnet.accelerate.explain.windows import Plane

TWO = Plane((2, 2), ((0, 0), (0, 0)), (1, 1))
POOL = """
class Layer:
    def __init__(self, rng):
        pass

    def forward(self, x):
        n, c, h, w = x.shape
        self.x, self.y = x, x.reshape(n, c, h // 2, 2, w // 2, 2).KIND((3, 5))
        return self.y

    def backward(self, g):
        g = g.reshape(self.y.shape)
        dx = np.zeros(self.x.shape)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                window = np.s_[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                dx[window] += SHARE * g[:, :, i, j, None, None]
        return dx
"""
MAX = POOL.replace("KIND", "max").replace(
    "SHARE", "(self.x[window] == self.y[:, :, i, j, None, None])"
)
CONV = """
class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((4, 3, 2, 2)), rng.standard_normal(4)

    def forward(self, x):
        self.windows = sliding_window_view(x, (2, 2), (2, 3)).copy()
        y = np.einsum("nchwij,ocij->nohw", self.windows, self.W) + self.b[:, None, None]
        self.size, self.x_size = y.shape, x.shape
        return y

    def backward(self, g):
        g = g.reshape(self.size)
        self.dW, self.db = np.einsum("nohw,nchwij->ocij", g, self.windows), g.sum((0, 2, 3))
        dx = np.zeros(self.x_size)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                dx[:, :, i : i + 2, j : j + 2] += np.tensordot(g[:, :, i, j], self.W, 1)
        return dx
"""


@pytest.mark.parametrize("body", [POOL.replace("KIND", "mean").replace("SHARE", "0.25"), MAX, CONV])
def test_gradients_as_rows(body: str) -> None:
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(8):
        rng = RNG(step)
        x = rng.integers(-2, 3, (5, 3, 6, 4)).astype(float)
        y = expected.forward(x)
        close(layer.forward(x), y)
        g = rng.standard_normal((5, y.size // 5))
        close(layer.backward(g), expected.backward(g))
        for name in ("dW", "db"):
            if hasattr(expected, name):
                close(getattr(layer, name), getattr(expected, name))
    assert counts(cls)["backward"] == 6


def test_modules_that_layers_hold() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        self.xp, self.W = np, rng.standard_normal((5, 3))

    def forward(self, x):
        self.x = x
        return self.xp.dot(x, self.W)

    def backward(self, g):
        self.dW = self.xp.dot(self.x.T, g)
        return self.xp.dot(g, self.W.T)
"""
    assert same(body, (4, 5)) == BOTH


def test_a_pool_of_other_images_is_a_hint() -> None:
    """The backward pass of some images is learned when that of others is known."""
    problem_shape, hint = (5, 3, 6, 4), Pooling("mean", "nchw", (5, 8, 4, 4), (2, 2), TWO)
    of_images = replace(hint, x_shape=problem_shape, is_gradient=True)
    samples = []
    for seed in range(2):
        g = RNG(seed).standard_normal((5, 18))
        dx = of_images(g.reshape(5, 3, 3, 2))
        samples.append(Sample({"g": g}, {}, {"return": dx}))
    float64 = np.dtype(np.float64)
    known = Expression(Term(hint, ("x",)), Scale(), None, (5, 8, 2, 2), float64, (256, 32, 16, 8))
    assert str(explain(samples, "return", [known], stages=("known",))) == (
        "reshaped; mean pool, dx, nchw, 2x2"
    )
    assert explain(samples, "return", stages=("known",)) is None
