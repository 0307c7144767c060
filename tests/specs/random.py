"""multinomial: random positions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Call, Case, Spec, zeros


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
        ({"draws": np.ones((2, 4))}, ValueError, "draws must be at least 0 and less than 1"),
        ({"draws": zeros(2, 4)}, TypeError, "draws.dtype must be float64 (got float32)"),
    ),
)
