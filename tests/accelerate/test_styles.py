"""Layers in the styles that people write: what they keep, print, and hold."""

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from own_layers import close, counts
from written_layers import BOTH, COUNTING, RNG, SLOPE, made, same, simple

import cnet

WINDOWS = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((3, 2, 3, 3))

    def forward(self, x):
        p = PAD
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))) if p else x
        self.windows = VIEW
        return np.einsum("nchwij,ocij->nohw", self.windows, self.W)

    def backward(self, g):
        self.dW = np.einsum("nohw,nchwij->ocij", g, self.windows)
        return np.tensordot(g, self.W, ((1,), (0,))).sum(axis=(4, 5))
"""
VIEWS = (
    "sliding_window_view(padded, (3, 3), (2, 3))",
    "as_strided(padded, (4, 2, padded.shape[2] - 2, padded.shape[3] - 2, 3, 3),"
    " padded.strides + padded.strides[2:])",
)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("padding", [0, 1])
def test_windows_that_share_memory_are_kept(view: str, padding: int) -> None:
    body = WINDOWS.replace("VIEW", view).replace("PAD", str(padding))
    body = body.replace(".sum(axis=(4, 5))", "")  # not explained: only forward is taken over

    def between(layer: Any, x: Any) -> None:
        x *= 0.5
        assert np.shares_memory(layer.windows, x) == (padding == 0)
        assert layer.windows.flags.writeable == view.startswith("as_strided")

    assert same(body, (4, 2, 8, 7), between) == {"forward": 6, "backward": 0}


def test_windows_of_images_in_another_order() -> None:
    body = WINDOWS.replace("VIEW", VIEWS[0]).replace("p = PAD", "p = 0")
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(8):
        x = RNG(step).standard_normal((4, 8, 7, 2)).transpose(0, 3, 1, 2)
        close(layer.forward(x), expected.forward(x))
        x *= 0.5
        close(layer.windows, expected.windows)
    assert counts(cls)["forward"] == 6


COLUMNS = """
class Layer:
    def __init__(self, rng):
        self.W, self.grads, self.cache = rng.standard_normal((3, 2, 3, 3)), {}, {}

    def forward(self, x):
        n, c, h, w = x.shape
        windows = sliding_window_view(x, (3, 3), (2, 3))
        columns = windows.transpose(ORDER).reshape(ROWS)
        self.cache["columns"] = columns
        self.cache["shape"] = x.shape
        self.columns = columns
        return np.einsum("nchwij,ocij->nohw", windows, self.W)

    def backward(self, g):
        self.grads["W"] = dW = GRADIENT
        self.dW = dW
        return g * 2
"""
FLAT = "(g.transpose(1, ORDER).reshape(3, -1) @ C).reshape(3, 2, 3, 3)"
KEPT = [
    ("0, 2, 3, 1, 4, 5", "-1, 18", FLAT.replace("ORDER", "0, 2, 3")),
    ("1, 4, 5, 2, 3, 0", "18, -1", FLAT.replace("ORDER", "2, 3, 0").replace("@ C", "@ C.T")),
    (
        "0, 1, 4, 5, 2, 3", "n, 18, -1",
        "np.einsum('nop,nkp->ok', g.reshape(4, 3, -1), C).reshape(3, 2, 3, 3) / 4",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("order", "rows", "gradient"), KEPT)
def test_gradients_from_columns(order: str, rows: str, gradient: str) -> None:
    """The columns are kept, and changed before the backward pass."""
    body = COLUMNS.replace("ORDER", order).replace("ROWS", rows)
    body = body.replace("GRADIENT", gradient.replace("C", 'self.cache["columns"]'))

    def between(layer: Any, x: Any) -> None:
        layer.columns[3:5] *= 0.5
        x[:] = 0

    keep = ("columns", "cache")
    assert same(body, (4, 2, 8, 7), between, keep) == BOTH
    wrong = body.replace("reshape(3, 2, 3, 3)", "reshape(3, 2, 3, 3)[:, ::-1]")
    assert same(wrong, (4, 2, 8, 7), between, keep) == {"forward": 6, "backward": 0}


def test_places_of_maxima_are_kept() -> None:
    """The places are kept, and changed before the backward pass."""
    body = """
class Layer:
    def __init__(self, rng):
        pass

    def forward(self, x):
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(2, 4, 0, 1, 3, 5).reshape(-1, 4)
        self.places, self.shape = windows.argmax(1), x.shape
        y = windows.max(1).reshape(h // 2, w // 2, n, c).transpose(2, 3, 0, 1)
        self.kept = y, self.places
        return y

    def backward(self, g):
        n, c, h, w = self.shape
        windows = np.zeros((g.size, 4))
        windows[np.arange(g.size), self.places] = g.transpose(2, 3, 0, 1).ravel()
        windows = windows.reshape(h // 2, w // 2, n, c, 2, 2).transpose(2, 3, 0, 4, 1, 5)
        return windows.reshape(n, c, h, w)
"""

    def between(layer: Any, _: Any) -> None:
        layer.places[:] = layer.places[::-1]

    keep = ("places", "kept", "shape")
    assert same(body, (3, 2, 6, 8), between, keep) == BOTH
    last = body.replace("windows.argmax(1)", "3 - windows[:, ::-1].argmax(1)")
    assert same(last, (3, 2, 6, 8), between, keep)["forward"] == 0
    next_one = body.replace(", self.places] =", ", (self.places + 1) % 4] =")
    assert same(next_one, (3, 2, 6, 8), between, keep) == {"forward": 6, "backward": 0}


@pytest.mark.parametrize(
    ("forward", "by_cnet"),
    [
        ("self.cache[0, 1] = self.x = x; return np.maximum(x, 0)", 6),
        ("self.cache[0, 'a', (2,)] = self.x = x; return np.maximum(x, 0)", 6),
        ("self.x = x; y = np.maximum(x, 0); self.cache.update(y=y, x=x); return y", 6),
        ("self.x = x; self.ctx = {'size': x.shape[0] * 8}; return np.maximum(x, 0)", 6),
        ("self.x = x; self.ctx = {'s': (1, 8, 11)}; return np.maximum(x, 0)", 6),
        ("self.x = x; self.cache['o'] = OrderedDict(y=x, n=2); return np.maximum(x, 0)", 6),
        ("self.x = x; return self.act(x)", 6),
        ("self.x = x; self.name = self.__class__.__name__; return np.maximum(x, 0)", 6),
        ("self.x = x; assert not issubclass(self.__class__, Slope); return np.maximum(x, 0)", 6),
        ("self.x = x; return SLOPE.apply(x)", 6),
        ("self.x = x; return COUNTING.apply(x)", 0),
        ("self.x = x; return x if self.verbose else np.maximum(x, 0)", 6),
    ],
)
def test_what_layers_hold(forward: str, by_cnet: int) -> None:
    before = COUNTING.factor
    assert same(simple(forward), (6, 8))["forward"] == by_cnet
    assert COUNTING.factor == before + 16 * ("COUNTING" in forward)


def test_an_object_outside_of_the_arguments_changes() -> None:
    cls = cnet.accelerate(made(simple("self.x = x; return SLOPE.apply(x)")), verify="never")
    layer, x = cls(RNG(0)), RNG(1).standard_normal((6, 8))
    for factor in (2.0, 2.0, 2.0, 3.0, 2.0):
        SLOPE.factor = factor
        close(layer.forward(x), np.maximum(x, 0) * factor)
    SLOPE.factor = 2.0
    assert counts(cls)["forward"] == 2


def test_an_effect_in_a_branch_that_is_not_taken(capfd: Any) -> None:
    body = simple(
        "self.x = x\n        if self.verbose: print('forward')\n        return np.maximum(x, 0)"
    )
    cls = cnet.accelerate(made(body), verify="never")
    layer, x = cls(RNG(0)), RNG(1).standard_normal((6, 8))
    for step in range(12):
        layer.verbose = step in (0, 5, 9, 10)
        close(layer.forward(x), np.maximum(x, 0))
    assert counts(cls)["forward"] == 8
    assert capfd.readouterr().out == "forward\n" * 4


@pytest.mark.parametrize("effect", ["print('x')", "global G; G = 1", "import time"])
def test_an_effect_in_a_branch_that_copies_take(effect: str, capfd: Any) -> None:
    """Copies stop before it, and the function is left alone."""
    body = simple(f"self.x = x\n        if x.min() < -0.5:\n            {effect}\n        return x")
    cls = cnet.accelerate(made(body), verify="never")
    layer = cls(RNG(0))
    for step in range(6):
        layer.forward(np.abs(RNG(step).standard_normal((6, 8))))
    assert counts(cls)["forward"] == 0
    assert "it " in cnet.accelerate.report()
    assert capfd.readouterr().out == ""


CHANGED = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((8, 5))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, g):
        UPDATE
        return g @ self.W.T
"""


@pytest.mark.parametrize(
    "update",
    ["self.W -= 0.1 * self.x.T @ g", "self.W = self.W - 0.1 * self.x.T @ g",
     "self.dW = self.x.T @ g; self.W += self.dW * -0.1"],
)  # fmt: skip
def test_a_gradient_from_changed_weights(update: str) -> None:
    body = CHANGED.replace("UPDATE", update)
    assert same(body, (6, 8)) == BOTH
    before = body.replace(f"        {update}", f"        dx = g @ self.W.T\n        {update}")
    assert same(before.replace("return g @ self.W.T", "return dx"), (6, 8)) == BOTH
    half = body.replace("return g @ self.W.T", "return g @ (self.W.T + 0.05 * g.T @ self.x)")
    assert same(half, (6, 8))["backward"] == 0


def test_pooling_with_relu() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        pass

    def forward(self, x):
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        return ACTIVATION

    def backward(self, g):
        return g
"""
    assert same(body.replace("ACTIVATION", "np.maximum(y, 0)"), (3, 2, 6, 8))["forward"] == 6
    assert same(body.replace("ACTIVATION", "np.maximum(y, 0.1)"), (3, 2, 6, 8))["forward"] == 0
    assert same(body.replace("ACTIVATION", "np.abs(y)"), (3, 2, 6, 8))["forward"] == 0


DENSE = """
class Layer:
    def __init__(self, rng):
        self.W, self.v = rng.standard_normal((2, 8, 5))
        self.b = np.ones(5)
        self.lr, self.beta, self.decay, self.u = 0.1, 0.9, 0.01, np.ones(5)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        dx = g @ self.W.T
        UPDATE
        return dx
"""
UPDATES = [
    "self.v = self.beta * self.v + (1 - self.beta) * self.x.T @ g; self.W -= self.lr * self.v",
    "self.v *= self.beta; self.v -= self.lr * self.x.T @ g; self.W = self.W + self.v",
    "self.W *= 1 - self.lr * self.decay; self.W -= self.lr * self.x.T @ g",
    "self.W -= self.lr * (self.x.T @ g / len(g) + self.decay * self.W)",
    "self.u = self.beta * self.u + (1 - self.beta) * g.sum(0) / len(g); self.b -= self.lr * self.u",
]


@pytest.mark.parametrize("update", UPDATES)
def test_updates_with_momentum_and_decay(update: str) -> None:
    def between(layer: Any, _: Any) -> None:
        layer.lr, layer.beta = 0.9 * layer.lr, 0.99 * layer.beta

    assert same(DENSE.replace("UPDATE", update), (6, 8), between) == BOTH


@pytest.mark.parametrize(
    "update",
    [
        "self.v = self.beta * self.v + (1 - self.beta) * (self.x.T @ g) ** 2",
        "self.v = np.maximum(self.beta * self.v, self.x.T @ g)",
        "self.W *= 1 - self.lr * self.decay * (self.W > 0); self.W -= self.lr * self.x.T @ g",
        "self.W *= self.beta; self.W -= self.lr * np.sign(self.x.T @ g)",
    ],
)
def test_other_updates_are_left_alone(update: str) -> None:
    assert same(DENSE.replace("UPDATE", update), (6, 8)) == {"forward": 6, "backward": 0}


POOL = """
class Layer:
    def __init__(self, rng):
        pass

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        y = np.zeros((n, c, h // 2, w // 2))
        for i in range(h // 2):
            for j in range(w // 2):
                y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3))
        self.y = y
        return y

    def backward(self, g):
        dx = np.zeros_like(self.x)
        n, c, h, w = self.x.shape
        for i in range(h // 2):
            for j in range(w // 2):
                rows, columns = slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2)
                mask = self.x[:, :, rows, columns] == self.y[:, :, i, j][:, :, None, None]
                dx[:, :, rows, columns] += mask * g[:, :, i, j][:, :, None, None]
        return dx
"""


@pytest.mark.parametrize("shape", [(3, 2, 6, 8), (2, 3, 7, 5)])
def test_gradients_from_kept_maxima(shape: tuple[int, ...]) -> None:
    def between(layer: Any, x: Any) -> None:
        layer.y[0] *= 0.5
        x[1] *= 2

    assert same(POOL, shape) == BOTH
    assert same(POOL, shape, between) == BOTH
    more = POOL.replace("] == self.y", "] >= self.y")
    assert same(more, shape, between) == {"forward": 6, "backward": 0}


KEPT_WINDOWS = """
class Layer:
    def __init__(self, rng):
        pass

    def forward(self, x):
        self.windows = sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2]
        self.shape = x.shape
        return self.windows.max(axis=(4, 5))

    def backward(self, g):
        windows = self.windows.reshape(*g.shape, 9)
        one = np.eye(9)[windows.PLACES(-1)] * g[..., None]
        dx = np.zeros(self.shape)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                part = one[:, :, i, j].reshape(*g.shape[:2], 3, 3)
                dx[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += part
        return dx
"""


def test_gradients_from_kept_windows() -> None:
    def between(_: Any, x: Any) -> None:
        x[1] *= -2

    assert same(KEPT_WINDOWS.replace("PLACES", "argmax"), (3, 2, 7, 9), between) == BOTH
    least = KEPT_WINDOWS.replace("PLACES", "argmin")
    assert same(least, (3, 2, 7, 9), between)["backward"] == 0


def test_windows_that_forget_the_stride() -> None:
    """The places of windows are not multiplied by the stride, so that they are at the begin."""
    body = POOL.replace("2 * i : 2 * i + 2, 2 * j : 2 * j + 2", "i : i + 2, j : j + 2")
    body = body.replace("slice(2 * i, 2 * i + 2)", "slice(i, i + 2)")
    body = body.replace("slice(2 * j, 2 * j + 2)", "slice(j, j + 2)")
    maxima = "self.x[:, :, rows, columns].max((2, 3), keepdims=True)"
    body = body.replace("self.y[:, :, i, j][:, :, None, None]", maxima)
    assert same(body, (3, 2, 6, 8)) == BOTH
    overwritten = body.replace("columns] +=", "columns] =")
    assert same(overwritten, (3, 2, 6, 8)) == {"forward": 6, "backward": 0}


IMAGES = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((3, 2, 3, 3))

    def forward(self, x):
        self.x = x
        return np.einsum("nchwij,ocij->nohw", sliding_window_view(x, (3, 3), (2, 3)), self.W)

    def backward(self, g):
        windows = sliding_window_view(self.x, (3, 3), (2, 3))
        self.dW = np.einsum("nohw,nchwij->nocij", g, windows)
        return 2 * g
"""


def test_gradients_for_each_image() -> None:
    assert same(IMAGES, (4, 2, 8, 7)) == BOTH
    reversed_ = IMAGES.replace("g, windows)", "g[::-1], windows)")
    assert same(reversed_, (4, 2, 8, 7)) == {"forward": 6, "backward": 0}


def test_names_that_are_those_of_a_layer_together() -> None:
    body = POOL.replace("def forward", "def pool").replace("def backward", "def train")
    layer, x = cnet.accelerate(made(body))(None), RNG(0).standard_normal((3, 2, 6, 8))
    for _ in range(5):
        close(layer.train(layer.pool(x)).shape, x.shape)
    assert counts(type(layer)).keys() == {"pool", "train"}
    with pytest.raises(ValueError, match="must have a function named"):
        cnet.accelerate(made(POOL.replace("forward", "predict").replace("backward", "train")))


def test_ordered_dicts() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        self.params = OrderedDict(w=rng.standard_normal((7, 5)), b=np.ones(5))

    def step(self, x):
        outputs = OrderedDict()
        outputs["data"] = x["data"] @ self.params["w"] + self.params["b"]
        outputs["width"] = x["width"]
        return outputs

    def forward(self, x):
        self.y = self.step(OrderedDict(data=x, width=5))
        return self.y["data"]

    def backward(self, g):
        return g @ self.params["w"].T
"""
    assert same(body, (6, 7)) == BOTH
    cls = cnet.accelerate(made(body), forward="step", verify="never")
    layer, expected = cls(RNG(0)), made(body)(RNG(0))
    for step in range(8):
        x = OrderedDict(data=RNG(step).standard_normal((6, 7)), width=5)
        y = layer.step(x)
        assert type(y) is OrderedDict
        assert [*y.items()][1:] == [("width", 5)]
        close(y["data"], expected.step(x)["data"])
    assert counts(cls)["step"] == 6
