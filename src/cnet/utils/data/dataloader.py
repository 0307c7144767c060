"""Batches of a data set."""

import itertools
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

import numpy as np

from ..._explained import Explained, explained
from ...arrays import boolean
from ...random import use_stream
from .._check import integer
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Sample, Samples
from .fetch import Collate, Exhausted, Fetcher
from .pool import Pool, ProcessPool, ThreadPool
from .sampler import BatchSampler, RandomSampler, Sampler, SeededSampler, SequentialSampler
from .shuffle import Seed, as_generator, draw_seed, get_state
from .worker import Setup, get_worker_info

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


@dataclass
class _Epoch:
    """A pass over the data set: its seed, if one was drawn, and how many batches it has given."""

    seed: int | None
    batches: int = 0


class DataLoader(Explained, Generic[Sample]):
    """Batches of a data set, once over all of it for each ``for`` loop.

    Parameters
    ----------
    dataset : Dataset
        The samples. Each is what ``dataset[i]`` returns, or what iteration over an
        `IterableDataset` gives.
    batch_size : int, optional
        Samples in a batch, by default 1; the last batch may have fewer. None gives single samples,
        converted by `default_convert`.
    shuffle : bool, default False
        Whether each pass has a new random order, drawn when the pass begins.
    sampler : Sampler or iterable of int, optional
        The order of the samples, in place of `shuffle`.
    batch_sampler : Sampler or iterable of list of int, optional
        The indices of each batch, in place of `batch_size`, `shuffle`, `sampler`, `drop_last`.
    num_workers : int, default 0
        Threads or processes that fetch batches ahead of the loop; by default the loop itself
        fetches them.
    collate_fn : callable, optional
        Makes a batch from a list of samples. By default `default_collate`.
    pin_memory : bool, default False
        Has no effect: there is no accelerator.
    drop_last : bool, default False
        Whether to leave out a last batch that is not full.
    timeout : float, default 0
        Seconds to wait for a batch of the workers; 0 waits without a limit.
    worker_init_fn : callable, optional
        Called with its number in each worker before the first batch.
    multiprocessing_context : str or multiprocessing context, optional
        ``"fork"``, ``"spawn"`` or ``"forkserver"`` for workers that are processes. By default they
        are threads: arrays, images and files release the interpreter while they are processed, and
        a batch need not be copied. Processes are faster for samples computed in pure Python.
    generator : numpy.random.Generator or int, optional
        The source of the orders, or a seed; by default the generator that `cnet.manual_seed`
        seeds. The same seed gives the same orders in every version of cnet and NumPy.
    prefetch_factor : int, optional
        Batches that each worker fetches ahead, by default 2.
    persistent_workers : bool, default False
        Whether the workers continue to live between passes.
    pin_memory_device : str, default ""
        Has no effect.
    in_order : bool, default True
        Whether batches of workers come in the order of the indices, or as they are ready.

    Yields
    ------
    list of Tensor
        A batch, copied from the data set: a tensor for each field of a sample. In general a batch
        has the structure of a sample (see `default_collate`), or is what `collate_fn` returns.

    Raises
    ------
    ValueError
        If arguments exclude each other, or a number is out of range.
    TypeError
        If an argument has a wrong type.
    RuntimeError
        From a loop: if a worker process died, or `timeout` has passed. An exception in a worker is
        raised in the loop, with the original traceback in its message.

    Notes
    -----
    **Random numbers.** A pass draws one number from the generator if it is in random order or has
    workers. While a batch is fetched, the generator that `cnet.manual_seed` seeds is replaced by
    one that depends only on that number and the number of the batch. So random transforms give the
    same values for every number of workers. (Exceptions: `IterableDataset`; and code that draws
    from `random` or `numpy.random`, which worker processes seed, and threads share.)

    **Workers.** A worker thread has a shallow copy of the data set; the samples must not depend on
    changes that `dataset[i]` makes to it. Workers stop when a loop is left early.

    **Resume.** Several loops over one loader may run at the same time; each has its own order and
    position. `state_dict` describes the loop that began last.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(np.arange(5.0), np.arange(5))
    >>> for x, y in DataLoader(data, batch_size=2, num_workers=2):
    ...     print(x.size(0), y)
    2 tensor([0, 1])
    2 tensor([2, 3])
    1 tensor([4])
    """

    def __init__(
        self,
        dataset: Samples[Sample] | Iterable[Sample],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[Any] | Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: "str | BaseContext | None" = None,
        generator: Seed = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        f = "DataLoader"
        if not (hasattr(dataset, "__iter__") or hasattr(dataset, "__getitem__")):
            raise TypeError(f"{f}: dataset must be a data set or a sequence (got {dataset!r})")
        for name, order in ("sampler", sampler), ("batch_sampler", batch_sampler):
            if order is not None and not hasattr(order, "__iter__"):
                raise TypeError(f"{f}: {name} must be an iterable (got {order!r})")
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(f"{f}: collate_fn must be a function (got {collate_fn!r})")
        self.dataset: Any = dataset
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn = worker_init_fn
        self.generator = as_generator(f, generator)
        self.num_workers = integer(f, "num_workers", num_workers, minimum=0)
        self.timeout = timeout
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = bool(persistent_workers)
        self.in_order = boolean(f, "in_order", in_order)
        self.multiprocessing_context = self._check_workers(multiprocessing_context)
        self._check_order(batch_size, sampler, batch_sampler)
        self.batch_size: int | None = None
        if batch_size is not None and batch_sampler is None:
            self.batch_size = integer(f, "batch_size", batch_size, minimum=1)
        self.sampler: Any = sampler
        if sampler is None:
            self.sampler = self._default_sampler()
        if batch_sampler is None and self.batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, self.batch_size, self.drop_last)
        self.batch_sampler: Any = batch_sampler
        batches = self.batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batches else default_convert)
        self._epoch: _Epoch | None = None
        self._resumed: _Epoch | None = None
        self._pool: Pool | None = None  # persistent workers that no loop uses

    def _check_workers(self, context: "str | BaseContext | None") -> "BaseContext | None":
        """Check the arguments for workers, and return the context of processes."""
        f = "DataLoader"
        if self.timeout < 0:
            raise ValueError(f"{f}: timeout must be at least 0 (got {self.timeout})")
        if self.prefetch_factor is not None:
            integer(f, "prefetch_factor", self.prefetch_factor, minimum=1)
        given = {
            "prefetch_factor": self.prefetch_factor is not None,
            "persistent_workers": self.persistent_workers,
            "multiprocessing_context": context is not None,
        }
        for name, is_given in given.items():
            if is_given and not self.num_workers:
                raise ValueError(f"{f}: {name} needs num_workers > 0 (got 0)")
        if self.prefetch_factor is None and self.num_workers:
            self.prefetch_factor = 2
        if context is None:
            return None
        import multiprocessing

        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    f"{f}: multiprocessing_context must be one of {methods} (got {context!r})"
                )
            return multiprocessing.get_context(context)
        if not isinstance(context, multiprocessing.context.BaseContext):
            raise TypeError(
                f"{f}: multiprocessing_context must be a str or a context (got {context!r})"
            )
        return context

    def _check_order(self, batch_size: int | None, sampler: Any, batch_sampler: Any) -> None:
        """Check that the arguments for the order and the batches do not exclude each other."""
        f = "DataLoader"
        if isinstance(self.dataset, IterableDataset):
            given = {"shuffle": self.shuffle, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None and value is not False:
                    raise ValueError(f"{f}: an IterableDataset has its own order, without {name}")
        if sampler is not None and self.shuffle:
            raise ValueError(f"{f}: sampler and shuffle exclude each other")
        if batch_sampler is not None and (
            batch_size != 1 or self.shuffle or sampler is not None or self.drop_last
        ):
            raise ValueError(
                f"{f}: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
            )
        if batch_size is None and self.drop_last:
            raise ValueError(f"{f}: batch_size=None makes no batches and excludes drop_last")

    def _default_sampler(self) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return itertools.repeat(None)
        if self.shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset"}
        if name in fixed and "_pool" in self.__dict__:
            raise ValueError(f"DataLoader: {name} cannot be changed after the loader was made")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """Number of batches in a pass."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        n = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        epoch = self._resumed or _Epoch(None)
        if epoch.seed is None and (self._seeded is not None or self.num_workers):
            epoch.seed = draw_seed(self._source)
        self._epoch, self._resumed = epoch, None
        return self._batches(epoch)

    @property
    def _order(self) -> Any:
        """The sampler of the indices; None if `batch_sampler` chooses them in its own way."""
        if type(self.batch_sampler) is BatchSampler:
            return self.batch_sampler.sampler
        return self.sampler if self.batch_sampler is None else None

    @property
    def _seeded(self) -> SeededSampler | None:
        """The sampler of the indices, if a seed determines their order."""
        order = self._order
        if isinstance(order, SeededSampler) and type(order).__iter__ is SeededSampler.__iter__:
            return order
        return None

    @property
    def _source(self) -> "np.random.Generator":
        """The generator from which each pass draws its seed."""
        return self.generator if self._seeded is None else self._seeded.source

    def _indices(self, seed: int | None) -> Iterator[Any]:
        """The indices of each batch of a pass, or of each sample if there are no batches."""
        order = self._order
        if order is None:
            return iter(self.batch_sampler)
        if self._seeded is not None and seed is not None:
            order = self._seeded.order(seed)
        elif type(order) is SequentialSampler:
            order = np.arange(len(order))
        if self.batch_sampler is None:
            return iter(order.tolist() if isinstance(order, np.ndarray) else order)
        return cast("Iterator[Any]", self.batch_sampler.batches(order))

    def _batches(self, epoch: _Epoch) -> Iterator[Any]:
        """The rest of a pass; an iterable data set fetches again what was given out."""
        again = isinstance(self.dataset, IterableDataset)
        first = 0 if again else epoch.batches
        indices = itertools.islice(self._indices(epoch.seed), first, None)
        fetch = self._fetch_ahead if self.num_workers else self._fetch
        with closing(fetch(epoch, indices, first)) as batches:
            for batch in itertools.islice(batches, epoch.batches if again else 0, None):
                epoch.batches += 1
                yield batch
        if self._epoch is epoch:
            self._epoch = None

    def _fetcher(self) -> Fetcher:
        return Fetcher(
            self.dataset,
            self.batch_size,
            self.batch_sampler is not None,
            self.drop_last,
            self.collate_fn,
        )

    def _fetch(
        self, epoch: _Epoch, indices: Iterator[Any], first: int
    ) -> Generator[Any, None, None]:
        """Fetch each batch when it is asked for."""

        def seed() -> int:
            if epoch.seed is None:
                epoch.seed = draw_seed(self.generator)
            return epoch.seed

        fetch = self._fetcher().start(self.dataset)
        for number, batch_indices in enumerate(indices, start=first):
            try:
                with use_stream(seed, number):
                    batch = fetch(batch_indices)
            except Exhausted:
                return
            yield batch

    def _fetch_ahead(
        self, epoch: _Epoch, indices: Iterator[Any], first: int
    ) -> Generator[Any, None, None]:
        """Let workers fetch the batches."""
        seed, ahead = cast(int, epoch.seed), cast(int, self.prefetch_factor) * self.num_workers
        pool = self._take_pool(seed)
        try:
            yield from pool.run(indices, seed, first, ahead, self.in_order, self.timeout)
        finally:
            if self.persistent_workers and self._pool is None and pool.is_alive():
                self._pool = pool
            else:
                pool.close()

    def _take_pool(self, seed: int) -> Pool:
        """Workers that no other loop uses."""
        pool, self._pool = self._pool, None
        if pool is not None and pool.is_alive():
            return pool
        context = self.multiprocessing_context
        kind = "thread" if context is None else "process"
        # The seeds of workers fit into int64, as the seeds of other libraries must.
        setup = Setup(self._fetcher(), self.worker_init_fn, self.num_workers, seed >> 2, kind)
        pool = ThreadPool(setup) if context is None else ProcessPool(setup, context)
        if self.persistent_workers:
            weakref.finalize(self, pool.close)
        return pool

    def state_dict(self) -> dict[str, Any]:
        """The position of the loader, as plain numbers and strings that fit into JSON.

        Returns
        -------
        dict
            The state of the generator; the seed of the loop that began last and how many batches
            it has given, or None if it is complete; and the settings that these depend on.

        Raises
        ------
        NotImplementedError
            If batches of workers come out of order.
        """
        if self.num_workers and not self.in_order:
            raise NotImplementedError("DataLoader.state_dict: in_order=False has no position")
        epoch = self._epoch
        return {
            **self._settings(),
            "generator": get_state(self._source),
            "epoch": None if epoch is None else {"seed": epoch.seed, "batches": epoch.batches},
        }

    @explained
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: the next loop begins with the next batch of the same order.

        That loop gives the rest of the pass. It gives nothing if all batches had been given but
        the loop had not ended. All later passes are the same too. This sets the state of the
        generator, even if other code draws from it.

        A sampler that is not one of `cnet.utils.data`, and an `IterableDataset`, must repeat the
        order of the pass; the batches of an `IterableDataset` that had been given are fetched again
        to skip them.

        Parameters
        ----------
        state : dict
            What `state_dict` returned for a loader with the same settings.

        Raises
        ------
        ValueError
            If the state is from a loader with other settings, or `state_dict` did not return it.
        """
        f = "DataLoader.load_state_dict"
        settings = self._settings()
        if state.keys() != {*settings, "generator", "epoch"}:
            raise ValueError(
                f"{f}: state must be what state_dict returned (got keys {list(state)})"
            )
        for name, value in settings.items():
            if state[name] != value:
                raise ValueError(
                    f"{f}: state[{name!r}] must equal that of this loader "
                    f"(got {state[name]!r} and {value!r})"
                )
        epoch = self._checked(state["epoch"])
        self._source.bit_generator.state = state["generator"]
        self._epoch = self._resumed = epoch

    def _settings(self) -> dict[str, Any]:
        """The settings that an order and a position in it depend on."""
        return {
            "samples": _length(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def _checked(self, epoch: Any) -> _Epoch | None:
        limit = _length(self)
        match epoch:
            case None:
                return None
            case {"seed": int() | None as seed, "batches": int(batches)} if (
                (seed is not None or self._seeded is None)
                and (seed is None or seed >= 0)
                and batches >= 0
                and (limit is None or batches <= limit)
            ):
                return _Epoch(seed, batches)
        raise ValueError(
            f"DataLoader.load_state_dict: state['epoch'] must be None or have a seed and at most "
            f"{limit} batches (got {epoch!r})"
        )


def _length(x: Any) -> int | None:
    """The length, or None of what has no length."""
    try:
        return len(x)
    except TypeError:
        return None
