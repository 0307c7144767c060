"""Groups of one process, and processes."""

import pytest

import cnet
import cnet.distributed as dist
import cnet.multiprocessing as mp

x = cnet.tensor([1.0, 2.0])


@pytest.fixture
def group():
    dist.init_process_group("gloo", rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_a_group_of_one_process(group):
    assert dist.is_available()
    assert dist.is_initialized()
    assert not dist.is_nccl_available()
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    dist.barrier()
    dist.all_reduce(x, op=dist.ReduceOp.SUM)
    dist.reduce(x, 0)
    dist.broadcast(x, src=0)
    assert x.tolist() == [1, 2]
    parts = [cnet.zeros(2)]
    dist.all_gather(parts, x)
    assert parts[0].tolist() == [1, 2]
    dist.destroy_process_group()
    assert not dist.is_initialized()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dist.all_gather([], x), ValueError, r"tensor_list must have .* \(got 0 and 1"),
        (lambda: dist.init_process_group(), RuntimeError, "there is a group already"),
        (lambda: dist.send(x, 1), NotImplementedError, "distributed.send: only one process"),
    ],
)
def test_errors_of_a_group(group, call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dist.get_rank(), ValueError, "get_rank: there is no process group"),
        (lambda: dist.all_reduce(x), ValueError, "all_reduce: there is no process group"),
        (lambda: dist.init_process_group("nccl"), RuntimeError, "'nccl' needs a GPU"),
        (lambda: dist.init_process_group(world_size=2), RuntimeError, r"one process .*got .* 2"),
        (lambda: dist._hidden, AttributeError, "no attribute '_hidden'"),
    ],
)
def test_errors_without_a_group(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert not dist.is_initialized()


def test_only_names_of_pytorch_exist():
    assert hasattr(dist, "new_group")
    for name in ("nonsense", "__path__", "scatter_", "DistributedSampler"):
        assert not hasattr(dist, name)


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="only one process is supported"):
        dist.init_process_group("gloo")


def _answer(number, queue, fails=False):
    queue.put((number, (x * 2).tolist()))
    if fails:
        raise SystemExit(3)


def test_spawned_processes_compute():
    queue = mp.get_context("fork").SimpleQueue()
    mp.spawn(_answer, (queue,), nprocs=2, start_method="fork")
    assert sorted([queue.get(), queue.get()]) == [(0, [2, 4]), (1, [2, 4])]
    processes = mp.spawn(_answer, (queue,), join=False, start_method="fork")
    assert queue.get()[0] == 0
    processes[0].join()
    with pytest.raises(RuntimeError, match=r"processes failed \(exit code of each: \{0: 3\}\)"):
        mp.spawn(_answer, (queue, True), start_method="fork")


def test_names_of_multiprocessing():
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_descriptor"
    assert mp.cpu_count() > 0
    assert callable(mp.Process)
