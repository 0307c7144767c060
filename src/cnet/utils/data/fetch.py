"""Fetching: from indices, or from an iterator, to a batch."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .collate import as_batch, default_collate, holds_numbers
from .dataset import Array, ArrayDataset, IterableDataset, Subset, TensorDataset

Collate: TypeAlias = Callable[[Any], Any]


class Exhausted(Exception):
    """An iterable data set has no more batches."""


class Fetcher(NamedTuple):
    """How the batches of a data set are made."""

    dataset: Any
    batch_size: int | None
    batches: bool  # else samples, each converted alone
    drop_last: bool
    collate_fn: Collate

    def start(self, dataset: Any) -> Callable[[Any], Any]:
        """The function from the indices of a batch to the batch, for one pass.

        For an `IterableDataset` the indices are not used, and Exhausted ends the pass.
        """
        if isinstance(self.dataset, IterableDataset):
            batches = self._iterate(dataset)

            def fetch(_: Any) -> Any:
                for batch in batches:
                    return batch
                raise Exhausted

            return fetch
        if not self.batches:
            return lambda index: self.collate_fn(dataset[index])
        return lambda indices: _gather(dataset, indices, self.collate_fn)

    def _iterate(self, dataset: Any) -> Iterator[Any]:
        samples = iter(dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)


def _gather(dataset: Any, indices: Any, collate_fn: Collate) -> Any:
    """The batch of the samples that `dataset[i]` gives.

    Whole arrays are indexed at once where that is the same: where `__getitem__` is the class's own
    and not that of a subclass.
    """
    if isinstance(dataset, Subset) and type(dataset).__getitem__ is Subset.__getitem__:
        held = dataset.indices
        inner = held[indices] if isinstance(held, np.ndarray) else [int(held[i]) for i in indices]
        return _gather(dataset.dataset, inner, collate_fn)
    columns = _columns(dataset) if collate_fn is default_collate else None
    if columns is not None:
        return [as_batch(column[indices]) for column in columns]
    numbers = np.asarray(indices).tolist() if isinstance(indices, np.ndarray) else list(indices)
    if hasattr(dataset, "__getitems__"):
        return collate_fn(dataset.__getitems__(numbers))
    return collate_fn([dataset[i] for i in numbers])


def _columns(dataset: Any) -> tuple[Array, ...] | None:
    """The arrays from which a batch can be taken at once, if there are such arrays."""
    get = type(dataset).__getitem__
    if isinstance(dataset, ArrayDataset) and get is ArrayDataset.__getitem__:
        return dataset.arrays if all(map(holds_numbers, dataset.arrays)) else None
    if isinstance(dataset, TensorDataset) and get is TensorDataset.__getitem__:
        grads = any(tensor.requires_grad for tensor in dataset.tensors)
        return None if grads else tuple(tensor.numpy() for tensor in dataset.tensors)
    return None
