"""Statistics of empty batches, and of many numbers far from zero."""

from typing import Any

import numpy as np
import pytest

from cnet import kernels
from oracle import reference
from tolerance import assert_exact


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0), (2, 0, 4)])
def test_statistics_of_no_numbers_are_zeros(impl: str, dtype: Any, shape: tuple[int, ...]) -> None:
    for statistic in kernels.batch_norm_stats(np.empty(shape, dtype)):
        assert_exact(statistic, np.zeros(shape[1], dtype))


def test_the_reference_sums_in_float64() -> None:
    """Many equal numbers far from zero, whose sum in float32 would lose precision."""
    x = np.full((1000, 2, 300), [[0.1], [-3e9]], np.float32)
    mean, var = reference.batch_norm_stats(x)
    assert_exact(mean, x[0, :, 0])
    np.testing.assert_array_less(np.sqrt(var), 1e-12 * np.abs(mean))
    ones = np.full((1, 1, 2048, 2048), 0.1, np.float32)
    _, _, db = reference.conv2d_backward(ones, ones, ones[..., :1, :1], needs=(False, False, True))
    np.testing.assert_allclose(db, 2**22 * float(ones[0, 0, 0, 0]), rtol=1e-7)
