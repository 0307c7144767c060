"""Packed sequences: against their definition, recurrent layers on them, gradients, and PyTorch."""

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
)

RNG = np.random.default_rng(0)
LENGTHS = [2, 5, 1, 3, 3]
SEQUENCES = [RNG.normal(size=(length, 3)) for length in LENGTHS]
PADDED = pad_sequence([cnet.tensor(sequence) for sequence in SEQUENCES]).numpy()


def packed(x=PADDED):
    return pack_padded_sequence(x, LENGTHS, enforce_sorted=False)


def test_order_of_the_elements():
    result = packed()
    assert isinstance(result, tuple)
    assert result.batch_sizes.tolist() == [5, 4, 3, 1, 1]
    assert result.sorted_indices.tolist() == [1, 3, 4, 0, 2]
    assert result.unsorted_indices.tolist() == [3, 0, 4, 1, 2]
    order = [(t, n) for t in range(5) for n in [1, 3, 4, 0, 2] if t < LENGTHS[n]]
    np.testing.assert_array_equal(result.data, [PADDED[t, n] for t, n in order])


@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_unpacking(batch_first):
    x = PADDED.transpose(1, 0, 2) if batch_first else PADDED
    result = pack_padded_sequence(x, cnet.tensor(LENGTHS), batch_first, enforce_sorted=False)
    padded, lengths = pad_packed_sequence(result, batch_first)
    np.testing.assert_array_equal(padded, x)
    assert lengths.tolist() == LENGTHS
    padded, _ = pad_packed_sequence(result, batch_first, padding_value=7, total_length=6)
    assert padded.shape == ((5, 6, 3) if batch_first else (6, 5, 3))
    assert (padded.numpy() == 7).sum() == 3 * (5 * 6 - sum(LENGTHS))
    for ours, expected in zip(unpack_sequence(result), SEQUENCES, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_sorted_sequences_need_no_indices():
    result = pack_sequence([cnet.tensor([1, 2, 3]), cnet.tensor([4, 5])])
    assert result.sorted_indices is None
    assert result.unsorted_indices is None
    assert result.data.tolist() == [1, 4, 2, 5, 3]
    assert result.to(cnet.float64).data.dtype == np.float64
    assert result.double().batch_sizes is result.batch_sizes
    assert result.long() is result
    assert not result.is_cuda


def test_gradients():
    def run(x):
        result = packed(x)
        padded, _ = pad_packed_sequence(result._replace(data=result.data**2), padding_value=3.0)
        return (padded * np.arange(75).reshape(5, 5, 3)).sum()

    assert cnet.gradcheck(run, (PADDED,))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_layers_run_over_each_sequence_alone(name, options):
    cnet.manual_seed(0)
    layer = getattr(nn, name)(3, 4, dtype="float64", **options)
    runs = 4 if options else 1
    hx = cnet.tensor(RNG.normal(size=(runs, 5, 4)))
    hx = (hx, hx * 2) if name == "LSTM" else hx
    y, last = layer(packed(), hx)
    assert isinstance(y, PackedSequence)
    for i, (sequence, ours) in enumerate(zip(SEQUENCES, unpack_sequence(y), strict=True)):
        own = tuple(state[:, i] for state in hx) if name == "LSTM" else hx[:, i]
        expected, expected_last = layer(sequence, own)
        np.testing.assert_allclose(ours.detach(), expected.detach(), rtol=1e-12)
        pairs = zip(last, expected_last, strict=True) if name == "LSTM" else [(last, expected_last)]
        for state, expected_state in pairs:
            np.testing.assert_allclose(state.detach()[:, i], expected_state.detach(), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pack_padded_sequence(PADDED, LENGTHS), RuntimeError, "in descending order"),
        (lambda: pack_padded_sequence(PADDED, [5, 4]), ValueError, "one element for each sequence"),
        (lambda: pack_padded_sequence(PADDED, [5, 4, 3, 1, 0]), RuntimeError, "between 1 and"),
        (lambda: pack_padded_sequence(PADDED, [6, 4, 3, 1, 1]), RuntimeError, "between 1 and"),
        (lambda: pack_padded_sequence(PADDED[0, 0], [3]), ValueError, "at least 2 dimensions"),
        (lambda: pack_sequence([]), ValueError, "must not be empty"),
        (lambda: pad_packed_sequence(packed(), total_length=4), ValueError, "total_length must be"),
        (lambda: PackedSequence(cnet.ones(3)), ValueError, "batch_sizes must be given"),
        (lambda: nn.GRU(2, 4)(packed()), ValueError, r"input_size \(got 3 and 2\)"),
        (lambda: packed().cuda(), RuntimeError, "cuda"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_values_and_gradients_are_pytorchs(name, options):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    theirs = getattr(torch.nn, name)(3, 4, **options).double()
    ours = getattr(nn, name)(3, 4, **options).double()
    ours.load_state_dict(theirs.state_dict())
    our_x, their_x = cnet.tensor(PADDED, requires_grad=True), torch.tensor(PADDED)
    their_x.requires_grad_()
    y, last = ours(packed(our_x))
    rnn = torch.nn.utils.rnn
    expected, their_last = theirs(rnn.pack_padded_sequence(their_x, LENGTHS, enforce_sorted=False))
    for a, b in zip(y, expected, strict=True):
        np.testing.assert_allclose(a.detach(), b.detach().numpy(), rtol=1e-9, atol=1e-12)
    last, their_last = (last[1], their_last[1]) if name == "LSTM" else (last, their_last)
    np.testing.assert_allclose(last.detach(), their_last.detach().numpy(), rtol=1e-9, atol=1e-12)
    padded, _ = pad_packed_sequence(y)
    their_padded, _ = rnn.pad_packed_sequence(expected)
    ((padded**2).sum() + last.sum()).backward()
    ((their_padded**2).sum() + their_last.sum()).backward()
    np.testing.assert_allclose(our_x.grad, their_x.grad.numpy(), rtol=1e-7, atol=1e-12)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-7, atol=1e-12)
