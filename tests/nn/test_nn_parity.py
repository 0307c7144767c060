"""Layers, names and repr against PyTorch, with its weights copied over."""

import inspect
from collections import OrderedDict

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn import init

torch = pytest.importorskip("torch", reason="compares with PyTorch")

X = np.random.default_rng(0).normal(size=(4, 6, 9, 8))
LOGITS = np.random.default_rng(1).normal(size=(5, 4))
TARGET = np.array([0, 3, 2, -100, 1])
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}

LAYERS = [
    (lambda m: m.Conv2d(6, 4, 3), X),
    (lambda m: m.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2)), X),
    (lambda m: m.Conv2d(6, 9, 3, padding="same", groups=3, dilation=2), X),
    (lambda m: m.Conv2d(6, 6, 2, padding="valid", groups=6, bias=False), X),
    (lambda m: m.Linear(8, 5), X),
    (lambda m: m.Linear(4, 3, bias=False), LOGITS),
    (lambda m: m.MaxPool2d(2), X),
    (lambda m: m.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), X),
    (lambda m: m.MaxPool2d((3, 2), (1, 2), dilation=(2, 1)), X),
    (lambda m: m.AvgPool2d(3, 2), X),
    (lambda m: m.AvgPool2d((2, 3), stride=2, padding=1, ceil_mode=True), X),
    (lambda m: m.AvgPool2d(3, 1, 1, count_include_pad=False), X),
    (lambda m: m.AvgPool2d(2, divisor_override=3), X),
    (lambda m: m.BatchNorm2d(6), X),
    (lambda m: m.BatchNorm2d(6, eps=0.1, affine=False).eval(), X),
    (lambda m: m.BatchNorm2d(6, track_running_stats=False).eval(), X),
    (lambda m: m.BatchNorm1d(6, momentum=None), X[..., 0]),
    (lambda m: m.BatchNorm1d(4), LOGITS),
    (lambda m: m.ReLU(), X),
    (lambda m: m.LeakyReLU(0.2), X),
    (lambda m: m.GELU(), X),
    (lambda m: m.GELU(approximate="tanh"), X),
    (lambda m: m.Tanh(), X),
    (lambda m: m.Sigmoid(), X),
    (lambda m: m.Softmax(dim=1), X),
    (lambda m: m.LogSoftmax(dim=-1), X),
    (lambda m: m.Flatten(), X),
    (lambda m: m.Flatten(1, 2), X),
    (lambda m: m.Unflatten(1, (2, 3)), X),
    (lambda m: m.Identity(), X),
    (lambda m: m.Dropout(0.3).eval(), X),
    (lambda m: m.Sequential(m.Conv2d(6, 2, 3), m.ReLU(), m.MaxPool2d(2), m.Flatten()), X),
    (lambda m: m.BatchNorm3d(6), X[..., None]),
    (lambda m: m.InstanceNorm2d(6), X),
    (lambda m: m.InstanceNorm2d(6, affine=True, track_running_stats=True), X),
    (lambda m: m.InstanceNorm2d(6, affine=True, track_running_stats=True).eval(), X[0]),
    (lambda m: m.InstanceNorm1d(6, eps=0.1), X[..., 0]),
    (lambda m: m.InstanceNorm3d(6, affine=True, bias=False), X[:, :, None]),
    (lambda m: m.LayerNorm(8), X),
    (lambda m: m.LayerNorm([9, 8], bias=False), X),
    (lambda m: m.RMSNorm((9, 8)), X),
    (lambda m: m.GroupNorm(3, 6), X),
    (lambda m: m.GroupNorm(2, 4, affine=False), LOGITS),
    (lambda m: m.LocalResponseNorm(3, 0.5), X),
    (lambda m: m.Sequential(m.Dropout2d(0.3), m.AlphaDropout(0.3)).eval(), X),
    (lambda m: m.TransformerEncoderLayer(8, 2, 16, dropout=0.0), X[0]),
    (
        lambda m: m.TransformerEncoderLayer(
            8, 2, 16, 0.0, "gelu", norm_first=True, batch_first=True
        ),
        X[0],
    ),
]

WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])
BINARY = (LOGITS > 0.3).astype(float)
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
LOSSES = [
    ("CrossEntropyLoss", {}, TARGET),
    ("CrossEntropyLoss", {"reduction": "sum", "label_smoothing": 0.2}, TARGET),
    ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.1}, TARGET),
    ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 3}, np.array([0, 3, 2, 2, 1])),
    ("CrossEntropyLoss", {"reduction": "none"}, TARGET),
    ("NLLLoss", {}, TARGET),
    ("NLLLoss", {"weight": WEIGHT, "reduction": "sum"}, np.array([0, 3, 2, 2, 1])),
    ("NLLLoss", {"ignore_index": 3}, np.array([0, 3, 2, 2, 1])),
    ("MSELoss", {}, BINARY),
    ("MSELoss", {"reduction": "sum"}, BINARY),
    ("L1Loss", {"reduction": "none"}, BINARY),
    ("BCELoss", {}, BINARY),
    ("SmoothL1Loss", {"beta": 0.5}, BINARY),
    ("HuberLoss", {"delta": 0.5, "reduction": "sum"}, BINARY),
    ("KLDivLoss", {"reduction": "batchmean"}, SHARES),
    ("PoissonNLLLoss", {"full": True}, 3 * BINARY),
    ("HingeEmbeddingLoss", {"margin": 0.5}, 2 * BINARY - 1),
    ("SoftMarginLoss", {}, 2 * BINARY - 1),
    ("MultiMarginLoss", {"p": 2, "weight": WEIGHT}, np.array([0, 3, 2, 2, 1])),
    ("MultiLabelMarginLoss", {"reduction": "none"}, np.array([[3, 0, -1, 1]] * 5)),
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHT}, BINARY),
    ("BCEWithLogitsLoss", {}, BINARY),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": 2 * WEIGHT, "reduction": "sum"}, BINARY),
]  # fmt: skip


def assert_close(ours, theirs, dtype):
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def lenet(m):
    return m.Sequential(
        OrderedDict(
            features=m.Sequential(
                m.Conv2d(1, 6, 5, padding=2), m.ReLU(), m.AvgPool2d(2, 2),
                m.Conv2d(6, 16, 5), m.Tanh(), m.MaxPool2d(2),
            ),
            flatten=m.Flatten(),
            classifier=m.ModuleDict({"hidden": m.Linear(400, 84), "out": m.Linear(84, 10)}),
            spare=m.ModuleList([m.Linear(2, 2, bias=False), m.Identity()]),
        )
    )  # fmt: skip


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.mark.parametrize(("make", "x"), LAYERS)
def test_layers(make, x, dtype):
    theirs = make(torch.nn).to(getattr(torch, np.dtype(dtype).name))
    ours = make(nn).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    our_x = cnet.tensor(x.astype(dtype), requires_grad=True)
    their_x = torch.tensor(x.astype(dtype), requires_grad=True)
    our_y, their_y = ours(our_x), theirs(their_x)
    assert_close(our_y.detach().numpy(), their_y, dtype)
    gradient = np.random.default_rng(2).normal(size=our_y.shape).astype(dtype)
    our_y.backward(gradient)
    their_y.backward(torch.from_numpy(gradient))
    assert_close(our_x.grad.numpy(), their_x.grad, dtype)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(our.grad.numpy(), their.grad, dtype)


@pytest.mark.parametrize(("name", "options", "target"), LOSSES)
def test_losses(name, options, target, dtype):
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    arrays = {k: v.astype(dtype) for k, v in options.items() if isinstance(v, np.ndarray)}
    ours = getattr(nn, name)(**{**options, **arrays})
    theirs = getattr(torch.nn, name)(
        **{**options, **{k: torch.from_numpy(v) for k, v in arrays.items()}}
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = (SHARES if name == "BCELoss" else LOGITS).astype(dtype)
    our_x, their_x = cnet.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    our_loss, their_loss = ours(our_x, target), theirs(their_x, torch.from_numpy(target))
    assert_close(our_loss.detach().numpy(), their_loss, dtype)
    our_loss.sum().backward()
    their_loss.sum().backward()
    assert_close(our_x.grad.numpy(), their_x.grad, dtype)


def test_names_shapes_and_order_of_the_state():
    ours, theirs = lenet(nn), lenet(torch.nn)
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    for walk in ("named_parameters", "named_modules", "named_children"):
        assert [k for k, _ in getattr(ours, walk)()] == [k for k, _ in getattr(theirs, walk)()]


def test_the_state_goes_both_ways():
    ours, theirs = lenet(nn), lenet(torch.nn)
    ours.load_state_dict(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert np.array_equal(ours.state_dict()[name], value.numpy())
    again = lenet(nn)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in again.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 1, 28, 28)).astype(np.float32)
    assert_close(
        again.features(x).detach().numpy(), theirs.features(torch.from_numpy(x)), np.float32
    )


def test_repr():
    ours = repr(lenet(nn))
    assert ours == repr(lenet(torch.nn))
    assert ours.count("\n") > 15


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains(nonlinearity):
    expected = torch.nn.init.calculate_gain(nonlinearity)
    assert init.calculate_gain(nonlinearity) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {"a": 5**0.5}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", {"nonlinearity": "tanh"}),
    ],
)
def test_deviation_of_initial_values(name, options):
    ours = getattr(init, name)(np.empty((64, 64, 5, 5)), **options)
    theirs = getattr(torch.nn.init, name)(torch.empty(64, 64, 5, 5), **options).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)


@pytest.mark.parametrize("layer", [lambda m: m.Conv2d(8, 32, 5), lambda m: m.Linear(200, 80)])
def test_layers_start_from_the_same_distribution(layer):
    ours, theirs = layer(nn).state_dict(), layer(torch.nn).state_dict()
    for name, value in ours.items():
        bound = np.abs(theirs[name].numpy()).max()
        assert np.abs(value).max() == pytest.approx(bound, rel=0.15)
    assert ours["weight"].std() == pytest.approx(theirs["weight"].numpy().std(), rel=0.03)


def _modules(m):
    yield m.Sequential(
        m.Conv2d(3, 4, 3, padding=1), m.ReLU(inplace=True), m.MaxPool2d(2), m.Linear(4, 3),
        m.Dropout(0.2), m.BatchNorm2d(4), m.Sequential(m.Tanh(), m.Sigmoid()),
    )  # fmt: skip
    yield m.ModuleList([m.Linear(2, 2), m.Linear(2, 2), m.Sequential(m.ReLU()), m.Linear(2, 2)])
    yield m.ModuleDict({"a": m.ReLU(), "b": m.Sequential()})
    yield from (m.ModuleList(), m.Sequential(), m.Identity(), m.Flatten(), m.Flatten(0, 2))
    yield from (m.Unflatten(1, (2, 3)), m.Unflatten(1, [2, 3]))
    yield m.Conv2d(4, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, False)
    yield from (m.Conv2d(4, 4, 3, padding="same"), m.Conv2d(4, 4, 1, stride=[2, 2]))
    yield from (m.MaxPool2d((2, 3), (1, 2), 1, 2, ceil_mode=True), m.AvgPool2d((3, 2), 1, 1))
    yield from (m.BatchNorm1d(3), m.BatchNorm2d(3, 0.1, None, False, False))
    yield from (m.Softmax(1), m.Softmax(), m.LogSoftmax(-1), m.LeakyReLU(0.2), m.LeakyReLU(1, True))
    yield from (m.Dropout(1), m.Dropout(0.5, True))
    yield from (m.CrossEntropyLoss(), m.MSELoss(), m.L1Loss(), m.BCEWithLogitsLoss(), m.NLLLoss())
    yield from (m.LayerNorm(3), m.LayerNorm((2, 3), 0.1, False), m.RMSNorm(4), m.GroupNorm(2, 4))
    yield from (m.InstanceNorm2d(3), m.BatchNorm3d(2), m.LocalResponseNorm(2), m.Bilinear(2, 3, 4))
    yield from (m.Embedding(3, 2), m.Embedding(3, 2, 1, 2.0, 1.0, True, True), m.Dropout2d(0.1))
    yield from (m.EmbeddingBag(3, 2), m.EmbeddingBag(3, 2, 1.0, mode="sum", padding_idx=0))
    yield from (m.MultiheadAttention(4, 2), m.TripletMarginWithDistanceLoss(), m.CTCLoss())
    yield from (m.PairwiseDistance(), m.CosineSimilarity(), m.TransformerEncoderLayer(4, 2, 8))


def test_layers_are_shown_as_pytorchs():
    for ours, theirs in zip(_modules(nn), _modules(torch.nn), strict=True):
        assert repr(ours) == repr(theirs)


SAME_SIGNATURES = [
    "AlphaDropout", "BCELoss", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Bilinear",
    "CTCLoss", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss", "CrossMapLRN2d",
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "Embedding", "EmbeddingBag",
    "FeatureAlphaDropout", "GaussianNLLLoss", "GroupNorm", "HingeEmbeddingLoss", "HuberLoss",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "KLDivLoss", "L1Loss", "LayerNorm",
    "Linear", "LocalResponseNorm", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "MultiheadAttention", "NLLLoss",
    "PairwiseDistance", "PoissonNLLLoss", "RMSNorm", "SmoothL1Loss", "SoftMarginLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss", "TransformerEncoderLayer",
    "TransformerEncoder", "TransformerDecoderLayer", "TransformerDecoder", "Transformer",
]  # fmt: skip


@pytest.mark.parametrize("name", SAME_SIGNATURES)
def test_constructors_and_calls_have_pytorchs_arguments(name):
    for method in ("__init__", "forward"):
        ours, theirs = (
            [
                (p.name, p.kind, None if callable(p.default) else p.default)
                for p in inspect.signature(getattr(getattr(m, name), method)).parameters.values()
            ]
            for m in (nn, torch.nn)
        )
        assert ours == theirs
