"""Layers that models share."""

import numpy as np
import pytest

import cnet
from cnet import models, nn
from cnet.models._utils import IntermediateLayerGetter
from cnet.models.cifar import PadShortcut
from cnet.models.convnext import LayerNorm2d
from cnet.models.layers import (
    Conv2dNormActivation,
    Permute,
    SqueezeExcitation,
    StochasticDepth,
    make_divisible,
)

X = np.random.default_rng(0).normal(size=(3, 6, 5, 4))


@pytest.mark.parametrize(
    ("options", "padding", "bias", "types"),
    [
        ({}, (1, 1), False, [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]),
        ({"kernel_size": 5, "dilation": 2}, (4, 4), False, [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]),
        ({"kernel_size": (1, 7)}, (0, 3), False, [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]),
        ({"kernel_size": 3, "dilation": (1, 2)}, (1, 2), False, None),
        ({"kernel_size": 1, "padding": 2}, (2, 2), False, None),
        ({"norm_layer": None}, (1, 1), True, [nn.Conv2d, nn.ReLU]),
        ({"activation_layer": None, "bias": True}, (1, 1), True, [nn.Conv2d, nn.BatchNorm2d]),
        ({"activation_layer": nn.Tanh, "inplace": None}, (1, 1), False, None),
    ],
)
def test_conv2d_norm_activation(options, padding, bias, types) -> None:
    layer = Conv2dNormActivation(6, 4, **options)
    assert layer[0].padding == padding
    assert (layer[0].bias is not None) == bias
    assert layer.out_channels == 4
    if types is not None:
        assert [type(module) for module in layer] == types


def test_the_activation_is_in_place_unless_told_otherwise() -> None:
    assert Conv2dNormActivation(6, 4)[2].inplace
    assert not Conv2dNormActivation(6, 4, inplace=False)[2].inplace


def test_squeeze_excitation() -> None:
    layer = SqueezeExcitation(6, 2).double()
    w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in layer.parameters())
    squeezed = np.maximum(X.mean((2, 3)) @ w1[:, :, 0, 0].T + b1, 0)
    scale = 1 / (1 + np.exp(-(squeezed @ w2[:, :, 0, 0].T + b2)))
    expected = X * scale[:, :, None, None]
    np.testing.assert_allclose(layer(cnet.tensor(X)).detach().numpy(), expected, rtol=1e-12)
    assert cnet.gradcheck(layer, cnet.tensor(X, requires_grad=True))


@pytest.mark.parametrize(("mode", "choices"), [("row", 400), ("batch", 1)])
def test_stochastic_depth_skips_samples(mode: str, choices: int) -> None:
    cnet.manual_seed(0)
    layer = StochasticDepth(0.25, mode)
    x = np.random.default_rng(0).normal(size=(400, 3, 2))
    ratio = layer(cnet.tensor(x)).numpy() / x
    assert np.allclose(ratio, ratio[:, :1, :1])
    kept = ratio[:, 0, 0] > 0
    np.testing.assert_allclose(ratio[kept], 4 / 3)
    if choices == 1:
        assert kept.all() or not kept.any()
    else:
        assert 0.65 < kept.mean() < 0.85


def test_stochastic_depth_of_one_sample_for_all() -> None:
    cnet.manual_seed(0)
    layer = StochasticDepth(0.5, "batch")
    kept = [bool(layer(cnet.tensor(np.ones((3, 2)))).numpy().any()) for _ in range(40)]
    assert 5 < sum(kept) < 35


def test_stochastic_depth_at_the_bounds() -> None:
    x = cnet.tensor(np.ones((3, 2)), requires_grad=True)
    assert StochasticDepth(0.0, "row")(x) is x
    assert StochasticDepth(0.5, "row").eval()(x) is x
    skipped = StochasticDepth(1.0, "row")(x)
    skipped.sum().backward()
    assert not skipped.detach().numpy().any()
    assert not x.grad.numpy().any()
    assert repr(StochasticDepth(0.5, "row")) == "StochasticDepth(p=0.5, mode=row)"


@pytest.mark.parametrize(
    ("p", "mode", "message"),
    [
        (1.5, "row", "p must be between 0 and 1 (got 1.5)"),
        (-0.1, "row", "p must be between 0 and 1 (got -0.1)"),
        (0.5, "column", "mode must be 'batch' or 'row' (got 'column')"),
    ],
)
def test_stochastic_depth_refuses(p: float, mode: str, message: str) -> None:
    with pytest.raises(ValueError, match="StochasticDepth") as error:
        StochasticDepth(p, mode)
    assert message in str(error.value)


def test_permute() -> None:
    y = Permute([0, 2, 3, 1])(cnet.tensor(X))
    np.testing.assert_array_equal(y.numpy(), X.transpose(0, 2, 3, 1))


def test_layer_norm_of_channels() -> None:
    layer = LayerNorm2d(6, eps=0.0).double()
    expected = (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)
    np.testing.assert_allclose(layer(cnet.tensor(X)).detach().numpy(), expected, atol=1e-12)
    assert cnet.gradcheck(layer, cnet.tensor(X, requires_grad=True))


def test_pad_shortcut() -> None:
    y = PadShortcut(3)(cnet.tensor(X)).numpy()
    assert y.shape == (3, 9, 3, 2)
    np.testing.assert_array_equal(y[:, 1:7], X[:, :, ::2, ::2])
    assert not y[:, [0, 7, 8]].any()


@pytest.mark.parametrize(
    ("value", "divisor", "expected"),
    [(8, 8, 8), (3, 8, 8), (11, 8, 16), (12, 8, 16), (19.9, 8, 24), (20, 8, 24), (100, 10, 100)],
)
def test_make_divisible(value: float, divisor: int, expected: int) -> None:
    assert make_divisible(value, divisor) == expected


def test_intermediate_layers() -> None:
    net = models.resnet18(num_classes=3).eval()
    body = IntermediateLayerGetter(net, {"layer3": "c", "layer1": "a"})
    assert list(body) == ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"]
    images = cnet.randn(1, 3, 32, 32)
    found = body(images)
    first = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(images)))))
    assert list(found) == ["a", "c"]
    assert found["a"].equal(first)
    assert found["c"].equal(net.layer3(net.layer2(first)))
    with pytest.raises(ValueError, match=r"must name children of model \(got \['layer9'\] and \["):
        IntermediateLayerGetter(net, {"layer9": "x", "layer1": "a"})
