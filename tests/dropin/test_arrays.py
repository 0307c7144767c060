"""The arguments of drop-in layers as arrays of one dtype."""

from operator import itemgetter

import numpy as np
import pytest

from cnet.dropin._arrays import entries, floats, same_floats

NAMES = "a", "b", "c"


def test_plain_arrays_of_one_dtype_stay_as_they_are(dtype):
    arrays = np.ones((2, 3), dtype), None, np.ones(2, dtype)
    assert same_floats("f", NAMES, arrays) is arrays
    assert same_floats("f", NAMES, arrays, np.dtype(dtype)) is arrays


@pytest.mark.parametrize(
    ("other", "expected"),
    [(np.float32, np.float32), (np.uint8, np.float32), (np.float64, np.float64),
     (np.int64, np.float64)],
)  # fmt: skip
def test_other_arrays_are_promoted_together(other, expected):
    given = np.ones((2, 3), np.float32)[:, ::2], None, np.ones(2, other)
    first, nothing, last = same_floats("f", NAMES, given)
    assert nothing is None
    for x in (first, last):
        assert x.dtype == expected
        assert x.flags.c_contiguous


def test_a_given_dtype_wins():
    a, _, c = same_floats("f", NAMES, (np.ones(2, np.float32), None, [1]), np.dtype(np.float64))
    assert a.dtype == c.dtype == np.float64


def test_messages_name_the_argument():
    with pytest.raises(TypeError, match=r"f: c must hold real numbers \(got dtype <U1\)"):
        same_floats("f", NAMES, (np.ones(2), None, ["x"]))
    with pytest.raises(ValueError, match=r"f: x must have 2 dimensions \(got 1, shape \(3,\)\)"):
        floats("f", "x", np.ones(3), None, 2)
    keys = itemgetter("stride", "pad")
    assert entries("f", "param", {"pad": 1, "stride": 2}, keys) == (2, 1)
    with pytest.raises(ValueError, match=r"f: param must have the key 'pad' \(got \['stride'\]\)"):
        entries("f", "param", {"stride": 2}, keys)
