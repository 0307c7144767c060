"""Cumulative functions, quantiles and further reductions."""

import math

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
ZEROS = np.array([[0.0, 2.0, 0.0, 3.0], [1.0, 0.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
ORDERED = np.sort(X, 1)
NAN = float("nan")

VALUES = [
    ("cumsum", lambda x: cnet.cumsum(x, 1), X, np.cumsum(X, 1)),
    ("cumprod", lambda x: cnet.cumprod(x, 0), X, np.cumprod(X, 0)),
    ("cumprod with zeros", lambda x: cnet.cumprod(x, 1), ZEROS, np.cumprod(ZEROS, 1)),
    ("cummax", lambda x: cnet.cummax(x, 1).values, X, np.maximum.accumulate(X, 1)),
    ("cummin", lambda x: cnet.cummin(x, 0).values, X, np.minimum.accumulate(X, 0)),
    (
        "logcumsumexp", lambda x: cnet.logcumsumexp(x, 1), X,
        np.log(np.cumsum(np.exp(X), 1)),
    ),
    ("logcumsumexp of large", lambda x: cnet.logcumsumexp(x + 1e4, 0), X * 0, 1e4 + np.log(
        np.arange(1, 4))[:, None] + 0 * X),
    (
        "cumulative_trapezoid", cnet.cumulative_trapezoid, X,
        np.cumsum((X[:, 1:] + X[:, :-1]) / 2, 1),
    ),
    ("cov", cnet.cov, X, np.cov(X)),
    ("corrcoef", cnet.corrcoef, X, np.corrcoef(X)),
    ("frexp", lambda x: cnet.frexp(x)[0], X, np.frexp(X)[0]),
    ("ldexp", lambda x: cnet.ldexp(x, tensor([3, 0, -1, 2])), X, X * [8, 1, 0.5, 4]),
    ("float_power", lambda x: cnet.float_power(x, 2), X, X**2),
    ("mvlgamma", lambda x: cnet.mvlgamma(x * x + 2, 1), X, np.vectorize(math.lgamma)(X * X + 2)),
    ("diff", lambda x: cnet.diff(x, 2, 1), X, np.diff(X, 2, 1)),
    ("diff with more", lambda x: x.diff(prepend=X[:, :1]), X, np.diff(X, prepend=X[:, :1])),
    ("trapezoid", lambda x: cnet.trapezoid(x, dx=2), X, np.trapezoid(X, dx=2)),
    ("trapezoid of positions", lambda x: cnet.trapezoid(X, x), X, np.trapezoid(X, X)),
    ("prod", cnet.prod, X, np.prod(X)),
    ("prod with zeros", lambda x: x.prod(1, keepdim=True), ZEROS, np.prod(ZEROS, 1, keepdims=True)),
    ("nansum", lambda x: cnet.nansum(x, 1), X, X.sum(1)),
    ("nanmean", cnet.nanmean, X, X.mean()),
    ("var_mean", lambda x: cnet.var_mean(x, 1)[1], X, X.mean(1)),
    ("std_mean", lambda x: cnet.std_mean(x, 1)[0], X, X.std(1, ddof=1)),
    ("aminmax", lambda x: cnet.aminmax(x, dim=1).max, X, X.max(1)),
    ("median", cnet.median, X, np.sort(X, None)[5]),
    ("median of rows", lambda x: cnet.median(x, 1).values, X, ORDERED[:, 1]),
    ("nanmedian", lambda x: cnet.nanmedian(x, 1, True).values, X, ORDERED[:, 1:2]),
    ("kthvalue", lambda x: cnet.kthvalue(x, 3, 1).values, X, ORDERED[:, 2]),
    ("mode", lambda x: cnet.mode(x, 1).values, X, ORDERED[:, 0]),
    ("quantile", lambda x: cnet.quantile(x, 0.3, 1), X, np.quantile(X, 0.3, 1)),
    (
        "quantiles", lambda x: cnet.quantile(x, tensor([0.2, 0.9], "float64")), X,
        np.quantile(X, [0.2, 0.9]),
    ),
    ("quantile kept", lambda x: x.quantile(0.3, 0, True), X, np.quantile(X, 0.3, 0, keepdims=True)),
    (
        "quantile nearest", lambda x: cnet.quantile(x, 0.5, 1, interpolation="higher"), X,
        ORDERED[:, 2],
    ),
    ("sum_to_size", lambda x: x.sum_to_size(3, 1), X, X.sum(1, keepdims=True)),
    ("msort", cnet.msort, X, np.sort(X, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "x", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES]
)
def test_values_and_gradients(function, x, expected):
    np.testing.assert_allclose(function(Tensor(x)), expected, rtol=1e-12)
    assert gradcheck(function, x)


def test_missing_values():
    x = tensor([[1.0, NAN, 3.0], [NAN, NAN, NAN]])
    assert cnet.nansum(x, 1).tolist() == [4, 0]
    assert cnet.nanmean(x[0]).item() == 2
    assert cnet.nanmedian(x[0]).item() == 1
    assert np.isnan(cnet.median(x[0]).item())
    assert cnet.nanquantile(x[0], 0.5).item() == 2
    assert np.isnan(cnet.quantile(x, 0.5, 1)).tolist() == [True, True]


def test_dtypes_and_positions():
    x = tensor([[3, 1], [1, 3]])
    assert x.cumsum(0).dtype == x.prod().dtype == cnet.count_nonzero(x).dtype == cnet.int64
    assert tensor([True, True]).prod().item() == 1
    assert cnet.sum(x.int(), dtype=cnet.float32).dtype == cnet.float32
    assert cnet.cummax(x, 1).indices.tolist() == [[0, 0], [0, 1]]
    assert cnet.median(x, 1).indices.tolist() == [1, 0]
    assert cnet.count_nonzero(x - 1, 0).tolist() == [1, 1]
    assert (
        x.sum(axis=1, keepdims=True).tolist() == x.sum(dim=1, keepdim=True).tolist() == [[4], [4]]
    )


def test_sums_of_many_float32_numbers():
    x = cnet.full((10**6,), 0.1)
    assert cnet.cumsum(x, 0)[-1].item() == pytest.approx(10**5, rel=1e-6)


ERRORS = [
    (lambda: cnet.cumsum(X, 2), IndexError, "cumsum: dim must be in range"),
    (lambda: cnet.diff(X, -1), ValueError, "diff: n must not be negative"),
    (lambda: cnet.trapezoid(X, X, dx=1), TypeError, "trapezoid: only one of x and dx"),
    (lambda: cnet.median(np.zeros((2, 0)), 1), IndexError, "median: dim must have elements"),
    (lambda: cnet.kthvalue(X, 5), ValueError, "kthvalue: k must be between 1"),
    (lambda: cnet.quantile(X, 2.0), ValueError, "quantile: q must be numbers between 0 and 1"),
    (lambda: cnet.quantile(X, 0.5, interpolation="best"), ValueError, "quantile: interpolation"),
    (lambda: cnet.quantile(X > 0, 0.5), TypeError, "quantile: input must have a float dtype"),
    (lambda: cnet.nanmean(np.arange(3)), TypeError, "nanmean: input must have a float dtype"),
    (lambda: cnet.max(2, tensor([1])), TypeError, "max: input must be a tensor"),
    (lambda: cnet.count_nonzero(X, 5), IndexError, "count_nonzero: dim must be in range"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_all_any_and_isin():
    x = tensor([[1, 0], [2, 3]])
    assert (x.all().item(), x.any(dim=0).tolist()) == (False, [True, True])
    assert x.all((0, 1), keepdim=True).shape == (1, 1)
    assert x.byte().any().dtype == cnet.uint8
    assert cnet.all(cnet.zeros(0)).item()
    assert cnet.isin(x, tensor([0, 3]), invert=True).tolist() == [[True, False], [True, False]]
    with pytest.raises(IndexError, match="any: dim must be in range"):
        x.any(2)


def test_questions_about_dtypes():
    assert cnet.result_type(tensor([1, 2]), 1.5) == cnet.float32
    assert cnet.promote_types(cnet.uint8, cnet.int8) == cnet.int16
    assert cnet.can_cast(cnet.int64, cnet.float16)
    assert not cnet.can_cast(cnet.float32, cnet.int64)
    assert tensor([0.5]).is_nonzero()
    with pytest.raises(ValueError, match="is_nonzero: input must have one element"):
        cnet.zeros(2).is_nonzero()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erfinv_is_the_inverse_of_erf(dtype):
    x = tensor([0.0, 1e-9, 0.3, -0.5, 0.9, -0.999, 1 - 1e-6], dtype)
    rtol = 1e-14 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(cnet.erf(cnet.erfinv(x)), x, rtol=rtol)
    assert cnet.erfinv(tensor([1.0, -1.0])).tolist() == [np.inf, -np.inf]
    assert np.isnan(cnet.erfinv(tensor(1.5)).item())
    assert gradcheck(cnet.erfinv, np.linspace(-0.9, 0.9, 7))


def test_histograms():
    x = RNG.standard_normal(100)
    counts, edges = np.histogram(x, 7)
    assert cnet.histc(tensor(x), 7).tolist() == counts.tolist()
    hist, bin_edges = cnet.histogram(tensor(x), 7)
    assert hist.tolist() == counts.tolist()
    np.testing.assert_allclose(bin_edges, edges)
    assert cnet.histc(tensor([NAN, 1.0, 9.0]), 2, 0, 2).tolist() == [0, 1]
    weighted = cnet.histogram(tensor(x), tensor([-1.0, 0.0, 1.0], "float64"), weight=tensor(x))
    expected, _ = np.histogram(x, [-1, 0, 1], weights=x)
    np.testing.assert_allclose(weighted.hist, expected)


def test_windows():
    for name, theirs in [("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman)]:
        window = getattr(cnet, f"{name}_window")
        np.testing.assert_allclose(
            window(9, periodic=False, dtype=cnet.float64), theirs(9), atol=1e-12
        )
        np.testing.assert_allclose(window(8), theirs(9)[:8], atol=1e-6)
    np.testing.assert_allclose(cnet.bartlett_window(9, False), np.bartlett(9))
    np.testing.assert_allclose(cnet.kaiser_window(9, False, 5.0), np.kaiser(9, 5), rtol=1e-5)
    assert cnet.hann_window(1).tolist() == [1]
    assert cnet.hann_window(0).shape == (0,)


def test_combinations_and_real_numbers():
    x = tensor([1, 2, 3])
    assert cnet.combinations(x).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert len(cnet.combinations(x, 2, with_replacement=True)) == 6
    assert cnet.gcd(x * 4, tensor(6)).tolist() == [2, 2, 6]
    assert cnet.isneginf(tensor([-np.inf, 1.0])).tolist() == [True, False]
    assert cnet.real(x) is x
    assert x.real is x
    assert cnet.angle(tensor([-1.0, 2.0, NAN])).tolist()[:2] == pytest.approx([np.pi, 0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cnet.histc(tensor(X), 0), RuntimeError, "histc: bins must be positive"),
        (lambda: cnet.histc(tensor(X), 3, 2, 1), RuntimeError, "max must be larger than min"),
        (lambda: cnet.histogram(tensor([1]), 3), TypeError, "histogram: input must have a float"),
        (lambda: cnet.cov(tensor(X[None])), ValueError, "cov: input must have at most 2"),
        (lambda: cnet.cov(tensor(X), fweights=tensor(X[0])), RuntimeError, "must be integers"),
        (lambda: cnet.combinations(tensor(X)), ValueError, "combinations: input must be a vector"),
        (lambda: cnet.hann_window(-1), RuntimeError, "must not be negative"),
        (lambda: cnet.gcd(tensor(1.0), tensor(2)), TypeError, "gcd: .* integer dtype"),
        (lambda: cnet.mvlgamma(tensor(1.0), 0), RuntimeError, "p must be at least 1"),
        (lambda: cnet.ldexp(1, tensor(1)), TypeError, "ldexp: input must be a Tensor"),
    ],
)
def test_errors_of_statistics(call, error, message):
    with pytest.raises(error, match=message):
        call()
