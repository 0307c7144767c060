"""Results are in memory as those of the original: the strides, and what shares memory with what."""

from collections.abc import Callable
from typing import Any

import numpy as np
import own_layers as layers
import pytest
from own_layers import close, counts

import cnet
from cnet.accelerate.explain.memory import copied, is_ordinary, placed

RNG = np.random.default_rng


def _both(
    make: Callable[[], Any], story: Callable[[Any], Any], verify: str = "never"
) -> dict[str, int]:
    expected = story(make())
    cls = cnet.accelerate(make(), verify=verify)
    close(story(cls), expected)
    return counts(cls)


def _relu() -> Any:
    class Relu:
        def forward(self, x):
            self.out = np.maximum(x, 0)
            return self.out.reshape(len(x), -1)

        def backward(self, grad):
            return grad.reshape(self.out.shape) * (self.out > 0)

    return Relu


def _transposed(rng: np.random.Generator) -> Any:
    return rng.standard_normal((3, 7, 6, 2)).transpose(0, 3, 1, 2)


def _gapped(rng: np.random.Generator) -> Any:
    return rng.standard_normal((3, 2, 9, 8))[:, :, 1:8, 2:]


@pytest.mark.parametrize("image", [_transposed, _gapped])
def test_strides_are_those_of_the_original(image: Callable[[Any], Any]) -> None:
    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(RNG(1)), []
        for _ in range(6):
            x = image(rng)
            y = layer.forward(x)
            dx = layer.backward(image(rng)[:, [0, 1, 0]])
            seen += [y, dx, *(a.strides for a in (y, dx, layer.dW, layer.db))]
        return seen

    assert min(_both(layers.conv_columns, story).values()) > 0


def test_the_next_layer_reshapes_the_result() -> None:
    """``reshape`` makes a copy of the transposed result of the original."""

    def story(cls: Any) -> Any:
        rng, layer, dense, seen = RNG(0), cls(RNG(1)), layers.dense()(RNG(2), 126, 4), []
        for _ in range(6):
            y = layer.forward(rng.standard_normal((3, 2, 7, 6)))
            dense.forward(y.reshape(3, -1))
            y *= 0.5
            dense.backward(rng.standard_normal((3, 4)))
            layer.backward(y)
            seen.append(dense.dW.copy())
        return seen

    assert min(_both(layers.conv_columns, story).values()) > 0


def test_a_view_of_the_input_or_a_copy() -> None:
    """What the code keeps depends on the strides of its input."""

    def make() -> Any:
        class Dense:
            def __init__(self):
                self.W = RNG(0).standard_normal((84, 5))

            def forward(self, x):
                self.x = x.reshape(len(x), -1)
                return self.x @ self.W

            def backward(self, grad):
                self.dW = self.x.T @ grad
                return grad @ self.W.T

        return Dense

    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for step in range(16):
            x = rng.standard_normal((3, 2, 7, 6))
            x = _transposed(rng) if step % 2 else x
            layer.forward(x)
            x *= 0.5
            layer.backward(rng.standard_normal((3, 5)))
            seen += [layer.dW.copy(), np.shares_memory(x, layer.x)]
        return seen

    assert min(_both(make, story).values()) > 0


def test_a_result_that_is_a_view_of_an_attribute() -> None:
    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for step in range(8):
            y = layer.forward(rng.standard_normal((3, 2, 7, 6)) if step < 4 else _transposed(rng))
            y -= 0.5
            seen += [layer.out.copy(), np.shares_memory(y, layer.out), layer.out.strides]
            seen.append(layer.backward(rng.standard_normal(y.shape)))
        return seen

    assert _both(_relu, story)["forward"] > 0


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("verify", ["log", "always", "never"])
def test_the_same_input_in_two_calls(reads: bool, verify: str) -> None:
    """The second call sets the attribute to the value that it has."""

    def make() -> Any:
        class Dense:
            def __init__(self):
                self.x, self.W = None, RNG(0).standard_normal((8, 5))

            def forward(self, x):
                self.x = x
                return x @ self.W

            def backward(self, grad):
                self.dW = self.x.T @ grad
                return grad @ self.W.T

        class Reading(Dense):
            def forward(self, x):
                self.x = x
                return self.x @ self.W

            backward = Dense.backward

        return Reading if reads else Dense

    def story(cls: Any) -> Any:
        rng, layer, seen = RNG(0), cls(), []
        for _ in range(9):
            x = rng.standard_normal((6, 8))
            seen += [layer.forward(x), layer.backward(rng.standard_normal((6, 5))), layer.dW]
            seen += [layer.forward(x), layer.x is x]
        return seen

    found = _both(make, story, verify)
    assert min(found.values()) >= (0 if verify == "always" else 5)


@pytest.mark.parametrize("part", ["[1:-1, ::2]", "[::-1, 3:].T", "[:1, :0]", "[2:3].reshape(-1)"])
def test_copies_keep_strides(part: str) -> None:
    array = eval(f"array{part}", {"array": RNG(0).standard_normal((6, 7))})
    copy = copied(array)
    close(copy, array)
    assert copy.strides == array.strides or not array.size
    close(placed(array, copy.strides), array) if array.size else None


def test_arrays_whose_elements_share_memory() -> None:
    windows = np.lib.stride_tricks.sliding_window_view(np.zeros(9), 3)
    assert not is_ordinary(windows)
    assert not is_ordinary(np.broadcast_to(np.zeros(3), (2, 3)))
    assert is_ordinary(np.zeros((4, 5)).T[::-1, ::2])


def test_kept_views_of_weights_follow_them() -> None:
    """Columns are left out, with the view of the weights that is in the same dict."""

    class Layer:
        def __init__(self) -> None:
            self.W, self.cache = RNG(0).standard_normal((6, 2, 4)), {}

        def forward(self, x):
            self.cache["columns"] = x * 2
            self.cache["W"] = self.W.reshape(6, -1)
            return x @ self.W.reshape(6, -1).T

        def backward(self, grad):
            self.dW = (grad.T @ self.cache["columns"] / 2).reshape(self.W.shape)
            return grad @ self.cache["W"]

    layer = cnet.accelerate(Layer, verify="never")()
    for step in range(8):
        layer.backward(layer.forward(RNG(step).standard_normal((5, 8))))
        layer.W -= 0.1 * layer.dW
    assert counts(Layer) == {"forward": 6, "backward": 6}
    assert np.shares_memory(layer.cache["W"], layer.W)
    close(layer.cache["W"], layer.W.reshape(6, -1))


def test_a_change_in_place_that_changes_nothing() -> None:
    class Layer:
        def forward(self, x):
            self.x = x
            return np.maximum(x, 0)

        def backward(self, grad):
            grad[self.x <= 0] = 0
            return grad

    layer = cnet.accelerate(Layer, verify="always", on_mismatch="raise")()
    for step in range(8):
        x = RNG(step).standard_normal((5, 8))
        y = layer.forward(x)
        grad = y * 2 if step % 2 else RNG(step).standard_normal((5, 8))
        expected = np.where(x > 0, grad, 0)
        assert layer.backward(grad) is grad
        close(grad, expected)
    assert counts(Layer)["backward"] == 0
    assert "relu, dx" in cnet.accelerate.report()


@pytest.mark.parametrize("in_tuple", [False, True])
def test_an_array_that_is_changed_in_place_and_then_replaced(in_tuple: bool) -> None:
    class Dense:
        def __init__(self) -> None:
            self.w, self.dw = np.ones((4, 3)), (np.zeros((4, 3)),)
            if not in_tuple:
                self.dw = np.zeros((4, 3))

        def forward(self, x: Any) -> Any:
            self.x = x
            return x @ self.w

        def backward(self, g: Any) -> Any:
            dw = self.dw[0] if in_tuple else self.dw
            dw += self.x.T @ g
            dx = g @ self.w.T
            self.w -= 0.1 * dw
            self.dw = (np.zeros((4, 3)),) if in_tuple else np.zeros((4, 3))
            return dx

    def story(cls: Any) -> Any:
        layer, seen = cls(), []
        for step in range(8):
            x, g = RNG(step).standard_normal((5, 4)), RNG(step).standard_normal((5, 3))
            seen += [layer.forward(x), layer.backward(g), layer.w.copy(), np.array(layer.dw)]
        return seen

    assert _both(lambda: type("Layer", (Dense,), {}), story)["backward"] == 6
