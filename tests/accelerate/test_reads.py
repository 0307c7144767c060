"""Attributes that a plan leaves out, and that the originals read all the same."""

from typing import Any

import numpy as np
import pytest
from own_layers import counts
from written_layers import RNG

import cnet
from cnet.accelerate import _budget, _deferred
from cnet.accelerate._budget import Budget
from cnet.accelerate._learned import MOST_READS
from cnet.accelerate._targets import watch_class
from cnet.accelerate._watched import Options


def relu() -> Any:
    class Relu:
        def forward(self, x: Any) -> Any:
            self.mask = x > 0
            self.twice = 2 * x
            return np.where(self.mask, x, 0.0)

        def backward(self, grad: Any) -> Any:
            return grad * self.mask

    return Relu


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One item for each time that the original has computed attributes that were left out."""
    found: list[Any] = []
    original = _deferred._computed

    def compute(one: Any) -> Any:
        found.append(one)
        return original(one)

    monkeypatch.setattr(_deferred, "_computed", compute)
    return found


def test_both_originals_compute_until_the_backward_function_is_learned(
    computed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the forward function would be computed twice in each step of a script."""
    monkeypatch.setattr("cnet.accelerate._watched.OBSERVED_SECONDS", 0.0)
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda _: False)
    monkeypatch.setattr(_budget, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(_budget, "ELEMENT_SECONDS", 0.0)
    monkeypatch.setattr("cnet.accelerate._watched.Watched._pair", lambda *_: None)
    cls = relu()
    budget = Budget(is_patient=True, left=100.0)
    forward, backward = watch_class(cls, Options(budget=budget))
    layer = cls()

    def train(steps: int, pays: Any) -> None:
        for step in range(steps):
            for situation in pays.situations.values():
                situation.so_far = 1e4  # as if the original had taken much time
            x = RNG(step).standard_normal((4, 50))
            np.testing.assert_array_equal(layer.forward(x), np.maximum(x, 0))
            np.testing.assert_array_equal(layer.backward(x), np.where(x > 0, x, 0))

    train(20, forward)
    (plan,) = forward.plans
    assert plan.deferred
    assert not backward.plans
    assert len(computed) == 1
    assert [situation.waits for situation in forward.situations.values()] == [True]
    assert forward.by_cnet <= 1
    assert forward.saved < 0  # what was computed after all is counted
    train(20, backward)
    assert backward.plans
    assert forward.plans == [plan]
    assert forward.by_cnet > 10
    assert [situation.waits for situation in forward.situations.values()] == [False]


def test_the_backward_function_is_learned_after_the_forward_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if it is short: until then, the forward function saves nothing."""
    monkeypatch.setattr("cnet.accelerate._watched.OBSERVED_SECONDS", 0.0)
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda _: False)
    monkeypatch.setattr(_budget, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(_budget, "ELEMENT_SECONDS", 0.0)
    cls = relu()
    forward, backward = watch_class(cls, Options(budget=Budget(is_patient=True, left=100.0)))
    layer, x = cls(), RNG(0).standard_normal((4, 50))
    for _ in range(20):
        for seconds, calls in ((1e4, forward), (0.0, backward)):
            for situation in calls.situations.values():
                situation.so_far = seconds
        layer.backward(layer.forward(x))
    assert forward.plans
    assert backward.plans


def test_attributes_that_others_read_are_computed(computed: list[Any]) -> None:
    cls = cnet.accelerate(relu(), verify="never")
    layer = cls()
    for step in range(3 * MOST_READS):
        x = RNG(step).standard_normal((4, 50))
        layer.backward(layer.forward(x))
        np.testing.assert_array_equal(layer.twice, 2 * x)
    assert len(computed) <= MOST_READS + 1
    assert counts(cls)["backward"] > MOST_READS
