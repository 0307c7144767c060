"""Random orders that a seed fixes for ever."""

import numpy as np
import pytest

from cnet.utils.data.shuffle import as_generator, permutation


def test_an_order_never_changes():
    assert permutation(10, 0).tolist() == [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]
    assert permutation(10, 1).tolist() == [9, 2, 4, 7, 5, 0, 8, 6, 3, 1]


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_is_a_permutation(n):
    assert sorted(permutation(n, 7)) == list(range(n))


def test_orders_are_even():
    counts = np.zeros((4, 4), int)
    for seed in range(2000):
        counts[np.arange(4), permutation(4, seed)] += 1
    assert np.abs(counts - 500).max() < 100


def test_bad_generators():
    with pytest.raises(TypeError, match=r"f: generator must be .* int or None \(got 0.5\)"):
        as_generator("f", 0.5)
    with pytest.raises(ValueError, match=r"f: generator must be at least 0 \(got -1\)"):
        as_generator("f", -1)
