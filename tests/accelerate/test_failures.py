"""Situations in which a function that was learned could give another result than the original."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import own_layers as layers
import pytest
from own_layers import close, counts

import cnet

RNG = np.random.default_rng


def both(make: Callable[[], Any], story: Callable[[Any], Any], **options: Any) -> Any:
    """Run a story with a class and with the same class accelerated; results must be equal."""
    expected = story(make())
    cls = cnet.accelerate(make(), **{"verify": "never"} | options)
    got = story(cls)
    close(got, expected)
    return cls


def state(layer: Any, *names: str) -> dict[str, Any]:
    return {name: np.array(getattr(layer, name)) for name in names}


# ---- The layers as they are ----------------------------------------------------------------------


def test_columns_are_left_out_and_everything_is_equal() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for _ in range(6):
            y = layer.forward(rng.standard_normal((3, 2, 7, 6)))
            seen += [y, layer.backward(rng.standard_normal(y.shape)), *state(layer, "dW").values()]
            layer.W -= 0.1 * layer.dW
            layer.b = layer.b - 0.1 * layer.db
        return seen, layer.x_shape

    cls = both(layers.conv_columns, story)
    assert counts(cls) == {"forward": 4, "backward": 4}


def test_loops_with_an_update_inside() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(8):
            layer.lr = 0.1 / (1 + step)
            y = layer.forward(rng.standard_normal((9, 8)))
            seen += [y, layer.backprop(rng.standard_normal(y.shape)), layer.filters.copy()]
        return seen

    assert counts(both(layers.conv_loops, story)) == {"forward": 6, "backprop": 6}


def test_functions_with_a_cache() -> None:
    forward, backward = layers.conv_functions()
    fast, fast_back = cnet.accelerate((forward, backward), verify="never")
    rng = RNG(0)
    for _ in range(5):
        A, W, b = (rng.standard_normal(s) for s in [(2, 7, 6, 2), (3, 3, 2, 4), (1, 1, 1, 4)])
        close(fast(A, W, b, stride=2), forward(A, W, b, stride=2))
        Z, cache = fast(A, W, b, stride=2)
        assert cache[0] is A
        close(fast_back(Z, cache), backward(Z, cache))
    assert counts(fast) == {"conv_forward": 8}
    assert counts(fast_back) == {"conv_backward": 3}


# ---- What went wrong in prototypes ---------------------------------------------------------------


def test_ties_that_the_first_data_do_not_have() -> None:
    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for step in range(6):
            x = rng.standard_normal((2, 3, 6, 6))
            x = x if step < 3 else np.maximum(x, 0).round()
            y = layer.forward(x)
            seen += [y, layer.backward(rng.standard_normal(y.shape))]
        return seen

    assert counts(both(layers.max_pool, story)) == {"forward": 4, "backward": 4}


def test_a_bias_that_is_zero_at_first() -> None:
    forward, backward = layers.conv_functions()
    fast, _ = cnet.accelerate((forward, backward), verify="never")
    rng = RNG(0)
    for step in range(5):
        A, W = rng.standard_normal((2, 6, 6, 2)), rng.standard_normal((3, 3, 2, 4))
        b = np.full((1, 1, 1, 4), float(step > 2))
        close(fast(A, W, b), forward(A, W, b))
    assert counts(fast) == {"conv_forward": 3}


@pytest.mark.parametrize("keeps", ["x", "x.copy()", "cols", "x and cols"])
def test_input_changed_before_the_backward_pass(keeps: str) -> None:
    def make() -> Any:
        if "cols" in keeps:
            code = inspect.getsource(layers.conv_columns)
            if keeps == "x and cols":
                code = code.replace("self.x_shape = cols, x.shape", "self.x = cols, x")
                code = code.replace("self.x_shape", "self.x.shape")
            names: dict[str, Any] = {"np": np, "Any": Any, "__name__": __name__}
            exec(code, names)
            return names["conv_columns"]()
        names = {"np": np}
        exec(f"def forward(self, x):\n    self.x = {keeps}\n    return x @ self.W", names)
        return type("Dense", (layers.dense(),), {"forward": names["forward"]})

    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        shape = (2, 2, 5, 5) if "cols" in keeps else (3, 5)
        for _ in range(6):
            x = rng.standard_normal(shape)
            y = layer.forward(x)
            x *= 0.5
            layer.W *= 0.9
            seen += [y, layer.backward(rng.standard_normal(y.shape)), layer.dW.copy()]
        return seen

    assert min(counts(both(make, story)).values()) > 0


def test_a_mutated_output_that_the_layer_keeps() -> None:
    def make() -> Any:
        class Relu:
            def forward(self, x):
                self.out = np.maximum(x, 0)
                return self.out

            def backward(self, grad):
                return grad * (self.out > 0)

        return Relu

    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for _ in range(6):
            y = layer.forward(rng.standard_normal((4, 50)))
            y -= 0.5
            seen += [layer.backward(rng.standard_normal(y.shape)), layer.out is y]
        return seen

    both(make, story)


def test_an_optimizer_inside_runs_once() -> None:
    def make() -> Any:
        class Dense(layers.dense()):
            def __init__(self, rng):
                super().__init__(rng)
                self.m, self.t = np.zeros_like(self.W), 0

            def backward(self, grad):
                self.t += 1
                self.m = 0.9 * self.m + 0.1 * (self.x.T @ grad)
                self.W -= self.m / (1 - 0.9**self.t)
                return grad @ self.W.T

        return Dense

    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for _ in range(7):
            y = layer.forward(rng.standard_normal((3, 5)))
            seen += [y, layer.backward(rng.standard_normal(y.shape)), layer.t, layer.m.copy()]
        return seen

    assert counts(both(make, story))["backward"] == 0


@pytest.mark.parametrize("growth", ["self.seen.append(1)", "self.n = getattr(self, 'n', 0) + 1"])
def test_state_that_changes_with_every_call_bounds_learning(growth: str) -> None:
    calls = [0]

    def make() -> Any:
        names: dict[str, Any] = {"np": np, "note": lambda: None}
        exec(f"def forward(self, x):\n    {growth}\n    self.count()\n    return x @ self.W", names)

        def count(self: Any) -> None:
            calls[0] += 0 if self is None else 1

        return type("Dense", (layers.dense(),), {"forward": names["forward"], "seen": None})

    def story(cls: Any) -> Any:
        cls.count = lambda self: calls.__setitem__(0, calls[0] + 1)
        rng = RNG(0)
        layer = cls(rng)
        layer.seen = []
        return [layer.forward(rng.standard_normal((3, 5))) for _ in range(40)]

    cls = both(make, story)
    assert counts(cls)["forward"] == 0
    assert calls[0] <= 80 + 10


def test_gradients_are_added_to_those_in_place() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(8):
            if step % 3 == 0:
                layer.dW[...] = 0
            y = layer.forward(rng.standard_normal((3, 5)))
            seen += [y, layer.backward(rng.standard_normal(y.shape)), layer.dW.copy()]
        return seen

    assert counts(both(layers.dense, story)) == {"forward": 6, "backward": 6}


def test_two_instances_with_other_functions() -> None:
    def make() -> Any:
        class Layer:
            def __init__(self, function):
                self.function = function

            def forward(self, x):
                return self.function(x)

        return Layer

    def story(cls: Any) -> Any:
        def relu(x):
            return np.maximum(x, 0)

        rng, one, two = RNG(0), cls(np.tanh), cls(relu)
        data = [rng.standard_normal((4, 9)) for _ in range(6)]
        return [(one.forward(x), two.forward(x)) for x in data]

    both(make, story)


def test_attributes_that_were_left_out_come_back() -> None:
    rng = RNG(0)
    cls, own = cnet.accelerate(layers.conv_columns(), verify="never"), layers.conv_columns()
    layer, plain = cls(RNG(1)), own(RNG(1))
    for _ in range(5):
        x = rng.standard_normal((2, 2, 6, 6))
        y, expected = layer.forward(x), plain.forward(x)
        grad = rng.standard_normal(y.shape)
        close(layer.backward(grad), plain.backward(grad))
    assert "cols" not in vars(layer)
    layer.W *= 2
    x *= 3
    close(copy.deepcopy(layer).cols, plain.cols)
    layer.forward(x)
    plain.W *= 2
    plain.forward(x)
    assert "cols" not in vars(layer)
    assert hasattr(layer, "cols")
    close(layer.cols, plain.cols)
    assert not hasattr(layer, "rows")
    with pytest.raises(AttributeError, match="'Conv' object has no attribute 'rows'"):
        _ = layer.rows
    del expected


def test_keep() -> None:
    def make() -> Any:
        class Dense(layers.dense()):
            def forward(self, x):
                self.x = x
                self.z = x @ self.W
                return np.maximum(self.z, 0)

        return Dense

    for keep in ((), ("z",)):
        cls = cnet.accelerate(make(), keep=keep, verify="never")
        layer = cls(RNG(0))
        for _ in range(4):
            layer.forward(np.ones((3, 5)))
        assert counts(cls)["forward"] == 2
        assert ("z" in vars(layer)) == bool(keep)
        close(layer.z, layer.x @ layer.W)
        cnet.accelerate.off()


def test_memory_that_is_not_initialised() -> None:
    def make() -> Any:
        class Layer:
            def forward(self, x):
                y = np.empty((len(x) + 1, x.shape[1]))
                y[:-1] = x @ x.T @ x
                return y

        return Layer

    cls = cnet.accelerate(make())
    layer = cls()
    for _ in range(5):
        x = RNG(0).standard_normal((300, 50))
        close(layer.forward(x)[:-1], x @ x.T @ x)
    assert counts(cls)["forward"] == 0


# ---- What must keep working ----------------------------------------------------------------------


def test_zero_inputs_replaced_weights_and_smaller_batches() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(12):
            x = rng.standard_normal((1 if step % 4 == 3 else 3, 2, 6, 6)) * (step > 1)
            y = layer.forward(x)
            seen += [y, layer.backward(rng.standard_normal(y.shape)), layer.dW]
            if step == 6:
                layer.W = rng.standard_normal(layer.W.shape)
        return seen

    assert min(counts(both(layers.conv_columns, story)).values()) >= 6


def test_other_dtypes_and_strides() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(12):
            x = rng.standard_normal((3, 2, 6, 7))
            if step % 3 == 1:
                x = x.astype(np.float32)
            if step % 3 == 2:
                x = np.asfortranarray(x)
            seen.append(layer.forward(x).astype(np.float32).round(3) + 0.0)
        return seen

    both(layers.conv_columns, story)


def test_two_forward_calls_before_one_backward_call() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for _ in range(6):
            layer.forward(rng.standard_normal((3, 2, 6, 6)))
            y = layer.forward(rng.standard_normal((2, 2, 6, 6)))
            seen += [layer.backward(rng.standard_normal(y.shape)), layer.cols]
        return seen

    both(layers.conv_columns, story)


class Pickled(layers.conv_columns()):  # type: ignore[misc]
    """A class that pickle finds by its name."""


def test_pickles_and_copies() -> None:
    cnet.accelerate(Pickled, verify="never")
    layer, rng = Pickled(RNG(0)), RNG(1)
    for _ in range(4):
        y = layer.forward(rng.standard_normal((2, 2, 5, 5)))
    assert "cols" not in vars(layer)
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other) is Pickled
        grad = rng.standard_normal(y.shape)
        close(other.backward(grad), layer.backward(grad))
    assert vars(layer).keys() == {"W", "b", "stride", "pad", "cols", "x_shape", "dW", "db"}


def test_numbers_that_are_not_finite() -> None:
    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(6):
            x = rng.standard_normal((2, 2, 6, 6))
            if step > 3:
                x[0, 0, 2, 2] = (np.nan, np.inf)[step - 4]
            seen.append(layer.forward(x))
        return seen

    with np.errstate(invalid="ignore"):
        both(layers.conv_columns, story)


@pytest.mark.parametrize("key", ["'cols'", "(1, 'cols')"])
def test_dicts_that_get_new_items(key: str) -> None:
    def make() -> Any:
        code = inspect.getsource(layers.conv_columns)
        code = code.replace("self.cols, ", "self.cache['x'] = x; self.cols, ")
        code = code.replace("self.cols", f"self.cache[{key}]")
        names: dict[str, Any] = {"np": np, "Any": Any, "__name__": __name__}
        exec(code.replace("self.stride,", "self.cache = {'own': 1}; self.stride,", 1), names)
        return names["conv_columns"]()

    def story(cls: Any) -> Any:
        rng = RNG(0)
        layer, seen = cls(rng), []
        for step in range(12):
            x = rng.standard_normal((3, 2, 6, 5))
            y = layer.forward(x)
            x *= 0.5
            if step == 8:
                seen += [sorted(map(str, layer.cache)), layer.cache[eval(key)]]
                seen += [layer.cache["x"] is x]
            if step == 9:
                held = layer.cache
            if step == 10:
                seen.append(held[eval(key)].copy())
                del held
            seen += [y, layer.backward(rng.standard_normal(y.shape)), layer.dW.copy()]
        return seen

    cls = both(make, story)
    assert counts(cls)["forward"] >= 5


def test_a_dict_that_the_call_reads() -> None:
    def make() -> Any:
        class Layer:
            def __init__(self):
                self.cache = {(0, i): np.full(3, float(i)) for i in range(4)}

            def forward(self, x):
                y = x * self.cache[0, 0][0]
                self.cache[0, 0] = self.cache[0, 0] + 1
                return y

        return Layer

    def story(cls: Any) -> Any:
        layer = cls()
        return [layer.forward(np.ones((2, 3))) for _ in range(8)]

    assert counts(both(make, story))["forward"] == 0


@pytest.mark.parametrize("place", ["class", "closure", "global", "function"])
def test_numbers_outside_of_the_instance_that_change(place: str) -> None:
    """A factor in the class that an instance hides, in a closure, a global or another function."""
    factor = {"class": "self.factor", "closure": "inner", "global": "FACTOR", "function": "get()"}

    def make() -> Any:
        code = f"""
FACTOR = 2.0
def get():
    return 2.0
def get_other():
    return 3.0
def make():
    inner = 2.0
    class Layer:
        factor = 2.0
        def forward(self, x):
            return np.maximum(x, 0) * {factor[place]}
        def change(self):
            nonlocal inner
            global FACTOR, get
            inner = FACTOR = self.factor = 3.0
            get = get_other
    return Layer
"""
        names: dict[str, Any] = {"np": np, "__name__": __name__}
        exec(code, names)
        return names["make"]()

    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for step in range(9):
            if step == 6:
                layer.change()
            seen.append(layer.forward(rng.standard_normal((4, 5))))
        return seen

    assert counts(both(make, story))["forward"] >= 4
