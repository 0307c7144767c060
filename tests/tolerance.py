"""When two results agree: the three families of kernels, written once.

*Exact*: copies, maxima, and sums in a fixed order (im2col, col2im, max pooling, ReLU). Every bit is
the same on every machine, NaN for NaN.

*Bounded*: everything whose sums a kernel may reorder or fuse. A sum of k products has a rounding
error of at most k·eps times the sum of their magnitudes, and one that grows with √k in practice.
The `scale` is that sum of magnitudes, element by element, which also makes the bound right where
the products cancel.

*Winograd*: convolutions that compute a tile of outputs at once, from sums and differences of its
pixels and weights. Their rounding errors spread over the tile, so that an output may have one of
the size of its neighbours: the scale is the largest of the array.
"""

import numpy as np
import numpy.typing as npt

R = 64.0
"""The bound of `assert_rounded` is R·eps·(largest magnitude).

It is for results that come by two ways through the same random numbers: sums of k terms are some √k
as large as a term, and so are their rounding errors in eps. A missing term exceeds the bound in
float64 by far.
"""

C = 2.0
"""The bound is C·√k·eps·scale.

With k = 1 there is a rounding in the product and one in the sum, each of half an eps, on both sides
of the comparison. A missing product of average size exceeds the bound 1/(C·k^1.5·eps) times: by far
in float64 for every k of the tests, and up to k = 25 000 in float32.
"""

W = 32.0
"""The bound of Winograd's algorithm is W·eps·(largest scale).

An interpolation at the points 0, ±3/4 and ±3/2 adds up numbers some ten times as large as its
result, in every tile; what the sum over channels or tiles adds to its error is less. Among tens of
thousands of random convolutions the largest error is half of the bound, the typical one a
fifteenth: in float32 that is 1e-6 of the largest output. A missing product of average size exceeds
the bound 1/(W·k·eps) times, so up to k = 260 000 in float32; a constant of a transform that is
wrong in its last digits does in float64.
"""


def assert_exact(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """Same shape, dtype and bits, the sign of zero included; all NaN are one."""
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
    `expected` unless given. Infinities must be equal and NaN be at the same places.
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
    """The first few elements that differ."""
    lines = [
        f"  [{', '.join(map(str, at))}]: {actual[tuple(at)]!r}, expected {expected[tuple(at)]!r}"
        for at in np.argwhere(where)[:5]
    ]
    return "\n".join([f"{where.sum()} of {where.size} elements differ", *lines])
