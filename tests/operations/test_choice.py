"""Selection of many elements by a mask: the bits and the layout of `np.where`."""

import numpy as np
import pytest

from cnet.operations._choice import choose

SHAPE = (90, 200)


def numbers(shape, dtype, seed):
    generator = np.random.default_rng(seed)
    return (100 * generator.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint16])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [(SHAPE, SHAPE), (SHAPE, None), (None, SHAPE), ((200,), (90, 1)), ((3, *SHAPE), (200,))],
)
def test_choose(a_shape, b_shape, order, dtype):
    mask = np.random.default_rng(0).random(SHAPE) > 0.5
    a, b = (0 if s is None else numbers(s, dtype, i) for i, s in enumerate((a_shape, b_shape)))
    if order == "F":
        mask, a, b = (np.asfortranarray(x) if np.ndim(x) else x for x in (mask, a, b))
    before = [np.copy(x) for x in (mask, a, b)]
    expected = np.where(mask, np.asarray(a, dtype), np.asarray(b, dtype))
    y = choose(mask, a, b)
    assert (y.dtype, y.shape) == (dtype, expected.shape)
    if order == "C" or a_shape in (SHAPE, None):
        assert y.strides == expected.strides
    assert y.tobytes() == expected.tobytes()
    for array, copy in zip((mask, a, b), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_memory_of_chosen_elements_is_reused():
    mask = np.random.default_rng(0).random(SHAPE) > 0.5
    x = numbers(SHAPE, np.float32, 1)
    addresses = {choose(mask, x, 0).ctypes.data for _ in range(4)}
    assert len(addresses) == 1
    assert choose(mask, x, 0).ctypes.data % 64 == 0
