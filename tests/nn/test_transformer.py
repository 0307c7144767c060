"""Transformers: layers against each other; values are compared with PyTorch."""

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.gradcheck import gradcheck

RNG = np.random.default_rng(0)
SOURCE, TARGET = RNG.normal(size=(4, 2, 6)), RNG.normal(size=(3, 2, 6))


def transformer(m, **options):
    return m.Transformer(6, 2, 2, 2, 8, 0.0, **options)


@pytest.fixture
def model():
    cnet.manual_seed(0)
    return transformer(nn, dtype="float64")


def test_gradients():
    layer = nn.TransformerDecoderLayer(4, 2, 5, 0.0, "gelu", dtype="float64")
    x, memory = RNG.normal(size=(2, 1, 4)), RNG.normal(size=(3, 1, 4))
    assert gradcheck(layer, (x, memory))


def test_a_causal_mask_hides_later_positions(model):
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype="float64")
    np.testing.assert_array_equal(mask, np.triu(np.full((3, 3), -np.inf), 1))
    y = model(SOURCE, TARGET, tgt_mask=mask).detach().numpy()
    hinted = model(SOURCE, TARGET, tgt_mask=mask, tgt_is_causal=True)
    np.testing.assert_allclose(hinted.detach(), y, rtol=1e-12)
    changed = TARGET.copy()
    changed[2] += 1
    z = model(SOURCE, changed, tgt_mask=mask).detach().numpy()
    np.testing.assert_allclose(z[:2], y[:2], rtol=1e-12)
    assert np.abs(z[2] - y[2]).max() > 1e-3


def test_single_items_and_the_order_of_axes(model):
    y = model(SOURCE, TARGET).detach().numpy()
    single = model(SOURCE[:, 0], TARGET[:, 0])
    np.testing.assert_allclose(single.detach(), y[:, 0], rtol=1e-9)
    swapped = transformer(nn, batch_first=True, dtype="float64")
    swapped.load_state_dict(model.state_dict())
    z = swapped(SOURCE.transpose(1, 0, 2), TARGET.transpose(1, 0, 2))
    np.testing.assert_allclose(z.detach().numpy().transpose(1, 0, 2), y, rtol=1e-9)


def test_copies_of_a_layer_are_independent():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 5), 2, nn.LayerNorm(4))
    first, second = encoder.layers
    assert first.linear1.weight is not second.linear1.weight
    np.testing.assert_array_equal(first.linear1.weight.detach(), second.linear1.weight.detach())
    assert len(list(encoder.named_parameters())) == 2 * 12 + 2


def test_an_unknown_activation():
    with pytest.raises(ValueError, match="TransformerEncoderLayer: activation must be one of"):
        nn.TransformerEncoderLayer(4, 2, activation="tanh")


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu", "bias": False}])
def test_values_are_pytorchs(options):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    theirs = transformer(torch.nn, **options).double()
    ours = transformer(nn, **options).double()
    ours.load_state_dict(theirs.state_dict())
    padding = np.array([[False, False, False, True], [False] * 4])
    our_x, their_x = (
        cnet.tensor(SOURCE, requires_grad=True),
        torch.tensor(SOURCE, requires_grad=True),
    )
    y = ours(our_x, TARGET, memory_key_padding_mask=padding)
    expected = theirs(their_x, torch.tensor(TARGET), memory_key_padding_mask=torch.tensor(padding))
    np.testing.assert_allclose(y.detach(), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    y.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(our_x.grad, their_x.grad.numpy(), rtol=1e-7, atol=1e-12)
