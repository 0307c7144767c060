"""Results do not depend on threads: not on how many a kernel has, nor on how many call at once."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnet import kernels, runtime
from conftest import THREADS
from tolerance import assert_exact

Arrays = tuple[np.ndarray, ...]


def _randoms(*shapes: tuple[int, ...], dtype: Any = np.float32) -> Arrays:
    rng = np.random.default_rng(7)
    return tuple(rng.standard_normal(shape, dtype) for shape in shapes)


def _conv2d(dtype: Any) -> Arrays:
    x, weight, bias = _randoms((5, 6, 29, 31), (10, 3, 3, 5), (10,), dtype=dtype)
    options = {"stride": (1, 2), "padding": (1, 2), "groups": 2}
    y = kernels.conv2d(x, weight, bias, **options)
    return y, *kernels.conv2d_backward(y, x, weight, **options)


def _conv2d_of_few_images(dtype: Any) -> Arrays:
    """One image, many channels: other axes are cut."""
    x, weight = _randoms((1, 40, 19, 17), (70, 40, 3, 3), dtype=dtype)
    y = kernels.conv2d(x, weight, padding=1)
    return y, *kernels.conv2d_backward(y, x, weight, padding=1)


def _conv2d_of_many_images(dtype: Any) -> Arrays:
    """Few weights: the batch is cut for their gradient, and the parts are added up."""
    x, weight = _randoms((70, 1, 14, 14), (4, 1, 5, 5), dtype=dtype)
    y = kernels.conv2d(x, weight, padding=2)
    return y, *kernels.conv2d_backward(y, x, weight, padding=2)


def _conv2d_by_algorithm(dtype: Any) -> Arrays:
    x, weight = _randoms((3, 17, 21, 22), (19, 17, 3, 3), dtype=dtype)
    results: Arrays = ()
    for algorithm in ("winograd", "direct", "product"):
        options = {"padding": 1, "algorithm": algorithm}
        y = kernels.conv2d(x, weight, **options)
        results += (y, *kernels.conv2d_backward(y, x, weight, **options))
    folded = {"padding": 1, "algorithm": "fold", "needs": (True, False, False)}
    return *results, kernels.conv2d_backward(y, x, weight, **folded)[0]


def _conv2d_of_batches(dtype: Any) -> Arrays:
    """Direct, most of the images in the lanes of vectors, and some behind them."""
    x, weight = _randoms((130, 6, 12, 9), (10, 6, 5, 5), dtype=dtype)
    y = kernels.conv2d(x, weight, algorithm="direct")
    return y, *kernels.conv2d_backward(y, x, weight, algorithm="direct")


def _depthwise(dtype: Any) -> Arrays:
    """Few channels, so that the batch is cut for the gradients."""
    x, weight = _randoms((9, 3, 31, 33), (6, 1, 3, 3), dtype=dtype)
    options = {"padding": 1, "groups": 3, "algorithm": "depthwise"}
    y = kernels.conv2d(x, weight, **options)
    return y, *kernels.conv2d_backward(y, x, weight, **options)


def _conv2d_pointwise(dtype: Any) -> Arrays:
    """The gradient of the weights is summed in parts."""
    x, weight = _randoms((9, 20, 31, 30), (18, 20, 1, 1), dtype=dtype)
    y = kernels.conv2d(x, weight, stride=(1, 2), algorithm="pointwise")
    options = {"stride": (1, 2), "algorithm": "pointwise"}
    return y, *kernels.conv2d_backward(y, x, weight, **options)


def _fused(dtype: Any) -> Arrays:
    x, weight = _randoms((9, 3, 30, 29), (8, 3, 5, 5), dtype=dtype)
    y, codes = kernels.conv2d_relu_pool(x, weight, padding=2)
    unpooled = kernels.relu_pool_backward(y, codes, (9, 8, 30, 29))
    return y, codes, unpooled, *kernels.conv2d_relu_pool_backward(y, codes, x, weight, padding=2)


def _im2col(dtype: Any) -> Arrays:
    (x,) = _randoms((4, 9, 33, 35), dtype=dtype)
    cols = kernels.im2col(x, 3, 2, 1)
    return cols, kernels.col2im(cols, x.shape, 3, 2, 1)


def _matmul(dtype: Any) -> Arrays:
    a, b, c = _randoms((203, 517), (517, 301), (301, 517), dtype=dtype)
    square = kernels.matmul(a, b), kernels.matmul(a, c.T), kernels.linear(a, c, a[0, :301])
    flat, wide, deep = _randoms((40, 500), (500, 900), (9000, 40), dtype=dtype)
    return (
        *square,
        kernels.matmul(flat, wide),
        kernels.matmul(wide.T, flat.T),
        kernels.matmul(deep.T, deep),
    )


def _pooling(dtype: Any) -> Arrays:
    (x,) = _randoms((9, 16, 31, 33), dtype=dtype)
    y, argmax = kernels.max_pool2d(x, 3, 2, 1)
    mean = kernels.avg_pool2d(x, 3, 2, 1)
    return (
        y, argmax, kernels.max_pool2d_backward(y, argmax, x.shape),
        mean, kernels.avg_pool2d_backward(mean, x.shape, 3, 2, 1),
    )  # fmt: skip


def _loss(dtype: Any) -> Arrays:
    logits, weight = _randoms((3001, 11), (11,), dtype=dtype)
    target, weight = np.arange(3001) % 11, np.abs(weight)
    losses, lse = kernels.cross_entropy(logits, target, weight, 0.1)
    gradient = kernels.cross_entropy_backward(losses, logits, target, lse, weight, 0.1)
    return losses, lse, gradient


def _norm(dtype: Any) -> Arrays:
    x, grad, weight = _randoms((33, 9, 13, 13), (33, 9, 13, 13), (9,), dtype=dtype)
    mean, var = kernels.batch_norm_stats(x)
    gradients = kernels.batch_norm_backward(grad, x, mean, var, weight)
    return mean, var, kernels.batch_norm(x, mean, var, weight), *gradients


def _elements(dtype: Any) -> Arrays:
    param, grad, m, v = _randoms(*[(3, 70001)] * 4, dtype=dtype)
    y = kernels.relu(param)
    dx = kernels.relu_backward(grad, y)
    kernels.sgd_step(param, grad, m, lr=0.1, momentum=0.9, weight_decay=0.1)
    v = np.abs(v)
    kernels.adam_step(param, grad, m, v, 0.1, 0.9, 0.999, 1e-8, 0.1, 3)
    return y, dx, param, m, v


WORK = (
    _conv2d, _conv2d_of_few_images, _conv2d_of_many_images, _conv2d_by_algorithm,
    _conv2d_of_batches, _conv2d_pointwise, _depthwise, _fused, _im2col, _matmul, _pooling, _norm,
    _loss, _elements,
)  # fmt: skip
everywhere = pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__.strip("_"))


@everywhere
def test_any_number_of_threads_gives_the_same_bits(
    impl: str, dtype: Any, work: Callable[[Any], Arrays]
) -> None:
    with runtime.use_threads(1):
        expected = work(dtype)
    for threads in THREADS[1:]:
        with runtime.use_threads(threads):
            for y, one in zip(work(dtype), expected, strict=True):
                assert_exact(y, one)


@everywhere
def test_callers_at_once_get_the_same_bits(work: Callable[[Any], Arrays]) -> None:
    """Only one of them has the pool at a time, and the number of threads changes meanwhile."""
    with runtime.use_threads(1):
        expected = work(np.float32)

    def call(number: int) -> Arrays:
        runtime.set_num_threads(THREADS[number % len(THREADS)])
        return work(np.float32)

    with runtime.use_threads(1), ThreadPoolExecutor(6) as callers:
        for outputs in callers.map(call, range(24), timeout=60):
            for y, one in zip(outputs, expected, strict=True):
                assert_exact(y, one)


def test_callers_at_once_share_their_arrays() -> None:
    x, weight, bias = _randoms((6, 8, 24, 24), (12, 8, 3, 3), (12,))
    with runtime.use_threads(4):
        expected = kernels.conv2d(x, weight, bias, padding=1)
        with ThreadPoolExecutor(8) as callers:
            calls = [callers.submit(kernels.conv2d, x, weight, bias, padding=1) for _ in range(40)]
            for call in calls:
                assert_exact(call.result(timeout=60), expected)


def _longest_silence(a: np.ndarray) -> float:
    """The longest time without a Python step of this thread, by the duration of a product that
    another thread computes meanwhile: about 1 if that thread kept the GIL."""
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
    """A busy machine may stop this thread for long, but not each time."""
    (a,) = _randoms((900, 900))
    with runtime.use_isa("generic"), runtime.use_threads(1):
        assert any(_longest_silence(a) < 0.5 for _ in range(8))


TASKS = Path("/proc/self/task")


def _where_threads_may_run() -> set[frozenset[int]]:
    return {frozenset(os.sched_getaffinity(int(task.name))) for task in TASKS.iterdir()}


@pytest.mark.skipif(not TASKS.is_dir(), reason="no /proc here")
def test_workers_may_run_anywhere_again() -> None:
    """One that slept is kept off its caller's CPU, until it has done its part."""
    anywhere = {frozenset(os.sched_getaffinity(0))}
    (x,) = _randoms((1 << 20,))
    with runtime.use_threads(4):
        for _ in range(5):
            kernels.relu(x)
            time.sleep(0.02)  # they fall asleep
    end = time.monotonic() + 20
    while _where_threads_may_run() != anywhere and time.monotonic() < end:
        time.sleep(0.01)
    assert _where_threads_may_run() == anywhere
