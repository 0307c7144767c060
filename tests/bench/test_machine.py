"""The loops that measure the machine's peak compute the right values."""

import shutil

import numpy as np
import pytest

from peers import machine

pytestmark = pytest.mark.skipif(shutil.which(machine.COMPILER) is None, reason="needs a C compiler")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multiply_adds_converge(dtype):
    function = getattr(machine.MACHINE._library, f"fma_{dtype}")
    # Each of the twelve sums converges to term / (1 - factor).
    assert function(10_000_000, 0.5, 0.5) == pytest.approx(12)


@pytest.mark.parametrize("name", ["copy", "copy_streaming"])
def test_copy(name):
    source = machine._aligned(np.arange(4096 + machine.LINE, dtype=np.uint8))[:4096]
    target = machine._aligned(np.zeros(4096 + machine.LINE, np.uint8))
    size = 4096 - machine.LINE
    getattr(machine.MACHINE._library, name)(target.ctypes.data, source.ctypes.data, size)
    np.testing.assert_array_equal(target[:size], source[:size])
    assert not target[size:].any()


def test_work_is_shared():
    machine.MACHINE.copier("copy", 1 << 16)()
    machine.MACHINE.fma("float32", 1000)
