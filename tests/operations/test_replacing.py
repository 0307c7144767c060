"""Copies in which a part is replaced, norms that are limited, coordinates and powers."""

import numpy as np
import pytest

import cnet
from cnet import tensor
from cnet.gradcheck import gradcheck

X = np.random.default_rng(0).standard_normal((3, 4, 2))
PART = np.arange(8.0).reshape(4, 2)


def written(index, value):
    copy = X.copy()
    copy[index] = value
    return copy


CALLS = [
    ("select", lambda x, y: cnet.select_scatter(x, y, 0, -1), PART, written(2, PART)),
    (
        "slice", lambda x, y: cnet.slice_scatter(x, y, 1, 0, 4, 2), X[:, :2] + 1,
        written((slice(None), slice(0, 4, 2)), X[:, :2] + 1),
    ),
    (
        "diagonal", lambda x, y: cnet.diagonal_scatter(x, y, 1), PART[:2, :1] + [0, 10, 20],
        written(([0, 1, 2], [1, 2, 3]), (PART[:2, :1] + [0, 10, 20]).T),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call", "part", "expected"), CALLS, ids=[c[0] for c in CALLS])
def test_a_part_is_replaced(name, call, part, expected):
    result = call(tensor(X), tensor(part))
    np.testing.assert_array_equal(result, expected)
    assert gradcheck(call, (X, part))


def test_diagonals_are_filled():
    x = cnet.zeros(3, 3)
    assert x.fill_diagonal_(2) is x
    assert x.tolist() == (2 * np.eye(3)).tolist()
    assert cnet.zeros(5, 2).fill_diagonal_(1, wrap=True).sum() == 4
    assert cnet.fill(tensor([1, 2]), 7).tolist() == [7, 7]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_norms_are_limited(p):
    result = cnet.renorm(tensor(X), p, 1, 1.5)
    norms = (np.abs(X) ** p).sum((0, 2)) ** (1 / p)
    expected = X * np.where(norms > 1.5, 1.5 / norms, 1)[:, None]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert gradcheck(lambda x: cnet.renorm(x, p, 1, 1.5), X)


def test_coordinates_and_powers():
    found = cnet.unravel_index(tensor([[0, 7], [-1, 23]]), (2, 3, 4))
    for own, expected in zip(found, np.unravel_index([[0, 7], [23, 23]], (2, 3, 4)), strict=True):
        np.testing.assert_array_equal(own, expected)
    np.testing.assert_array_equal(cnet.vander(tensor([1.0, 2, 3])), np.vander([1.0, 2, 3]))
    np.testing.assert_array_equal(
        cnet.vander(tensor([1, 2, 3]), 2, increasing=True), np.vander([1, 2, 3], 2, increasing=True)
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cnet.select_scatter(x, x, 0, 0), RuntimeError, "select_scatter: src.shape must"),
        (lambda x: cnet.select_scatter(x, x, 3, 0), IndexError, "select_scatter: dim"),
        (lambda x: cnet.slice_scatter(x, x, step=0), RuntimeError, "step must be positive"),
        (lambda x: cnet.diagonal_scatter(x, x), RuntimeError, "diagonal_scatter: src.shape must"),
        (lambda x: x.fill_diagonal_(1), RuntimeError, "fill_diagonal_: the tensor must have 2"),
        (lambda x: cnet.renorm(x[0, 0], 2, 0, 1), RuntimeError, "renorm: input must have"),
        (lambda x: cnet.unravel_index(tensor([9]), (2, 3)), ValueError, "must be below 6"),
        (lambda x: cnet.unravel_index(tensor([0.5]), 2), TypeError, "must be integers"),
        (lambda x: cnet.vander(x), RuntimeError, "vander: x must be a vector"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(tensor(X))


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 5), (5, 3), (2, 150, 70), (2, 70, 150), (65, 65), (3, 0)]
)
@pytest.mark.parametrize("diagonal", [-90, -64, -3, 0, 2, 63, 90])
def test_triangles_of_many_rows(shape, diagonal):
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    assert np.array_equal(cnet.tril(x, diagonal).numpy(), np.tril(x, diagonal))
    assert np.array_equal(cnet.triu(x, diagonal).numpy(), np.triu(x, diagonal))
