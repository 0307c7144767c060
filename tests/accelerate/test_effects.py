"""Effects of layers besides their results: texts, lists that grow, and maxima that are kept."""

from typing import Any

import numpy as np
import pytest
from own_layers import close, counts
from written_layers import RNG, made, simple

import cnet

TEXTS = {
    "nothing but constants": "print('x', x.shape, sep=':', end=';')",
    "settings": "print('slope', self.slope, sep='=')",
    "many lines": "for i in range(3): print(i)",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_same_text_is_printed(text: str, capfd: Any) -> None:
    """Copies print nothing, and neither does an attribute that is computed later."""
    body = simple(f"self.z = 2 * x\n        {text}\n        return np.maximum(x, 0)")
    x, printed = RNG(1).standard_normal((6, 8)), []
    for cls in (made(body), cnet.accelerate(made(body), verify="never")):
        layer = cls(RNG(0))
        layer.slope = 3
        for _ in range(6):
            close(layer.forward(x), np.maximum(x, 0))
        close(layer.z, 2 * x)
        printed.append(capfd.readouterr().out)
    assert printed[0] == printed[1] != ""
    assert counts(cls)["forward"] == 4


def test_a_text_that_depends_on_the_data_is_found(capfd: Any) -> None:
    """Copies have large numbers, the data of the user have not."""
    body = simple("if abs(x).max() > 1.5: print('large')\n        return np.maximum(x, 0)")
    cls = cnet.accelerate(made(body))
    for step in range(6):
        cls(RNG(0)).forward(np.full((6, 8), 3.0 if step == 5 else 1.0))
    assert counts(cls)["forward"] == 0
    assert capfd.readouterr().out == "large\n"


APPENDS = """
class Layer:
    def __init__(self, rng):
        self.W = rng.standard_normal((8, 5))
        self.kept = []

    def forward(self, x, caches):
        y = x @ self.W
        caches.append((x, y))
        PLACE
        return np.maximum(y, 0)

    def backward(self, dy, cache, grads):
        x, y = cache
        dy = dy * (y > 0)
        grads.append([x.T @ dy, dy.sum(0)])
        return dy @ self.W.T
"""


def test_lists_of_the_caller_get_more_items() -> None:
    cls = cnet.accelerate(made(APPENDS.replace("PLACE", "")), verify="never")
    layers, rng = [cls(RNG(0)), cls(RNG(1))], RNG(2)
    for _step in range(6):
        x, caches, grads = rng.standard_normal((4, 8)), [], ["first"]
        for layer in layers:
            y = layer.forward(x, caches)
            layer.backward(y, caches[-1], grads)
        assert len(caches) == 2
        assert [type(one) for one in caches] == [tuple] * 2
        assert caches[0][0] is caches[1][0] is x
        for layer, (_, y), (dw, db) in zip(layers, caches, grads[1:], strict=True):
            close(y, x @ layer.W)
            dy = np.maximum(y, 0)
            close(dw, x.T @ dy)
            close(db, dy.sum(0))
    assert counts(cls)["forward"] == 8
    assert counts(cls)["backward"] == 8


def test_lists_that_layers_keep_are_left_alone() -> None:
    cls = cnet.accelerate(made(APPENDS.replace("PLACE", "self.kept.append(1)")))
    layer = cls(RNG(0))
    for _ in range(6):
        layer.forward(np.ones((4, 8)), [])
    assert counts(cls)["forward"] == 0
    assert layer.kept == [1] * 6
    assert "it changes the length of self.kept" in cnet.accelerate.report()


@pytest.mark.parametrize("shares", ["", "; d /= m.sum((3, 5), keepdims=True)"])
def test_a_gradient_where_images_equal_kept_maxima(
    shares: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For other maxima than those of the images, it divides by zero; then the original does it."""
    body = simple(
        "n, c, h, w = x.shape\n"
        "        xs = x.reshape(n, c, h // 2, 2, w // 2, 2)\n"
        "        y = xs.max((3, 5))\n"
        "        self.cache = xs, y\n"
        "        return y",
        "xs, y = self.cache\n"
        "        m = xs == y[:, :, :, None, :, None]\n"
        f"        d = m * g[:, :, :, None, :, None]{shares}\n"
        "        return d.reshape(*xs.shape[:2], 2 * xs.shape[2], 2 * xs.shape[4])",
    )
    monkeypatch.setattr("cnet.accelerate._learned.Use.is_slower", lambda *_: False)
    own, cls, rng = made(body)(RNG(0)), cnet.accelerate(made(body), verify="never"), RNG(0)
    layer = cls(RNG(0))
    with np.errstate(all="ignore"):
        for step in range(24):
            x = rng.integers(-2, 3, (2, 3, 6, 4)).astype(float)
            y, dy = own.forward(x), rng.standard_normal((2, 3, 3, 2))
            got = layer.forward(x)
            close(got, y)
            if step == 20:
                x *= 2
            if step == 22:
                x[...] = y[...] = got[...] = 1
            close(layer.backward(dy), own.backward(dy))
    assert counts(cls)["backward"] >= 15


def test_copies_are_deleted_without_effects(capfd: Any) -> None:
    class Network:
        def forward(self, x: Any) -> Any:
            return np.maximum(x, 0)

        def __del__(self) -> None:
            print("deleted")

    class Layer:
        def __init__(self) -> None:
            self.network = Network()

        def forward(self, x: Any) -> Any:
            return x @ x.T

    x = np.ones((4, 3))
    for cls in map(cnet.accelerate, (Network, Layer)):
        layer = cls()
        for _ in range(5):
            layer.forward(x)
        assert counts(cls)["forward"] == 0
        assert capfd.readouterr().out == ""
        del layer
        assert capfd.readouterr().out == "deleted\n"
    assert "__del__" in cnet.accelerate.report()


def _positive(x: Any) -> Any:
    return np.maximum(x, 0)


ACTIVATIONS = {"relu": _positive, "tanh": np.tanh}


def test_functions_in_a_global_dict() -> None:
    class Layer:
        def __init__(self) -> None:
            self.name = "relu"

        def forward(self, x: Any) -> Any:
            return ACTIVATIONS[self.name](x)

    cls, x = cnet.accelerate(Layer), np.linspace(-1, 1, 40).reshape(8, 5)
    layer = cls()
    for _ in range(6):
        np.testing.assert_array_equal(layer.forward(x), np.maximum(x, 0))
    assert counts(cls)["forward"] > 1
    before = dict(ACTIVATIONS)
    ACTIVATIONS["relu"] = np.abs
    np.testing.assert_array_equal(layer.forward(x), np.abs(x))
    ACTIVATIONS.update(before)


def test_a_global_dict_that_a_call_changes() -> None:
    class Layer:
        def forward(self, x: Any) -> Any:
            SEEN["calls"] = SEEN["calls"] + 1
            return x @ x.T

    cls, x = cnet.accelerate(Layer), np.ones((3, 2))
    for _ in range(5):
        cls().forward(x)
    assert SEEN == {"calls": 5}
    assert counts(cls)["forward"] == 0


SEEN = {"calls": 0}


def test_the_report_names_what_is_not_known() -> None:
    class Hooked:
        def __setattr__(self, name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        def forward(self, x: Any) -> Any:
            return x * 2

    class Named:
        def __init__(self) -> None:
            self.mode = np.array("adam")

        def forward(self, x: Any) -> Any:
            return x * 2 if self.mode == "adam" else x

    for cls in (Hooked, Named):
        layer = cnet.accelerate(cls)()
        for _ in range(3):
            layer.forward(np.ones((40, 50)))
    report = cnet.accelerate.report()
    assert "Hooked, whose class has __setattr__" in report
    assert "self.mode is an array of <U4" in report
