"""Samplers: which indices, in which order."""

import numpy as np
import pytest

import cnet
from cnet.utils.data import (
    ArrayDataset,
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from cnet.utils.data.distributed import DistributedSampler

TEN = range(10)


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda g: RandomSampler(TEN, generator=g),
        lambda g: RandomSampler(TEN, replacement=True, num_samples=30, generator=g),
        lambda g: RandomSampler(TEN, num_samples=4, generator=g),
        lambda g: RandomSampler(TEN, num_samples=25, generator=g),
        lambda g: SubsetRandomSampler([5, 3, 9, 7, 1, 2], generator=g),
        lambda g: WeightedRandomSampler(np.arange(10), 30, generator=g),
        lambda g: WeightedRandomSampler(np.arange(10), 9, replacement=False, generator=g),
    ],
)
def test_random_samplers_follow_their_seed(make):
    sampler = make(3)
    first, second = list(sampler), list(sampler)
    assert len(first) == len(sampler)
    assert first != second
    assert all(type(index) is int and 0 <= index < 10 for index in first)
    again = make(np.random.Generator(np.random.PCG64(3)))
    assert [list(again), list(again)] == [first, second]
    assert list(make(4)) != first
    cnet.manual_seed(5)
    by_default = list(make(None))
    cnet.manual_seed(5)
    assert list(make(None)) == by_default


def test_which_indices():
    assert sorted(RandomSampler(TEN)) == list(TEN)
    repeated = list(RandomSampler(TEN, num_samples=25))
    assert sorted(repeated[:10]) == sorted(repeated[10:20]) == list(TEN)
    assert len(set(repeated[20:])) == 5
    assert sorted(SubsetRandomSampler([7, 3, 5])) == [3, 5, 7]
    assert sorted(WeightedRandomSampler([1, 2, 0, 4], 3, replacement=False)) == [0, 1, 3]


@pytest.mark.parametrize("replacement", [True, False])
def test_weights_are_probabilities(replacement):
    weights = np.array([0, 1, 2, 5, 0])
    sampler = WeightedRandomSampler(weights, 8000, generator=0)
    if replacement:
        drawn = list(sampler)
    else:  # the first of each order
        drawn = [
            next(iter(WeightedRandomSampler(weights, 2, False, generator=seed)))
            for seed in range(2000)
        ]
    shares = np.bincount(drawn, minlength=5) / len(drawn)
    assert np.abs(shares - weights / 8).max() < 0.04


def test_batches():
    sampler = BatchSampler(SequentialSampler(TEN), 4, False)
    assert list(sampler) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(sampler) == 3
    sampler = BatchSampler(iter(TEN), 4, True)
    assert list(sampler) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(BatchSampler(TEN, 4, True)) == 2


@pytest.mark.parametrize(("drop_last", "length"), [(False, 4), (True, 3)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_distributed(drop_last, length, shuffle):
    parts = [DistributedSampler(TEN, 3, rank, shuffle, 7, drop_last) for rank in range(3)]
    indices = [list(part) for part in parts]
    assert [len(part) for part in parts] == [length] * 3
    assert all(len(part) == length for part in indices)
    drawn = [index for part in indices for index in part]
    assert len(set(drawn)) == min(10, 3 * length)
    assert (indices[0] == [0, 3, 6, 9][:length]) == (not shuffle)
    assert [list(part) for part in parts] == indices
    for part in parts:
        part.set_epoch(1)
    assert ([list(part) for part in parts] == indices) == (not shuffle)


class Reversed(Sampler):
    def __iter__(self):
        return iter(range(9, -1, -1))

    def __len__(self):
        return 10


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"sampler": Reversed(), "batch_size": 4}, [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]),
        ({"sampler": [3, 1], "batch_size": 4}, [[3, 1]]),
        ({"batch_sampler": [[1, 2], [0]]}, [[1, 2], [0]]),
        ({"batch_sampler": BatchSampler(Reversed(), 6, True)}, [[9, 8, 7, 6, 5, 4]]),
        ({"sampler": Reversed(), "batch_size": None}, list(range(9, -1, -1))),
    ],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_loaders_use_samplers(arguments, expected, num_workers):
    loader = DataLoader(ArrayDataset(np.arange(10)), num_workers=num_workers, **arguments)
    assert [x.tolist() for (x,) in loader] == expected
    assert len(loader) == len(expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: {"sampler": RandomSampler(TEN, generator=g), "batch_size": 3},
        lambda g: {"sampler": SubsetRandomSampler(list(TEN), generator=g), "batch_size": 3},
        lambda g: {"batch_sampler": BatchSampler(RandomSampler(TEN, generator=g), 3, False)},
        lambda g: {"sampler": Reversed(), "batch_size": 3, "generator": g},
        lambda g: {"sampler": RandomSampler(TEN, generator=g), "batch_size": None},
    ],
)
def test_resume_with_samplers(make):
    loader = DataLoader(TEN, **make(1))
    list(loader)
    batches = iter(loader)
    next(batches), next(batches)
    resumed = DataLoader(TEN, num_workers=1, **make(2))
    resumed.load_state_dict(loader.state_dict())
    for _ in range(2):
        assert str(list(resumed)) == str(list(batches))
        batches = iter(loader)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomSampler(TEN, replacement=1), TypeError, "replacement must be a bool"),
        (lambda: RandomSampler(TEN, num_samples=0), ValueError, "num_samples must be at least 1"),
        (lambda: RandomSampler(TEN, num_samples=0.5), TypeError, "num_samples must be an int"),
        (lambda: WeightedRandomSampler([1], 0), ValueError, "num_samples must be at least 1"),
        (lambda: WeightedRandomSampler([[1]], 1), ValueError, "weights must have 1 dimension"),
        (lambda: WeightedRandomSampler([-1, 2], 1), ValueError, "finite and not negative"),
        (lambda: WeightedRandomSampler([0, 0], 1), ValueError, r"1 positive weights \(got 0\)"),
        (lambda: WeightedRandomSampler([0, 1], 2, False), ValueError, r"at least 2 .*\(got 1\)"),
        (lambda: BatchSampler(TEN, 0, False), ValueError, "batch_size must be at least 1"),
        (lambda: BatchSampler(TEN, 2.0, False), TypeError, "batch_size must be an int"),
        (lambda: BatchSampler(TEN, 2, 1), TypeError, "drop_last must be a bool"),
        (lambda: DistributedSampler(TEN), RuntimeError, "there is no process group"),
        (lambda: DistributedSampler(TEN, 2, 2), ValueError, r"rank must be less .*2 and 2"),
        (lambda: iter(Sampler()), NotImplementedError, "Sampler must define __iter__"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
