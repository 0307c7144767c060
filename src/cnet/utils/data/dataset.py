"""Data sets: objects that return samples by index, or one after the other."""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from math import floor
from typing import Any, Generic, Protocol, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..._explained import Explained, explained
from ..._warning import warn
from ...tensor import Tensor, as_tensor
from .shuffle import Seed, as_generator, draw_seed, permutation

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = SupportsIndex | slice | Array | Sequence[int]
Sample = TypeVar("Sample", covariant=True)


class Samples(Protocol[Sample]):
    """What loaders and samplers need: ``len(samples)`` samples, numbered from 0."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


class Dataset(Explained, Generic[Sample]):
    """Base class of data sets whose samples have an index.

    A subclass defines ``__getitem__(index)`` and ``__len__()``; it may define
    ``__getitems__(indices)``, which returns a list with the samples of a batch. A sample is an
    array, a number, a string, or a tuple, list or mapping of these; see `default_collate`. Any
    object with ``__getitem__`` and ``__len__`` can be loaded, also a list.

    Examples
    --------
    >>> from cnet.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> (Squares() + Squares())[7]
    9
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Any) -> "ConcatDataset[Any]":
        return ConcatDataset([self, other])  # type: ignore[list-item]


class IterableDataset(Dataset[Sample]):
    """Base class of data sets that are read one sample after the other.

    A subclass defines ``__iter__()``. Each worker of a `DataLoader` iterates over the data set; use
    `get_worker_info` to divide the samples among them.

    Examples
    --------
    >>> from cnet.utils.data import DataLoader, IterableDataset
    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(DataLoader(Countdown(), batch_size=2))
    [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Any) -> "ChainDataset":  # type: ignore[override]
        return ChainDataset([self, other])


class ArrayDataset(Dataset[tuple[Any, ...]]):
    """Arrays with one sample per index of their first axis.

    Parameters
    ----------
    *arrays : array_like
        At least one, each with at least one dimension, all of the same length. Arrays and tensors
        are not copied.

    Attributes
    ----------
    arrays : tuple of numpy.ndarray
        The arrays.

    Raises
    ------
    ValueError
        If there is no array, an array has no dimension, or the lengths differ.

    Notes
    -----
    A subclass may define `__getitem__`: a `DataLoader` then calls it for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.utils.data import ArrayDataset
    >>> data = ArrayDataset(np.eye(3), np.array([7, 8, 9]))
    >>> len(data)
    3
    >>> data[1]
    (array([0., 1., 0.]), np.int64(8))
    >>> data[np.array([2, 0])][1]
    array([9, 7])
    """

    def __init__(self, *arrays: Any) -> None:
        self.arrays: tuple[Array, ...] = tuple(_plain_array(array) for array in arrays)
        _check_columns("ArrayDataset", "arrays", self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Index) -> tuple[Any, ...]:
        """One sample; or several samples, stacked, for a slice or an array of indices."""
        return tuple(array[index] for array in self.arrays)

    def __repr__(self) -> str:
        described = ", ".join(f"{array.dtype}{list(array.shape)}" for array in self.arrays)
        return f"ArrayDataset({described})"


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors with one sample per index of their first dimension.

    Parameters
    ----------
    *tensors : Tensor or array_like
        At least one, each with at least one dimension, all of the same length. They are not copied.

    Attributes
    ----------
    tensors : tuple of Tensor
        The tensors.

    Raises
    ------
    ValueError
        If there is no tensor, a tensor has no dimension, or the lengths differ.

    Examples
    --------
    >>> import cnet
    >>> from cnet.utils.data import TensorDataset
    >>> data = TensorDataset(cnet.tensor([[1.0], [2.0]]), cnet.tensor([7, 8]))
    >>> data[1]
    (tensor([2.]), tensor(8))
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors: tuple[Tensor, ...] = tuple(as_tensor(tensor) for tensor in tensors)
        _check_columns("TensorDataset", "tensors", self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Index) -> tuple[Tensor, ...]:
        """One sample; or several samples, stacked, for a slice or an array of indices."""
        return tuple(tensor[index] for tensor in self.tensors)


def _plain_array(array: Any) -> Array:
    return np.asarray(array.detach() if isinstance(array, Tensor) else array)


def _check_columns(function: str, name: str, columns: Sequence[Array | Tensor]) -> None:
    if not columns:
        raise ValueError(f"{function}: {name} must have at least 1 item (got 0)")
    for i, column in enumerate(columns):
        if column.ndim == 0:
            raise ValueError(f"{function}: {name}[{i}] must have at least 1 dimension (got 0)")
        if len(column) != len(columns[0]):
            raise ValueError(
                f"{function}: {name}[{i}].shape[0] must equal {name}[0].shape[0] "
                f"(got {len(column)} and {len(columns[0])})"
            )


class StackDataset(Dataset[Sample]):
    """Data sets side by side: a sample is a tuple, or a dict, with a sample of each.

    Parameters
    ----------
    *args : Dataset
        Data sets of the same length; samples are tuples.
    **kwargs : Dataset
        Named data sets of the same length, in place of `args`; samples are dicts.

    Raises
    ------
    ValueError
        If there is no data set, both kinds are given, or the lengths differ.

    Examples
    --------
    >>> from cnet.utils.data import StackDataset
    >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
    {'image': 'b', 'label': 1}
    """

    def __init__(self, *args: Samples[Any], **kwargs: Samples[Any]) -> None:
        if bool(args) == bool(kwargs):
            given = "both" if args else "none"
            raise ValueError(f"StackDataset: give data sets as args or as kwargs (got {given})")
        self.datasets: tuple[Samples[Any], ...] | dict[str, Samples[Any]] = args or kwargs
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: the lengths must be equal (got {lengths})")
        self._length = lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


class ConcatDataset(Dataset[Sample]):
    """Data sets one after the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one.

    Attributes
    ----------
    datasets : list of Dataset
        The data sets.
    cumulative_sizes : list of int
        Where each data set ends.

    Raises
    ------
    ValueError
        If there is no data set.
    TypeError
        If one is an `IterableDataset`.

    Examples
    --------
    >>> from cnet.utils.data import ConcatDataset
    >>> both = ConcatDataset(["abc", "de"])
    >>> len(both), both[3], both[-1]
    (5, 'd', 'e')
    """

    def __init__(self, datasets: Iterable[Samples[Sample]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets must have at least 1 item (got 0)")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset: an IterableDataset has no indices; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Sample:
        n = len(self)
        position = index + n if index < 0 else index
        if not 0 <= position < n:
            raise IndexError(f"ConcatDataset: index must be less than {n} in size (got {index})")
        i = bisect_right(self.cumulative_sizes, position)
        return self.datasets[i][position - (self.cumulative_sizes[i - 1] if i else 0)]


class ChainDataset(IterableDataset[Any]):
    """Iterable data sets one after the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset
        The data sets.

    Examples
    --------
    >>> from cnet.utils.data import ChainDataset
    >>> list(ChainDataset([[1, 2], [3]]))
    [1, 2, 3]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(map(len, self.datasets))


class Subset(Dataset[Sample]):
    """Some samples of a data set.

    Parameters
    ----------
    dataset : Dataset
        The data set that has the samples.
    indices : array_like of int
        The indices of the samples, in the order of the subset.

    Raises
    ------
    IndexError
        If an index is negative, or not less than ``len(dataset)``.

    Examples
    --------
    >>> from cnet.utils.data import Subset
    >>> odd = Subset([10, 11, 12, 13], [1, 3])
    >>> len(odd), odd[1]
    (2, 13)
    """

    def __init__(self, dataset: Samples[Sample], indices: Sequence[int] | Array) -> None:
        self.dataset = dataset
        self.indices = indices
        positions = np.asarray(indices, np.intp).reshape(-1)
        outside = positions[(positions < 0) | (positions >= len(dataset))]
        if outside.size:
            raise IndexError(
                f"Subset: indices must be at least 0 and less than len(dataset) "
                f"(got {outside[0]} and {len(dataset)})"
            )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[int(self.indices[index])]


@explained
def random_split(
    dataset: Samples[Sample], lengths: Sequence[int] | Sequence[float], generator: Seed = None
) -> list[Subset[Sample]]:
    """Split a data set into random parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
        The data set to split.
    lengths : sequence of int or of float
        Sizes of the parts, with the sum ``len(dataset)``; or fractions, with the sum 1. Fractions
        are rounded down to samples; the remaining samples go to the first parts, one to each. A
        warning is given if a fraction makes an empty part.
    generator : numpy.random.Generator or int, optional
        The source of random numbers, or a seed; by default the generator that `cnet.manual_seed`
        seeds.

    Returns
    -------
    list of Subset
        The parts.

    Raises
    ------
    ValueError
        If a length is negative, or the sum is wrong.

    Examples
    --------
    >>> from cnet.utils.data import random_split
    >>> parts = random_split(range(10), [0.75, 0.25], generator=0)
    >>> [len(part) for part in parts]
    [8, 2]
    """
    n = len(dataset)
    sizes = _sizes(lengths, n)
    order = permutation(n, draw_seed(as_generator("random_split", generator)))
    ends = np.cumsum(sizes)
    parts = (order[end - size : end].tolist() for size, end in zip(sizes, ends, strict=True))
    return [Subset(dataset, part) for part in parts]


def _sizes(lengths: Sequence[int] | Sequence[float], n: int) -> list[int]:
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths must be at least 0 (got {lengths})")
    if all(isinstance(length, SupportsIndex) for length in lengths):
        if sum(lengths) != n:
            raise ValueError(
                f"random_split: sum(lengths) must equal len(dataset) (got {sum(lengths)} and {n})"
            )
        return [int(length) for length in lengths]
    if not np.isclose(sum(lengths), 1):
        raise ValueError(f"random_split: sum(lengths) must equal 1 (got {sum(lengths)})")
    sizes = [floor(length * n) for length in lengths]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    if 0 in sizes:
        warn(f"random_split: part {sizes.index(0)} is empty")
    return sizes
