"""Workers that fetch batches ahead of the loop that uses them: threads, or processes."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from .worker import Failure, Result, Setup, Task, work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext

GRACE = 5.0  # seconds that a process may take to end
PARENT_CHECK = 2.0  # seconds between the looks of a process whether its parent lives


class Pool:
    """Workers and the results that they have given; a subclass starts, feeds and stops them."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.owner = os.getpid()
        self._next = 0  # the number of the next task
        self._first = 0  # the number of the first task of the pass
        self._results: dict[int, Result] = {}
        self._changed = threading.Condition()
        self._dead: list[str] = []

    def send(self, worker: int, task: Task) -> None:
        """Give a task to a worker, without waiting for it."""
        raise NotImplementedError

    def is_alive(self) -> bool:
        """Whether the workers can take tasks of this process."""
        return os.getpid() == self.owner and not self._dead

    def close(self) -> None:
        """Stop the workers, unless this is a fork of their process; their results are not used."""
        if os.getpid() == self.owner:
            self._stop()

    def _stop(self) -> None:
        raise NotImplementedError

    def run(
        self,
        batches: Iterator[Any],
        seed: int,
        first: int,
        ahead: int,
        in_order: bool,
        timeout: float,
    ) -> Iterator[Any]:
        """Fetch batches, at most `ahead` of them before they are asked for.

        In order, each worker gets every n-th batch. Otherwise the worker with the fewest tasks gets
        the next batch, and batches are given out as they come.
        """
        with self._changed:
            self._results.clear()
            self._first = start = self._next
        active = deque(range(self.setup.num_workers))
        owners: dict[int, int] = {}  # worker of each task that has not been given out
        while True:
            while active and len(owners) < ahead:
                try:
                    indices = next(batches)
                except StopIteration:
                    active.clear()
                    break
                loads = list(owners.values())
                worker = active[0] if in_order else min(active, key=loads.count)
                active.remove(worker)
                active.append(worker)
                number, self._next = self._next, self._next + 1
                owners[number] = worker
                self.send(worker, Task(number, start, first + number - start, seed, indices))
            if not owners:
                return
            result = self._wait(owners, in_order, timeout)
            worker = owners.pop(result.number)
            if result.failure is not None:
                raise result.failure.exception()
            if not result.exhausted:
                yield result.batch
            elif worker in active:
                active.remove(worker)

    def _wait(self, owners: dict[int, int], in_order: bool, timeout: float) -> Result:
        """The result of the first task, or of any task; of tasks of this pass only."""
        if os.getpid() != self.owner:
            raise RuntimeError("DataLoader: a forked process cannot continue a loop with workers")
        wanted = [next(iter(owners))] if in_order else owners
        deadline = time.monotonic() + timeout if timeout else None
        with self._changed:
            while True:
                for number in wanted:
                    if number in self._results:
                        return self._results.pop(number)
                if self._dead:
                    raise RuntimeError(
                        f"DataLoader worker ({', '.join(self._dead)}) exited unexpectedly"
                    )
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
                self._changed.wait(remaining)

    def _give(self, result: Result) -> None:
        with self._changed:
            if result.number >= self._first:
                self._results[result.number] = result
                self._changed.notify_all()

    def _give_up(self, worker: str) -> None:
        with self._changed:
            self._dead.append(worker)
            self._changed.notify_all()


class ThreadPool(Pool):
    """Workers that are threads of this process."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._tasks: list[SimpleQueue[Task | None]] = []
        for id in range(setup.num_workers):
            tasks: SimpleQueue[Task | None] = SimpleQueue()
            self._tasks.append(tasks)
            threading.Thread(
                target=work,
                args=(setup, id, tasks.get, self._give),
                name=f"DataLoader-{id}",
                daemon=True,
            ).start()

    def send(self, worker: int, task: Task) -> None:
        self._tasks[worker].put(task)

    def _stop(self) -> None:
        for tasks in self._tasks:
            with suppress(Empty):
                while True:
                    tasks.get_nowait()
            tasks.put(None)


class ProcessPool(Pool):
    """Workers that are processes; a thread of this process receives their results."""

    def __init__(self, setup: Setup, context: "BaseContext") -> None:
        super().__init__(setup)
        self._connections: list[Connection] = []
        self._processes: list[Any] = []
        self._stopped = False
        for id in range(setup.num_workers):
            ours, theirs = context.Pipe()
            process = context.Process(  # type: ignore[attr-defined]
                target=_work_in_process,
                args=(setup, id, theirs, os.getpid()),
                name=f"DataLoader-{id}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)
        threading.Thread(target=self._receive, name="DataLoader-results", daemon=True).start()

    def send(self, worker: int, task: Task) -> None:
        try:
            self._connections[worker].send(task)
        except OSError:
            self._note_death(worker)

    def _receive(self) -> None:
        from multiprocessing.connection import wait

        sources: dict[Any, int] = {}
        for worker, process in enumerate(self._processes):
            sources |= {self._connections[worker]: worker, process.sentinel: worker}
        while sources:
            for source in wait(list(sources)):
                if source not in sources:
                    continue
                worker = sources[source]
                connection = self._connections[worker]
                try:
                    if source is connection or connection.poll():
                        self._give(connection.recv())
                        continue
                except (EOFError, OSError):
                    self._note_death(worker)
                except Exception as error:
                    self._give_up(f"process {worker}, which sent what cannot be read: {error!r}")
                else:
                    self._note_death(worker)
                del sources[connection], sources[self._processes[worker].sentinel]

    def _note_death(self, worker: int) -> None:
        process = self._processes[worker]
        process.join(GRACE)
        if not self._stopped:
            self._give_up(f"pid {process.pid}, exit code {process.exitcode}")

    def _stop(self) -> None:
        self._stopped = True
        for connection in self._connections:
            try:
                connection.send(None)
            except OSError:
                continue
        deadline = time.monotonic() + GRACE
        for process in self._processes:
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.terminate()
                process.join(GRACE)
            if process.is_alive():
                process.kill()


def _work_in_process(setup: Setup, id: int, connection: "Connection", parent: int) -> None:
    """Work in a process: a thread takes the tasks, so that the parent never waits to send one."""
    import random
    import signal

    import numpy as np

    from ...runtime import set_num_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the parent, which stops this
    set_num_threads(1)
    random.seed(setup.seed + id)
    np.random.seed((setup.seed + id) % 2**32)
    tasks: SimpleQueue[Task | None] = SimpleQueue()

    def take_tasks() -> None:
        try:
            while True:
                while not connection.poll(PARENT_CHECK):
                    if os.getppid() != parent:
                        os._exit(1)
                task = connection.recv()
                tasks.put(task)
                if task is None:
                    return
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=take_tasks, daemon=True).start()
    work(setup, id, tasks.get, lambda result: _send(connection, result, setup, id))


def _send(connection: "Connection", result: Result, setup: Setup, id: int) -> None:
    try:
        connection.send(result)
    except OSError:
        os._exit(1)  # the parent does not listen any more
    except Exception as error:  # the batch, or the type of an exception, cannot be sent
        text = result.failure.text if result.failure else ""
        failure = Failure.of(error, f"DataLoader worker process {id}")
        failure = failure._replace(kind=RuntimeError, text=failure.text + text)
        connection.send(Result(result.number, failure=failure))
