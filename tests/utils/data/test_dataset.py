"""Data sets and their parts."""

from typing import get_origin

import numpy as np
import pytest

import cnet.random
from cnet.utils.data import (
    ArrayDataset,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)

X = np.arange(20.0).reshape(5, 4)
Y = np.arange(5)


class TestArrayDataset:
    data = ArrayDataset(X, Y)

    def test_shares_the_arrays(self):
        assert self.data.arrays[0] is X
        assert len(self.data) == 5

    @pytest.mark.parametrize(
        "index", [3, -1, np.int64(2), slice(1, 4), slice(None, None, -2), np.array([4, 0, 0]), [1]]
    )
    def test_indexing(self, index):
        x, y = self.data[index]
        np.testing.assert_array_equal(x, X[index])
        np.testing.assert_array_equal(y, Y[index])

    def test_iteration(self):
        assert [int(y) for _, y in self.data] == [0, 1, 2, 3, 4]

    def test_index_out_of_range(self):
        with pytest.raises(IndexError, match="index 5 is out of bounds"):
            self.data[5]

    def test_what_is_not_an_array(self):
        data = ArrayDataset([[1, 2], [3, 4]], range(2))
        assert data[1][0].tolist() == [3, 4]

    def test_repr(self):
        assert repr(self.data) == "ArrayDataset(float64[5, 4], int64[5])"

    def test_errors(self):
        with pytest.raises(
            ValueError,
            match=r"arrays\[2\]\.shape\[0\] must equal arrays\[0\]\.shape\[0\] \(got 4 and 5\)",
        ):
            ArrayDataset(X, Y, np.zeros((4, 5)))
        with pytest.raises(ValueError, match=r"arrays\[0\] must have at least 1 dimension"):
            ArrayDataset(np.array(3))
        with pytest.raises(ValueError, match=r"arrays must have at least 1 item \(got 0\)"):
            ArrayDataset()


class TestTensorDataset:
    def test_samples_are_tensors(self):
        x = cnet.tensor(X)
        data = TensorDataset(x, Y)
        assert data.tensors[0] is x
        assert len(data) == 5
        sample = data[3]
        assert all(type(field) is cnet.Tensor for field in sample)
        assert sample[0].tolist() == X[3].tolist()
        assert data[1:3][1].tolist() == [1, 2]

    def test_errors(self):
        with pytest.raises(ValueError, match=r"TensorDataset: tensors\[1\].shape\[0\] must equal"):
            TensorDataset(X, Y[:4])


class TestCombinations:
    def test_concat(self):
        data = ConcatDataset(["abc", "", "de"])
        assert data.cumulative_sizes == [3, 3, 5]
        assert [data[i] for i in range(-5, 5)] == list("abcde") * 2
        for index in (5, -6):
            with pytest.raises(IndexError, match=rf"must be less than 5 in size \(got {index}\)"):
                data[index]

    def test_concat_by_addition(self):
        data = ArrayDataset(Y) + ArrayDataset(10 * Y)
        assert type(data) is ConcatDataset
        assert [int(y) for (y,) in data] == [0, 1, 2, 3, 4, 0, 10, 20, 30, 40]

    def test_chain(self):
        class Count(IterableDataset):
            def __iter__(self):
                return iter(range(3))

            def __len__(self):
                return 3

        chained = Count() + Count()
        assert type(chained) is ChainDataset
        assert list(chained) == [0, 1, 2, 0, 1, 2]
        assert len(chained) == 6
        with pytest.raises(TypeError, match="use ChainDataset"):
            ConcatDataset([Count()])

    def test_stack(self):
        assert StackDataset("abc", [1, 2, 3])[1] == ("b", 2)
        assert StackDataset(x="abc", y=[1, 2, 3])[1] == {"x": "b", "y": 2}
        assert len(StackDataset("abc")) == 3

    def test_errors(self):
        with pytest.raises(ValueError, match=r"as args or as kwargs \(got none\)"):
            StackDataset()
        with pytest.raises(ValueError, match=r"as args or as kwargs \(got both\)"):
            StackDataset("a", x="a")
        with pytest.raises(ValueError, match=r"the lengths must be equal \(got \[1, 2\]\)"):
            StackDataset("a", "ab")
        with pytest.raises(ValueError, match="at least 1 item"):
            ConcatDataset([])
        with pytest.raises(NotImplementedError, match="Dataset must define __getitem__"):
            Dataset()[0]


class TestSubset:
    def test_samples(self):
        subset = Subset("abcde", [3, 1])
        assert len(subset) == 2
        assert list(subset) == ["d", "b"]
        assert subset[-1] == "b"
        assert len(Subset("abc", [])) == 0

    @pytest.mark.parametrize("index", [5, -1])
    def test_indices_outside(self, index):
        with pytest.raises(IndexError, match=rf"less than len\(dataset\) \(got {index} and 5\)"):
            Subset("abcde", [0, index])


class TestRandomSplit:
    @pytest.mark.parametrize(
        ("lengths", "sizes"),
        [
            ([7, 0, 3], [7, 0, 3]),
            ([0.5, 0.5], [5, 5]),
            ([0.33, 0.33, 0.34], [4, 3, 3]),
            ([1.0], [10]),
            ([0.9, 0.1], [9, 1]),
        ],
    )
    def test_sizes(self, lengths, sizes):
        parts = random_split(range(10), lengths, generator=3)
        assert [len(part) for part in parts] == sizes
        assert sorted(i for part in parts for i in part) == list(range(10))

    def test_seeds(self):
        def split(generator):
            return list(random_split(range(50), [50], generator)[0])

        assert split(3) == split(3) == split(np.random.Generator(np.random.PCG64(3)))
        assert split(3) != split(4)
        cnet.random.manual_seed(5)
        first, second = split(None), split(None)
        cnet.random.manual_seed(5)
        assert (first, second) == (split(None), split(None))
        assert first != second

    def test_an_empty_part_of_fractions_is_noted(self):
        with pytest.warns(UserWarning, match="random_split: part 1 is empty"):
            random_split(range(3), [0.9, 0.1])

    def test_errors(self):
        with pytest.raises(ValueError, match=r"must equal len\(dataset\) \(got 9 and 10\)"):
            random_split(range(10), [4, 5])
        with pytest.raises(ValueError, match=r"sum\(lengths\) must equal 1 \(got 0.9\)"):
            random_split(range(10), [0.5, 0.4])
        with pytest.raises(ValueError, match=r"lengths must be at least 0 \(got \[11, -1\]\)"):
            random_split(range(10), [11, -1])


@pytest.mark.parametrize(
    "kind",
    [ConcatDataset, DataLoader, Dataset, IterableDataset, Sampler, StackDataset, Subset],
)  # fmt: skip
def test_types_of_samples_in_annotations(kind):
    assert get_origin(kind[int]) is kind


def test_a_generic_loader_is_a_loader():
    loader = DataLoader[int](Subset[int]([1, 2, 3], [0, 2]), 2)
    assert isinstance(loader, DataLoader)
    assert [batch.tolist() for batch in loader] == [[1, 3]]


def test_indices_of_subsets_are_those_given():
    first, second = random_split(range(10), [4, 6])
    assert sorted(first.indices + second.indices) == list(range(10))
    given = [3, 1]
    part = Subset(TensorDataset(X, Y), given)
    assert part.indices is given
    given.append(4)
    assert len(part) == 3
    _, labels = next(iter(DataLoader(part, 3)))
    assert labels.tolist() == [3, 1, 4]
