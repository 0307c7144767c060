"""Layers written as strings, so that a test can replace parts of their code."""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from own_layers import close, counts

import cnet

RNG = np.random.default_rng
BOTH = {"forward": 6, "backward": 6}
"""Calls of eight that cnet computes."""


class Slope:
    """An object outside of the arguments."""

    def __init__(self) -> None:
        self.factor = 2.0

    def apply(self, x: Any) -> Any:
        return np.maximum(x, 0) * self.factor


class Counting(Slope):
    def apply(self, x: Any) -> Any:
        self.factor += 1
        return x


SLOPE, COUNTING = Slope(), Counting()
NAMES = {
    "np": np, "as_strided": as_strided, "sliding_window_view": sliding_window_view,
    "OrderedDict": OrderedDict, "functools": functools, "SLOPE": SLOPE, "COUNTING": COUNTING,
    "Slope": Slope,
}  # fmt: skip


def made(body: str) -> Any:
    """The class `Layer` of some code."""
    names = {**NAMES, "__name__": "styles"}
    exec(compile(body, "<styles>", "exec"), names)
    return names["Layer"]


def run(cls: Any, shape: tuple[int, ...], between: Callable[[Any, Any], None] | None = None) -> Any:
    """Numbers of eight steps; `between` may change the input and the layer before `backward`."""
    rng = RNG(0)
    layer, seen = cls(rng), []
    for _ in range(8):
        x = rng.standard_normal(shape)
        y = layer.forward(x)
        seen.append(np.array(y))
        g = rng.standard_normal(y.shape)
        if between is not None:
            between(layer, x)
        seen.append(np.array(layer.backward(g)))
        seen += [np.array(v) for _, v in sorted(vars(layer).items()) if isinstance(v, np.ndarray)]
    return seen


def same(
    body: str, shape: tuple[int, ...], between: Any = None, keep: tuple[str, ...] = ()
) -> dict[str, int]:
    """How many calls cnet has computed of a layer whose numbers stay the same."""
    expected = run(made(body), shape, between)
    cls = cnet.accelerate(made(body), verify="never", keep=keep)
    close(run(cls, shape, between), expected)
    return counts(cls)


SIMPLE = """
class Layer:
    def __init__(self, rng):
        self.verbose, self.cache, self.act = False, {}, functools.partial(np.maximum, 0)
        self.reduce = np.max

    def forward(self, x):
        FORWARD

    def backward(self, g):
        BACKWARD
"""


def simple(forward: str, backward: str = "return g * (self.x > 0)") -> str:
    return SIMPLE.replace("FORWARD", forward).replace("BACKWARD", backward)
