"""Layers that hold arrays of indices, which they have made once."""

from typing import Any

import pytest
from own_layers import close, counts
from written_layers import BOTH, RNG, made, same

import cnet

BODY = """
class Layer:
    def __init__(self, rng):
        self.W, c, h, w = rng.standard_normal((4, 18)), 2, 6, 5
        taps = np.tile(np.repeat(np.arange(3), 3), c), np.tile(np.arange(3), 3 * c)
        tops = np.repeat(np.arange(h - 2), w - 2), np.tile(np.arange(w - 2), h - 2)
        self.i, self.j = (a[:, None] + b for a, b in zip(taps, tops))
        self.k = np.repeat(np.arange(c), 9)[:, None]

    def forward(self, x):
        self.x_size = x.shape
        self.cols = x[:, self.k, self.i, self.j]
        return (self.W @ self.cols).reshape(len(x), 4, 4, 3)

    def backward(self, g):
        rows = g.reshape(len(g), 4, 12)
        self.dW = np.einsum("nop,ntp->ot", rows, self.cols)
        dx = np.zeros(self.x_size)
        np.add.at(dx, (slice(None), self.k, self.i, self.j), self.W.T @ rows)
        return dx
"""


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("backward", [True, False])
def test_indices_for_columns(channels: int, backward: bool) -> None:
    """The backward pass may read them, or only what the forward pass has made with them."""
    body = BODY if backward else BODY[: BODY.index("        dx =")] + "        return self.dW"
    body = body.replace("18)), 2, 6, 5", f"{9 * channels})), {channels}, 6, 5")
    assert same(body, (3, channels, 6, 5), keep=("cols",)) == BOTH


@pytest.mark.parametrize("in_place", [False, True])
def test_other_indices_are_another_situation(in_place: bool) -> None:
    cls, other = cnet.accelerate(made(BODY), verify="never"), made(BODY)
    layers = cls(RNG(0)), other(RNG(0))
    before: Any = None
    for step in range(12):
        x, g = RNG(step).standard_normal((3, 2, 6, 5)), RNG(step).standard_normal((3, 4, 4, 3))
        if step == 6:
            before = counts(cls)
            for layer in layers:
                if in_place:
                    layer.i[0] = 0
                else:
                    layer.i = layer.i[::-1].copy()
        y, expected = (layer.forward(x) for layer in layers)
        close(y, expected)
        close(*(layer.backward(g) for layer in layers))
        close(*(layer.dW for layer in layers))
    assert before == {"forward": 4, "backward": 4}
    assert counts(cls) == before
