"""Activation layers: they call their function, and their `repr` is PyTorch's."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn

X = np.random.default_rng(0).normal(0, 3, (2, 4, 3, 3))
LAYERS = [
    ("ReLU(inplace=True)", lambda x: F.relu(x)),
    ("ReLU()", F.relu),
    ("ReLU6()", F.relu6),
    ("LeakyReLU(negative_slope=0.2)", lambda x: F.leaky_relu(x, 0.2)),
    ("LeakyReLU(negative_slope=0.01, inplace=True)", F.leaky_relu),
    ("ELU(alpha=2.0)", lambda x: F.elu(x, 2.0)),
    ("ELU(alpha=1.0, inplace=True)", F.elu),
    ("SELU()", F.selu),
    ("CELU(alpha=2.0)", lambda x: F.celu(x, 2.0)),
    ("Threshold(threshold=0.5, value=-1.0)", lambda x: F.threshold(x, 0.5, -1.0)),
    ("Hardtanh(min_val=-2.0, max_val=1.0)", lambda x: F.hardtanh(x, -2.0, 1.0)),
    ("GELU(approximate='tanh')", lambda x: F.gelu(x, "tanh")),
    ("SiLU(inplace=True)", F.silu),
    ("Mish()", F.mish),
    ("Hardswish()", F.hardswish),
    ("Hardsigmoid()", F.hardsigmoid),
    ("Softplus(beta=2.0, threshold=5.0)", lambda x: F.softplus(x, 2.0, 5.0)),
    ("Softsign()", F.softsign),
    ("LogSigmoid()", F.logsigmoid),
    ("Hardshrink(0.75)", lambda x: F.hardshrink(x, 0.75)),
    ("Softshrink(0.75)", lambda x: F.softshrink(x, 0.75)),
    ("Tanhshrink()", F.tanhshrink),
    ("GLU(dim=1)", lambda x: F.glu(x, 1)),
    ("Tanh()", F.tanh),
    ("Sigmoid()", F.sigmoid),
    ("Softmax(dim=1)", lambda x: F.softmax(x, 1)),
    ("LogSoftmax(dim=1)", lambda x: F.log_softmax(x, 1)),
    ("Softmin(dim=-1)", lambda x: F.softmin(x, -1)),
    ("Softmax2d()", lambda x: F.softmax(x, 1)),
    ("PReLU(num_parameters=4)", lambda x: F.prelu(x, np.full(4, 0.25))),
]


@pytest.mark.parametrize(("text", "function"), LAYERS, ids=[text for text, _ in LAYERS])
def test_layers_call_their_function(text, function):
    layer = eval(f"nn.{text}", {"nn": nn}).double()
    assert repr(layer) == text
    np.testing.assert_array_equal(layer(X.copy()).detach(), function(X))


def test_repr_without_parameter_names():
    assert repr(nn.RReLU(0.2, 0.4)) == "RReLU(lower=0.2, upper=0.4)"
    assert repr(nn.Softmax()) == "Softmax(dim=None)"
    assert repr(nn.LeakyReLU(inplace=True)) == "LeakyReLU(negative_slope=0.01, inplace=True)"


def test_prelu_has_a_parameter():
    layer = nn.PReLU(3, init=0.5)
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight.tolist() == [0.5] * 3
    layer(X[:, :3].astype(np.float32)).sum().backward()
    negative = np.where(X[:, :3] > 0, 0, X[:, :3]).sum((0, 2, 3))
    np.testing.assert_allclose(layer.weight.grad, negative, rtol=1e-5)
