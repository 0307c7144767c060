"""A child of `os.fork` has none of its parent's threads, but must compute the same results."""

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import kernels, runtime
from cnet.random import default_generator
from specs import SPECS
from specs.spec import Spec

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    # Since 3.12, Python warns of every fork of a process with threads, including those of cnet.
    pytest.mark.filterwarnings(
        r"ignore:This process \(pid=\d+\) is multi-threaded, use of fork\(\):DeprecationWarning"
    ),
]

CHILDREN = 50
SECONDS = 20
THREADS = 3


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    with runtime.use_threads(THREADS):
        yield


def _train() -> str:
    """A digest of the weights after some steps of training a small network."""
    rng = np.random.default_rng(1)
    x, target = rng.standard_normal((16, 2, 14, 14), np.float32), np.arange(16) % 10
    filters = 0.1 * rng.standard_normal((8, 2, 3, 3), np.float32)
    weight = 0.1 * rng.standard_normal((10, 392), np.float32)
    velocity = np.zeros_like(filters)
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step in (1, 2):
        convolved = kernels.relu(kernels.conv2d(x, filters, padding=1))
        pooled, indices = kernels.max_pool2d(convolved, 2)
        logits = kernels.linear(pooled.reshape(16, -1), weight)
        _, logsumexp = kernels.cross_entropy(logits, target)
        share = np.full(16, 1 / 16, np.float32)
        dlogits = kernels.cross_entropy_backward(share, logits, target, logsumexp)
        dpooled = kernels.matmul(dlogits, weight).reshape(pooled.shape)
        dconvolved = kernels.max_pool2d_backward(dpooled, indices, convolved.shape)
        dconvolved = kernels.relu_backward(dconvolved, convolved)
        _, dfilters, _ = kernels.conv2d_backward(dconvolved, x, filters, padding=1)
        dweight = kernels.matmul(dlogits.T, pooled.reshape(16, -1))
        kernels.sgd_step(filters, dfilters, velocity, lr=0.1, momentum=0.9, first=step == 1)
        kernels.adam_step(weight, dweight, mean, square, 1e-3, 0.9, 0.999, 1e-8, 0.0, step)
    return hashlib.sha256(filters.tobytes() + weight.tobytes()).hexdigest()


def _has_workers() -> bool:
    """Whether this process, single-threaded in Python, has the threads of a pool."""
    return not sys.platform.startswith("linux") or len(os.listdir("/proc/self/task")) == THREADS


def _child_computes(work: Callable[[], Any], expected: Any) -> None:
    """Fork a child that computes `expected`; SIGALRM ends it if it hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            code = 0 if work() == expected and _has_workers() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@contextmanager
def _convolving_thread() -> Iterator[None]:
    """Another Python thread is inside parallel regions nearly all the time."""
    x, weight = np.ones((8, 32, 40, 40), np.float32), np.ones((32, 32, 3, 3), np.float32)
    begun, stop = threading.Event(), threading.Event()

    def convolve() -> None:
        while not stop.is_set():
            begun.set()
            kernels.conv2d(x, weight, padding=1)

    thread = threading.Thread(target=convolve)
    thread.start()
    try:
        assert begun.wait(SECONDS)
        yield
    finally:
        stop.set()
        thread.join()


def test_fork_after_a_region() -> None:
    expected = _train()
    for _ in range(CHILDREN):
        _child_computes(_train, expected)
    assert _train() == expected


def test_fork_during_a_region() -> None:
    expected = _train()
    with _convolving_thread():
        for _ in range(CHILDREN):
            _child_computes(_train, expected)
    assert _train() == expected


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_kernel_computes_in_a_child(spec: Spec) -> None:
    """A training with work for several threads."""
    calls = [spec.call(case, np.float32) for case in spec.large]

    def compute() -> list[bytes]:
        return [y.tobytes() for call in calls for y in spec.run(call)]

    _child_computes(compute, compute())


def test_fork_of_a_fork() -> None:
    expected = _train()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _child_computes(_train, expected)
            code = 0 if _train() == expected else 2
            _child_computes(_train, expected)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_locks_that_other_threads_hold_are_free_in_a_child() -> None:
    step = cnet.capture(lambda x: x * 2)

    def work() -> Any:
        cnet.manual_seed(3)
        return _train(), cnet.rand(2).tolist(), cnet.randn(2).tolist(), step(cnet.ones(2)).tolist()

    def hold() -> None:
        with default_generator().bit_generator.lock, step._lock:
            begun.set()
            stop.wait()

    expected = work()
    begun, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert begun.wait(SECONDS)
        _child_computes(work, expected)
    finally:
        stop.set()
        thread.join()
    assert work() == expected


def test_multiprocessing_by_fork() -> None:
    expected = _train()
    with _convolving_thread(), multiprocessing.get_context("fork").Pool(2) as pool:
        results = [pool.apply_async(_train) for _ in range(6)]
        assert {result.get(timeout=SECONDS) for result in results} == {expected}
