"""Ties, NaN, padding and empty windows of pooling, with numbers that can be checked by hand."""

from typing import Any

import numpy as np

from cnet import kernels
from conftest import DTYPES
from tolerance import assert_exact


def _pool(x: list[list[float]], *args: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    for dtype in DTYPES:
        y, indices = kernels.max_pool2d(np.array([[x]], dtype), *args, **options)
        assert y.dtype == dtype
        assert indices.dtype == np.int32
    return y[0, 0].tolist(), indices[0, 0].tolist()


def test_max_pool2d_takes_the_first_of_equal_maxima(impl: str, threads: int) -> None:
    x = [[1, 5, 5, 2], [5, 0, 2, 2], [0, -0.0, 3, 3], [-0.0, 0, 3, 3]]
    assert _pool(x, 2) == ([[5, 5], [0, 3]], [[1, 2], [8, 10]])


def test_max_pool2d_lets_the_last_nan_win(impl: str, threads: int) -> None:
    nan, inf = np.nan, np.inf
    y, indices = _pool([[nan, inf, 1, 2], [nan, 9, 3, nan]], 2)
    assert np.isnan(y).all()
    assert indices == [[4, 7]]
    y, indices = _pool([[1, nan, 2, 3, nan]], (1, 3), 1)
    assert np.isnan(y).tolist() == [[True, True, True]]
    assert indices == [[1, 1, 4]]


def test_max_pool2d_of_minus_infinity_names_a_cell(impl: str, threads: int) -> None:
    inf = np.inf
    assert _pool([[-inf, -inf], [-inf, -inf]], 2) == ([[-inf]], [[0]])
    assert _pool([[-inf]], 3, 1, 1) == ([[-inf]], [[0]])


def test_max_pool2d_of_a_window_without_cells(impl: str, threads: int) -> None:
    inf = np.inf
    assert _pool([[7]], 2, 1, 1, 2) == ([[-inf]], [[-1]])
    assert _pool([[7, 8]], (2, 1), 1, (1, 0), (2, 1)) == ([[-inf, -inf]], [[-1, -1]])


def test_pooling_over_windows_far_wider_than_the_image(impl: str, threads: int) -> None:
    """Only cells of the image are computed, not every tap; the reference would pad the image."""
    if impl == "reference":
        return
    x, options = np.array([[[[1.0, 4.0, 3.0, 4.0]]]], np.float32), {"stride": 1}
    window = {"kernel_size": (1, 2**31 - 1), "padding": (0, 2**30 - 1), **options}
    y, indices = kernels.max_pool2d(x, **window)
    mean = kernels.avg_pool2d(x, **window, count_include_pad=False)
    dx = kernels.avg_pool2d_backward(mean, x.shape, **window, count_include_pad=False)
    assert_exact(y, np.full_like(x, 4))
    assert_exact(indices, np.full(x.shape, 1, np.int32))
    assert_exact(mean, np.full_like(x, 3))
    assert_exact(dx, np.full_like(x, 3))


def test_max_pool2d_prefers_cells_to_padding(impl: str, threads: int) -> None:
    assert _pool([[-3, -2], [-1, -4]], 2, 1, 1) == (
        [[-3, -2, -2], [-1, -1, -2], [-1, -1, -4]],
        [[0, 1, 1], [2, 2, 1], [2, 2, 3]],
    )


def test_max_pool2d_backward_adds_in_order(impl: str, threads: int) -> None:
    """1e8 + 1 - 1e8 is 0 in float32, but 1 in another order; the index -1 gets no gradient."""
    grad_output = np.array([1e8, 1, -1e8, 5], np.float32).reshape(1, 1, 1, 4)
    indices = np.array([2, 2, 2, -1], np.int32).reshape(1, 1, 1, 4)
    dx = kernels.max_pool2d_backward(grad_output, indices, (1, 1, 2, 2))
    assert dx.tolist() == [[[[0, 0], [0, 0]]]]
    dx = kernels.max_pool2d_backward(grad_output[..., [0, 2, 1, 3]], indices, (1, 1, 2, 2))
    assert dx.tolist() == [[[[0, 0], [1, 0]]]]
