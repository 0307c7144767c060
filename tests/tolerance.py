"""When two results agree: one rule for each of three families of kernels.

*Exact*: copies, maxima, and sums in a fixed order (im2col, col2im, max pooling, ReLU). Results
are identical on every machine, bit for bit, except for the bits of NaN.

*Bounded*: sums that a kernel may reorder or fuse. The rounding error of a sum of k products is at
most k·eps times the sum of their magnitudes; in practice, it grows with √k. The `scale` is this sum
of magnitudes, element by element, so that the bound also holds where products cancel.

*Winograd*: convolutions that compute a tile of outputs from sums and differences of its pixels and
weights. The rounding errors are shared by the outputs of a tile, so that the error of a small
output is relative to its neighbours: the scale is the maximum over the array.
"""

import numpy as np
import numpy.typing as npt

R = 64.0
"""The bound of `assert_rounded` is R·eps·(largest magnitude).

For two computations of the same result from random numbers: sums of k terms are about √k times as
large as a term, as are their rounding errors in units of eps. In float64, a missing term exceeds
the bound by far.
"""

C = 2.0
"""The bound is C·√k·eps·scale.

For k = 1, both sides of the comparison round the product and the sum, each by up to half an eps. A
missing product of average size exceeds the bound 1/(C·k^1.5·eps) times: by far in float64 for every
k of the tests, and up to k = 25 000 in float32.
"""

W = 32.0
"""The bound of Winograd's algorithm is W·eps·(largest scale).

In every tile, the interpolation at the points 0, ±3/4 and ±3/2 adds numbers about ten times as
large as its result. The sum over channels or tiles adds less to the error. For tens of thousands of
random convolutions, the largest error is half of the bound, and the typical error a fifteenth,
which is 1e-6 of the largest output in float32. A missing product of average size exceeds the bound
1/(W·k·eps) times, so it is found up to k = 260 000 in float32. A constant of a transform with wrong
last digits is found in float64.
"""


def assert_exact(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """Same shape, dtype and bits, including the sign of zero; all NaN are equal."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    same = actual == expected
    if actual.dtype.kind == "f":
        same &= np.signbit(actual) == np.signbit(expected)
        same |= np.isnan(actual) & np.isnan(expected)
    assert same.all(), _differences(actual, expected, ~same)


def assert_bounded(
    actual: npt.ArrayLike, expected: npt.ArrayLike, k: int, scale: npt.ArrayLike | None = None
) -> None:
    """|actual - expected| ≤ C·√k·eps·scale, element by element.

    `eps` is that of actual's dtype; `expected` may be more precise. `scale` is the magnitude of
    `expected` unless given. Infinities must be equal, and NaN at the same positions.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    scale = np.abs(expected) if scale is None else np.broadcast_to(scale, expected.shape)
    finite = np.isfinite(expected)
    assert_exact(actual[~finite], expected[~finite].astype(actual.dtype))
    info = np.finfo(actual.dtype)
    bound = C * max(k, 1) ** 0.5 * info.eps * scale + info.smallest_normal
    with np.errstate(invalid="ignore"):
        close = ~finite | (np.abs(actual - expected) <= bound)
    assert close.all(), _differences(actual, expected, ~close)


def assert_winograd(actual: npt.ArrayLike, expected: npt.ArrayLike, scale: npt.ArrayLike) -> None:
    """|actual - expected| ≤ W·eps·max(scale); `scale` and `eps` as in `assert_bounded`."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    bound = W * np.finfo(actual.dtype).eps * np.max(scale, initial=0)
    close = np.abs(actual - expected) <= bound
    assert close.all(), _differences(actual, expected, ~close)


def assert_rounded(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """Same shape, dtype and NaN, and |actual - expected| ≤ R·eps·max|expected|."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    nan = np.isnan(expected)
    bound = R * np.finfo(actual.dtype).eps * np.max(np.abs(expected[~nan]), initial=0)
    close = np.where(nan, np.isnan(actual), np.abs(actual - expected) <= bound)
    assert close.all(), _differences(actual, expected, ~close)


def _differences(actual: np.ndarray, expected: np.ndarray, where: np.ndarray) -> str:
    """Text about the first elements that differ."""
    lines = [
        f"  [{', '.join(map(str, at))}]: {actual[tuple(at)]!r}, expected {expected[tuple(at)]!r}"
        for at in np.argwhere(where)[:5]
    ]
    return "\n".join([f"{where.sum()} of {where.size} elements differ", *lines])
