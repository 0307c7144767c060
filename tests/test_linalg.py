"""`cnet.linalg` against NumPy, with gradient checks and errors."""

from typing import Any

import numpy as np
import pytest

import cnet
from cnet import linalg, tensor

RNG = np.random.default_rng(0)
TALL, WIDE = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 3, 5))
SQUARE = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
B = RNG.normal(size=(2, 3, 2))
RESHAPED = RNG.normal(size=(3, 2, 6))
LEAST_SQUARES = np.linalg.lstsq(*TALL)


def symmetric(x):
    return x + x.mT


def positive(x):
    return x @ x.mT + np.eye(x.shape[-1])


@pytest.mark.parametrize("name", ["svd", "qr", "eigh", "cholesky", "pinv", "matrix_rank", "cond"])
def test_decompositions_are_those_of_numpy(name):
    x = positive(SQUARE[0])
    ours, theirs = getattr(linalg, name)(tensor(x)), getattr(np.linalg, name)(x)
    ours, theirs = (t if isinstance(t, tuple) else (t,) for t in (ours, theirs))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-11)


VALUES = [
    ("matrix_exp", lambda: linalg.matrix_exp(np.diag([0.0, 1.0])), np.diag([1, np.e])),
    ("vander", lambda: linalg.vander(np.arange(1, 4)), np.vander([1, 2, 3], increasing=True)),
    ("cond fro", lambda: linalg.cond(SQUARE[0], "fro"), np.linalg.cond(SQUARE[0], "fro")),
    ("cond -2", lambda: linalg.cond(SQUARE[0], -2), np.linalg.cond(SQUARE[0], -2)),
    (
        "tensorsolve",
        lambda: linalg.tensorsolve(RESHAPED, B[0]),
        np.linalg.tensorsolve(RESHAPED, B[0]),
    ),
    ("tensorinv", lambda: linalg.tensorinv(RESHAPED), np.linalg.tensorinv(RESHAPED)),
    ("lstsq", lambda: linalg.lstsq(*TALL).solution, LEAST_SQUARES[0]),
    ("residuals", lambda: linalg.lstsq(*TALL, driver="gels").residuals, LEAST_SQUARES[1]),
    (
        "lstsq of wide",
        lambda: linalg.lstsq(WIDE[0], B[0]).solution,
        np.linalg.lstsq(WIDE[0], B[0])[0],
    ),
    (
        "solve_triangular",
        lambda: linalg.solve_triangular(SQUARE, B, upper=False),
        np.linalg.solve(np.tril(SQUARE), B),
    ),
    (
        "solve_triangular, unit diagonal",
        lambda: linalg.solve_triangular(SQUARE, B, upper=True, unitriangular=True),
        np.linalg.solve(np.triu(SQUARE, 1) + np.eye(3), B),
    ),
    (
        "solve_triangular from the right",
        lambda: linalg.solve_triangular(SQUARE, B.swapaxes(1, 2), upper=True, left=False),
        B.swapaxes(1, 2) @ np.linalg.inv(np.triu(SQUARE)),
    ),
    ("rank with a tolerance", lambda: linalg.matrix_rank(np.diag([4.0, 1.0]), atol=2.0), 1),
    ("rank of symmetric", lambda: linalg.matrix_rank(np.diag([-4.0, 0.0]), hermitian=True), 1),
    ("pinv with a tolerance", lambda: linalg.pinv(np.diag([4.0, 1]), rtol=0.5), np.diag([0.25, 0])),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call", "expected"), VALUES, ids=[v[0] for v in VALUES])
def test_values(name, call, expected):
    np.testing.assert_allclose(call(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 30.0])
def test_the_exponential_of_a_rotation(size):
    np.testing.assert_allclose(
        linalg.matrix_exp(np.array([[0.0, -size], [size, 0.0]])),
        [[np.cos(size), -np.sin(size)], [np.sin(size), np.cos(size)]],
        atol=1e-12,
    )


def fixed(u):
    """Vectors with a sign that does not depend on that of the decomposition."""
    return u * u[..., :1, :].sign()


def _product(u: Any, s: Any, vh: Any) -> Any:
    return u @ s.diag_embed() @ vh


GRADIENTS = [
    ("svd", lambda x: [fixed(linalg.svd(x, False).U), linalg.svd(x, False).S], TALL),
    ("svd, Vh", lambda x: [fixed(linalg.svd(x, False).Vh.mT)], TALL),
    ("svd of wide", lambda x: [fixed(linalg.svd(x, False).Vh.mT)], WIDE),
    ("svd of wide, U", lambda x: [fixed(linalg.svd(x, False).U)], WIDE),
    ("svd, the product", lambda x: [_product(*linalg.svd(x, False))], TALL),
    ("svd, full, values", lambda x: [linalg.svd(x).S], TALL),
    ("svdvals", lambda x: [linalg.svdvals(x)], WIDE),
    ("nuclear norm", lambda x: [linalg.matrix_norm(x, "nuc")], TALL),
    ("qr", lambda x: linalg.qr(x), TALL),
    ("qr of square", lambda x: linalg.qr(x, "complete"), SQUARE),
    ("qr of wide", lambda x: linalg.qr(x), WIDE),
    ("cholesky", lambda x: [linalg.cholesky(positive(x))], SQUARE),
    ("cholesky, upper", lambda x: [linalg.cholesky(positive(x), upper=True)], SQUARE),
    ("eigh", lambda x: (lambda v, q: [v, fixed(q)])(*linalg.eigh(symmetric(x))), SQUARE),
    ("eigvalsh", lambda x: [linalg.eigvalsh(symmetric(x))], SQUARE),
    ("pinv of tall", lambda x: [linalg.pinv(x)], TALL),
    ("pinv of wide", lambda x: [linalg.pinv(x)], WIDE),
    ("lstsq", lambda x: list(linalg.lstsq(x, TALL[:, :, :2], driver="gels")[:2]), TALL),
    ("det", lambda x: [linalg.det(x)], SQUARE),
    ("slogdet", lambda x: [linalg.slogdet(x).logabsdet], SQUARE),
    ("inv", lambda x: [linalg.inv(x)], SQUARE),
    ("solve", lambda x: [linalg.solve(x, B)], SQUARE),
    ("solve, B", lambda x: [linalg.solve(SQUARE, x)], B),
    ("solve_triangular", lambda x: [linalg.solve_triangular(x, B, upper=True)], SQUARE),
    ("matrix_exp", lambda x: [linalg.matrix_exp(x)], SQUARE / 4),
    ("householder_product", lambda x: [linalg.householder_product(x, TALL[:, 0, :2])], TALL),
    ("householder_product, tau", lambda x: [linalg.householder_product(TALL, x)], TALL[:, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "x"), GRADIENTS, ids=[g[0] for g in GRADIENTS])
def test_gradients(name, function, x):
    assert cnet.gradcheck(lambda x: tuple(function(x)), (x,))


def leaf(x):
    return tensor(x, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.svd(leaf(TALL)).U.sum().backward(), RuntimeError, "only S has a"),
        (lambda: linalg.qr(leaf(TALL), "r").R.sum().backward(), RuntimeError, "with mode 'r'"),
        (lambda: linalg.qr(leaf(TALL), "complete").R.sum().backward(), RuntimeError, "'complete'"),
        (lambda: linalg.qr(TALL, "full"), ValueError, "linalg.qr: mode must be"),
        (lambda: linalg.svd(TALL[0, 0]), ValueError, "at least 2 dimensions"),
        (lambda: linalg.cholesky(TALL), ValueError, "linalg.cholesky: matrices must be square"),
        (lambda: linalg.cholesky(-np.eye(2)), linalg.LinAlgError, "positive definite"),
        (lambda: linalg.lstsq(TALL, B), ValueError, "equally many rows"),
        (lambda: linalg.lstsq(TALL, TALL, driver="qr"), ValueError, "unknown driver"),
        (lambda: linalg.tensorsolve(TALL, B), ValueError, "as many elements as"),
        (lambda: linalg.tensorinv(TALL), ValueError, "into as many rows as columns"),
        (lambda: linalg.householder_product(WIDE, B[:, 0]), ValueError, "as many rows as columns"),
        (lambda: linalg.matrix_exp(TALL), ValueError, "linalg.matrix_exp: matrices must be square"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
