"""Integers and booleans, on whose values the result of a call may depend."""

from typing import Any

import numpy as np
import pytest
from own_layers import close

import cnet


def pool(x: Any, size: Any, stride: Any) -> Any:
    """Means of windows whose height and width are in an array."""
    h, w = (np.array(x.shape[1:]) - size) // stride + 1
    y = np.zeros((len(x), h, w))
    for i in range(h):
        for j in range(w):
            top, left = i * stride[0], j * stride[1]
            y[:, i, j] = x[:, top : top + size[0], left : left + size[1]].mean(axis=(1, 2))
    return y


def output_size(size: Any, kernel: Any) -> Any:
    return np.array(size) - kernel + 1


def without(grad: Any, mask: Any) -> Any:
    grad = grad.copy()
    grad[mask] = 0
    return grad


def scaled(x: Any, kinds: Any) -> Any:
    return x * (1 + kinds.max())


X = np.random.default_rng(0).standard_normal((4, 6, 6))
ONE_BY_ONE, TWO_BY_ONE = np.array([1, 1]), np.array([2, 1])


TWO_BY_TWO = np.array([2, 2])


@pytest.mark.parametrize(
    ("function", "usual", "other"),
    [
        (pool, (TWO_BY_TWO, ONE_BY_ONE), (np.array([3, 2]), ONE_BY_ONE)),
        (pool, (TWO_BY_TWO, ONE_BY_ONE), (TWO_BY_TWO, TWO_BY_ONE)),
        (scaled, (np.zeros(12, int),), (np.arange(12),)),
        (scaled, (np.ones(12, np.uint8),), (np.full(12, 3, np.uint8),)),
        (scaled, (np.arange(12),), (np.arange(24)[12:],)),
        (without, (np.zeros((4, 6, 6), bool),), (np.ones((4, 6, 6), bool),)),
        (without, (np.ones((4, 6, 6), bool),), (np.eye(6, dtype=bool)[None].repeat(4, 0),)),
    ],
)  # fmt: skip
def test_other_values(function: Any, usual: Any, other: Any) -> None:
    expected = [function(X, *rest) for rest in (usual, other)]
    watched = cnet.accelerate(function, verify="never")
    for which in [0] * 6 + [1] * 3 + [0] * 2:
        close(watched(X, *(usual, other)[which]), expected[which])


def test_sizes_of_results() -> None:
    watched = cnet.accelerate(output_size, verify="never")
    for kernel in [[3, 3]] * 6 + [[5, 5], [2, 4]] * 2:
        assert watched((8, 9), np.array(kernel)).tolist() == [9 - kernel[0], 10 - kernel[1]]


def test_an_array_of_sizes_is_not_data() -> None:
    """A plan holds for its integers; others would change the shape."""
    watched = cnet.accelerate(pool, verify="never")
    for _ in range(6):
        watched(X, TWO_BY_TWO, TWO_BY_TWO)
    assert watched.cnet_watched.by_cnet == 4
