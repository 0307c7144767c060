"""The distribution of `kernels.normal`, and its bits on all instruction sets."""

from typing import Any

import numpy as np
import pytest

import cnet
from cnet import kernels, runtime
from cnet.kernels.random import words_of

COUNT = 200_001


def _drawn(dtype: Any, **options: float) -> Any:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**64 - 1, words_of((COUNT,), dtype), np.uint64, endpoint=True)
    return kernels.normal(words, (COUNT,), dtype, **options)


def test_bits_are_the_same_on_every_compiled_instruction_set(dtype: Any) -> None:
    bits = set()
    for isa in runtime.available_isas()[1:]:  # without the reference
        with cnet.use_isa(isa):
            bits.add(_drawn(dtype, mean=1.0, std=2.0).tobytes())
    assert len(bits) == 1


def test_moments(dtype: Any) -> None:
    x = _drawn(dtype).astype(np.float64)
    half = COUNT // 2
    for power, expected in enumerate((0, 1, 0, 3, 0, 15), start=1):
        deviation = np.sqrt((x ** (2 * power)).mean() / COUNT)
        assert abs((x**power).mean() - expected) < 4 * deviation
    assert abs((x[:half] * x[half + 1 :]).mean()) < 4 / np.sqrt(half)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0, 3.0])
def test_tails(dtype: Any, bound: float) -> None:
    share = {0.5: 0.3085375, 1.0: 0.1586553, 2.0: 0.0227501, 3.0: 0.0013499}[bound]
    x = _drawn(dtype)
    for outside in x > bound, x < -bound:
        assert abs(outside.mean() - share) < 4 * np.sqrt(share / COUNT)
