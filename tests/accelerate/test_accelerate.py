"""The functions of `cnet.accelerate`: targets, options, report, and what stays as it was."""

import io
import random
import threading
import time
import traceback
import types
import warnings
from typing import Any

import numpy as np
import own_layers as layers
import pytest
from own_layers import close, counts

import cnet
from cnet.accelerate import _compare
from cnet.accelerate._learned import Learned
from cnet.accelerate._report import report_of
from cnet.accelerate._targets import places

RNG = np.random.default_rng


def layer_class(body: str, **names: Any) -> Any:
    """A class with a forward method of this body, for an argument x."""
    names |= {"np": np}
    exec(f"def forward(self, x):\n    {body}", names)
    return type("Layer", (), {"forward": names["forward"]})


def run(layer: Any, calls: int = 8, shape: Any = (6, 40)) -> list[Any]:
    return [layer.forward(RNG(step).standard_normal(shape)) for step in range(calls)]


# ---- Targets -------------------------------------------------------------------------------------


def test_off_puts_the_same_objects_back() -> None:
    cls = layers.conv_columns()
    own = dict(vars(cls))
    assert cnet.accelerate(cls, verify="never") is cls
    assert cls.forward is not own["forward"]
    layer = cls(RNG(0))
    for _ in range(5):
        layer.forward(np.ones((1, 2, 5, 5)))
    assert "cols" not in vars(layer)
    held = layer.forward
    cnet.accelerate.off(cls)
    assert {name: vars(cls)[name] for name in own} == own
    assert vars(cls).keys() - own.keys() <= {"__slotnames__"}  # of copy and pickle
    assert "cols" in vars(layer)
    close(held(np.ones((1, 2, 5, 5))), layer.forward(np.ones((1, 2, 5, 5))))
    cnet.accelerate.off()


def test_wrappers_have_names_documentation_and_signatures() -> None:
    class Layer:
        def forward(self, x: Any, scale: float = 2.0) -> Any:
            """Doubles."""
            return x * scale

    own = Layer.forward
    cnet.accelerate(Layer)
    assert Layer.forward.__name__ == "forward"
    assert Layer.forward.__doc__ == "Doubles."
    assert Layer.forward.__wrapped__ is own  # type: ignore[attr-defined]


def test_decorator_with_arguments() -> None:
    @cnet.accelerate(forward="run", verify="never")
    class Layer:
        def run(self, x: Any) -> Any:
            return np.maximum(x, 0)

    for _ in range(5):
        Layer().run(np.ones((4, 5)))
    assert "run" in counts(Layer)


def test_module_target() -> None:
    module = types.ModuleType("user_module")
    code = """
import numpy as np
class Relu:
    def forward(self, x):
        return np.maximum(x, 0)
def pool_forward(x):
    return x[::2]
def helper(x):
    return x
"""
    exec(code, vars(module))
    own = dict(vars(module))
    cnet.accelerate(module)
    names = {place.name for place in cnet.accelerate.places_of(module)}
    assert names == {"forward", "pool_forward"}
    assert module.helper is own["helper"]
    cnet.accelerate.off(module)
    assert dict(vars(module)) == own


def test_instance_target() -> None:
    class Network:
        def __init__(self) -> None:
            self.layers = [layers.dense()(RNG(0)), {"pool": layers.max_pool()()}]

    network = Network()
    assert cnet.accelerate(network) is network
    assert len(cnet.accelerate.places) == 4


def test_inherited_methods_are_watched_where_they_are() -> None:
    base = layers.dense()
    sub = type("Sub", (base,), {})
    cnet.accelerate(sub, verify="never")
    assert "forward" not in vars(sub)
    run(sub(RNG(0)), shape=(3, 5))
    assert counts(sub)["forward"] == 6


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3,), {}, ValueError, r"accelerate: target must have .* \(got 3\)"),
        ((len,), {}, ValueError, "accelerate: target must have"),
        (
            ((test_off_puts_the_same_objects_back,),),
            {},
            TypeError,
            r"a backward function \(got 1\)",
        ),
        ((int,), {}, ValueError, "accelerate: target must have"),
        ((None,), {"verify": "often"}, ValueError, "accelerate: verify must be .*'often'"),
        ((None,), {"on_mismatch": 1}, ValueError, "accelerate: on_mismatch must be .*got 1"),
        ((None,), {"keep": "cols"}, TypeError, "accelerate: keep must be a sequence"),
        ((None,), {"rtol": -1}, ValueError, "accelerate: rtol must be"),
    ],
)
def test_bad_arguments(arguments: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        cnet.accelerate(*arguments, **options)


# ---- Refusals ------------------------------------------------------------------------------------

COUNTER = {"calls": 0}
PRINTED = io.StringIO()


class K:
    calls = 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print('hello', end='', file=F); return np.maximum(x, 0)", "it prints to a file"),
        ("print('hello', x[0, 0], end=''); return np.maximum(x, 0)", "what it prints depends"),
        ("global G; G = 1; return np.maximum(x, 0)", "it changes the global G"),
        ("C['calls'] += 1; return np.maximum(x, 0)", "it changes 'calls' of a global dict"),
        ("import time; return np.maximum(x, 0)", "it imports time"),
        ("return x * np.random.rand(*x.shape)", "it draws random numbers"),
        ("return x * np.random.default_rng().random()", "two calls with the same data differ"),
        ("return x * A", "it uses A, a ndarray outside of its arguments"),
        ("return x * R.random()", "it uses R, a Generator outside of its arguments"),
        ("return draw(x)", "it uses draw, a method outside of its arguments"),
        ("return np.sin(np.cos(x))", "return is not explained"),
        ("return [x[0, 0]]", "return[0] is not explained"),
        ("self.__dict__['y'] = x; return x * 2", "it uses .__dict__"),
        ("return x.reshape(4, 5)", "it raises ValueError for random data"),
        ("K.calls += 1; return np.maximum(x, 0)", "it changes K.calls"),
        ("self.__class__.n = 3; return np.maximum(x, 0)", "it uses .__class__"),
        ("type(self).n = x[0, 0]; return np.maximum(x, 0)", "it changes Layer.n"),
        ("return np.clip(x, -300, 300)", "return is not explained"),
        ("return x if x[0, 0] > 0 else x * 2", "the result is another kind of value"),
    ],
)
def test_what_is_not_taken_over(body: str, reason: str, capfd: Any) -> None:
    names = {"C": COUNTER, "A": np.ones(40), "K": K, "R": RNG(0), "draw": np.random.shuffle}
    names |= {"F": PRINTED}
    cls = cnet.accelerate(layer_class(body, **names))
    before = COUNTER["calls"]
    for step in range(5):
        try:
            cls().forward(RNG(step).standard_normal((6, 40)))
        except ValueError:
            assert "reshape" in body
    assert counts(cls) == {"forward": 0}
    assert reason in cnet.accelerate.report()
    assert capfd.readouterr().out.count("hello") == (5 if "x[0, 0], end" in body else 0)
    assert PRINTED.getvalue() == ("hello" * 5 if "F)" in body else "")
    PRINTED.truncate(0)
    assert K.calls == (5 if "K" in body else 0)
    K.calls = 0
    assert COUNTER["calls"] == before + (5 if "C[" in body else 0)


def test_random_numbers_stay_the_same() -> None:
    body = "return np.maximum(x, 0)"
    np.random.seed(0)
    random.seed(0)
    run(cnet.accelerate(layer_class(body))())
    got = np.random.rand(), random.random()
    np.random.seed(0)
    random.seed(0)
    assert got == (np.random.rand(), random.random())


# ---- Mismatches ----------------------------------------------------------------------------------

SWITCH = "return np.maximum(x, 0) if x[0, 0] < 1e6 else x + 1"


def big() -> Any:
    x = RNG(0).standard_normal((6, 40))
    x[0, 0] = 1e7
    return x


def test_a_mismatch_returns_the_result_of_the_original() -> None:
    cls = cnet.accelerate(layer_class(SWITCH), verify="always")
    layer, own = cls(), vars(cls)["forward"].__wrapped__
    run(layer, 4)
    with pytest.warns(cnet.accelerate.AccelerateWarning, match=r"Layer\.forward: return"):
        y = layer.forward(big())
    close(y, big() + 1)
    assert vars(cls)["forward"] is own
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(layer.forward(big()), big() + 1)
    assert "return differs by" in cnet.accelerate.report()


def test_a_mismatch_can_raise() -> None:
    cls = cnet.accelerate(layer_class(SWITCH), verify="always", on_mismatch="raise")
    run(cls(), 4)
    with pytest.raises(cnet.accelerate.AccelerateError, match=r"Layer\.forward: return"):
        cls().forward(big())


@pytest.mark.parametrize("wrong", ["forward", "backward"])
def test_finite_differences_say_who_is_right(wrong: str) -> None:
    """A branch that copies do not take, in one of the two functions."""
    factor = {wrong: "(1 if abs(x).max() < 1e6 else 2)"}
    code = f"""
class Layer:
    def forward(self, x):
        self.x = x
        return x * {factor.get("forward", "1")}

    def backward(self, x):
        x, grad = self.x, x
        return grad * {factor.get("backward", "1")}
"""
    names = {"np": np, "__name__": __name__}
    exec(code, names)
    cls: Any = cnet.accelerate(names["Layer"], verify="always")
    layer, grad = cls(), RNG(1).standard_normal((6, 40))
    for _ in range(4):
        layer.forward(RNG(0).standard_normal((6, 40)))
        layer.backward(grad)
    if wrong == "backward":
        layer.forward(big())
        with pytest.warns(cnet.accelerate.AccelerateWarning, match="agree with cnet"):
            close(layer.backward(grad), 2 * grad)


def test_calls_2_4_16_64_are_checked() -> None:
    calls: list[int] = []
    cls = layer_class("return np.maximum(x, 0)")
    cnet.accelerate(cls)
    watched = cnet.accelerate.places[0].watched
    watched.options = watched.options
    layer = cls()
    for call in range(1, 80):
        before = watched.checked
        layer.forward(np.ones((100, 400)))
        if watched.checked > before:
            calls.append(call - 1)  # the first call was only timed
    assert calls in ([1, 2, 4, 16, 64], [1, 2, 4, 16], [1, 2, 4])  # less if it is not faster


def test_a_plan_that_is_slower_is_dropped() -> None:
    cls = cnet.accelerate(layer_class("return x.T.copy()"), verify="never")
    layer, x = cls(), np.ones((2, 2))
    for _ in range(30):
        layer.forward(x)
    assert counts(cls)["forward"] <= 10
    assert "cnet is not faster" in cnet.accelerate.report()


def test_a_plan_that_becomes_slower_is_dropped_at_a_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_original(*arguments: Any) -> Any:
        result, outcome, _ = _compare.run_original(*arguments)
        return result, outcome, 1.0 if call < 10 else 0.0

    monkeypatch.setattr("cnet.accelerate._learned.run_original", run_original)
    cls = cnet.accelerate(layer_class("return np.maximum(x, 0)"))
    layer = cls()
    for call in range(100):
        layer.forward(np.ones((10, 40)))
        if call == 5:
            (situation,) = vars(cls)["forward"].cnet_watched.situations.values()
            situation.least = 1.0
    assert 10 < counts(cls)["forward"] < 16
    assert "cnet is not faster" in cnet.accelerate.report()


# ---- Other ---------------------------------------------------------------------------------------


def test_paused() -> None:
    cls = cnet.accelerate(layers.dense(), verify="never")
    layer = cls(RNG(0))
    with cnet.accelerate.paused():
        run(layer, shape=(3, 5))
    assert cnet.accelerate.report() == "cnet.accelerate: no watched function was called"


def test_report() -> None:
    cls = cnet.accelerate(layers.conv_columns(), verify="never")
    layer = cls(RNG(0))
    run(layer, 12, (2, 2, 6, 6))
    line, total, counted = cnet.accelerate.report().splitlines()
    assert line.startswith(f"{cls.__qualname__}.forward  conv2d")
    assert "by cnet 10 of 12  x" in line
    assert "saved" in line
    assert total.startswith("in all: saved ")
    assert "without success" not in total
    assert counted == "of 1 functions, cnet computes 1, and 0 have nothing to gain"


def test_large_factors_have_all_digits() -> None:
    cls = cnet.accelerate(layers.conv_columns(), verify="never")
    run(cls(RNG(0)), 12, (2, 2, 6, 6))
    one = next(place.watched for place in places if place.watched.by_cnet)
    one.by_cnet = one.calls = 12
    one.saved, one.cnet_seconds = 12.35, 0.01
    assert "  x1 236, saved 12.3 s" in report_of([one])


def test_errors_are_those_of_the_original() -> None:
    cls, own = cnet.accelerate(layers.dense(), verify="never"), layers.dense()
    layer = cls(RNG(0))
    run(layer, shape=(3, 5))
    for bad in (np.ones((3, 6)), "text", None):
        with pytest.raises(Exception) as expected:
            own(RNG(0)).forward(bad)
        with pytest.raises(type(expected.value)) as got:
            layer.forward(bad)
        assert str(got.value) == str(expected.value)
        own_frames = traceback.extract_tb(expected.tb)[-1], traceback.extract_tb(got.tb)[-1]
        assert own_frames[0].line == own_frames[1].line
    with pytest.raises(TypeError, match=r"forward\(\) missing 1 required positional argument: 'x'"):
        layer.forward()


def test_threads() -> None:
    cls = cnet.accelerate(layers.conv_columns(), verify="never")
    wrong = []

    def work(seed: int) -> None:
        layer, plain = cls(RNG(seed)), layers.conv_columns()(RNG(seed))
        rng = RNG(seed)
        for _ in range(12):
            x = rng.standard_normal((2, 2, 6, 6))
            y, expected = layer.forward(x), plain.forward(x)
            dx, dx_expected = layer.backward(y), plain.backward(expected)
            for a, b in ((y, expected), (dx, dx_expected), (layer.dW, plain.dW)):
                if not np.allclose(a, b):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_one_function_is_learned_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread would see, and undo, what is added to a class."""
    running: list[int] = []
    learn = Learned.learn

    def counted(*args: Any) -> Any:
        running.append(1)
        overlaps.append(len(running))
        time.sleep(0.01)
        plan = learn(*args)
        running.pop()
        return plan

    overlaps: list[int] = []
    monkeypatch.setattr(Learned, "learn", counted)
    cls = cnet.accelerate(layers.conv_columns(), verify="never")

    def work(seed: int) -> None:
        layer = cls(RNG(seed))
        for _ in range(12):
            layer.backward(layer.forward(RNG(seed).standard_normal((2, 2, 6, 6))))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps
    assert max(overlaps) == 1


def test_instances_are_released() -> None:
    import gc
    import weakref

    cls = cnet.accelerate(layers.conv_columns(), verify="never")
    layer = cls(RNG(0))
    for _ in range(30):
        layer.backward(layer.forward(np.ones((2, 2, 6, 6))))
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None
