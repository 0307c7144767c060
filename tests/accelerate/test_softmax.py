"""Softmax in several ways to write it, and dense layers with ones for the bias."""

from typing import Any

import numpy as np
import pytest
from own_layers import counts
from written_layers import BOTH, RNG, made, same

import cnet

PROBABILITIES = """
class Layer:
    def __init__(self, rng):
        self.rows = 0

    def forward(self, scores):
        FORWARD
        self.p = p
        return p

    def backward(self, g):
        p = self.p
        BACKWARD
"""
SHIFTED = "e = np.exp(scores - scores.max(1, keepdims=True)); p = e / e.sum(1, keepdims=True)"
PLAIN = "e = np.exp(scores); p = e / np.sum(e, axis=1)[:, None]"
OF_ALL = "e = np.exp(scores - np.max(scores)); p = e / np.sum(e)"
FIRST = "e = np.exp(scores); p = e / np.sum(e, 0)"
IN_PLACE = (
    "scores -= scores.max(1, keepdims=True); e = np.exp(scores); p = e / e.sum(1, keepdims=True)"
)
LOGARITHM = (
    "z = scores - scores.max(1, keepdims=True); p = z - np.log(np.exp(z).sum(1, keepdims=True))"
)
JACOBIAN = "return p * (g - (g * p).sum(AXIS, keepdims=True))"
IN_LOOPS = "return np.array([(np.diag(a) - np.outer(a, a)) @ d for a, d in zip(p, g, strict=True)])"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (SHIFTED, JACOBIAN.replace("AXIS", "1")),
        (SHIFTED, IN_LOOPS),
        (SHIFTED, "return p - g"),
        (SHIFTED, "return (p - g) / len(g)"),
        (SHIFTED, "return p * g + p"),
        (PLAIN, JACOBIAN.replace("AXIS", "1")),
        (OF_ALL, JACOBIAN.replace("AXIS", "None")),
        (FIRST, JACOBIAN.replace("AXIS", "0")),
        (LOGARITHM, "return g"),
        (IN_PLACE, "return p - g"),
    ],
)
def test_softmax(forward: str, backward: str) -> None:
    body = PROBABILITIES.replace("FORWARD", forward).replace("BACKWARD", backward)
    counts = same(body, (6, 9))
    assert counts["forward"] == 6
    assert counts["backward"] >= 6 * (backward != "return g")


def test_kept_exponentials() -> None:
    body = PROBABILITIES.replace("FORWARD", f"{SHIFTED}; self.e = e")
    counts = same(body.replace("BACKWARD", "return g * self.e"), (6, 9))
    assert counts["forward"] > 3  # learned once more, with what the backward function reads
    assert counts["backward"] > 3


@pytest.mark.parametrize(
    ("forward", "count"),
    [
        (f"{SHIFTED}; p = p + 1e-12", 0),  # its logarithm is another one
        (f"{SHIFTED}; p = np.maximum(p, 1e-9)", 0),
        ("e = np.exp(scores - scores.max()); p = e / e.sum(1, keepdims=True) * 1.5", 0),
        (f"scores = np.clip(scores, -30, 30); {SHIFTED}", 0),
    ],
)
def test_what_is_nearly_softmax(forward: str, count: int) -> None:
    body = PROBABILITIES.replace("FORWARD", forward).replace("BACKWARD", "return g + p")
    assert same(body, (6, 9))["forward"] == count


@pytest.mark.parametrize("forward", [PLAIN, OF_ALL, FIRST])
def test_scores_that_overflow_are_computed_by_the_original(forward: str) -> None:
    """Where the original has NaN, the result must be NaN as well."""

    body = PROBABILITIES.replace("FORWARD", forward).replace("BACKWARD", "return p - g")

    def scores(cls: Any) -> Any:
        layer, rng = cls(None), np.random.default_rng(1)
        with np.errstate(all="ignore"):
            return [
                layer.forward(rng.standard_normal((6, 9)) * scale).copy()
                for scale in (1, 1, 1, 1, 400, 1, 1e3, 1)
            ]

    expected = scores(made(body))
    cls = made(body)
    cnet.accelerate(cls)
    for ours, theirs in zip(scores(cls), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_the_labels_of_rows() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        self.labels = np.arange(12) % 9

    def forward(self, scores):
        e = np.exp(scores - scores.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        return self.p

    def backward(self, g):
        d = self.p.copy()
        d[range(len(d)), self.labels] -= 1
        return d / len(d)
"""

    def other(layer: Any, _: Any) -> None:
        layer.labels = (layer.labels * 5 + 1) % 9

    assert same(body, (12, 9), other) == BOTH


DENSE = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((10, 4)) / 9

    def forward(self, x):
        self.x = AUGMENTED
        return FORWARD

    def backward(self, g):
        back = BACK
        self.W = self.W - 0.1 * STEP
        return back
"""
AT_THE_END = "np.hstack([x, np.ones((len(x), 1))])"
AT_THE_START = "np.concatenate((np.ones((x.shape[0], 1)), x), axis=1)"


@pytest.mark.parametrize(
    ("augmented", "forward", "back", "step"),
    [
        (AT_THE_END, "self.x @ self.W", "g @ self.W[:-1].T", "self.x.T @ g"),
        (AT_THE_START, "self.x @ self.W", "(g @ self.W.T)[:, 1:]", "self.x.T @ g / len(g)"),
    ],
)
def test_ones_for_the_bias(augmented: str, forward: str, back: str, step: str) -> None:
    body = DENSE.replace("AUGMENTED", augmented).replace("FORWARD", forward)
    body = body.replace("BACK", back).replace("STEP", step)
    assert same(body, (6, 9), keep=("x",)) == BOTH


def test_a_vector_with_a_one_for_the_bias() -> None:
    body = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((4, 10)) / 9

    def forward(self, x):
        self.x = np.concatenate(([1], x))
        z = self.W @ self.x
        self.p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        return self.p

    def backward(self, g):
        d = (np.diag(self.p) - np.outer(self.p, self.p)) @ g
        self.dW = d[:, None] * self.x[None]
        return (self.W.T @ d)[1:]
"""
    assert same(body, (9,), keep=("x",)) == BOTH


def test_a_softmax_of_many_products() -> None:
    """With random weights, all probabilities would be 0 or 1."""
    body = """
class Layer:
    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((900, 5)) / 30, np.zeros(5)

    def forward(self, x):
        self.x = x
        z = x @ self.W + self.b
        self.p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        return self.p

    def backward(self, g):
        d = self.p * (g - (g * self.p).sum(1, keepdims=True))
        self.dW, self.db = self.x.T @ d, d.sum(0)
        return d @ self.W.T
"""
    assert same(body, (6, 900)) == BOTH


def test_mistakes_in_the_gradient_stay() -> None:
    for wrong in (
        "p * g * (1 - p)",
        "p * (g - (g * p).sum(0))",
        "p * (g + (g * p).sum(1)[:, None])",
    ):
        body = PROBABILITIES.replace("FORWARD", SHIFTED).replace("BACKWARD", f"return {wrong}")
        assert same(body, (6, 9))["forward"] == 6


AT_THE_LABEL = """
class Layer:
    def __init__(self, rng):
        self.w, self.b = rng.standard_normal((20, 5)) / 20, np.zeros(5)

    def forward(self, x):
        self.x = x
        self.totals = x @ self.w + self.b
        e = np.exp(self.totals)
        return e / np.sum(e, axis=0)

    def backward(self, g):
        for label, slope in enumerate(g):
            if slope == 0:
                continue
            e = np.exp(self.totals)
            total = np.sum(e)
            d = -e[label] * e / total**2
            d[label] = e[label] * (total - e[label]) / total**2
            d = slope * d
            dx = self.w @ d
            self.w -= 0.1 * self.x[np.newaxis].T @ d[np.newaxis]
            self.b -= 0.1 * d
            return dx
"""


def test_a_gradient_at_one_label() -> None:
    cls, other = cnet.accelerate(made(AT_THE_LABEL), verify="never"), made(AT_THE_LABEL)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(12):
        x, g = RNG(step).standard_normal(20), np.zeros(5)
        p = layer.forward(x)
        np.testing.assert_allclose(p, expected.forward(x), 1e-12)
        g[step % 5] = -1 / p[step % 5]
        if step == 10:  # more than one element, of which the code takes the first
            g[4] = 3.0
        if step == 11:
            g[:] = 0
            assert layer.backward(g) is expected.backward(g) is None
        else:
            np.testing.assert_allclose(layer.backward(g), expected.backward(g), 1e-10, 1e-14)
        np.testing.assert_allclose(layer.w, expected.w, 1e-10)
        np.testing.assert_allclose(layer.b, expected.b, 1e-10)
    assert counts(cls)["backward"] >= 6


def test_labels_in_the_rows_of_gradients() -> None:
    backward = """
        rows, columns = np.nonzero(g)
        d = -p * p[rows, columns][:, None] * g[rows, columns][:, None]
        d[rows, columns] += p[rows, columns] * g[rows, columns]
        return d"""
    body = PROBABILITIES.replace("FORWARD", PLAIN).replace("BACKWARD", backward)
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(9):
        x, g = RNG(step).standard_normal((6, 9)), np.zeros((6, 9))
        g[np.arange(6), RNG(step).integers(0, 9, 6)] = RNG(step).standard_normal(6)
        np.testing.assert_allclose(layer.forward(x), expected.forward(x), 1e-12)
        np.testing.assert_allclose(layer.backward(g), expected.backward(g), 1e-10, 1e-14)
    assert counts(cls)["backward"] >= 6


def test_derivatives_of_softmax() -> None:
    backward = "return np.array([np.diag(a) - np.outer(a, a) for a in p])"
    body = PROBABILITIES.replace("FORWARD", SHIFTED).replace("BACKWARD", backward)
    assert same(body, (6, 9)) == BOTH
