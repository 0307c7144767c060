"""multinomial, normal: random numbers from bits or uniform numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnet.kernels.random import words_of
from specs.spec import Arrays, Call, Case, Spec, zeros
from tolerance import assert_bounded


@dataclass(frozen=True)
class MultinomialCase(Case):
    n: int
    c: int
    samples: int

    def call(self, dtype: Any) -> Call:
        rng = self.random()
        weights = rng.integers(0, 5, (self.n, self.c)).astype(dtype)
        weights[:, self.c // 2] += 1
        return Call("multinomial", (weights, rng.random((self.n, self.samples))), {}, (None,))


_NAN, _INF = np.float32(np.nan), np.float32(np.inf)


def _row(*weights: Any) -> np.ndarray:
    return np.array([weights, (1, 1, 1)], np.float32)


multinomial = Spec(
    "multinomial",
    call=lambda case, dtype: case.call(dtype),
    cases=[
        MultinomialCase(*sizes)
        for sizes in ((1, 1, 3), (2, 2, 5), (3, 7, 20), (2, 64, 9), (4, 1000, 30), (3, 5, 0))
    ],
    typical=MultinomialCase(3, 9, 12),
    large=(MultinomialCase(300, 200, 40), MultinomialCase(40, 30, 2000)),
    good={"weights": zeros(2, 3) + 1, "draws": np.zeros((2, 4))},
    bad=(
        ({"weights": _row(1, -1, 3)}, ValueError, "must not be negative"),
        ({"weights": _row(0, 0, 0)}, ValueError, "have a positive, finite sum (got a row from 0"),
        ({"weights": _row(1, _NAN, 1)}, ValueError, "finite sum"),
        ({"weights": _row(1, _INF, 1)}, ValueError, "finite sum"),
        ({"weights": zeros(2, 0)}, ValueError, "weights must have at least 1 column"),
        ({"draws": np.zeros((1, 4))}, ValueError, "draws.shape[0] must equal weights.shape[0]"),
        ({"draws": zeros(2, 4)}, TypeError, "draws.dtype must be float64 (got float32)"),
    ),
)


@dataclass(frozen=True)
class NormalCase(Case):
    shape: tuple[int, ...]
    mean: float = 0.0
    std: float = 1.0


def _normal(case: NormalCase, dtype: Any) -> Call:
    words = case.random().integers(0, 2**64 - 1, words_of(case.shape, dtype), np.uint64)
    words[:2] = [0, 2**64 - 1][: len(words)]
    options = {"shape": case.shape, "dtype": dtype, "mean": case.mean, "std": case.std}
    return Call("normal", (words,), options, (4,))


def _normal_scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    return (abs(call.options["mean"]) + 4 * call.options["std"] + np.abs(expected[0]),)


def _agree(actual: Arrays, expected: Arrays, call: Call, scales: Sequence[Any]) -> None:
    assert actual[0].dtype == call.options["dtype"]
    assert_bounded(actual[0], expected[0], 4, scales[0])


normal = Spec(
    "normal",
    call=_normal,
    cases=[
        *(NormalCase(shape) for shape in ((), (0,), (1,), (7,), (33,), (3, 64), (1000,))),
        NormalCase((5, 7), 3.0, 0.5), NormalCase((12,), 1.0, 0.0),
    ],
    scales=_normal_scales,
    agree=_agree,
    typical=NormalCase((3, 5)),
    large=(NormalCase((150_001,)), NormalCase((400, 300), -1.0, 2.0)),
    good={"words": np.zeros(6, np.uint64), "shape": (3, 4)},
    bad=(
        ({"words": np.zeros(6)}, TypeError, "words.dtype must be an integer dtype (got float64)"),
        ({"words": np.zeros(5, np.uint64)}, ValueError,
         "words.shape must be (6,) for (3, 4) (got (5,))"),
        ({"dtype": np.float16}, TypeError, "dtype must be float32 or float64"),
        ({"std": -1.0}, ValueError, "std must not be negative (got -1.0)"),
        ({"std": np.nan}, ValueError, "std must not be negative (got nan)"),
        ({"shape": (2**40, 2**40)}, ValueError, "would be too large"),
    ),
)  # fmt: skip
