"""What a worker of a loader does, in a thread or in a process."""

import traceback
from collections.abc import Callable
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ...random import use_stream
from .dataset import Dataset
from .fetch import Exhausted, Fetcher


@dataclass(frozen=True)
class WorkerInfo:
    """The worker that runs: its number, how many there are, its seed and its data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: ContextVar[WorkerInfo | None] = ContextVar("info", default=None)


def get_worker_info() -> WorkerInfo | None:
    """The worker of a `DataLoader` in which this is called; None outside of workers.

    Returns
    -------
    WorkerInfo or None
        ``id`` from 0 to ``num_workers - 1``, ``num_workers``, ``seed`` (different for each worker)
        and ``dataset``, the worker's shallow copy of the data set.

    Examples
    --------
    >>> from cnet.utils.data import DataLoader, IterableDataset, get_worker_info
    >>> class Numbers(IterableDataset):
    ...     def __iter__(self):
    ...         worker = get_worker_info()
    ...         return iter(range(worker.id, 4, worker.num_workers))
    >>> sorted(DataLoader(Numbers(), batch_size=None, num_workers=2))
    [0, 1, 2, 3]
    """
    return _info.get()


class Task(NamedTuple):
    """One batch to fetch."""

    number: int  # counted over all passes of the workers
    first: int  # the number of the first task of the pass
    stream: int  # the number of its random stream
    seed: int  # the seed of the random streams of the pass
    indices: Any


class Result(NamedTuple):
    """What came of a task: a batch, a failure, or the end of an iterable data set."""

    number: int
    batch: Any = None
    failure: "Failure | None" = None
    exhausted: bool = False


class Failure(NamedTuple):
    """An exception in a worker, as its type and the text of its traceback."""

    kind: type[BaseException]
    text: str
    worker: str

    @classmethod
    def of(cls, error: BaseException, worker: str) -> "Failure":
        return cls(type(error), "".join(traceback.format_exception(error)), worker)

    def exception(self) -> BaseException:
        """An exception of the same type with the original traceback in its message."""
        message = f"Caught {self.kind.__name__} in {self.worker}.\nOriginal {self.text}"
        if issubclass(self.kind, KeyError):
            return self.kind(_Message(message))
        if not issubclass(self.kind, Exception):  # SystemExit would end the program
            return RuntimeError(message)
        try:
            return self.kind(message)
        except Exception:  # its constructor needs other arguments
            return RuntimeError(message)


class _Message(str):
    """A string that KeyError prints with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Setup(NamedTuple):
    """What all workers of a loader have in common."""

    fetcher: Fetcher
    init: Callable[[int], Any] | None
    num_workers: int
    seed: int
    kind: str  # "thread" or "process"


def work(
    setup: Setup, id: int, take: Callable[[], Task | None], give: Callable[[Result], None]
) -> None:
    """Fetch batches until there are no more tasks."""
    name = f"DataLoader worker {setup.kind} {id}"
    dataset = setup.fetcher.dataset
    if setup.kind == "thread" and isinstance(dataset, Dataset):
        dataset = copy(dataset)
    _info.set(WorkerInfo(id, setup.num_workers, setup.seed + id, dataset))
    failure = None
    try:
        if setup.init is not None:
            setup.init(id)
    except BaseException as error:
        failure = Failure.of(error, name)
    fetch, first = None, None
    while (task := take()) is not None:
        if failure is not None:
            give(Result(task.number, failure=failure))
            continue
        try:
            with use_stream(partial(int, task.seed), task.stream):
                if fetch is None or first != task.first:
                    fetch, first = setup.fetcher.start(dataset), task.first
                batch = fetch(task.indices)
        except Exhausted:
            give(Result(task.number, exhausted=True))
        except BaseException as error:
            give(Result(task.number, failure=Failure.of(error, name)))
        else:
            give(Result(task.number, batch))
