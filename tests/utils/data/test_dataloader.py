"""Batches: what is in them, in which order, and how to continue in the middle."""

import json

import numpy as np
import pytest

import cnet.random
from cnet import Tensor
from cnet.utils.data import ArrayDataset, DataLoader, Subset, TensorDataset, random_split

N = 23
DATA = ArrayDataset(np.arange(N * 3.0).reshape(N, 3), np.arange(N) * 10)
MORE = ArrayDataset(*(np.concatenate([array[-5:], array]) for array in DATA.arrays))


class Samples:
    """The same as `DATA`, but not made of arrays."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return np.arange(3.0) + 3 * index, 10 * index


@pytest.fixture(
    params=[DATA, Samples(), Subset(Subset(MORE, np.arange(2, N + 5)), np.arange(3, N + 3))],
    ids=["arrays", "samples", "subset"],
)
def dataset(request):
    return request.param


def numbers(batches):
    """The labels, batch by batch."""
    return [y.tolist() for _, y in batches]


@pytest.mark.parametrize("batch_size", [1, 2, 5, N, 40])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_cover_the_data_set(dataset, batch_size, drop_last, shuffle):
    loader = DataLoader(dataset, batch_size, shuffle, drop_last=drop_last, generator=0)
    batches = list(loader)
    full, rest = divmod(N, batch_size)
    sizes = [batch_size] * full + ([rest] if rest and not drop_last else [])
    assert [(x.shape, y.shape) for x, y in batches] == [((n, 3), (n,)) for n in sizes]
    assert len(loader) == len(sizes)
    if not batches:
        return
    x, y = (np.concatenate([*map(np.asarray, field)]) for field in zip(*batches, strict=True))
    assert type(batches[0]) is list
    assert all(type(field) is Tensor and not field.requires_grad for field in batches[0])
    assert (x.dtype, y.dtype) == (np.float64, np.int64)
    np.testing.assert_array_equal(x[:, 0] / 3, y / 10)
    assert len(set(y)) == sum(sizes)
    assert np.array_equal(y, np.arange(sum(sizes)) * 10) == (not shuffle)


def test_batches_are_copies():
    for x, _ in DataLoader(DATA, batch_size=N):
        assert not np.shares_memory(np.asarray(x), DATA.arrays[0])


def test_no_samples():
    assert list(DataLoader(ArrayDataset(np.zeros((0, 2))), 4, shuffle=True)) == []


def test_samples_that_are_not_tuples():
    class Rows(Samples):
        def __getitem__(self, index):
            return super().__getitem__(index)[0]

    for batch in DataLoader(Rows(), batch_size=N):
        np.testing.assert_array_equal(batch, DATA.arrays[0])


@pytest.mark.parametrize("data", [DATA, Samples()])
def test_collate_fn(data):
    loader = DataLoader(data, 4, collate_fn=lambda samples: sum(int(y) for _, y in samples))
    assert list(loader) == [60, 220, 380, 540, 700, 630]


def test_samples_that_do_not_fit():
    class Ragged(Samples):
        def __getitem__(self, index):
            return 1, np.zeros(index)

    class Uneven(Samples):
        def __getitem__(self, index):
            return (1,) * (1 + index)

    with pytest.raises(
        ValueError, match=r"samples\[1\] must have the same shape .*\(0,\) and \(1,\)"
    ):
        list(DataLoader(Ragged(), 3))
    with pytest.raises(ValueError, match=r"the same number of fields \(got \[1, 2, 3\]\)"):
        list(DataLoader(Uneven(), 3))


IMAGES = np.arange(N * 24.0).reshape(N, 2, 3, 4).astype(np.float32)


class Flipped(ArrayDataset):
    """Mirrors each sample along its last axis."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x[:, :, ::-1], y


class Doubled(Subset):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return 2 * x, y


class Named(ArrayDataset):
    """A subclass with no `__getitem__` of its own."""


@pytest.mark.parametrize(
    "dataset",
    [
        Flipped(IMAGES, np.arange(N)),
        Subset(Flipped(IMAGES, np.arange(N)), np.arange(N)[::-2]),
        Subset(Subset(Flipped(IMAGES, np.arange(N)), range(3, N)), range(5)),
        Doubled(TensorDataset(IMAGES, np.arange(N)), range(4, 13)),
        TensorDataset(IMAGES, np.arange(N)),
        Subset(Doubled(Flipped(IMAGES, np.arange(N)), range(4, 13)), [2, 0, 5]),
        random_split(Flipped(IMAGES, np.arange(N)), [9, N - 9], generator=0)[1],
        Named(IMAGES, np.arange(N)),
    ],
)
def test_batches_hold_what_getitem_gives(dataset):
    batches = list(DataLoader(dataset, 4))
    for field in range(2):
        rows = np.concatenate([np.asarray(batch[field]) for batch in batches])
        expected = np.stack([np.asarray(dataset[i][field]) for i in range(len(dataset))])
        np.testing.assert_array_equal(rows, expected)
        assert rows.dtype == expected.dtype


def test_random_changes_are_drawn_for_each_sample():
    class Noisy(TensorDataset):
        def __getitem__(self, index):
            (x,) = super().__getitem__(index)
            return (x + rng.random(),)

    rng = np.random.default_rng(0)
    (batch,) = DataLoader(Noisy(np.zeros((64, 2))), 64)
    assert len(np.unique(np.asarray(batch[0]))) == 64


def test_arrays_that_are_no_numbers_go_sample_by_sample():
    data = ArrayDataset(np.arange(3), np.array(["a", "b", "c"]), np.array([1, 2, 3], object))
    (batch,) = DataLoader(data, 3)
    assert batch[1] == ["a", "b", "c"]
    assert batch[2].tolist() == [1, 2, 3]


def test_batches_are_in_native_byte_order():
    (batch,) = DataLoader(TensorDataset(np.arange(3, dtype=">f4")), 3)
    assert np.asarray(batch[0]).dtype.isnative
    assert batch[0].tolist() == [0, 1, 2]


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"DataLoader: batch_size must be at least 1 \(got 0\)"):
        DataLoader(DATA, 0)
    with pytest.raises(TypeError, match=r"DataLoader: batch_size must be an int \(got 2\.0\)"):
        DataLoader(DATA, 2.0)
    with pytest.raises(TypeError, match="DataLoader: generator must be a numpy"):
        DataLoader(DATA, 2, generator="0")


class TestOrder:
    def test_never_changes(self):
        loader = DataLoader(ArrayDataset(np.arange(8)), 8, shuffle=True, generator=0)
        orders = [batch.tolist() for _ in range(2) for (batch,) in loader]
        assert orders == [[0, 5, 4, 6, 2, 3, 7, 1], [2, 4, 7, 1, 5, 0, 3, 6]]

    def test_comes_from_the_seed(self):
        def orders(generator):
            loader = DataLoader(DATA, 4, shuffle=True, generator=generator)
            return [numbers(loader) for _ in range(3)]

        assert orders(3) == orders(3) == orders(np.random.Generator(np.random.PCG64(3)))
        assert orders(3) != orders(4)
        assert orders(3)[0] != orders(3)[1]

    def test_comes_from_manual_seed_by_default(self):
        loader = DataLoader(DATA, 4, shuffle=True)
        cnet.random.manual_seed(1)
        first = numbers(loader)
        cnet.random.manual_seed(1)
        assert numbers(loader) == first

    def test_draws_nothing_without_shuffle(self):
        before = cnet.random.get_rng_state()
        list(DataLoader(DATA, 4))
        assert cnet.random.get_rng_state() == before

    def test_loops_at_once_do_not_disturb_each_other(self):
        first, second = (numbers(DataLoader(DATA, 4, True, generator=g)) for g in (5, 5))
        assert first == second
        reference = DataLoader(DATA, 4, True, generator=5)
        expected = [numbers(reference), numbers(reference)]
        loader = DataLoader(DATA, 4, True, generator=5)
        pairs = list(zip(iter(loader), iter(loader), strict=True))
        assert [numbers(batches) for batches in zip(*pairs, strict=True)] == expected


BIT_GENERATORS = [
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
]


class TestResume:
    @pytest.mark.parametrize("taken", range(7))
    @pytest.mark.parametrize("shuffle", [False, True])
    def test_after_any_number_of_batches(self, dataset, taken, shuffle):
        loader = DataLoader(dataset, 4, shuffle, generator=1)
        list(loader)
        batches = iter(loader)
        for _ in range(taken):
            next(batches)
        state = json.loads(json.dumps(loader.state_dict()))
        expected = [numbers(batches), numbers(loader), numbers(loader)]

        resumed = DataLoader(dataset, 4, shuffle, generator=99)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert [numbers(resumed) for _ in range(3)] == expected
        assert len(expected[0]) == 6 - taken
        assert resumed.state_dict() == loader.state_dict()

    @pytest.mark.parametrize("kind", BIT_GENERATORS)
    def test_every_bit_generator(self, kind):
        loader = DataLoader(DATA, 4, True, generator=np.random.Generator(kind(1)))
        batches = iter(loader)
        next(batches)
        state = json.loads(json.dumps(loader.state_dict()))
        resumed = DataLoader(DATA, 4, True, generator=np.random.Generator(kind(2)))
        resumed.load_state_dict(state)
        assert numbers(resumed) == numbers(batches)
        assert numbers(resumed) == numbers(loader)

    def test_between_passes(self):
        loader = DataLoader(DATA, 4, True, generator=1)
        list(loader)
        resumed = DataLoader(DATA, 4, True, generator=2)
        resumed.load_state_dict(loader.state_dict())
        assert numbers(resumed) == numbers(loader)

    def test_again_from_a_resumed_loader(self):
        loader = DataLoader(DATA, 4, True, generator=1)
        batches = iter(loader)
        next(batches)
        for _ in range(3):
            loader.load_state_dict(loader.state_dict())
            assert numbers([next(iter(loader))]) == numbers([next(batches)])

    def test_a_generator_that_others_draw_from(self):
        """Dropout draws from the default generator while the loader shuffles with it."""

        def train(batches, noise):
            return [(y.tolist(), noise.random()) for _, y in batches]

        noise = cnet.random.manual_seed(4)
        loader = DataLoader(DATA, 4, True)
        batches = iter(loader)
        train([next(batches), next(batches)], noise)
        state, rng_state = loader.state_dict(), cnet.random.get_rng_state()
        expected = train(batches, noise), train(loader, noise)

        cnet.random.manual_seed(0)
        resumed = DataLoader(DATA, 4, True)
        cnet.random.set_rng_state(rng_state)
        resumed.load_state_dict(state)
        assert (train(resumed, noise), train(resumed, noise)) == expected

    def test_describes_the_loop_begun_last(self):
        loader = DataLoader(DATA, 4, True, generator=1)
        first = iter(loader)
        next(first)
        second = iter(loader)
        next(second), next(second)
        next(first)
        list(first)
        resumed = DataLoader(DATA, 4, True, generator=1)
        resumed.load_state_dict(loader.state_dict())
        assert numbers(resumed) == numbers(second)

    def test_a_failing_batch_was_not_given_out(self):
        data = ArrayDataset(np.arange(4))
        loader = DataLoader(data, 1, collate_fn=lambda samples: 1 / int(samples[0][0] != 2))
        with pytest.raises(ZeroDivisionError):
            list(loader)
        assert loader.state_dict()["epoch"] == {"seed": None, "batches": 2}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"samples": 5}, r"state\['samples'\] must equal .*\(got 5 and 23\)"),
            ({"batch_size": 8}, r"state\['batch_size'\] must equal .*\(got 8 and 4\)"),
            ({"shuffle": False}, r"state\['shuffle'\] must equal .*\(got False and True\)"),
            ({"drop_last": True}, r"state\['drop_last'\] must equal .*\(got True and False\)"),
            ({"extra": 1}, "state must be what state_dict returned"),
            ({"epoch": {"seed": 3, "batches": 7}}, "at most 6 batches .*'batches': 7"),
            ({"epoch": {"seed": 3, "batches": -1}}, "at most 6 batches"),
            ({"epoch": {"seed": -3, "batches": 1}}, "at most 6 batches"),
            ({"epoch": {"seed": None, "batches": 1}}, "at most 6 batches"),
            ({"epoch": 3}, r"at most 6 batches \(got 3\)"),
        ],
    )
    def test_states_of_others(self, change, message):
        loader = DataLoader(DATA, 4, True, generator=1)
        before = loader.state_dict()
        with pytest.raises(ValueError, match="DataLoader.load_state_dict: .*" + message):
            loader.load_state_dict({**before, **change})
        assert loader.state_dict() == before
