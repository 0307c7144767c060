"""A patient budget: a function is learned when its original has used enough time."""

import gc
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cnet.accelerate import _budget
from cnet.accelerate._budget import Budget, Price, count_elements, price_of
from cnet.accelerate._learned import Use
from cnet.accelerate._targets import watch_class
from cnet.accelerate._watched import LEARNED, MOST_SHORT, Options, Situation


def price(seconds: float) -> Price:
    return Price(seconds, seconds)


def test_an_eager_budget_learns_at_once() -> None:
    assert Budget(left=2.0).allows(price(9.0), can_save=0.0)
    assert not Budget(left=0.0).allows(price(0.0), can_save=1.0)


def test_a_search_ends_at_the_price() -> None:
    assert Budget(is_patient=True, left=0.1).most_seconds(0.1) == 0.1
    assert Budget(is_patient=True, left=99.0).most_seconds(99.0) == _budget.MOST_SECONDS
    assert Budget(left=0.5).most_seconds(0.1) == 0.5


def test_a_patient_budget_risks_a_share() -> None:
    budget, share = Budget(is_patient=True), _budget.SHARE
    budget.worked(1.0)
    assert budget.left == share
    assert budget.allows(price(share), can_save=share)
    assert not budget.allows(price(share), can_save=0.9 * share)
    assert not budget.allows(price(2 * share), can_save=2 * share)
    assert budget.allows(Price(risk=share, all=2 * share), can_save=2 * share)
    assert not budget.allows(Price(risk=share, all=2 * share), can_save=1.9 * share)
    budget.left -= share
    assert not budget.allows(price(1e-3), can_save=1e-3)


def test_a_patient_budget_risks_in_proportion_to_what_can_be_saved() -> None:
    budget = Budget(is_patient=True)
    budget.worked(1.0)
    for times in (1, 2):
        some = times * _budget.SHARE
        assert budget.allows(price(some), can_save=1.001 * times * some)
        assert not budget.allows(price(some), can_save=0.99 * times * some)
    assert budget.allows(price(_budget.MOST_SHARE), can_save=100.0)
    assert not budget.allows(price(1.01 * _budget.MOST_SHARE), can_save=100.0)
    assert not budget.allows(price(1.01 * _budget.SHARE), can_save=100.0, is_unlikely=True)


def test_a_patient_budget_risks_less_while_more_is_not_explained_than_is() -> None:
    budget = Budget(is_patient=True, lead=-1)
    budget.worked(1.0)
    assert not budget.allows(price(1.01 * _budget.SHARE), can_save=100.0)
    budget.lead += 1
    assert budget.allows(price(_budget.MOST_SHARE), can_save=100.0)


def test_what_was_spent_in_vain_is_paid_first() -> None:
    budget, most = Budget(is_patient=True), _budget.MOST_SHARE
    budget.worked(1.0)
    budget.left -= most
    assert not budget.allows(price(most), can_save=100.0)
    budget.worked(0.9)
    assert not budget.allows(price(most), can_save=100.0)
    budget.worked(0.2)
    assert budget.allows(price(most), can_save=100.0)


def test_all_that_was_spent_is_charged() -> None:
    budget = Budget(is_patient=True, left=1.0)
    forward, _ = watch_class(dense(), Options(budget=budget))
    forward.spend(0.25)
    forward.spend(0.25, is_in_vain=True)
    assert budget.left == 0.5
    assert (forward.spent, forward.failed) == (0.5, 0.25)


def test_loops_over_many_images_are_learned_from_a_few() -> None:
    """Then one more call is needed, with all images, if there is an explanation."""
    calls, search, few = _budget.SAMPLES, _budget.SEARCH_SECONDS, _budget.FEW
    assert price_of(1.0, 0, 0) == price(search + calls)
    risk, everything = price_of(1.0, 100, 0)
    assert risk == pytest.approx(search + calls * few / 100)
    assert everything == pytest.approx(risk + search + 1.0)
    assert price_of(1e-3, 100, 0) == price_of(1e-3, 0, 0)  # a second search would take longer
    assert price_of(1e-3, 100, 10**7).all < price_of(1e-3, 0, 10**7).all  # of large arrays, too


def test_the_fastest_calls_decide_who_is_faster() -> None:
    """Others may be slow since other programs were busy."""
    situation = Situation()
    for seconds in (5.0, 1.0, 5.0):
        situation.time(seconds)
    use = Use(situation)
    use.seconds.extend([9.0, 0.5, 9.0])
    assert not use.is_slower()
    use.seconds.remove(0.5)
    assert use.is_slower()


def test_loops_save_more_than_operations_of_numpy() -> None:
    """The time for each element tells them apart."""
    assert _budget.saved_share(call=1e-2, elements=10_000) > 0.9
    assert _budget.saved_share(call=2e-4, elements=100_000) < 0.5
    assert _budget.saved_share(call=1e-4, elements=100_000) == 0
    assert _budget.saved_share(call=1e-6, elements=10) == 0


def test_elements_of_everything_that_a_call_can_read() -> None:
    class Layer:
        pass

    layer, x = Layer(), np.ones((2, 3))
    vars(layer).update(x=x, cache={"cols": (np.ones(5), x)}, stride=2, name="layer")
    assert _budget.count_elements((layer, x, np.ones(7), None)) == 6 + 5 + 7


def test_the_first_function_pays_for_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, _ = watch_class(dense(), Options(budget=Budget(is_patient=True)))
    monkeypatch.setitem(sys.modules, LEARNED, ModuleType(LEARNED))
    situation = Situation()
    situation.work = 0.01
    later = forward.price(situation).risk
    monkeypatch.delitem(sys.modules, LEARNED)
    assert forward.price(situation).risk == later + _budget.IMPORT_SECONDS


def test_waiting_for_the_processor_is_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    budget, cls = Budget(is_patient=True), dense()
    clock = iter([0.0, 1e-6, 1e-6, 2e-6, 2e-6, 5.0])
    forward, _ = watch_class(cls, Options(budget=budget))
    monkeypatch.setattr("cnet.accelerate._watched.perf_counter", lambda: next(clock))
    situation = Situation()
    for _ in range(3):
        forward.rested = 100  # calls that were not observed
        forward.observed(situation, (cls(), np.ones((4, 3))), {})
        forward.resting = 0
    assert situation.so_far < 1
    assert budget.left == pytest.approx(_budget.SHARE * situation.so_far)


def everything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if calls of cnet took no time."""
    monkeypatch.setattr(_budget, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(_budget, "ELEMENT_SECONDS", 0.0)


def dense() -> type:
    class Dense:
        def __init__(self) -> None:
            self.weight = np.ones((3, 2))

        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ self.weight

        def backward(self, grad: Any) -> Any:
            self.grad = self.x.T @ grad
            return grad @ self.weight.T

    return Dense


def test_calls_that_are_not_observed_are_counted() -> None:
    cls = dense()
    forward, _ = watch_class(cls, Options(budget=Budget(is_patient=True)))
    layer = cls()
    for _ in range(1000):
        layer.forward(np.ones((4, 3)))
    (situation,) = forward.situations.values()
    assert situation.misses < 500  # the others were not looked at
    assert forward.calls + forward.rested - forward.resting == 1000
    assert not forward.plans


@pytest.mark.parametrize("longer", [False, True])
def test_functions_that_are_always_short_are_given_back(
    longer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "CALL_SECONDS", 0.1)
    monkeypatch.setattr("cnet.accelerate._watched.OBSERVED_SECONDS", 0.0)
    cls = dense()
    original = cls.forward
    forward, _ = watch_class(cls, Options(budget=Budget(is_patient=True)))
    layer = cls()
    for step in range(MOST_SHORT):
        assert cls.forward is forward.wrapper
        if longer and step == 10:
            monkeypatch.setattr(_budget, "CALL_SECONDS", 0.0)
            layer.forward(np.ones((5, 3)))
            monkeypatch.setattr(_budget, "CALL_SECONDS", 0.1)
        layer.forward(np.ones((4, 3)))
    assert (cls.forward is original) is not longer
    assert ("it takes only" in forward.reason) is not longer


def test_a_forward_function_is_learned_before_its_backward_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_budget, "SEARCH_SECONDS", 5.0)
    everything_pays(monkeypatch)
    budget, cls = Budget(is_patient=True), dense()
    forward, backward = watch_class(cls, Options(budget=budget))
    layer = cls()
    order: list[Any] = []
    for step in range(60):
        if step == 20:  # as if the backward pass had taken much time
            budget.left = 100.0
            for situation in backward.situations.values():
                situation.so_far = 1e4
            backward.wake()
        layer.backward(layer.forward(np.full((400, 3), 0.5)))
        order += [one for one in (forward, backward) if one.spent and one not in order]
    assert order == [forward, backward]


def test_a_backward_function_waits_for_a_forward_call_that_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first call after the notes have begun is one of another instance."""
    monkeypatch.setattr("cnet.accelerate._watched.OBSERVED_SECONDS", 0.0)
    everything_pays(monkeypatch)

    class Relu:
        def forward(self, x: Any) -> Any:
            self.mask = x <= 0
            y = x.copy()
            y[self.mask] = 0
            return y

        def backward(self, grad: Any) -> Any:
            return grad * ~self.mask

    forward, backward = watch_class(Relu, Options(budget=Budget(is_patient=True, left=100.0)))
    first, second = Relu(), Relu()
    rng = np.random.default_rng(0)
    for _ in range(4):
        for one in forward, backward:
            for situation in one.situations.values():
                situation.so_far = 1e4
        x = rng.standard_normal((4, 50))
        second.forward(first.forward(x))
        first.backward(second.backward(x))
    assert backward.awaited == 1
    assert forward.plans
    assert backward.plans


def test_what_copies_keep_is_paid_for() -> None:
    few = price_of(0.1, 64, 1000), price_of(0.1, 64, 1000, 10**7)
    assert few[0].risk < few[1].risk < price_of(0.1, 64, 1000, 10**7, is_backward=True).risk
    assert price_of(0.001, 0, 1000, 10**7).risk > price_of(0.001, 0, 1000).risk + 0.1


def test_only_what_instances_hold_is_counted() -> None:
    class Holder:
        def __init__(self) -> None:
            self.arrays = {"x": np.ones(5), "y": [np.ones((2, 3))]}
            self.module, self.kind, self.function = np, Budget, price_of
            self.many = [np.ones(7)] * 1000

    assert count_elements([Holder(), np]) == 11


def test_counting_leaves_attributes_as_fast_as_they_are() -> None:
    """Python keeps them in the instance until the first use of its ``__dict__``."""

    class Layer:
        def __init__(self) -> None:
            self.weight = np.ones((2, 3))

    layer = Layer()
    held = [*map(type, gc.get_referents(layer))]
    assert count_elements([layer]) == 6
    assert [*map(type, gc.get_referents(layer))] == held
