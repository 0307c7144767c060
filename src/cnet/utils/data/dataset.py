"""Data sets: objects with a length that return samples by index."""

from collections.abc import Sequence
from math import floor
from typing import Any, Protocol, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from ...tensor import Tensor
from .shuffle import Seed, as_generator, draw_seed, permutation

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = SupportsIndex | slice | Array | Sequence[int]


class Dataset(Protocol):
    """The protocol of data sets: ``len(dataset)`` samples, numbered from 0.

    A sample is an array, a number, a string, or a tuple, list or mapping of these; for example a
    tuple of an image and its label. See `default_collate`.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class ArrayDataset:
    """Arrays with one sample per index of their first axis; also called `TensorDataset`.

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
    >>> import cnet
    >>> data = cnet.utils.data.ArrayDataset(np.eye(3), np.array([7, 8, 9]))
    >>> len(data)
    3
    >>> data[1]
    (array([0., 1., 0.]), np.int64(8))
    >>> data[np.array([2, 0])][1]
    array([9, 7])
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ValueError("ArrayDataset: arrays must have at least 1 item (got 0)")
        self.arrays: tuple[Array, ...] = tuple(_plain_array(array) for array in arrays)
        for i, array in enumerate(self.arrays):
            if array.ndim == 0:
                raise ValueError(
                    f"ArrayDataset: arrays[{i}] must have at least 1 dimension (got 0)"
                )
            if len(array) != len(self):
                raise ValueError(
                    f"ArrayDataset: arrays[{i}].shape[0] must equal arrays[0].shape[0] "
                    f"(got {len(array)} and {len(self)})"
                )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Index) -> tuple[Any, ...]:
        """One sample; or several samples, stacked, for a slice or an array of indices."""
        return tuple(array[index] for array in self.arrays)

    def __repr__(self) -> str:
        described = ", ".join(f"{array.dtype}{list(array.shape)}" for array in self.arrays)
        return f"ArrayDataset({described})"


TensorDataset = ArrayDataset


def _plain_array(array: Any) -> Array:
    return np.asarray(array.detach() if isinstance(array, Tensor) else array)


class Subset:
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
    >>> import cnet
    >>> odd = cnet.utils.data.Subset([10, 11, 12, 13], [1, 3])
    >>> len(odd), odd[1]
    (2, 13)
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int] | Array) -> None:
        self.dataset = dataset
        self.indices: npt.NDArray[np.intp] = np.asarray(indices, np.intp).reshape(-1)
        outside = self.indices[(self.indices < 0) | (self.indices >= len(dataset))]
        if outside.size:
            raise IndexError(
                f"Subset: indices must be at least 0 and less than len(dataset) "
                f"(got {outside[0]} and {len(dataset)})"
            )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]


def random_split(
    dataset: Dataset, lengths: Sequence[int] | Sequence[float], generator: Seed = None
) -> list[Subset]:
    """Split a data set into random parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
        The data set to split.
    lengths : sequence of int or of float
        Sizes of the parts, with the sum ``len(dataset)``; or fractions, with the sum 1. Fractions
        are rounded down to samples; the remaining samples go to the first parts, one to each.
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
    >>> import cnet
    >>> parts = cnet.utils.data.random_split(range(10), [0.75, 0.25], generator=0)
    >>> [len(part) for part in parts]
    [8, 2]
    """
    n = len(dataset)
    sizes = _sizes(lengths, n)
    order = permutation(n, draw_seed(as_generator("random_split", generator)))
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


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
    return sizes
