"""Results depend neither on the threads of a kernel, nor on the number of concurrent callers."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calls import COMPILED, note
from cnet import kernels, runtime
from conftest import THREADS
from specs import SPECS
from specs.spec import Arrays, Call, Spec
from specs.tables.conv2d import Conv2dCase
from tolerance import assert_exact

every_kernel = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def _large(spec: Spec, dtype: Any) -> list[Call]:
    """Work for several threads, divided along different axes."""
    return [spec.call(case, dtype) for case in spec.large]


def _assert_same(results: list[Arrays], expected: list[Arrays]) -> None:
    for outputs, wanted in zip(results, expected, strict=True):
        for y, one in zip(outputs, wanted, strict=True):
            assert_exact(y, one)


@every_kernel
def test_any_number_of_threads_gives_the_same_bits(dtype: Any, spec: Spec) -> None:
    calls = _large(spec, dtype)
    for isa in COMPILED:
        with note(isa), runtime.use_isa(isa):
            with runtime.use_threads(1):
                expected = [spec.run(call) for call in calls]
            for threads in THREADS[1:]:
                with runtime.use_threads(threads):
                    _assert_same([spec.run(call) for call in calls], expected)


@every_kernel
def test_callers_at_once_get_the_same_bits(spec: Spec) -> None:
    """Only one caller uses the pool at a time, and the number of threads changes meanwhile."""
    calls = _large(spec, np.float32)
    with runtime.use_threads(1):
        expected = [spec.run(call) for call in calls]

    def run(number: int) -> list[Arrays]:
        runtime.set_num_threads(THREADS[number % len(THREADS)])
        return [spec.run(call) for call in calls]

    with runtime.use_threads(1), ThreadPoolExecutor(6) as callers:
        for results in callers.map(run, range(24), timeout=60):
            _assert_same(results, expected)


def test_callers_at_once_share_their_arrays() -> None:
    case = Conv2dCase((6, 8, 24, 24), (12, 8, 3, 3), padding=1)
    x, weight, bias, _ = case.arrays(np.float32)
    with runtime.use_threads(4):
        expected = kernels.conv2d(x, weight, bias, padding=1)
        with ThreadPoolExecutor(8) as callers:
            calls = [callers.submit(kernels.conv2d, x, weight, bias, padding=1) for _ in range(40)]
            for call in calls:
                assert_exact(call.result(timeout=60), expected)


def _longest_silence(a: np.ndarray) -> float:
    """The longest time in which this thread runs no Python, relative to another thread's product.

    It is about 1 if that thread holds the GIL.
    """
    span = []

    def multiply() -> None:
        span.append(time.perf_counter())
        kernels.matmul(a, a)
        span.append(time.perf_counter())

    thread = threading.Thread(target=multiply)
    steps = [time.perf_counter()]
    thread.start()
    while thread.is_alive():
        steps.append(time.perf_counter())
    thread.join()
    return max(np.diff(steps)) / (span[1] - span[0])


def test_kernels_drop_the_gil() -> None:
    """A busy machine may stop this thread for a long time, but not in every attempt."""
    a = np.random.default_rng(7).standard_normal((900, 900), np.float32)
    with runtime.use_isa("generic"), runtime.use_threads(1):
        assert any(_longest_silence(a) < 0.5 for _ in range(8))


TASKS = Path("/proc/self/task")


def _where_threads_may_run() -> set[frozenset[int]]:
    return {frozenset(os.sched_getaffinity(int(task.name))) for task in TASKS.iterdir()}


@pytest.mark.skipif(not TASKS.is_dir(), reason="no /proc here")
def test_workers_may_run_anywhere_again() -> None:
    """A woken worker is kept off the caller's CPU until it has done its part."""
    anywhere = {frozenset(os.sched_getaffinity(0))}
    x = np.ones(1 << 20, np.float32)
    with runtime.use_threads(4):
        for _ in range(5):
            kernels.relu(x)
            time.sleep(0.02)  # they fall asleep
    end = time.monotonic() + 20
    while _where_threads_may_run() != anywhere and time.monotonic() < end:
        time.sleep(0.01)
    assert _where_threads_may_run() == anywhere


def test_recorded_regions_compute_the_same_on_one_thread() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 16, 20, 20), np.float32)
    weight = rng.standard_normal((32, 16, 3, 3), np.float32)
    expected = kernels.conv2d(x, weight, padding=1)
    results: list[Any] = []
    with runtime.use_threads(8):
        regions = runtime.record_regions(
            lambda: results.append(kernels.conv2d(x, weight, padding=1))
        )
    assert_exact(results[0], expected)
    assert regions
    for region in regions:
        assert region.threads == 8
        assert region.chunks
        assert sum(region.chunks) == region.end - region.begin
    assert runtime.record_regions(lambda: None) == []


def test_records_that_do_not_fit() -> None:
    x = np.ones(1 << 18, np.float32)
    with runtime.use_threads(8):
        (region,) = runtime.record_regions(lambda: kernels.relu(x))
        needed = 4 + len(region.chunks)
        with pytest.raises(MemoryError, match=f"at least {2 * needed} .got {2 * needed - 1}"):
            runtime.record_regions(lambda: (kernels.relu(x), kernels.relu(x)), 2 * needed - 1)
