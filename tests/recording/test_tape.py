"""Tapes: recorded calls at the boundary."""

from typing import Any

import numpy as np
import pytest

from cnet import _core, kernels
from cnet.recording.calls import UPDATED
from specs import SPECS
from specs.spec import Spec


def full(value: float, count: int = 4) -> np.ndarray[Any, Any]:
    return np.full(count, value, np.float32)


def test_a_tape_runs_its_calls_in_order() -> None:
    a, b, middle, y = full(1), full(2), full(0), full(0)
    add = "add"
    tape = _core.Tape(
        [((add, a, b, middle), (-1, -1, 64)), ((add, middle, a, y), (64, -1, -1))], 80
    )
    assert tape.run(0, 2) == 2
    assert y.tolist() == [4] * 4
    assert not middle.any()
    assert tape.arena[64:].view(np.float32).tolist() == [3] * 4
    a[...] = 10
    assert tape.run(1, 2) == 2
    assert y.tolist() == [13] * 4


def test_arrays_and_numbers_of_a_call_can_be_replaced() -> None:
    param, grad = full(1), full(1)
    numbers = (0.5, 0.0, 0.0, 0.0, False, False, False)
    step = "sgd_step", param, grad, None, *numbers
    tape = _core.Tape([(step, (-1, -1, -1))], 0)
    tape.run(0, 1)
    assert param.tolist() == [0.5] * 4
    tape.set_numbers(0, (0.25, *numbers[1:]))
    tape.point(0, 1, full(4, 6), 8)
    other = full(2, 6)
    tape.point(0, 1, other, 8)
    tape.run(0, 1)
    assert param.tolist() == [0] * 4


def test_float64_and_float32_calls_share_a_tape() -> None:
    x, y = np.ones(3), np.zeros(3)
    single, result = full(2), full(0)
    copy = "copy"
    tape = _core.Tape([((copy, x, y), (-1, -1)), ((copy, single, result), (-1, -1))], 0)
    tape.run(0, 2)
    assert y.tolist() == [1] * 3
    assert result.tolist() == [2] * 4


def test_a_call_with_indices_out_of_range_ends_the_run() -> None:
    indices, dx = np.array([[[[7]]]], np.int32), np.zeros((1, 1, 2, 2), np.float32)
    dy, y = np.ones((1, 1, 1, 1), np.float32), full(0)
    window = 1, 1, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1
    calls = [
        (("max_pool2d_backward", dy, indices, dx, window), (-1, -1, -1)),
        (("copy", full(1), y), (-1, -1)),
    ]
    tape = _core.Tape(calls, 0)
    assert tape.run(0, 2) == 0
    assert not y.any()
    indices[...] = 3
    assert tape.run(0, 2) == 2
    assert y.all()


def test_workspaces_follow_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(300, 300)).astype(np.float32) for _ in range(2))
    y = np.empty_like(a)
    geometry = 300, 300, 300, 300, 1, 300, 1, 1, 1, 0, 0, 0, 0
    tape = _core.Tape([(("gemm", a, b, None, y, geometry, 0), (-1,) * 4)], 0)
    threads = _core.get_num_threads()
    try:
        for count in (1, 3, 2):
            _core.set_num_threads(count)
            y[...] = 0
            tape.run(0, 1)
            assert y.tobytes() == kernels.matmul(a, b).tobytes()
    finally:
        _core.set_num_threads(threads)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_updated_arrays_are_listed(spec: Spec) -> None:
    if spec.in_place and spec.function in _core.kernels:  # copy_range only writes
        assert UPDATED[spec.function] == tuple(spec.in_place)


def test_wrong_arguments_are_refused() -> None:
    x, y = full(1), full(0)
    copy = "copy"
    tape = _core.Tape([((copy, x, y), (-1, -1))], 0)
    with pytest.raises(TypeError, match="a place for each array"):
        _core.Tape([((copy, x, y), (-1,))], 0)
    for arguments in ((0, 2), (-1, 1), (1, 0)):
        with pytest.raises(IndexError, match="there are no calls"):
            tape.run(*arguments)
    with pytest.raises(IndexError, match="there is no call 1"):
        tape.point(1, 0, x, 0)
    with pytest.raises(IndexError, match="has no array 2"):
        tape.point(0, 2, x, 0)
    with pytest.raises(TypeError, match="copy takes 0 numbers"):
        tape.set_numbers(0, (1.0,))
