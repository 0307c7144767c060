"""Layers with a mistake: computed as they are, or left alone, and never corrected."""

from typing import Any

import numpy as np
import pytest
from own_layers import close, counts

import cnet

CONV = """
class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((3, 2, 3, 3)), rng.standard_normal(3)
        self.s, self.p, self.lr = 2, 1, 0.1

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        o, _, k, _ = self.W.shape
        xp = np.pad(x, ((0, 0), (0, 0), (self.p, self.p), (self.p, self.p)))
        oh, ow = (h + 2 * self.p - k) // self.s + 1, (w + 2 * self.p - k) // self.s + 1
        y = np.zeros((n, o, oh, ow))
        for i in range(oh):
            for j in range(ow):
                part = xp[:, :, i * self.s : i * self.s + k, j * self.s : j * self.s + k]
                y[:, :, i, j] = np.tensordot(part, self.W, ((1, 2, 3), (1, 2, 3)))
        y += self.b[:, None, None]
        return y

    def backward(self, g):
        k = self.W.shape[2]
        xp = np.pad(self.x, ((0, 0), (0, 0), (self.p, self.p), (self.p, self.p)))
        dx, self.dW = np.zeros_like(xp), np.zeros_like(self.W)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                rows = slice(i * self.s, i * self.s + k)
                columns = slice(j * self.s, j * self.s + k)
                gij = g[:, :, i, j]
                self.dW += np.tensordot(gij, xp[:, :, rows, columns], ((0,), (0,)))
                dx[:, :, rows, columns] += np.tensordot(gij, self.W, ((1,), (0,)))
        self.db = g.sum(axis=(0, 2, 3))
        self.W -= self.lr * self.dW
        return dx[:, :, self.p : -self.p, self.p : -self.p]
"""

POOL = """
class Layer:
    def __init__(self, rng):
        self.k = 2

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        y = np.zeros((n, c, h // 2, w // 2))
        for i in range(h // 2):
            for j in range(w // 2):
                y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3))
        return y

    def backward(self, g):
        dx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(*g.shape):
            part = self.x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            a, b = np.unravel_index(part.argmax(), part.shape)
            dx[n, c, 2 * i + a, 2 * j + b] += g[n, c, i, j]
        return dx
"""

DENSE = """
class Layer:
    def __init__(self, rng):
        self.W, self.b, self.lr = rng.standard_normal((6, 4)), rng.standard_normal(4), 0.1

    def forward(self, x):
        self.x = x.reshape(len(x), -1)
        self.y = np.maximum(self.x @ self.W + self.b, 0)
        return self.y

    def backward(self, g):
        g = g * (self.y > 0)
        n = len(g)
        self.dW, self.db = self.x.T @ g / n, g.sum(axis=0) / n
        dx = g @ self.W.T
        self.W -= self.lr * self.dW
        return dx
"""

MUTANTS = [
    (CONV, "part, self.W,", "part, self.W[:, :, ::-1, ::-1],"),
    (CONV, "part, self.W,", "part, self.W.transpose(0, 1, 3, 2),"),
    (CONV, "part, self.W,", "part[:, ::-1], self.W,"),
    (CONV, "        y += self.b[:, None, None]\n", ""),
    (CONV, "self.b[:, None, None]", "2 * self.b[:, None, None]"),
    (CONV, "self.b[:, None, None]", "self.b[::-1, None, None]"),
    (CONV, "y += self.b[:, None, None]", "y[:, :, 1:] += self.b[:, None, None]"),
    (CONV, "y += self.b[:, None, None]", "y[0] += self.b[:, None, None]"),
    (CONV, "(self.p, self.p), (self.p, self.p)))\n        oh",
     "(0, 2), (self.p, self.p)))\n        oh"),
    (CONV, "(self.p, self.p)))\n        dx", "(self.p, self.p)), mode='edge')\n        dx"),
    (CONV, "j * self.s : j * self.s + k]\n                y", "j : j + k]\n                y"),
    (CONV, "gij, xp[:, :, rows, columns], ((0,), (0,))",
     "gij[-1:], xp[-1:, :, rows, columns], ((0,), (0,))"),
    (CONV, "gij, self.W, ((1,), (0,))", "gij, self.W[:, :, ::-1, ::-1], ((1,), (0,))"),
    (CONV, "self.dW +=", "self.dW -="),
    (CONV, "self.dW +=", "self.dW ="),
    (CONV, "dx[:, :, rows, columns] +=", "dx[:, :, rows, columns] ="),
    (CONV, "g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))"),
    (CONV, "g.sum(axis=(0, 2, 3))", "g.sum(axis=(0, 3))"),
    (CONV, "self.W -= self.lr * self.dW", "self.W -= self.lr * self.dW / len(g) / len(g)"),
    (CONV, "self.W -= self.lr * self.dW", "self.W += self.lr * self.dW"),
    (CONV, "self.p : -self.p, self.p : -self.p", ": -2 * self.p, : -2 * self.p"),
    (CONV, "dx[:, :, rows, columns] += np", "dx[:, :, rows, columns] += 0.999 * np"),
    (POOL, "part.argmax()", "part.ravel()[::-1].argmax()"),
    (POOL, "part.argmax()", "3 - part.ravel()[::-1].argmax()"),
    (POOL, "part.argmax()", "part.argmin()"),
    (POOL, "part.argmax()", "np.abs(part).argmax()"),
    (POOL, ".max(axis=(2, 3))", ".max(axis=(2, 3)) + (i == 0)"),
    (POOL, ".max(axis=(2, 3))", ".mean(axis=(2, 3))"),
    (POOL, "+= g[n, c, i, j]", "= g[n, c, i, j] / 4"),
    (POOL, "self.x[n, c, 2", "self.x[0, c, 2"),
    (DENSE, "g * (self.y > 0)", "g * (self.y >= 0)"),
    (DENSE, "g * (self.y > 0)", "np.clip(g, -500, 500) * (self.y > 0)"),
    (DENSE, "self.x.T @ g / n, g.sum(axis=0) / n", "self.x.T @ g / n / n, g.sum(axis=0)"),
    (DENSE, "self.lr * self.dW", "self.lr * (self.dW + 1e-3 * self.W)"),
    (DENSE, "        dx = g @ self.W.T\n        self.W -= self.lr * self.dW\n",
     "        self.W -= self.lr * self.dW\n        dx = g @ self.W.T\n"),
    (DENSE, "self.W -= self.lr * self.dW", "self.W = self.W - self.lr * np.abs(self.dW)"),
    (DENSE, "np.maximum(self.x @ self.W + self.b, 0)", "np.maximum(self.x @ self.W, 0) + self.b"),
    (DENSE, "+ self.b, 0)", "+ self.b, 1e-3)"),
]  # fmt: skip


def layer_of(source: str) -> Any:
    names: dict[str, Any] = {"np": np, "__name__": __name__}
    exec(source, names)
    return names["Layer"]


def story(cls: Any, shape: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    layer, seen = cls(rng), []
    for step in range(7):
        x = rng.standard_normal(shape)
        x = x.round() if step % 2 else x * 100.0 ** (step == 6)
        y = layer.forward(x)
        seen += [y.copy(), layer.backward(rng.standard_normal(y.shape) * 1000.0 ** (step == 6))]
        seen += [vars(layer).get(name, 0) for name in ("dW", "db", "lr")]
        seen.append(np.copy(getattr(layer, "W", 0)))
    return seen


SHAPES = {CONV: (2, 2, 7, 6), POOL: (2, 2, 6, 4), DENSE: (5, 6)}


@pytest.mark.parametrize("source", SHAPES, ids=["conv", "pool", "dense"])
def test_right_layers_are_taken_over(source: str) -> None:
    cls = layer_of(source)
    expected = story(layer_of(source), SHAPES[source])
    close(story(cnet.accelerate(cls, verify="never"), SHAPES[source]), expected)
    assert counts(cls) == {"forward": 5, "backward": 5}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("source", "right", "wrong"), MUTANTS)
def test_mistakes_stay(source: str, right: str, wrong: str) -> None:
    assert source.count(right) == 1
    mutant = source.replace(right, wrong)
    expected = story(layer_of(mutant), SHAPES[source])
    close(story(cnet.accelerate(layer_of(mutant), verify="never"), SHAPES[source]), expected)
