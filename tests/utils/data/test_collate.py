"""Samples of any structure, and the batches that they become."""

from array import array
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import cnet
from cnet import Tensor
from cnet.utils.data import DataLoader, default_collate, default_convert

Point = namedtuple("Point", ["x", "y"])


def same(batch, expected):
    """Whether structure, dtypes and values are equal; an ndarray stands for a tensor."""
    if isinstance(expected, np.ndarray):
        assert type(batch) is Tensor
        assert not batch.requires_grad
        assert (batch.dtype, batch.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(np.asarray(batch), expected)
        return
    assert type(batch) is type(expected)
    if hasattr(expected, "keys"):
        assert list(batch) == list(expected)
        for key in expected:
            same(batch[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert len(batch) == len(expected)
        for part, wanted in zip(batch, expected, strict=True):
            same(part, wanted)
    else:
        assert batch == expected


ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)
INTS, FLOATS = np.array([1, 2]), np.array([0.5, 1.5])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([1, 2], INTS),
        ([0.5, 1.5], FLOATS),
        ([True, False], np.array([True, False])),
        ([np.float32(0.5), np.float32(1.5)], FLOATS.astype(np.float32)),
        ([np.uint8(1), np.uint8(2)], INTS.astype(np.uint8)),
        ([ROWS[0], ROWS[1]], ROWS),
        ([cnet.tensor(ROWS[0], requires_grad=True), cnet.tensor(ROWS[1])], ROWS),
        ([array("i", [1, 2]), array("i", [3, 4])], np.array([[1, 2], [3, 4]], np.int32)),
        (["a", "b"], ["a", "b"]),
        ([b"a", b"b"], [b"a", b"b"]),
        ([(ROWS[0], 1), (ROWS[1], 2)], [ROWS, INTS]),
        ([[ROWS[0], 1], [ROWS[1], 2]], [ROWS, INTS]),
        ([Point(1, "a"), Point(2, "b")], Point(INTS, ["a", "b"])),
        ([{"x": 1, "y": 0.5}, {"y": 1.5, "x": 2}], {"x": INTS, "y": FLOATS}),
        ([OrderedDict(x=1), OrderedDict(x=2)], OrderedDict(x=INTS)),
        ([UserDict(x=1), UserDict(x=2)], UserDict(x=INTS)),
        ([MappingProxyType({"x": 1}), MappingProxyType({"x": 2})], MappingProxyType({"x": INTS})),
        ([defaultdict(int, x=1), defaultdict(int, x=2)], defaultdict(int, x=INTS)),
        (
            [{"p": (Point(1, [0.5]), "a")}, {"p": (Point(2, [1.5]), "b")}],
            {"p": [Point(INTS, [FLOATS]), ["a", "b"]]},
        ),
        ([(), ()], []),
        ([{}, {}], {}),
    ],
)
def test_structures(samples, expected):
    same(default_collate(samples), expected)
    same(next(iter(DataLoader(samples, 2))), expected)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([], ValueError, r"samples must have at least 1 item"),
        ([{"x": np.zeros(2)}, {"x": np.zeros(3)}], ValueError, r"samples\['x'\] .* same shape"),
        ([(1, {"x": (0, 1)}), (1, {"x": (0,)})], ValueError, r"samples\[1\]\['x'\] .*number of f"),
        ([{"x": 1}, {"y": 1}], ValueError, r"same keys \(got \['x'\] and \['y'\]\)"),
        ([{"x": 1}, 1], ValueError, r"must all be a mapping \(got int\)"),
        ([(1,), 1], ValueError, r"must all be a sequence \(got int\)"),
        (["a", 1], ValueError, r"must all be a string \(got int\)"),
        ([1, (1,)], ValueError, r"must all be numbers or arrays \(got tuple\)"),
        ([1, "a"], ValueError, r"must all be numbers or arrays \(got str\)"),
        ([None, None], TypeError, r"must be numbers.*\(got NoneType of dtype object\)"),
        ([{"x": {1, 2}}, {"x": {1}}], TypeError, r"samples\['x'\] must be numbers.*got set"),
        ([np.datetime64("2020-01-01")], TypeError, r"must be numbers"),
        ([1j], TypeError, r"must be numbers"),
        ([2**63], OverflowError, "too large"),
    ],
)
def test_errors(samples, error, message):
    with pytest.raises(error, match=message):
        default_collate(samples)


def test_pil_images_are_refused():
    image = pytest.importorskip("PIL.Image").new("L", (2, 2))
    with pytest.raises(TypeError, match=r"samples\[0\] must not be PIL images; use transforms"):
        default_collate([(image, 1), (image, 2)])


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (ROWS, ROWS),
        (np.float32(0.5), np.array(0.5, np.float32)),
        (3, 3),
        ("a", "a"),
        (None, None),
        ((ROWS, 1), [ROWS, 1]),
        ([ROWS, "a"], [ROWS, "a"]),
        (Point(ROWS, 1), Point(ROWS, 1)),
        ({"x": ROWS, "y": [ROWS]}, {"x": ROWS, "y": [ROWS]}),
        (OrderedDict(x=ROWS), OrderedDict(x=ROWS)),
    ],
)
def test_conversion_without_batches(sample, expected):
    same(default_convert(sample), expected)
    same(next(iter(DataLoader([sample], None))), expected)


def test_conversion_of_what_holds_no_numbers():
    words = np.array(["a", "b"])
    tensor = cnet.tensor([1.0])
    assert default_convert(words) is words
    assert default_convert(tensor) is tensor


def test_like_pytorch():
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_collate as theirs

    samples = [
        {"i": i, "f": i / 2, "b": i > 1, "x": ROWS[0] + i, "n": np.float32(i), "p": Point(i, "s"),
         "t": (i, [i])}
        for i in range(3)
    ]  # fmt: skip
    ours, expected = default_collate(samples), theirs(samples)
    assert list(ours) == list(expected)
    assert str(ours["t"]) == str(expected["t"])
    for key in "ifbxn":
        same(ours[key], expected[key].numpy())
    assert ours["p"].x.tolist() == expected["p"].x.tolist()
    assert ours["p"].y == list(expected["p"].y)
    assert torch is not None
