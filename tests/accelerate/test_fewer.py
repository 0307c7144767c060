"""Functions that are learned from calls with a few of their images."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from written_layers import BOTH, same

from cnet.accelerate import _budget, _episodes
from cnet.accelerate._budget import FEW
from cnet.accelerate._calls import Build, Existing, Fresh, Leaf, Next, Unknown, View
from cnet.accelerate._episodes import Episode
from cnet.accelerate._fewer import Different, few_of, for_all, with_few
from cnet.accelerate._recorded import Recorded

IMAGES = 24


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The images in each call on copies; samples have a few, however little time that saves."""
    monkeypatch.setattr(_budget, "SEARCH_SECONDS", 0.0)
    seen: list[int] = []
    original = Episode._original

    def noted(episode: Episode, call: Recorded) -> Any:
        seen.append(_budget.count_images(call.args))
        return original(episode, call)

    monkeypatch.setattr(_episodes.Episode, "_original", noted)
    return seen


CONV = """
class Layer:
    def __init__(self, rng):
        self.W, self.b, self.rate = rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4), 0.1

    def forward(self, x):
        self.x, (n, h, w, _) = x, x.shape
        y = np.zeros((n, h - 2, w - 2, 4))
        for i in range(n):
            for a in range(h - 2):
                for b in range(w - 2):
                    window = x[i, a : a + 3, b : b + 3, :, None]
                    y[i, a, b] = (window * self.W).sum((0, 1, 2)) + self.b
        return y

    def backward(self, g):
        dx, dW, (n, h, w, _) = np.zeros(self.x.shape), np.zeros(self.W.shape), g.shape
        for i in range(n):
            for a in range(h):
                for b in range(w):
                    dx[i, a : a + 3, b : b + 3] += self.W @ g[i, a, b]
                    dW += self.x[i, a : a + 3, b : b + 3, :, None] * g[i, a, b]
        self.W -= self.rate * dW / n
        self.b -= self.rate * g.mean(0).sum((0, 1))
        return dx
"""
NORM = """
class Layer:
    def __init__(self, rng):
        self.gamma, self.beta = rng.standard_normal(4), rng.standard_normal(4)
        self.mean = np.zeros(4)

    def forward(self, x):
        mean, var = x.mean(0), x.var(0)
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.deviation = np.sqrt(var + 1e-5)
        self.h = (x - mean) / self.deviation
        return self.gamma * self.h + self.beta

    def backward(self, g):
        n, d = len(g), g * self.gamma
        self.dgamma, self.dbeta = (g * self.h).sum(0), g.sum(0)
        return (n * d - d.sum(0) - self.h * (d * self.h).sum(0)) / (n * self.deviation)
"""
POOL = """
class Layer:
    def __init__(self, rng):
        self.size = None

    def forward(self, x):
        self.x, self.size, (n, c, h, w) = x, x.shape, x.shape
        self.parts = x.reshape(n, c, h // 2, 2, w // 2, 2)
        self.y = self.parts.max((3, 5))
        return self.y

    def backward(self, g):
        mask = self.parts == self.y[:, :, :, None, :, None]
        return (mask * g[:, :, :, None, :, None]).reshape(self.size)
"""
DENSE = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((5, 3))

    def forward(self, x):
        self.x = x
        y = x @ self.W
        return RESULT

    def backward(self, g):
        self.dW = self.x.T @ g / len(g)
        return g @ self.W.T
"""


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (CONV, (6, 7, 2)), (NORM, (4,)), (POOL, (3, 6, 4)),
        (DENSE.replace("RESULT", "y * (3.0 if len(x) > 20 else 1.0)"), (5,)),
    ],
)  # fmt: skip
def test_one_call_with_all_images_is_enough(
    body: str, shape: tuple[int, ...], images: list[int]
) -> None:
    assert same(body, (IMAGES, *shape), keep=("h", "deviation")) == BOTH
    assert images.count(IMAGES) == 3  # forward; and backward, with forward before it
    assert set(images) < {IMAGES, *range(FEW, 2 * FEW)}


@pytest.mark.parametrize("count", [IMAGES, 2 * FEW - 2])
def test_a_few_images_do_not_tell_or_save_little(count: int, images: list[int]) -> None:
    body = DENSE.replace("RESULT", f"np.maximum(y, 0) if len(x) == {count} else y")
    assert same(body, (count, 5))["forward"] == 6
    assert images.count(count) > 3


def test_a_number_of_images_that_objects_hold(images: list[int]) -> None:
    """Calls with a few images fail, so all samples have all."""
    body = POOL.replace("self.size = None", f"self.n = {IMAGES}")
    body = body.replace("x.reshape(n,", "x.reshape(self.n,")
    assert same(body, (IMAGES, 3, 6, 4)) == BOTH
    assert images.count(IMAGES) > 3


@pytest.mark.parametrize("pad", [0, 1])
def test_rows_of_one_image(pad: int, images: list[int]) -> None:
    """If there is padding, rows can be cut as images can."""
    body = f"""
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((4, 3, 3))

    def windows(self):
        for a in range(self.padded.shape[0] - 2):
            for b in range(self.padded.shape[1] - 2):
                yield self.padded[a : a + 3, b : b + 3], a, b

    def forward(self, x):
        self.padded = np.pad(x, {pad})
        y = np.zeros((*[size - 2 for size in self.padded.shape], 4))
        for window, a, b in self.windows():
            y[a, b] = (window * self.W).sum((1, 2))
        return y

    def backward(self, g):
        self.dW = np.zeros(self.W.shape)
        for window, a, b in self.windows():
            self.dW += g[a, b][:, None, None] * window
        return self.dW
"""
    assert same(body, (20, 17), keep=("padded",)) == BOTH
    assert (FEW in images) is bool(pad)


def test_few_is_the_size_of_no_other_axis() -> None:
    assert few_of(100, {3, 28}) == FEW
    assert few_of(100, {FEW, FEW + 1}) == FEW + 2
    assert few_of(100, range(100)) == 0
    assert few_of(2 * FEW - 1, ()) == 0


def test_arguments_are_cut_and_what_objects_hold_is_not() -> None:
    class Layer:
        pass

    layer, x, w = Layer(), np.ones((20, 3), order="F"), np.ones((3, 20))
    vars(layer).update(buffer=np.ones((20, 4)), before={"x": x})
    call = Recorded(len, (layer, x, [x, w, (20, 3), 20]), {"labels": {"y": np.arange(20)}})
    cut = with_few(call, 20, 5)
    own, few, (same_few, weight, shape, number) = cut.args
    assert own is layer
    assert (few.shape, few.flags.f_contiguous, shape, number) == ((5, 3), True, (5, 3), 20)
    assert same_few is few
    assert layer.before["x"] is few
    assert layer.buffer.shape == (20, 4)
    assert weight is w
    assert cut.kwargs["labels"]["y"].tolist() == [0, 1, 2, 3, 4]
    assert x.shape == (20, 3)


def test_templates_for_all_images() -> None:
    def pair(*items: Any) -> Build:
        return Build("return", tuple, (0, 1), items)

    def view(n: int) -> View:
        return View(Existing("x"), (n, 3), (24, 8), 0, True)

    unknown = Unknown("a file")
    few = pair(Leaf(5, ""), pair(Existing("self.t"), view(5)))
    assert for_all(few, pair(Leaf(20, ""), pair(Leaf(7, ""), view(20)))) == (
        pair(Leaf(20, ""), pair(Existing("self.t"), view(20)))
    )
    assert for_all(unknown, Leaf(20, "")) is unknown
    assert for_all(Next("self.t"), Leaf(8, "")) == Next("self.t")
    for one, other in [
        (Fresh("return"), Existing("x")), (few, Leaf(20, "")), (view(5), Fresh("return")),
        (few, Build("return", list, (0, 1), few.items)), (Fresh("a"), Fresh("b")),
    ]:  # fmt: skip
        with pytest.raises(Different, match="number of images"):
            for_all(one, other)
