"""Losses: functions that return one number computed from data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from own_layers import counts

import cnet

RNG = np.random.default_rng
N, CLASSES = 12, 5


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _mean_square(p: Any, t: Any) -> Any:
    return np.mean((p - t) ** 2)


def _half_square(p: Any, t: Any) -> Any:
    return 0.5 * np.sum(np.square(t - p)) / len(p)


def _absolute(p: Any, t: Any) -> Any:
    return float(np.abs(p - t).mean())


def _plus(p: Any, t: Any) -> Any:
    return -np.sum(t * np.log(p + 1e-9)) / p.shape[0]


def _clipped(p: Any, t: Any) -> Any:
    return -np.mean(np.sum(t * np.log(np.clip(p, 1e-7, 1 - 1e-7)), axis=1))


def _from_below(p: Any, t: Any) -> Any:
    return -np.sum(t * np.log(np.maximum(p, 1e-12)))


def _up_to_one(p: Any, t: Any) -> Any:
    return -np.sum(t * np.log(np.clip(p, 1e-5, 1.0)))


def _unguarded(p: Any, t: Any) -> Any:
    return -np.sum(t * np.log(p))


def _binary(p: Any, t: Any) -> Any:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))


def _binary_plus(p: Any, t: Any) -> Any:
    return -(t * np.log(p + 1e-8) + (1 - t) * np.log(1 - p + 1e-8)).mean()


def _labels(p: Any, t: Any) -> Any:
    return -np.log(p[np.arange(len(p)), t] + 1e-9).mean()


def _of_logits(x: Any, t: Any) -> Any:
    return -np.log(softmax(x)[range(len(x)), t]).sum() / len(x)


def _negative_log(x: Any, t: Any) -> Any:
    return -x[np.arange(len(x)), t].mean()


TARGETS = [
    _mean_square, _half_square, _absolute, _plus, _clipped, _from_below, _up_to_one, _unguarded,
    _binary, _binary_plus,
]  # fmt: skip
LABELS = [_labels, _of_logits, _negative_log]


@pytest.fixture(autouse=True)
def _also_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnet.accelerate._budget.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda _: False)


def layer_of(loss: Callable[[Any, Any], Any], **members: Any) -> Any:
    def forward(self: Any, p: Any, t: Any) -> Any:
        return loss(p, t)

    return type("Loss", (), {"forward": forward, "__module__": __name__, **members})


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", [*TARGETS, *LABELS])
def test_losses(loss: Callable[[Any, Any], Any], dtype: Any) -> None:
    cls = cnet.accelerate(layer_of(loss), verify="never")
    layer = cls()
    tiny = np.array([0, 1e-14, 1e-11, 1e-9, 3e-8, 1e-6, 1e-4, 0.3, 1 - 1e-6, 1 - 1e-8, 1])
    for step in range(12):
        rng = RNG(step)
        p = softmax(rng.standard_normal((N, CLASSES))).astype(dtype)
        if step > 6:  # numbers near to those that guard the logarithm
            p = rng.choice(tiny, p.shape).astype(dtype)
        t = rng.integers(0, CLASSES, N)
        if loss in TARGETS:
            t = np.eye(CLASSES, dtype=dtype)[t]
        with np.errstate(all="ignore"):
            got, expected = layer.forward(p, t), loss(p, t)
        assert type(got) is type(expected)
        np.testing.assert_allclose(got, expected, 1e-9 if dtype == np.float64 else 1e-4)
    assert counts(cls)["forward"] >= 8 - 5 * (loss in (_unguarded, _binary_plus, _labels))


def test_a_loss_and_its_gradient() -> None:
    class Loss:
        def forward(self, x: Any, labels: Any) -> Any:
            self.labels, self.probabilities = labels, softmax(x)
            self.loss = -np.mean(np.log(self.probabilities[np.arange(len(x)), labels] + 1e-12))
            return self.loss

        def backward(self) -> Any:
            dx = self.probabilities.copy()
            dx[np.arange(len(dx)), self.labels] -= 1
            return dx / len(dx)

    own, layer = Loss(), cnet.accelerate(type("Loss", (Loss,), {}))()
    for step in range(9):
        x, labels = RNG(step).standard_normal((N, CLASSES)), RNG(step).integers(0, CLASSES, N)
        np.testing.assert_allclose(layer.forward(x, labels), own.forward(x, labels), 1e-12)
        np.testing.assert_allclose(layer.backward(), own.backward(), 1e-12, 1e-14)
    np.testing.assert_allclose(layer.loss, own.loss, 1e-12)
    assert min(counts(type(layer)).values()) > 3


def test_a_loss_that_is_not_known() -> None:
    cls = cnet.accelerate(layer_of(lambda p, t: np.sum(np.sqrt(np.abs(p - t)) ** 3)))
    for step in range(5):
        p, t = RNG(step).random((2, N, CLASSES))
        assert cls().forward(p, t) == np.sum(np.sqrt(np.abs(p - t)) ** 3)
    assert counts(cls)["forward"] == 0
    assert "is not explained" in cnet.accelerate.report()


def _quotient(p: Any, t: Any) -> Any:
    return -t / p


def _guarded_quotient(p: Any, t: Any) -> Any:
    return -t / (p + 1e-8) / len(p)


def _clipped_quotient(p: Any, t: Any) -> Any:
    return t * -1 / (len(p) * np.clip(p, 1e-7, 1 - 1e-7))


def _binary_quotients(p: Any, t: Any) -> Any:
    return ((1 - t) / (1 - p) - t / p) / np.size(p)


def _clipped_quotients(p: Any, t: Any) -> Any:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(np.divide(t, p) - np.divide(1 - t, 1 - p))


def _one_fraction(p: Any, t: Any) -> Any:
    return (p - t) / (p * (1 - p))


QUOTIENTS = [
    _quotient, _guarded_quotient, _clipped_quotient, _binary_quotients, _clipped_quotients,
    _one_fraction,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(N, CLASSES), (CLASSES, 1)])
@pytest.mark.parametrize("gradient", QUOTIENTS)
def test_gradients_of_cross_entropy(
    gradient: Callable[[Any, Any], Any], shape: tuple[int, ...], dtype: Any
) -> None:
    class Loss:
        def forward(self, p: Any, t: Any) -> None:
            self.p, self.t = p, t

        def backward(self) -> Any:
            return gradient(self.p, self.t)

    layer = cnet.accelerate(Loss, verify="never")()
    tiny = np.array([0, 1e-12, 1e-10, 1e-9, 3e-8, 1e-6, 0.3, 1 - 1e-6, 1 - 1e-8, 1])
    for step in range(12):
        p, t = RNG(step).random((2, *shape)).astype(dtype)
        if step > 7:
            p = RNG(step).choice(tiny, p.shape).astype(dtype)
        layer.forward(p, t)
        with np.errstate(all="ignore"):
            got, expected = layer.backward(), gradient(p, t)
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, 1e-9 if dtype == np.float64 else 1e-3)
    assert counts(Loss)["backward"] >= 6


@pytest.mark.parametrize("column", [False, True])
def test_a_loss_of_one_row_whose_label_is_a_number(column: bool) -> None:
    class Loss:
        def forward(self, scores: Any, label: int) -> Any:
            e = np.exp(scores - np.max(scores))
            probabilities = e / np.sum(e)
            self.probabilities, self.label = probabilities, int(label)
            return probabilities, -np.log(probabilities.reshape(-1)[self.label] + 1e-12)

    own, layer = Loss(), cnet.accelerate(type("Loss", (Loss,), {}), verify="never")()
    for step in range(16):
        scores = RNG(step).standard_normal((CLASSES, 1) if column else CLASSES)
        got, expected = layer.forward(scores, step % 2), own.forward(scores, step % 2)
        for ours, theirs in zip(got, expected, strict=True):
            assert type(ours) is type(theirs)
            np.testing.assert_allclose(ours, theirs, 1e-12)
    assert counts(type(layer))["forward"] >= 6


@pytest.mark.parametrize("classes", [CLASSES, N])
def test_a_loss_with_the_classes_first(classes: int) -> None:
    class Loss:
        def forward(self, x: Any, labels: Any) -> Any:
            e = np.exp(x)
            self.p, self.labels = e / np.sum(e, axis=0)[np.newaxis, :], labels
            return -np.sum(np.log(self.p[labels, range(len(labels))])) / float(len(labels))

        def backward(self) -> Any:
            dx = self.p
            dx[self.labels, range(len(self.labels))] -= 1
            return dx / float(len(self.labels))

    own, layer = Loss(), cnet.accelerate(type("Loss", (Loss,), {}), verify="never")()
    for step in range(9):
        x = RNG(step).standard_normal((classes, N))
        labels = RNG(step).integers(0, classes, N)
        np.testing.assert_allclose(layer.forward(x, labels), own.forward(x, labels), 1e-12)
        np.testing.assert_allclose(layer.backward(), own.backward(), 1e-12, 1e-14)
        np.testing.assert_allclose(layer.p, own.p, 1e-12, 1e-14)
    assert min(counts(type(layer)).values()) >= 5
