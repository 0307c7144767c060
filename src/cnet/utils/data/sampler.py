"""Samplers: the order in which a loader takes the samples of a data set."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ..._explained import Explained
from ...arrays import boolean
from .._check import integer
from .shuffle import (
    Indices,
    Seed,
    as_generator,
    draw_seed,
    draws,
    permutation,
    weighted_draws,
    weighted_order,
)

Item = TypeVar("Item", covariant=True)


class Sampler(Explained, Generic[Item]):
    """Base class of samplers: a subclass defines ``__iter__`` and, as a rule, ``__len__``.

    Parameters
    ----------
    data_source : optional
        Not used.

    Examples
    --------
    >>> from cnet.utils.data import DataLoader, Sampler
    >>> class Backwards(Sampler):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> list(DataLoader([10, 11, 12], sampler=Backwards()))
    [tensor([12]), tensor([11]), tensor([10])]
    """

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[Item]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """The indices from 0 to ``len(data_source) - 1``.

    Examples
    --------
    >>> from cnet.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self.data_source)


class SeededSampler(Sampler[int]):
    """Base of the random samplers: an order is a function of one number from the generator.

    Therefore a loader can repeat an order and continue in the middle of it.
    """

    def __init__(self, generator: Seed) -> None:
        self.generator = generator
        self.source = as_generator(type(self).__name__, generator)

    def order(self, seed: int) -> Indices:
        """The indices in the order of a seed."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.order(draw_seed(self.source)).tolist())


class RandomSampler(SeededSampler):
    """Indices in a random order, or drawn with replacement.

    Parameters
    ----------
    data_source : Dataset
        Only its length is used.
    replacement : bool, default False
        Whether each index is drawn from all indices.
    num_samples : int, optional
        How many indices to draw, by default ``len(data_source)``. More than that without
        replacement are several random orders, one after the other.
    generator : numpy.random.Generator or int, optional
        The source of random numbers, or a seed; by default the generator that `cnet.manual_seed`
        seeds. A pass takes one number from it.

    Raises
    ------
    TypeError
        If `replacement` is no bool.
    ValueError
        If `num_samples` is smaller than 1.

    Examples
    --------
    >>> from cnet.utils.data import RandomSampler
    >>> list(RandomSampler("abcde", generator=0))
    [0, 4, 2, 3, 1]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Seed = None,
    ) -> None:
        super().__init__(generator)
        self.data_source = data_source
        self.replacement = boolean("RandomSampler", "replacement", replacement)
        self._num_samples = (
            None
            if num_samples is None
            else integer("RandomSampler", "num_samples", num_samples, minimum=1)
        )

    @property
    def num_samples(self) -> int:
        """The number of indices of a pass."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def order(self, seed: int) -> Indices:
        n, count = len(self.data_source), self.num_samples
        if self.replacement:
            return draws(n, count, seed)
        if count <= n:
            return permutation(n, seed)[:count]
        source = np.random.Generator(np.random.PCG64(seed))
        orders = [permutation(n, draw_seed(source)) for _ in range(-(-count // n))]
        return np.concatenate(orders)[:count]


class SubsetRandomSampler(SeededSampler):
    """Given indices in a random order.

    Parameters
    ----------
    indices : sequence of int
        The indices.
    generator : numpy.random.Generator or int, optional
        As for `RandomSampler`.

    Examples
    --------
    >>> from cnet.utils.data import SubsetRandomSampler
    >>> list(SubsetRandomSampler([10, 20, 30], generator=0))
    [10, 30, 20]
    """

    def __init__(self, indices: Sequence[int] | Indices, generator: Seed = None) -> None:
        super().__init__(generator)
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def order(self, seed: int) -> Indices:
        return np.asarray(self.indices, np.intp)[permutation(len(self), seed)]


class WeightedRandomSampler(SeededSampler):
    """Indices drawn with given probabilities.

    Parameters
    ----------
    weights : sequence of float
        A weight for each index, not negative; they need not sum to 1.
    num_samples : int
        How many indices to draw.
    replacement : bool, default True
        Whether an index can be drawn more than once.
    generator : numpy.random.Generator or int, optional
        As for `RandomSampler`.

    Raises
    ------
    ValueError
        If `num_samples` is smaller than 1, `weights` is not one-dimensional, is negative or not
        finite, or has too few positive weights.

    Examples
    --------
    >>> from cnet.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float] | Any,
        num_samples: int,
        replacement: bool = True,
        generator: Seed = None,
    ) -> None:
        f = "WeightedRandomSampler"
        super().__init__(generator)
        self.num_samples = integer(f, "num_samples", num_samples, minimum=1)
        self.replacement = boolean(f, "replacement", replacement)
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"{f}: weights must have 1 dimension (got {self.weights.ndim})")
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise ValueError(f"{f}: weights must be finite and not negative")
        positive = np.count_nonzero(self.weights)
        needed = 1 if self.replacement else self.num_samples
        if positive < needed:
            raise ValueError(
                f"{f}: weights must have at least {needed} positive weights (got {positive})"
            )

    def __len__(self) -> int:
        return self.num_samples

    def order(self, seed: int) -> Indices:
        draw = weighted_draws if self.replacement else weighted_order
        return draw(self.weights, self.num_samples, seed)


class BatchSampler(Sampler[list[int]]):
    """Lists of the indices of another sampler.

    Parameters
    ----------
    sampler : iterable of int
        The other sampler.
    batch_size : int
        Indices in a list; the last list may have fewer.
    drop_last : bool
        Whether to leave out a last list that is not full.

    Raises
    ------
    ValueError
        If `batch_size` is smaller than 1.
    TypeError
        If `batch_size` is no int or `drop_last` no bool.

    Examples
    --------
    >>> from cnet.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size = integer("BatchSampler", "batch_size", batch_size, minimum=1)
        self.drop_last = boolean("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        return self.batches(self.sampler)

    def batches(self, order: Iterable[Any]) -> Iterator[Any]:
        """Cut an order into batches: arrays of an array, lists of anything else."""
        size = self.batch_size
        if isinstance(order, np.ndarray):
            pieces: Iterator[Any] = (order[i : i + size] for i in range(0, len(order), size))
        else:
            indices = iter(order)
            pieces = iter(lambda: list(itertools.islice(indices, size)), [])
        return (piece for piece in pieces if len(piece) == size or not self.drop_last)

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
