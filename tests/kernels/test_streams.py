"""Large results, which kernels write past the caches, have the bits of small ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import kernels
from tolerance import assert_bounded

Array = np.ndarray[Any, Any]

SHAPES = (5, 8, 176, 160), (3, 7, 223, 241), (700, 6, 17, 17)
"""More than 4 MB, with rows of whole vectors and others, and short rows."""

ROWS: dict[str, Callable[[Array, Array], Array]] = {
    "add": kernels.add,
    "relu": lambda x, y: kernels.relu(x),
    "relu_backward": kernels.relu_backward,
    "embed": lambda x, y: kernels.embed(
        x, (len(x), 9, *x.shape[2:]), (slice(None), slice(x.shape[1]))
    ),
    "batch_norm": lambda x, y: kernels.batch_norm(
        x, *np.ones((2, x.shape[1]), x.dtype), residual=y, activation="relu"
    ),
}  # fmt: skip


@pytest.fixture(params=SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def images(request: pytest.FixtureRequest, dtype: Any) -> Array:
    return np.random.default_rng(0).normal(size=(2, *request.param)).astype(dtype)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ROWS)
def test_images_are_computed_as_if_alone(impl: str, threads: int, name: str, images: Array) -> None:
    x, y = images
    with cnet.use_threads(threads):
        together = ROWS[name](x, y)
    alone = [ROWS[name](x[n : n + 1], y[n : n + 1]) for n in range(len(x))]
    assert together.tobytes() == np.concatenate(alone).tobytes()


@pytest.mark.parametrize("activation", [None, "relu"])
def test_gradients_of_batch_norm(impl: str, activation: Any, images: Array) -> None:
    grad, x = images
    mean, var = kernels.batch_norm_stats(x)

    def gradient() -> Array:
        dx, _, _ = kernels.batch_norm_backward(grad, x, mean, var, activation=activation)[:3]
        return dx

    with cnet.use_isa("reference"):
        expected = gradient()
    for threads in (1, 3):
        with cnet.use_threads(threads):
            dx = gradient()
        assert_bounded(dx, expected, x.size // x.shape[1], np.abs(expected).max())


def test_results_that_are_not_aligned(impl: str, dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=1_500_001).astype(dtype)
    out = np.zeros_like(x)
    kernels.add(x[1:], x[:-1], out[1:])
    assert out[0] == 0
    assert out[1:].tobytes() == (x[1:] + x[:-1]).tobytes()
