"""Batch normalization as people write it, in training and in testing."""

from typing import Any

import numpy as np
import pytest
from own_layers import close, counts
from written_layers import BOTH, RNG, made, run

import cnet

LAYER = """
class Layer:
    def __init__(self, rng):
        self.axes, self.shape = AXES, SHAPE
        c = max(self.shape)
        self.gamma, self.beta = rng.standard_normal(c), rng.standard_normal(c)
        self.mean, self.var = np.zeros(c), np.ones(c)
        self.keep, self.eps, self.training = 0.9, 1e-3, True

    def wide(self, vector):
        return vector.reshape(self.shape)

    def forward(self, x):
        FORWARD

    def backward(self, g):
        BACKWARD
"""
STATISTICS = """
        m, v = x.mean(self.axes), x.var(self.axes)
        self.mean = self.keep * self.mean + (1 - self.keep) * m
        self.var = 0.75 * self.var + 0.25 * v * count / (count - 1)
"""
FORWARD = f"""
        count = x.size / len(self.gamma)
        if not self.training:
            h = (x - self.wide(self.mean)) / np.sqrt(self.wide(self.var) + self.eps)
            return self.wide(self.gamma) * h + self.wide(self.beta)
        {STATISTICS}
        self.x, self.m, self.s = x, m, np.sqrt(v + self.eps)
        self.h = (x - self.wide(m)) / self.wide(self.s)
        return self.wide(self.gamma) * self.h + self.wide(self.beta)
"""
SHORT = """
        count = g.size / len(self.gamma)
        self.dgamma, self.dbeta = (g * self.h).sum(self.axes), g.sum(self.axes)
        rest = g - self.wide(self.dbeta) / count - self.h * self.wide(self.dgamma) / count
        return self.wide(self.gamma / self.s) * rest
"""
LONG = """
        n = g.size / len(self.gamma)
        self.dgamma, self.dbeta = (g * self.h).sum(self.axes), g.sum(self.axes)
        d = g * self.wide(self.gamma)
        c = self.x - self.wide(self.m)
        dv = (d * c).sum(self.axes) * -0.5 * self.s**-3
        dm = -(d / self.wide(self.s)).sum(self.axes) - 2 * dv * c.sum(self.axes) / n
        return d / self.wide(self.s) + self.wide(dv) * 2 * c / n + self.wide(dm) / n
"""
STEP = """
        lr, n = 0.05, g.size / len(self.gamma)
        d = (g * self.h).sum(self.axes)
        old, self.gamma = self.gamma, self.gamma - lr * d
        rest = g - self.wide(g.sum(self.axes)) / n - self.h * self.wide(d) / n
        return self.wide(old / self.s) * rest
"""
SHAPES = [
    ("(0, 2, 3)", "(1, -1, 1, 1)", (4, 3, 6, 5), 3),
    ("(0, 1, 2)", "(1, 1, 1, -1)", (4, 6, 5, 3), 3),
    ("(0,)", "(1, -1)", (40, 6), 6),
    ("(1,)", "(-1, 1)", (6, 40), 6),
]


def _layer(
    shape: int = 0, forward: str = FORWARD, backward: str = SHORT
) -> tuple[str, tuple[int, ...]]:
    axes, wide, size, channels = SHAPES[shape]
    body = LAYER.replace("FORWARD", forward).replace("BACKWARD", backward)
    body = body.replace("AXES", axes).replace("SHAPE", wide)
    return body.replace("c = max(self.shape)", f"c = {channels}"), size


def _counts(
    body: str, size: tuple[int, ...], between: Any = None, read: tuple[str, ...] = ()
) -> dict[str, int]:
    """How many of eight calls cnet has computed, with the numbers of the original."""
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(8):
        x, g = RNG(step).standard_normal((2, *size))
        close(layer.forward(x.copy()), expected.forward(x.copy()))
        if between is not None:
            between(layer)
            between(expected)
        close(layer.backward(g), expected.backward(g))
        for name in ("gamma", "beta", "mean", "var", *read):
            close(getattr(layer, name), getattr(expected, name))
    return counts(cls)


@pytest.mark.parametrize("shape", range(len(SHAPES)))
@pytest.mark.parametrize("backward", [SHORT, LONG, STEP])
def test_training(shape: int, backward: str) -> None:
    read = () if backward is STEP else ("dgamma", "dbeta")
    assert _counts(*_layer(shape, backward=backward), read=read) == BOTH


@pytest.mark.parametrize("backward", [SHORT, LONG, STEP])
def test_statistics_of_each_element_of_an_image(backward: str) -> None:
    body, _ = _layer(2, backward=backward)
    for name, x in (("forward", "x"), ("backward", "g")):
        of_rows = f"return self.rows_of_{x}({x}.reshape(len({x}), -1)).reshape({x}.shape)"
        body = body.replace(
            f"def {name}(self, {x}):",
            f"def {name}(self, {x}):\n        {of_rows}\n\n    def rows_of_{x}(self, {x}):",
        )
    read = () if backward is STEP else ("dgamma", "dbeta")
    assert _counts(body, (40, 1, 3, 2), read=read) == BOTH


@pytest.mark.parametrize("backward", [SHORT, LONG])
def test_statistics_that_the_user_reads(backward: str) -> None:
    body, size = _layer(backward=backward)
    learned_again = 2  # calls of the original, after what is read is computed at once
    count = _counts(body, size, read=("h", "s", "m"))["forward"]
    assert count == BOTH["forward"] - learned_again


def test_weights_that_change_before_the_backward_pass() -> None:
    def between(layer: Any) -> None:
        layer.gamma *= 0.9

    assert _counts(*_layer(), between, read=("dgamma",)) == BOTH


@pytest.mark.parametrize("kept", ["h", "m"])
def test_kept_statistics_may_change_before_the_backward_pass(kept: str) -> None:
    """The formula of the original shows then, even where terms are usually zero."""

    def between(layer: Any) -> None:
        setattr(layer, kept, getattr(layer, kept) + 0.25)

    for backward in (SHORT, LONG):
        _counts(*_layer(backward=backward), between, read=("dgamma", "dbeta"))


def test_testing_and_training_by_turns() -> None:
    body, size = _layer()
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(16):
        x, g = RNG(step).standard_normal((2, *size))
        layer.training = expected.training = step % 2 == 0
        close(layer.forward(x), expected.forward(x))
        if layer.training:
            close(layer.backward(g), expected.backward(g))
        close(layer.mean, expected.mean)
        close(layer.var, expected.var)
    assert counts(cls) == {"forward": 12, "backward": 4}


def test_float32() -> None:
    body, size = _layer()
    body = body.replace("rng.standard_normal(c)", "rng.standard_normal(c).astype(np.float32)")
    body = body.replace("np.zeros(c), np.ones(c)", "np.zeros(c, 'f4'), np.ones(c, 'f4')")
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(8):
        x, g = RNG(step).standard_normal((2, *size)).astype(np.float32)
        for ours, theirs in (
            (layer.forward(x), expected.forward(x)), (layer.backward(g), expected.backward(g)),
            (layer.var, expected.var), (layer.dgamma, expected.dgamma),
        ):  # fmt: skip
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)
    assert counts(cls)["forward"] >= 6


@pytest.mark.parametrize("eps", ["self.eps", "1e-5", "1e-8", "np.finfo(float).eps"])
@pytest.mark.parametrize("size", [1.0, 1e-6])
def test_channels_without_variance(eps: str, size: float) -> None:
    """Where the constant decides, it is the one of the original, or the original computes."""
    body, shape = _layer(forward=FORWARD.replace("self.eps", eps))
    cls, other = cnet.accelerate(made(body), verify="never"), made(body)
    layer, expected = cls(RNG(0)), other(RNG(0))
    for step in range(8):
        x, g = RNG(step).standard_normal((2, *shape))
        x *= size if step > 4 else 1
        x[:, step % 3] = step if step > 4 else x[:, step % 3]
        close(layer.forward(x), expected.forward(x))
        np.testing.assert_allclose(layer.backward(g), expected.backward(g), rtol=1e-6, atol=1e-7)


def test_a_cache_of_functions() -> None:
    def bn_forward(x: Any, gamma: Any, beta: Any, eps: float = 1e-4) -> Any:
        mu = x.mean(axis=(0, 1, 2))
        centred = x - mu
        var = (centred**2).mean(axis=(0, 1, 2))
        inverse = 1 / np.sqrt(var + eps)
        h = centred * inverse
        return gamma * h + beta, (h, centred, inverse, var, eps)

    def bn_backward(g: Any, gamma: Any, cache: Any) -> Any:
        h, centred, inverse, _, _ = cache
        n = g.size // len(gamma)
        d = g * gamma
        dv = (d * centred).sum((0, 1, 2)) * -0.5 * inverse**3
        dm = -(d * inverse).sum((0, 1, 2)) + dv * (-2 / n) * centred.sum((0, 1, 2))
        dx = d * inverse + dv * 2 * centred / n + dm / n
        return dx, (g * h).sum((0, 1, 2)), g.sum((0, 1, 2))

    forward, backward = cnet.accelerate((bn_forward, bn_backward), verify="never")
    gamma, beta = RNG(1).standard_normal((2, 3))
    for step in range(8):
        x, g = RNG(step).standard_normal((2, 4, 6, 5, 3))
        (y, cache), (expected, known) = forward(x, gamma, beta), bn_forward(x, gamma, beta)
        close(y, expected)
        for ours, theirs in zip(cache, known, strict=True):
            close(ours, theirs)
        pairs = zip(backward(g, gamma, cache), bn_backward(g, gamma, known), strict=True)
        for ours, theirs in pairs:
            close(ours, theirs)
    watched = [function.cnet_watched for function in (forward, backward)]
    assert [one.by_cnet for one in watched] == [6, 6]


MUTANTS = [
    (FORWARD, "x.var(self.axes)", "x.std(self.axes)"),
    (FORWARD, "/ self.wide(self.s)", "* self.wide(self.s)"),
    (FORWARD, "np.sqrt(v + self.eps)", "np.sqrt(v) + self.eps"),
    (SHORT, "- self.h", "+ self.h"),
    (SHORT, "self.gamma / self.s", "self.gamma * self.s"),
    (SHORT, "self.gamma / self.s", "1 / self.s"),
    (SHORT, "- self.wide(self.dbeta) / count", ""),
    (LONG, "-0.5 * self.s**-3", "-0.5 * self.s**-2"),
    (LONG, "* 2 * c / n", "* 2 * c / len(g)"),
]


@pytest.mark.parametrize(("part", "old", "new"), MUTANTS)
def test_mistakes_are_reproduced_or_refused(part: str, old: str, new: str) -> None:
    assert old in part
    wrong = part.replace(old, new)
    body, size = _layer(
        forward=wrong if part is FORWARD else FORWARD, backward=SHORT if part is FORWARD else wrong
    )
    _counts(body, size)
    right, _ = _layer(backward=SHORT if part is FORWARD else part)
    ours, theirs = run(made(right), size), run(made(body), size)
    assert not all(np.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


def test_check_knows_batch_normalization() -> None:
    for backward, faults in ((SHORT, []), (SHORT.replace("- self.h", "+ self.h"), ["dx"])):
        body, size = _layer(backward=backward)
        result = cnet.check(made(body)(RNG(0)), RNG(1).standard_normal(size))
        assert [fault.quantity for fault in result.faults] == faults
        assert "batch norm, channels along axis 1" in str(result)
