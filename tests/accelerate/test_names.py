"""Which methods are watched, and which of them belong together."""

from typing import Any

import numpy as np
from own_layers import counts

import cnet

RNG = np.random.default_rng


class Network:
    """A network with methods for the kinds of its layers."""

    def _dense_forward(self, x: Any, w: Any) -> Any:
        return x @ w, (x, w)

    def _dense_backward(self, dy: Any, cache: Any) -> Any:
        x, w = cache
        return dy @ w.T, x.T @ dy

    def relu(self, x: Any) -> Any:
        return np.maximum(x, 0)

    def forward(self, x: Any) -> Any:
        y, self.cache = self._dense_forward(x, self.w)
        return self.relu(y)

    def backward(self, dy: Any) -> Any:
        dx, self.dw = self._dense_backward(dy, self.cache)
        return dx

    def zero_grad(self) -> None:
        self.dw = None

    def add_dense(self, w: Any) -> None:
        self.w = w


def test_methods_of_a_network() -> None:
    own = Network()
    cls = cnet.accelerate(type("Own", (Network,), dict(vars(Network))))
    network = cls()
    for step in range(8):
        x, w = RNG(step).standard_normal((6, 4)), RNG(step).standard_normal((4, 3))
        for one in (own, network):
            one.zero_grad()
            one.add_dense(w)
        np.testing.assert_allclose(network.forward(x), own.forward(x), 1e-12)
        np.testing.assert_allclose(network.backward(x[:, :3]), own.backward(x[:, :3]), 1e-12)
        np.testing.assert_allclose(network.dw, own.dw, 1e-12)
    assert {*counts(cls)} == {"_dense_forward", "_dense_backward", "forward", "backward"}
    backward, forward = (
        vars(cls)[name].cnet_watched for name in ("_dense_backward", "_dense_forward")
    )
    assert backward.partner((network,)) is forward
    assert (
        vars(cls)["backward"].cnet_watched.partner((network,)) is vars(cls)["forward"].cnet_watched
    )


def test_only_the_named_methods() -> None:
    cls = type("Own", (Network,), dict(vars(Network)))
    cnet.accelerate(cls, forward="_dense_forward", backward="_dense_backward")
    assert {*counts(cls)} == {"_dense_forward", "_dense_backward"}
