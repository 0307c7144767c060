"""Embeddings, bags of embeddings, one-hot vectors, and the bilinear map."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(6, 3))
ROWS = np.array([[1, 5, 1], [0, 1, 3]])
FLAT, OFFSETS = np.array([1, 5, 1, 0, 1, 3, 2]), np.array([0, 3, 3, 5])
BAGS = [[1, 5, 1], [], [0, 1], [3, 2]]


def test_rows_are_taken_and_their_gradients_added():
    np.testing.assert_array_equal(F.embedding(ROWS, TABLE), TABLE[ROWS])
    assert F.embedding(np.array(2, np.int32), TABLE).shape == (3,)
    assert F.embedding(np.zeros((2, 0), int), TABLE).shape == (2, 0, 3)
    assert gradcheck(lambda table: F.embedding(ROWS, table), TABLE)


def gradient(**options):
    table = Tensor(TABLE.copy(), requires_grad=True)
    F.embedding(ROWS, table, **options).sum().backward()
    return table.grad.numpy()[:, 0]


def test_gradients_of_padding_and_of_frequent_rows():
    np.testing.assert_array_equal(gradient(), [1, 3, 0, 1, 0, 1])
    np.testing.assert_array_equal(gradient(padding_idx=1), [1, 0, 0, 1, 0, 1])
    np.testing.assert_array_equal(gradient(padding_idx=-1), [1, 3, 0, 1, 0, 0])
    np.testing.assert_array_equal(gradient(scale_grad_by_freq=True), [1, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(gradient(sparse=True), [1, 3, 0, 1, 0, 1])


def test_a_sum_of_many_small_gradients_is_accurate():
    table = Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    F.embedding(np.zeros(100_000, int), table).backward(np.full((100_000, 3), 0.1, np.float32))
    assert table.grad[0, 0].item() == pytest.approx(10_000, rel=1e-6)


@pytest.mark.parametrize("norm_type", [1.0, 2.0])
def test_rows_with_a_great_norm_are_scaled_in_place(norm_type):
    table = TABLE.copy()
    y = F.embedding(ROWS, table, max_norm=1.0, norm_type=norm_type)
    norms = np.linalg.norm(TABLE, norm_type, axis=1)
    used = np.isin(np.arange(6), ROWS)
    expected = np.where((used & (norms > 1))[:, None], TABLE / norms[:, None], TABLE)
    np.testing.assert_allclose(table, expected, rtol=1e-6)
    np.testing.assert_array_equal(y, table[ROWS])


REDUCE = {"sum": np.sum, "mean": np.mean, "max": np.max}


@pytest.mark.parametrize("mode", REDUCE)
def test_bags(mode):
    expected = [REDUCE[mode](TABLE[bag], axis=0) if bag else np.zeros(3) for bag in BAGS]
    np.testing.assert_allclose(F.embedding_bag(FLAT, TABLE, OFFSETS, mode=mode), expected)
    ends = np.append(OFFSETS, 7)
    with_end = F.embedding_bag(FLAT, TABLE, ends, mode=mode, include_last_offset=True)
    np.testing.assert_allclose(with_end, expected)
    np.testing.assert_allclose(
        F.embedding_bag(ROWS, TABLE, mode=mode), REDUCE[mode](TABLE[ROWS], axis=1)
    )
    assert gradcheck(lambda table: F.embedding_bag(FLAT, table, OFFSETS, mode=mode), TABLE)


@pytest.mark.parametrize("mode", REDUCE)
def test_padding_is_not_in_a_bag(mode):
    expected = [
        REDUCE[mode](TABLE[kept], axis=0) if (kept := [i for i in bag if i != 1]) else np.zeros(3)
        for bag in BAGS
    ]
    got = F.embedding_bag(FLAT, TABLE, OFFSETS, mode=mode, padding_idx=1)
    np.testing.assert_allclose(got, expected)


def test_weights_of_samples():
    samples = RNG.normal(size=7)
    expected = np.add.reduceat(TABLE[FLAT] * samples[:, None], [0, 3, 5])
    got = F.embedding_bag(FLAT, TABLE, OFFSETS[[0, 1, 3]], mode="sum", per_sample_weights=samples)
    np.testing.assert_allclose(got, expected)
    assert gradcheck(
        lambda table, weights: F.embedding_bag(ROWS, table, mode="sum", per_sample_weights=weights),
        (TABLE, samples[:6].reshape(2, 3)),
    )


def test_one_hot():
    classes = np.array([[0, 2], [1, 1]])
    np.testing.assert_array_equal(F.one_hot(classes), np.eye(3, dtype=int)[classes])
    assert F.one_hot(tensor(classes), 5).shape == (2, 2, 5)
    assert F.one_hot(classes).dtype == np.int64
    assert F.one_hot(np.zeros((0, 2), int), 3).shape == (0, 2, 3)


def test_bilinear():
    x, y = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5, 4))
    weight, bias = RNG.normal(size=(2, 3, 4)), RNG.normal(size=2)
    expected = np.einsum("nmi,kij,nmj->nmk", x, weight, y) + bias
    np.testing.assert_allclose(F.bilinear(x, y, weight, bias), expected, rtol=1e-12)
    assert gradcheck(F.bilinear, (x, y, weight, bias))


def test_layers():
    layer = nn.Embedding(6, 3, padding_idx=-2, dtype="float64")
    assert layer.padding_idx == 4
    assert not layer.weight.detach().numpy()[4].any()
    fixed = nn.Embedding.from_pretrained(TABLE)
    np.testing.assert_array_equal(fixed(ROWS), TABLE[ROWS])
    assert not fixed.weight.requires_grad
    bags = nn.EmbeddingBag.from_pretrained(TABLE, freeze=False, mode="sum")
    np.testing.assert_allclose(bags(ROWS).detach(), TABLE[ROWS].sum(1))
    assert bags.weight.requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.embedding(ROWS + 1, TABLE), IndexError, r"embedding: input .*\(got 6 and 6\)"),
        (lambda: F.embedding(ROWS - 1, TABLE), IndexError, r"embedding: input .*\(got -1 and 6\)"),
        (lambda: F.embedding(ROWS * 1.0, TABLE), TypeError, "input.dtype must be an integer dtype"),
        (lambda: F.embedding(ROWS, TABLE[0]), ValueError, "weight must have 2 dimensions"),
        (lambda: F.embedding(ROWS, TABLE, 6), ValueError, "padding_idx must be between -6 and 5"),
        (lambda: F.embedding_bag(FLAT, TABLE), ValueError, "offsets must be given"),
        (lambda: F.embedding_bag(ROWS, TABLE, OFFSETS), ValueError, "offsets must be None"),
        (lambda: F.embedding_bag(FLAT, TABLE, OFFSETS + 1), ValueError, "begin with 0"),
        (lambda: F.embedding_bag(FLAT, TABLE, 3 * OFFSETS), ValueError, "offsets must have 1"),
        (lambda: F.embedding_bag(ROWS, TABLE, mode="min"), ValueError, "mode must be"),
        (
            lambda: F.embedding_bag(ROWS, TABLE, mode="max", sparse=True), ValueError,
            "mode 'max' allows neither",
        ),
        (
            lambda: F.embedding_bag(ROWS, TABLE, per_sample_weights=ROWS * 1.0),
            NotImplementedError, "only supported for mode 'sum'",
        ),
        (
            lambda: F.embedding_bag(ROWS, TABLE, mode="sum", per_sample_weights=FLAT * 1.0),
            ValueError, "per_sample_weights.shape",
        ),
        (lambda: F.one_hot(ROWS, 5), ValueError, r"less than num_classes \(got 5 and 5\)"),
        (lambda: F.one_hot(-ROWS), ValueError, "one_hot"),
        (lambda: F.one_hot(ROWS * 1.0), TypeError, "one_hot: input.dtype"),
        (lambda: F.one_hot(np.zeros(0, int)), ValueError, "num_classes must be positive"),
        (lambda: F.bilinear(TABLE, TABLE[1:], TABLE[None]), ValueError, "bilinear: input1"),
        (
            lambda: F.bilinear(TABLE, TABLE, np.ones((2, 3, 3)), np.ones(3)), ValueError,
            "bilinear: bias.shape",
        ),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "Embedding: padding_idx"),
        (lambda: nn.Embedding(3, 2, _weight=TABLE), ValueError, "the shape of the weights"),
        (lambda: nn.Embedding.from_pretrained(TABLE[0]), ValueError, "embeddings must have 2"),
        (lambda: nn.Embedding(3, 2, device="cuda:0"), RuntimeError, "device must be 'cpu'"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
