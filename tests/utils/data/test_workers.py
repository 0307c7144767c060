"""Workers of a loader: the same batches as without, and nothing that hangs."""

import gc
import json
import os
import queue
import signal
import threading
import time

import numpy as np
import pytest

import cnet
from cnet.random import default_generator
from cnet.utils.data import (
    ArrayDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    get_worker_info,
)

KINDS = [None] + (["fork"] if hasattr(os, "fork") else [])
pytestmark = pytest.mark.filterwarnings(
    r"ignore:This process \(pid=\d+\) is multi-threaded, use of fork\(\):DeprecationWarning"
)


@pytest.fixture(params=KINDS, ids=["threads", "processes"][: len(KINDS)])
def kind(request):
    return {"multiprocessing_context": request.param}


class Noisy(Dataset):
    """Each sample is its index and a random number."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return index, default_generator().random()


class Stream(IterableDataset):
    """The numbers below 10, divided among the workers."""

    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        return iter(range(first, 10, step))

    def __len__(self):
        return 10


def rows(loader):
    return [[field.tolist() for field in batch] for batch in loader]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_number_of_workers_changes_nothing(kind, shuffle):
    def passes(num_workers, **options):
        cnet.manual_seed(3)
        loader = DataLoader(Noisy(), 3, shuffle, num_workers=num_workers, **options)
        return rows(loader), rows(loader)

    expected = passes(0)
    assert expected[0] != expected[1]
    assert passes(1, **kind) == expected
    assert passes(3, **kind) == expected
    assert passes(2, persistent_workers=True, prefetch_factor=1, **kind) == expected


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resume_repeats_random_changes(kind, num_workers):
    options = {"num_workers": num_workers, **(kind if num_workers else {})}
    loader = DataLoader(Noisy(), 2, True, generator=1, **options)
    batches = iter(loader)
    next(batches), next(batches)
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = DataLoader(Noisy(), 2, True, generator=2, **options)
    resumed.load_state_dict(state)
    assert rows(resumed) == rows(batches)
    assert rows(resumed) == rows(loader)


def test_iterable_data_sets(kind):
    assert rows([[x] for x in DataLoader(Stream(), 4)]) == [
        [[0, 1, 2, 3]],
        [[4, 5, 6, 7]],
        [[8, 9]],
    ]
    loader = DataLoader(Stream(), 2, num_workers=3, **kind)
    batches = [x.tolist() for x in loader]
    assert batches == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]
    assert [x.tolist() for x in loader] == batches
    assert len(DataLoader(Stream(), 4, drop_last=True)) == 2
    assert [len(x) for x in DataLoader(Stream(), 4, drop_last=True)] == [4, 4]
    assert list(DataLoader(Stream(), None)) == list(range(10))
    persistent = DataLoader(Stream(), 2, num_workers=3, persistent_workers=True, **kind)
    for _ in range(2):
        assert [x.tolist() for x in persistent] == batches


def test_resume_of_an_iterable_data_set():
    loader = DataLoader(Stream(), 4)
    next(iter(loader))
    resumed = DataLoader(Stream(), 4)
    resumed.load_state_dict(loader.state_dict())
    assert [x.tolist() for x in resumed] == [[4, 5, 6, 7], [8, 9]]


class Info(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        worker = get_worker_info()
        return worker.id, worker.num_workers, worker.seed, self.opened


def open_file(number):
    worker = get_worker_info()
    assert worker.id == number
    worker.dataset.opened = 10 + number


def test_worker_info(kind):
    assert get_worker_info() is None
    batches = rows(DataLoader(Info(), 2, num_workers=2, worker_init_fn=open_file, **kind))
    (ids, counts, seeds, opened), (ids2, _, seeds2, opened2) = batches
    assert (ids, counts, opened) == ([0, 0], [2, 2], [10, 10])
    assert (ids2, opened2) == ([1, 1], [11, 11])
    assert seeds2[0] == seeds[0] + 1
    assert get_worker_info() is None


class Picky(ValueError):
    def __init__(self, number, reason):
        super().__init__(f"{number}: {reason}")


class Faulty(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 3:
            raise self.error
        return index


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ZeroDivisionError("no division"), ZeroDivisionError),
        (KeyError("no key"), KeyError),
        (Picky(3, "no reason"), RuntimeError),
        (SystemExit("no worker"), RuntimeError),
    ],
)
def test_exceptions_have_the_original_traceback(kind, error, raised):
    loader = DataLoader(Faulty(error), 2, num_workers=2, **kind)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(raised) as caught:
        next(batches)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker " in text
    assert "Original Traceback (most recent call last):\n" in text
    assert "raise self.error" in text
    assert "no " in text


def test_a_failing_init_fn(kind):
    def fail(number):
        raise OSError(f"no file {number}")

    with pytest.raises(OSError, match="no file 0"):
        list(DataLoader(Noisy(), num_workers=2, worker_init_fn=fail, **kind))


def alive():
    return [thread for thread in threading.enumerate() if thread.name.startswith("DataLoader")]


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_stop_when_the_loop_is_left(kind):
    wait_until(lambda: not alive())
    for _ in DataLoader(Noisy(), num_workers=2, **kind):
        break
    wait_until(lambda: not alive())
    loader = DataLoader(Noisy(), num_workers=2, persistent_workers=True, **kind)
    rows(loader)
    assert alive()
    next(iter(loader))
    assert rows(loader)[0][0] == [0]
    del loader
    gc.collect()
    wait_until(lambda: not alive())


class Slow(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        time.sleep(0.3 if index == 0 else 0)
        return index


def test_a_worker_may_take_its_last_task_while_workers_stop(monkeypatch):
    class Raced(queue.SimpleQueue):
        def empty(self):
            is_empty = super().empty()
            if not is_empty:
                self.get()
            return is_empty

    class Slower(Slow):
        def __getitem__(self, index):
            time.sleep(0.3 if index == 1 else 0)
            return index

    monkeypatch.setattr("cnet.utils.data.pool.SimpleQueue", Raced)
    loader = DataLoader(Slower(), num_workers=1, prefetch_factor=3)
    thread = threading.Thread(target=lambda: next(iter(loader)), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


def test_out_of_order(kind):
    loader = DataLoader(Slow(), 1, num_workers=2, in_order=False, **kind)
    batches = [x.item() for x in loader]
    assert sorted(batches) == [0, 1, 2, 3]
    assert batches[0] != 0
    with pytest.raises(NotImplementedError, match="in_order=False has no position"):
        loader.state_dict()


def test_timeout(kind):
    class Endless(Slow):
        def __getitem__(self, index):
            time.sleep(1)

    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.1 seconds"):
        list(DataLoader(Endless(), num_workers=1, timeout=0.1, **kind))


@pytest.mark.skipif(len(KINDS) < 2, reason="needs os.fork")
class TestProcesses:
    def test_a_dead_worker_is_noticed(self):
        class Deadly(Slow):
            def __getitem__(self, index):
                if index == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                return index

        batches = iter(DataLoader(Deadly(), num_workers=1, multiprocessing_context="fork"))
        assert next(batches).item() == 0
        with pytest.raises(RuntimeError, match=r"worker \(pid \d+, exit code -9\) exited unexpect"):
            list(batches)

    def test_large_batches(self):
        """Larger than a pipe holds, in both directions."""
        data = ArrayDataset(np.arange(400_000))
        loader = DataLoader(data, 200_000, num_workers=1, multiprocessing_context="fork")
        assert [x.sum().item() for (x,) in loader] == [19_999_900_000, 59_999_900_000]

    def test_what_cannot_be_sent(self):
        loader = DataLoader(
            Noisy(),
            num_workers=1,
            multiprocessing_context="fork",
            collate_fn=lambda samples: lambda: samples,
        )
        with pytest.raises(RuntimeError, match="pickle"):
            list(loader)

    def test_a_fork_of_the_loader(self):
        loader = DataLoader(Noisy(), num_workers=1, persistent_workers=True)
        batches = iter(loader)
        next(batches)
        pid = os.fork()
        if pid == 0:
            try:
                list(batches)
            except RuntimeError:
                os._exit(0 if len(rows(loader)) == 11 else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(rows(batches)) == 10

    def test_a_fork_does_not_stop_the_workers_of_its_parent(self):
        options = {"num_workers": 2, "multiprocessing_context": "fork", "persistent_workers": True}
        loader = DataLoader(Noisy(), **options)
        batches = iter(loader)
        next(batches)
        pid = os.fork()
        if pid == 0:
            del batches
            del loader
            gc.collect()
            os._exit(0)
        os.waitpid(pid, 0)
        assert len(rows(batches)) == 10
        assert len(rows(loader)) == 11

    def test_random_and_numpy_are_seeded(self):
        class Draw(Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                return np.random.randint(10**6)

        def draws():
            loader = DataLoader(Draw(), num_workers=2, generator=1, multiprocessing_context="fork")
            return [x.item() for x in loader]

        first = draws()
        assert len(set(first)) == 4
        assert draws() == first


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_workers": -1}, ValueError, r"num_workers must be at least 0 \(got -1\)"),
        ({"timeout": -1}, ValueError, r"timeout must be at least 0 \(got -1\)"),
        ({"prefetch_factor": 2}, ValueError, "prefetch_factor needs num_workers > 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, ValueError, "prefetch_factor must be at least"),
        ({"persistent_workers": True}, ValueError, "persistent_workers needs num_workers > 0"),
        ({"multiprocessing_context": "spawn"}, ValueError, "_context needs num_workers > 0"),
        ({"multiprocessing_context": "x", "num_workers": 1}, ValueError, "must be one of .*'x'"),
        ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "a str or a context"),
        ({"in_order": 1}, TypeError, "in_order must be a bool"),
        ({"sampler": [0], "shuffle": True}, ValueError, "sampler and shuffle exclude each other"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "shuffle": True}, ValueError, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "sampler": [0]}, ValueError, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "drop_last": True}, ValueError, "batch_sampler excludes"),
        ({"batch_size": None, "drop_last": True}, ValueError, "batch_size=None makes no batches"),
        ({"dataset": Stream(), "shuffle": True}, ValueError, "own order, without shuffle"),
        ({"dataset": Stream(), "sampler": [0]}, ValueError, "own order, without sampler"),
        ({"dataset": Stream(), "batch_sampler": [[0]]}, ValueError, "without batch_sampler"),
    ],
)
def test_arguments_that_exclude_each_other(arguments, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**{"dataset": Noisy(), **arguments})


def test_what_is_fixed():
    loader = DataLoader(Noisy(), pin_memory=True, pin_memory_device="cpu")
    for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match=f"DataLoader: {name} cannot be changed"):
            setattr(loader, name, None)
