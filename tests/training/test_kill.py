"""A training that is killed continues with the same bits."""

import pytest

import kill

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


@pytest.mark.slow
def test_three_kills_change_nothing():
    assert kill.compare(3, seed=2) == 3
