"""The memory of results and workspaces: reused, never while it is in use, and bounded."""

import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from calls import COMPILED
from cnet import functional as F
from cnet import kernels, runtime
from cnet.kernels._memory import CACHED_BYTES
from cnet.tensor import Tensor
from specs import SPECS
from specs.spec import Spec

LINE = 64
MB = 1 << 20
SECONDS = 30
needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads the size of a process in /proc"
)


@pytest.fixture(autouse=True)
def _empty() -> None:
    runtime.empty_cache()


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def _ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def _new(bytes_: int = MB) -> np.ndarray:
    """A result of a kernel, full of ones."""
    return kernels.relu(_ones(bytes_ // 4))


RETURNING = {name: spec for name, spec in SPECS.items() if not spec.in_place}


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("spec", RETURNING.values(), ids=RETURNING)
def test_large_results_are_contiguous_writable_and_aligned(isa: str, spec: Spec) -> None:
    """Each result of a kernel with more than one element is large in some case of its spec."""
    with runtime.use_isa(isa):
        results = [spec.run(spec.call(case, np.float32)) for case in spec.large]
    for places in zip(*(ys for ys in results if len(ys) == len(results[0])), strict=True):
        assert max(y.nbytes for y in places) >= CACHED_BYTES or places[0].size == 1
    for y in (y for ys in results for y in ys if y.nbytes >= CACHED_BYTES):
        assert _address(y) % LINE == 0
        assert y.flags.c_contiguous
        assert y.flags.writeable
        assert y.flags.aligned
        y[...] = 1


@pytest.mark.parametrize("count", [0, 1, 3, 1000, CACHED_BYTES // 4 - 1])
def test_small_results_are_plain(count: int) -> None:
    y = kernels.relu(_ones(count))
    assert y.flags.owndata
    assert y.tolist() == [1] * count


@pytest.mark.parametrize("shape", [(1,) * 8 + (2**15,), (2**15, *(1,) * 20), (2,) * 15])
def test_results_of_many_dimensions(shape: tuple[int, ...]) -> None:
    y = kernels.relu(_ones(*shape))
    assert y.shape == shape
    assert y.min() == 1


@pytest.mark.parametrize("shape", [(2**15,), (2**8, 2**7), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_shapes_and_strides(shape: tuple[int, ...], dtype: Any) -> None:
    x = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    y = kernels.relu(x)
    assert not y.flags.owndata
    assert (y.shape, y.strides, y.dtype) == (x.shape, x.strides, x.dtype)
    np.testing.assert_array_equal(y, x)


# ---- Reuse -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bytes_", [CACHED_BYTES, 100_000, MB, 5 * MB])
def test_memory_is_used_again(bytes_: int) -> None:
    y = _new(bytes_)
    address = _address(y)
    del y
    assert _address(_new(bytes_)) == address


def test_memory_is_used_again_by_similar_sizes_and_other_dtypes() -> None:
    y = _new(MB)
    address = _address(y)
    del y
    y = kernels.relu(_ones(MB // 8 - 1000, dtype=np.float64))
    assert _address(y) == address


def test_the_first_place_that_fits_is_used() -> None:
    """So the later ones become free, and are returned to the system if they are not needed."""
    a, between, b, after = (_new() for _ in range(4))
    first, second = _address(a), _address(b)
    del b
    del a
    c, d = _new(), _new()
    assert (_address(c), _address(d)) == (first, second)
    assert (between == after).all()


HOLDERS: dict[str, Callable[[np.ndarray], Any]] = {
    "itself": lambda y: y,
    "slice": lambda y: y[-3:],
    "slice of a slice": lambda y: y[10:][::5][-2:],
    "reshaped": lambda y: y.reshape(2, -1)[1],
    "other dtype": lambda y: y.view(np.uint8)[-8:],
    "broadcast": lambda y: np.broadcast_to(y[-1:], (3, 1)),
    "memoryview": lambda y: memoryview(y)[-3:],
    "buffer": lambda y: np.frombuffer(memoryview(y), np.float32),
    "dlpack": lambda y: np.from_dlpack(y),
    "tensor": lambda y: Tensor(y),
    "list": lambda y: [y],
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_memory_is_not_used_again_while_a_view_lives(holder: str) -> None:
    y = _new()
    address = _address(y)
    view = HOLDERS[holder](y)
    del y
    others = [kernels.relu(7 * _ones(MB // 4)) for _ in range(5)]
    assert address not in map(_address, others)
    data = view[0] if holder == "list" else view
    assert (np.asarray(data).view(np.float32) == 1).all()
    del view, data
    assert address in (_address(y) for y in [_new(), _new()])


def test_a_result_lives_as_long_as_the_graph_needs_it() -> None:
    """Intermediate results that only the graph holds are not overwritten by later ones."""
    x = Tensor(_ones(2, 4, 64, 64), requires_grad=True)
    y = F.max_pool2d(F.relu(x * 2.0), 2)
    for _ in range(8):
        kernels.relu(np.full((2, 4, 64, 64), 9, np.float32))
    y.backward(_ones(2, 4, 32, 32))
    expected = np.zeros((2, 4, 64, 64), np.float32)
    expected[:, :, ::2, ::2] = 2
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_arguments_that_are_dropped_results_are_read_in_time() -> None:
    """Each result is deleted when the next one is computed from it."""
    y = _new()
    for _ in range(50):
        y = kernels.relu_backward(y, y)
    assert (y == 1).all()


def test_weak_references_and_copies() -> None:
    y = _new()
    reference, copy = weakref.ref(y), y.copy()
    del y
    assert reference() is None
    kernels.relu(5 * _ones(MB // 4))
    assert (copy == 1).all()


def test_empty_cache_leaves_living_arrays_alone() -> None:
    kept, dropped = _new(), _new()
    del dropped
    runtime.empty_cache()
    runtime.empty_cache()
    assert (kept == 1).all()
    again = _new()
    assert not np.shares_memory(kept, again)
    assert (kept == 1).all()


def _printed(code: str) -> list[str]:
    """The output of a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=4 * SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_interpreter_may_end_while_results_live() -> None:
    """In a cycle, in a module, in a thread: in every order of destruction."""
    code = """
import threading, numpy as np
from cnet import kernels
y = kernels.relu(np.ones(1 << 18))
cycle = [kernels.relu(y)]
cycle.append(cycle)
kernels.forever = kernels.relu(y)
local = threading.local()
local.y = kernels.relu(y)
print("done")
"""
    assert _printed(code) == ["done"]


# ---- Bounds ------------------------------------------------------------------------------------


RESIDENT = """
import mmap, numpy as np, cnet
from cnet import functional as F, kernels, models, optim
MB = 1 << 20

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE / MB

x = np.ones(20 * MB, np.float32)

def result(size):
    return kernels.relu(x[: int(size * MB) // 4])

def grown():
    print(resident() - before)

result(1)
before = resident()
"""


def _grown(code: str) -> list[float]:
    """The growth of a process in MB, wherever `code` reports it."""
    return [float(word) for word in _printed(RESIDENT + code)]


@needs_proc
def test_what_is_kept_is_bounded() -> None:
    """300 sizes, each deleted before the next: little more than the largest one is kept."""
    kept, left = _grown("""
for i in range(300):
    result(1 + i / 8)
grown()
cnet.empty_cache()
grown()
""")
    assert 38 < kept < 1.25 * 38 + 64 + 16
    assert left < 32


@needs_proc
def test_results_of_other_sizes_reuse_memory() -> None:
    """The memory of 10 results of 8 MB serves 16 of 5 MB."""
    first, second = _grown("""
for size in (8, 5):
    ys = [result(size) for _ in range(80 // size)]
    grown()
    del ys
""")
    assert 75 < first < 90
    assert second < first + 16


@needs_proc
def test_what_is_dropped_at_once_is_kept_until_it_is_no_longer_needed() -> None:
    """400 MB exist at the same time, then are deleted; later requests need only 10 MB."""
    alive, kept, again, left = _grown("""
ys = [result(5) for _ in range(80)]
grown()
del ys
grown()
ys = [result(5) for _ in range(80)]
grown()
del ys
for _ in range(32 * 80):
    result(10)
grown()
""")
    assert alive > 399
    assert 399 < kept < 416
    assert 399 < again < 416
    assert left < 64 + 32


@needs_proc
@pytest.mark.parametrize("threads", [1, 2])
def test_training_needs_no_fresh_memory(threads: int) -> None:
    """Once a step has all its memory, later steps take no page from the system."""
    (faults,) = _printed(
        RESIDENT
        + f"""
import resource
cnet.set_num_threads({threads})
model = models.cifar_resnet20()
optimizer = optim.SGD(model.parameters(), 0.01, momentum=0.9)
images, target = x[: 64 * 3 * 32 * 32].reshape(64, 3, 32, 32), np.arange(64) % 10
counts = []
for step in range(6):
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    loss = F.cross_entropy(model(images), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(counts[-1] - counts[-2])
"""
    )
    assert int(faults) < 64


@needs_proc
def test_training_does_not_grow() -> None:
    """All steps use the same memory, for any sizes of the batches."""
    (growth,) = _grown("""
model = models.reference_cnn()
optimizer = optim.SGD(model.parameters(), 0.01)
for step in range(60):
    if step == 20:
        before = resident()
    n = 16 + 7 * (step % 5)
    images, target = x[: n * 28 * 28].reshape(n, 1, 28, 28), np.arange(n) % 10
    loss = F.cross_entropy(model(images), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
grown()
""")
    assert growth < 8


def test_too_much_memory_is_an_error_and_nothing_is_lost() -> None:
    kept = _new()
    x = np.broadcast_to(np.float32(1), (1, 1, 1, 1))
    weight = np.broadcast_to(np.float32(1), (1, 1, 1, 1))
    for _ in range(3):
        with pytest.raises(MemoryError):
            kernels.conv2d(x, weight, padding=2**29 - 1)
    assert (kept == 1).all()
    assert (_new() == 1).all()


# ---- Threads and processes ---------------------------------------------------------------------


def test_threads_never_share_a_block() -> None:
    """Each thread fills results with its own number, keeps some of them, and checks them again."""
    sizes = [CACHED_BYTES, 100_000, 200_000, MB, CACHED_BYTES + 4096]

    def work(number: int) -> bool:
        rng = np.random.default_rng(number)
        held: list[tuple[np.ndarray, int]] = []
        for step in range(300):
            value = 1000 * number + step + 1
            x = np.full(rng.choice(sizes) // 4, value, np.float32)
            held.append((kernels.relu(x), value))
            if len(held) > 6:
                y, value = held.pop(rng.integers(len(held)))
                if (y != value).any():
                    return False
            if step % 50 == 49:
                runtime.empty_cache()
        return all((y == value).all() for y, value in held)

    with ThreadPoolExecutor(8) as pool, runtime.use_threads(2):
        assert all(pool.map(work, range(8), timeout=SECONDS))


def test_results_may_die_in_another_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            ys = [_new() for _ in range(5)]
            pool.submit(ys.clear).result(SECONDS)
            zs = pool.submit(lambda: [_new() for _ in range(5)]).result(SECONDS)
            assert len({_address(z) for z in zs}) == 5
            assert all((z == 1).all() for z in zs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings(
    r"ignore:This process \(pid=\d+\) is multi-threaded, use of fork\(\):DeprecationWarning"
)
def test_a_forked_child_has_memory_of_its_own() -> None:
    """While another thread allocates and deletes results, a child neither hangs nor fails."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            kernels.relu(_ones(CACHED_BYTES // 4))

    def child(kept: np.ndarray) -> bool:
        runtime.empty_cache()
        ys = [kernels.relu(np.full(MB // 4, i, np.float32)) for i in range(1, 6)]
        right = all((y == i).all() for i, y in enumerate(ys, 1)) and (kept == 1).all()
        kept[...] = 2
        return bool(right)

    kept, dropped = _new(), _new()
    del dropped
    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    signal.alarm(SECONDS)
                    code = 0 if child(kept) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert (kept == 1).all()
            assert (_new() == 1).all()
    finally:
        stop.set()
        thread.join()
