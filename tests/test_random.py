"""The one generator of all random numbers."""

import json

import numpy as np
import pytest

from cnet import random


@pytest.fixture(autouse=True)
def _keep_state():
    state = random.get_rng_state()
    yield
    random.set_rng_state(state)


def test_a_seed_fixes_the_draws():
    first = random.manual_seed(3).random(5)
    assert np.array_equal(random.manual_seed(3).random(5), first)
    assert not np.array_equal(random.manual_seed(4).random(5), first)


def test_a_seed_must_be_an_integer():
    with pytest.raises(TypeError, match=r"manual_seed: seed must be an int \(got 'a'\)"):
        random.manual_seed("a")


def test_the_draws_are_those_of_numpy():
    assert np.array_equal(random.manual_seed(7).random(5), np.random.default_rng(7).random(5))


def test_seeding_keeps_the_generator_object():
    held = random.default_generator()
    assert random.manual_seed(0) is held
    assert random.default_generator() is held


def test_state_goes_through_json_and_continues():
    generator = random.manual_seed(1)
    generator.integers(10, size=3, dtype=np.int32)  # half of a 64-bit number remains
    state = json.loads(json.dumps(random.get_rng_state()))
    expected = generator.integers(10, size=5, dtype=np.int32), generator.normal(size=5)
    random.set_rng_state(state)
    assert np.array_equal(generator.integers(10, size=5, dtype=np.int32), expected[0])
    assert np.array_equal(generator.normal(size=5), expected[1])


def test_a_state_does_not_change_with_later_draws():
    state = random.get_rng_state()
    before = json.dumps(state)
    random.default_generator().random(100)
    assert json.dumps(state) == before


@pytest.mark.parametrize("seed", [-(2**63) - 1, 0.5, "seed"])
def test_bad_seeds_leave_the_generator_alone(seed):
    before = random.get_rng_state()
    with pytest.raises((TypeError, ValueError)):
        random.manual_seed(seed)
    assert random.get_rng_state() == before


@pytest.mark.parametrize("state", [{}, {"bit_generator": "MT19937"}, None, "state"])
def test_bad_states_leave_the_generator_alone(state):
    before = random.get_rng_state()
    with pytest.raises((TypeError, ValueError, KeyError)):
        random.set_rng_state(state)
    assert random.get_rng_state() == before
