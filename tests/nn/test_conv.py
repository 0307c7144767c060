"""Convolution layers: shapes, text, padding modes, the size of transposed results, errors."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn

SIZES = (7, 6, 5)


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: nn.Conv1d(4, 8, 3, 2, groups=2, bias=False),
         "Conv1d(4, 8, kernel_size=(3,), stride=(2,), groups=2, bias=False)"),
        (lambda: nn.Conv3d(1, 2, (1, 2, 3), padding=(0, 1, 0), padding_mode="circular"),
         "Conv3d(1, 2, kernel_size=(1, 2, 3), stride=(1, 1, 1), padding=(0, 1, 0), "
         "padding_mode=circular)"),
        (lambda: nn.ConvTranspose2d(3, 2, 3, 2, 1, 1, dilation=2),
         "ConvTranspose2d(3, 2, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
         "dilation=(2, 2), output_padding=(1, 1))"),
    ],
)  # fmt: skip
def test_repr(layer, text):
    assert repr(layer()) == text


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_parameters(axes):
    layer = getattr(nn, f"Conv{axes}d")(4, 6, 3, groups=2)
    assert layer.weight.shape == (6, 2, *[3] * axes)
    bound = 1 / np.sqrt(2 * 3**axes)
    for parameter in layer.parameters():
        assert 0.5 * bound < np.abs(parameter.detach().numpy()).max() <= bound
    layer = getattr(nn, f"ConvTranspose{axes}d")(4, 6, 3, groups=2, dtype=np.float64)
    assert layer.weight.shape == (4, 3, *[3] * axes)
    assert layer.bias.shape == (6,)
    assert layer.weight.dtype == np.float64
    for kind in (f"Conv{axes}d", f"ConvTranspose{axes}d"):
        layer = getattr(nn, kind)(4, 6, 3, device="cpu", dtype=None)
        assert layer.weight.dtype == np.float32
        with pytest.raises(RuntimeError, match=f"{kind}: device must be 'cpu'"):
            getattr(nn, kind)(4, 6, 3, device="cuda")


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, 2, "same"])
def test_padding_modes(axes, mode, padding):
    layer = getattr(nn, f"Conv{axes}d")(2, 3, 2, padding=padding, padding_mode=mode, dilation=3)
    x = numbers(2, 2, *SIZES[:axes])
    ends = [1, 2] * axes if padding == "same" else [padding] * (2 * axes)
    convolve = getattr(F, f"conv{axes}d")
    expected = convolve(F.pad(x, ends, mode), layer.weight, layer.bias, dilation=3)
    np.testing.assert_array_equal(layer(x).detach(), expected.detach())


def test_other_padding_modes_are_not_fused():
    layers = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.MaxPool2d(2)
    x = numbers(2, 2, 6, 6)
    expected = F.max_pool2d(F.relu(layers[0](x)), 2)
    np.testing.assert_array_equal(nn.Sequential(*layers)(x).detach(), expected.detach())


def test_the_size_of_a_transposed_result():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = cnet.tensor(numbers(1, 2, 5, 6))
    assert layer(x).shape == (1, 3, 9, 11)
    assert layer(x, output_size=(10, 11)).shape == (1, 3, 10, 11)
    assert layer(x[0], output_size=(3, 9, 12)).shape == (3, 9, 12)
    with pytest.raises(ValueError, match=r"must be from \(9, 11\) to \(10, 12\) \(got \(11, 11\)"):
        layer(x, output_size=(11, 11))
    with pytest.raises(ValueError, match="output_size must have 2 or 4 items"):
        layer(x, output_size=(10,))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "Conv3d: padding must be a number, 3 numbers, 'valid' or 'same' (got 'full')",
         lambda: nn.Conv3d(1, 1, 3, padding="full")),
        (ValueError, "Conv1d: kernel_size must have 1 items (got 2: (1, 2))",
         lambda: nn.Conv1d(1, 1, (1, 2))),
        (ValueError, "ConvTranspose1d: padding_mode must be one of ('zeros',) (got 'reflect')",
         lambda: nn.ConvTranspose1d(1, 1, 3, padding_mode="reflect")),
        (ValueError, "ConvTranspose2d: output_padding must be less than stride or dilation "
         "(got (1, 1), (1, 1) and (1, 1))", lambda: nn.ConvTranspose2d(1, 1, 3, output_padding=1)),
        (TypeError, "ConvTranspose2d: padding must be an int or a pair of ints (got 'same')",
         lambda: nn.ConvTranspose2d(1, 1, 3, padding="same")),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert str(caught.value) == message
