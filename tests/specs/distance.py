"""Distances of all pairs of rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import reference
from specs.spec import Arrays, Bad, Call, Case, Spec, zeros


@dataclass(frozen=True)
class DistanceCase(Case):
    n: int
    rows: int
    m: int
    k: int
    p: float = 1.0

    def arrays(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """x, columns, with some equal numbers."""
        rng = self.random()
        x = rng.standard_normal((self.n, self.rows, self.k), dtype)
        columns = rng.standard_normal((self.n, self.k, self.m), dtype)
        if 0 not in (self.rows, self.m):
            columns[:, :, 0] = x[:, 0]
            columns[:, : self.k // 2, -1] = x[:, -1, : self.k // 2]
        return x, columns

    @property
    def terms(self) -> int:
        """A power is rounded as the product of its exponent with a logarithm."""
        return self.k + 64 * (self.p not in (1, 2))


def _distances(case: DistanceCase, dtype: Any) -> Call:
    return Call("distances", case.arrays(dtype), {"p": case.p}, (case.terms,))


def _distances_backward(case: DistanceCase, dtype: Any) -> Call:
    x, columns = case.arrays(dtype)
    y = reference.distances(x, columns, case.p)
    grad = case.random().standard_normal(y.shape, dtype)
    terms = case.m + 64 * (case.p != 1)
    return Call("distances_backward", (grad, x, columns, y), {"p": case.p}, (terms,))


def _scales_of_gradient(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """Slopes are at most 1 for p of at least 1."""
    grad, x, columns, y = call.arrays
    p = call.options["p"]
    if p >= 1:
        return (np.abs(grad).sum(-1)[..., np.newaxis],)
    d = np.abs(x[:, :, np.newaxis] - columns.swapaxes(1, 2)[:, np.newaxis])
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (d / y[..., np.newaxis]) ** (p - 1)
    return ((np.abs(grad)[..., np.newaxis] * np.where(d == 0, 0, slopes)).sum(2),)


CASES = [
    DistanceCase(*sizes, p)
    for sizes in (
        (1, 1, 1, 1), (1, 3, 5, 2), (2, 4, 8, 7), (1, 5, 33, 16), (2, 3, 67, 3), (1, 2, 130, 4),
    )
    for p in (1.0, 2.0, 0.5, 1.5, 3.0)
] + [
    DistanceCase(0, 2, 3, 4), DistanceCase(2, 0, 3, 4), DistanceCase(2, 3, 0, 4),
    DistanceCase(2, 3, 4, 0),
]  # fmt: skip
_BAD: tuple[Bad, ...] = (
    ({"columns": zeros(1, 4, 5)}, ValueError,
     "columns.shape must equal (n, k, m) of x (got (1, 4, 5) and (1, 3, 5))"),
    ({"columns": zeros(2, 3, 5)}, ValueError, "columns.shape must equal (n, k, m) of x"),
    ({"p": 0}, ValueError, "p must be positive and finite (got 0)"),
    ({"p": np.inf}, ValueError, "p must be positive and finite (got inf)"),
    ({"p": np.nan}, ValueError, "p must be positive and finite (got nan)"),
    ({"p": "1"}, TypeError, "p must be a number"),
)  # fmt: skip

distances = Spec(
    "distances",
    call=_distances,
    cases=CASES,
    typical=DistanceCase(2, 3, 9, 4),
    large=(DistanceCase(2, 150, 200, 20), DistanceCase(1, 300, 100, 9, 1.5)),
    scales=lambda call, expected: expected,
    good={"x": zeros(1, 2, 3), "columns": zeros(1, 3, 5)},
    bad=_BAD,
)

distances_backward = Spec(
    "distances_backward",
    call=_distances_backward,
    cases=CASES,
    typical=DistanceCase(2, 3, 9, 4, 1.5),
    large=(DistanceCase(2, 1100, 100, 10), DistanceCase(1, 900, 70, 20, 3.0)),
    scales=_scales_of_gradient,
    good={
        "grad": zeros(1, 2, 5), "x": zeros(1, 2, 3), "columns": zeros(1, 3, 5),
        "y": zeros(1, 2, 5),
    },
    bad=(
        *_BAD,
        ({"grad": zeros(1, 2, 4)}, ValueError, "grad.shape must equal (n, rows, m)"),
        ({"y": zeros(1, 3, 5)}, ValueError, "y.shape must equal (n, rows, m)"),
    ),
)  # fmt: skip
