"""Distances, similarities and normalised vectors, against NumPy."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 4, 5, 3))
EXPONENTS = [1, 2, 3, 1.5, 0.5, np.inf, 0]


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("p", EXPONENTS)
def test_normalize(p, dim):
    norms = np.apply_along_axis(np.linalg.norm, dim, X, ord=p)
    expected = X / np.expand_dims(norms, dim)
    np.testing.assert_allclose(F.normalize(X, p, dim), expected, rtol=1e-12)
    assert gradcheck(lambda x: F.normalize(x, p, dim), X)


def test_a_norm_of_negative_infinity():
    np.testing.assert_allclose(
        F.normalize(X, -np.inf, 1), X / np.abs(X).min(1, keepdims=True), rtol=1e-12
    )
    assert gradcheck(lambda x: F.normalize(x, -np.inf, 1), X)


@pytest.mark.parametrize("p", EXPONENTS)
def test_pairwise_distance(p):
    expected = np.linalg.norm(X[:, 0] - Y[:, 0] + 1e-6, p, axis=-1)
    np.testing.assert_allclose(F.pairwise_distance(X[:, 0], Y[:, 0], p), expected, rtol=1e-9)
    kept = F.pairwise_distance(X, Y[0], p, keepdim=True)
    assert kept.shape == (4, 5, 1)
    assert gradcheck(lambda x, y: F.pairwise_distance(x, y, p), (X[0], Y[0]))


@pytest.mark.parametrize("p", EXPONENTS)
def test_pdist(p):
    rows = X[:, 0]
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    expected = [np.linalg.norm(rows[i] - rows[j], p) for i, j in pairs]
    np.testing.assert_allclose(F.pdist(rows, p), expected, rtol=1e-12)
    assert gradcheck(lambda x: F.pdist(x, p), rows)


def test_cosine_similarity():
    expected = (X * Y).sum(1) / np.sqrt((X * X).sum(1) * (Y * Y).sum(1))
    np.testing.assert_allclose(F.cosine_similarity(X, Y), expected, rtol=1e-12)
    np.testing.assert_allclose(nn.CosineSimilarity(dim=1)(X, Y), expected, rtol=1e-12)
    assert F.cosine_similarity(X, Y[0], dim=-1).shape == (4, 5)
    assert gradcheck(F.cosine_similarity, (X, Y))


def test_vectors_of_zeros():
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    F.normalize(x).sum().backward()
    np.testing.assert_array_equal(F.normalize(x).detach(), np.zeros((2, 3)))
    np.testing.assert_allclose(x.grad, np.full((2, 3), 1e12))
    assert F.cosine_similarity(np.zeros(3), np.ones(3), 0).item() == 0
    huge = np.array([[1e30, 2e30]], np.float32)  # the products overflow
    np.testing.assert_allclose(F.cosine_similarity(huge, huge[:, ::-1]), [0.8], rtol=1e-6)
    np.testing.assert_allclose(F.cosine_similarity(huge, huge.astype(np.float64)), [1], rtol=1e-6)
    y = Tensor(np.zeros((2, 3)), requires_grad=True)
    F.pdist(y).sum().backward()
    np.testing.assert_array_equal(y.grad, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.normalize(X, dim=3), IndexError, r"normalize: dim must be between -3 and 2"),
        (lambda: F.normalize(np.ones(2, int), dim=0), TypeError, "normalize: .*float dtype"),
        (lambda: F.pdist(X), ValueError, "pdist: input must have 2 dimensions"),
        (lambda: F.pdist(X[0], -1), ValueError, r"pdist: p must not be negative \(got -1\)"),
        (lambda: F.cosine_similarity(X, Y, 3), IndexError, "cosine_similarity: dim"),
        (lambda: F.pairwise_distance(X, Y[:2]), ValueError, "broadcast"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
