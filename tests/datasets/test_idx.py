"""The IDX reader: every dtype, and nothing but ValueError for what is not IDX."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnet.datasets import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def header(code, shape):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def idx(array):
    code = CODES[array.dtype.str[1:]]
    return header(code, array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


ARRAYS = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@settings(deadline=None)
@given(ARRAYS, st.booleans())
def test_round_trip(array, compressed):
    content = gzip.compress(idx(array)) if compressed else idx(array)
    read = read_idx(content)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.c_contiguous
    assert read.flags.writeable
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


def test_literal():
    read = read_idx(bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0xFF, 0xFE]))
    assert read.dtype == np.int16
    assert read.tolist() == [[256, -2]]


@pytest.mark.parametrize("compressed", [False, True])
def test_from_a_file(tmp_path, compressed):
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    path = tmp_path / "items"
    path.write_bytes(gzip.compress(idx(array)) if compressed else idx(array))
    np.testing.assert_array_equal(read_idx(path), array)
    np.testing.assert_array_equal(read_idx(str(path)), array)


def test_more_than_one_chunk():
    array = np.random.default_rng(0).integers(0, 256, 3_000_001).astype(np.uint8)
    np.testing.assert_array_equal(read_idx(gzip.compress(idx(array), 1)), array)
    np.testing.assert_array_equal(read_idx(idx(array)), array)


SMALL = idx(np.arange(10, dtype=np.uint8))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r" must start with two zero bytes.*\(got ''; it seems to be an empty file\)"),
        (
            b"\0\0",
            r" must start with two.*\(got '00 00'; it seems to be a file of zeros only\)",
        ),
        (
            b"PK\3\4" + SMALL,
            r" must start with two zero bytes.*\(got '50 4b 03 04'; it seems to be a zip archive\)",
        ),
        (b"\0\0\x0a\1" + SMALL[4:], r".* type codes 08 09 0b 0c 0d 0e .*\(got '00 00 0a 01'\)"),
        (SMALL[:6], r" must hold 4 bytes of sizes for 1 dimensions \(got 2\)"),
        (SMALL[:-3], r" must hold 10 bytes of items for shape \(10,\) \(got (at most )?7\)"),
        (SMALL + b"x", r" must hold 10 bytes of items for shape \(10,\) \(got at least 11\)"),
        (header(8, (1,) * 65) + b"x", r" must have at most 64 dimensions \(got 65\)"),
        (
            header(8, (2**32 - 1, 2**32 - 1, 0)),
            r" has sizes too large for an array \(got \(4294967295, ",
        ),
    ],
)
def test_bad_content(tmp_path, pack, content, message):
    path = tmp_path / "broken-idx"
    path.write_bytes(pack(content))
    with pytest.raises(ValueError, match="broken-idx" + message):
        read_idx(path)


def test_damaged_gzip():
    packed = gzip.compress(SMALL)
    with pytest.raises(ValueError, match="the given bytes is damaged gzip: CRC check failed"):
        read_idx(packed[:-8] + b"\0\0\0\0" + packed[-4:])
    with pytest.raises(ValueError, match="damaged gzip"):
        read_idx(packed[:-1])
    with pytest.raises(ValueError, match="damaged gzip"):
        read_idx(packed + b"more")


def test_gzip_that_breaks_off():
    packed = gzip.compress(idx(np.random.default_rng(0).integers(0, 99, 9999).astype(np.uint8)))
    with pytest.raises(ValueError, match=r"must hold 9999 bytes of items .* \(got \d+\)"):
        read_idx(packed[:-1000])


def test_a_header_allocates_nothing():
    huge = header(8, (2**20, 2**20)) + b"x" * 100
    bomb = gzip.compress(SMALL + bytes(50_000_000))
    tracemalloc.start()
    try:
        for content, message in [
            (huge, r" must hold 1099511627776 bytes .* \(got at most 100\)"),
            (gzip.compress(huge), r"must hold 1099511627776 bytes .* \(got at most \d+\)"),
            (bomb, r"must hold 10 bytes .* \(got at least 11\)"),
        ]:
            with pytest.raises(ValueError, match=message):
                read_idx(content)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")


@settings(deadline=None)
@given(st.binary(), st.sampled_from([b"", b"\0\0\x08\1", b"\0\0\x0e\2\0\0", b"\x1f\x8b\x08\0"]))
def test_random_bytes(content, start):
    try:
        read = read_idx(start + content)
    except ValueError:
        return
    assert read.nbytes + 4 + 4 * read.ndim == len(start + content)


@settings(deadline=None)
@given(st.data())
def test_damaged_bytes(data):
    content = bytearray(gzip.compress(idx(np.arange(40, dtype=np.float32).reshape(4, 10))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_idx(bytes(content))
    except ValueError:
        return
    np.testing.assert_array_equal(read, np.arange(40).reshape(4, 10))
