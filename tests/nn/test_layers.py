"""Layers without another framework: shapes, options passed to the function, repr, errors."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn, optim, random

X = np.linspace(-1, 1, 2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: nn.Conv2d(1, 8, 5, padding=2),
         "Conv2d(1, 8, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"),
        (lambda: nn.Conv2d(4, 8, (3, 2), 2, dilation=(1, 2), groups=2, bias=False),
         "Conv2d(4, 8, kernel_size=(3, 2), stride=(2, 2), dilation=(1, 2), groups=2, bias=False)"),
        (lambda: nn.Conv2d(1, 2, 3, padding="same"),
         "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=same)"),
        (lambda: nn.Linear(3, 2), "Linear(in_features=3, out_features=2, bias=True)"),
        (lambda: nn.MaxPool2d(2),
         "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
        (lambda: nn.AvgPool2d((3, 2), 1, padding=1),
         "AvgPool2d(kernel_size=(3, 2), stride=1, padding=1)"),
        (lambda: nn.LeakyReLU(0.1), "LeakyReLU(negative_slope=0.1)"),
        (lambda: nn.LeakyReLU(0.1, True), "LeakyReLU(negative_slope=0.1, inplace=True)"),
        (lambda: nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (lambda: nn.Softmax(), "Softmax(dim=None)"),
        (lambda: nn.BatchNorm2d(4),
         "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, "
         "track_running_stats=True)"),
        (lambda: nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]),
         "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"),
        (lambda: nn.ModuleList(), "ModuleList()"),
        (lambda: nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (lambda: nn.Softmax(dim=-1), "Softmax(dim=-1)"),
        (lambda: nn.LogSoftmax(1), "LogSoftmax(dim=1)"),
        (lambda: nn.Dropout(0.2), "Dropout(p=0.2, inplace=False)"),
        (lambda: nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
        (lambda: nn.Unflatten(1, [2, 2]), "Unflatten(dim=1, unflattened_size=[2, 2])"),
        (lambda: nn.Identity(3, a=4), "Identity()"),
        (lambda: nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
    ],
)  # fmt: skip
def test_repr(layer, text):
    assert repr(layer()) == text


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "Conv2d: groups must divide in_channels (got 3 and 4)",
         lambda: nn.Conv2d(4, 6, 3, groups=3)),
        (ValueError, "Conv2d: groups must divide out_channels (got 2 and 5)",
         lambda: nn.Conv2d(4, 5, 3, groups=2)),
        (ValueError, "Conv2d: groups must be at least 1 (got 0)",
         lambda: nn.Conv2d(4, 5, 3, groups=0)),
        (ValueError, "Conv2d: in_channels must be at least 0 (got -1)",
         lambda: nn.Conv2d(-1, 5, 3)),
        (TypeError, "Conv2d: out_channels must be an int (got 5.0)", lambda: nn.Conv2d(1, 5.0, 3)),
        (ValueError, "Conv2d: kernel_size must be at least 1 (got 0)", lambda: nn.Conv2d(1, 5, 0)),
        (ValueError, "Conv2d: kernel_size must have 2 items (got 3: (1, 2, 3))",
         lambda: nn.Conv2d(1, 5, (1, 2, 3))),
        (ValueError, "Conv2d: stride must be at least 1 (got 0)",
         lambda: nn.Conv2d(1, 5, 3, stride=0)),
        (ValueError, "Conv2d: padding must be at least 0 (got (1, -1))",
         lambda: nn.Conv2d(1, 5, 3, padding=(1, -1))),
        (ValueError,
         "Conv2d: padding must be a number, a pair, 'valid' or 'same' (got 'full')",
         lambda: nn.Conv2d(1, 5, 3, padding="full")),
        (ValueError, "Conv2d: padding='same' needs stride 1 (got (2, 2))",
         lambda: nn.Conv2d(1, 5, 3, stride=2, padding="same")),
        (TypeError, "Conv2d: dilation must be an int or a pair of ints (got 1.5)",
         lambda: nn.Conv2d(1, 5, 3, dilation=1.5)),
        (ValueError, "Conv2d: padding_mode must be one of "
         "('zeros', 'reflect', 'replicate', 'circular') (got 'mirror')",
         lambda: nn.Conv2d(1, 5, 3, padding_mode="mirror")),
        (TypeError, "Conv2d: dtype must be float32 or float64 (got float16)",
         lambda: nn.Conv2d(1, 5, 3, dtype=np.float16)),
        (ValueError, "Linear: in_features must be at least 0 (got -1)", lambda: nn.Linear(-1, 2)),
        (TypeError, "Linear: out_features must be an int (got '2')", lambda: nn.Linear(1, "2")),
        (TypeError, "Linear: dtype must be float32 or float64 (got int32)",
         lambda: nn.Linear(1, 2, dtype="int32")),
        (RuntimeError, "Linear: device must be 'cpu' (got 'cuda')",
         lambda: nn.Linear(1, 2, device="cuda")),
        (ValueError, "MaxPool2d: kernel_size must be at least 1 (got 0)", lambda: nn.MaxPool2d(0)),
        (ValueError,
         "MaxPool2d: padding must be at most half of kernel_size (got (2, 2) and (3, 3))",
         lambda: nn.MaxPool2d(3, padding=2)),
        (ValueError, "AvgPool2d: stride must be at least 1 (got 0)", lambda: nn.AvgPool2d(2, 0)),
        (ValueError, "AvgPool2d: divisor_override must not be zero",
         lambda: nn.AvgPool2d(2, divisor_override=0)),
        (ValueError, "Dropout: p must be between 0 and 1 (got 1.5)", lambda: nn.Dropout(1.5)),
        (ValueError, "Dropout: p must be between 0 and 1 (got nan)",
         lambda: nn.Dropout(float("nan"))),
        (ValueError, "Unflatten: dim must be an axis of input (got 2 and (2, 4))",
         lambda: nn.Unflatten(2, (2, 2))(np.zeros((2, 4)))),
        (ValueError, "unflatten: the product of sizes must be the size of dim (got (2, 3) and 4)",
         lambda: nn.Unflatten(1, (2, 3))(np.zeros((2, 4)))),
        (ValueError,
         "CrossEntropyLoss: label_smoothing must be between 0 and 1 (got -0.1)",
         lambda: nn.CrossEntropyLoss(label_smoothing=-0.1)),
        (ValueError,
         "MSELoss: reduction must be 'mean', 'sum' or 'none' (got 'avg')",
         lambda: nn.MSELoss(reduction="avg")),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert str(caught.value) == message


@pytest.mark.parametrize("options", [{}, {"dtype": np.float64}, {"dtype": "float64"}])
def test_dtype_of_the_parameters(options):
    expected = np.dtype(options.get("dtype", np.float32))
    for layer in (nn.Linear(2, 3, **options), nn.Conv2d(2, 3, 1, **options)):
        assert {parameter.dtype for parameter in layer.parameters()} == {expected}


def test_weight_shapes():
    conv = nn.Conv2d(6, 8, (3, 5), groups=2)
    assert conv.weight.shape == (8, 3, 3, 5)
    assert conv.bias.shape == (8,)
    assert nn.Conv2d(1, 2, 3, bias=False).bias is None
    assert nn.Linear(3, 2).weight.shape == (2, 3)
    assert nn.Linear(3, 2, bias=False).bias is None


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 4, 3), (2, 4, 6, 6)),
        (nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0)), (2, 4, 4, 7)),
        (nn.Conv2d(3, 4, 4, padding="same", dilation=2), (2, 4, 8, 8)),
        (nn.Conv2d(3, 4, 3, padding="valid"), (2, 4, 6, 6)),
        (nn.Conv2d(3, 6, 3, groups=3, padding=1), (2, 6, 8, 8)),
        (nn.MaxPool2d(3, 2, padding=1), (2, 3, 4, 4)),
        (nn.MaxPool2d(3, 2, ceil_mode=True), (2, 3, 4, 4)),
        (nn.MaxPool2d(3, 2, dilation=2), (2, 3, 2, 2)),
        (nn.AvgPool2d((2, 3)), (2, 3, 4, 2)),
        (nn.Flatten(), (2, 192)),
        (nn.Flatten(0, 1), (6, 8, 8)),
        (nn.Unflatten(1, (1, 3)), (2, 1, 3, 8, 8)),
        (nn.Unflatten(-1, (2, -1)), (2, 3, 8, 2, 4)),
        (nn.Linear(8, 5), (2, 3, 8, 5)),
    ],
)
def test_shapes(layer, shape):
    assert layer(X).shape == layer(cnet.tensor(X)).shape == shape


def test_max_pool_returns_indices_when_asked():
    y, indices = nn.MaxPool2d(2, return_indices=True)(X)
    picked = np.take_along_axis(
        X.reshape(2, 3, 64), indices.detach().numpy().reshape(2, 3, 16), axis=2
    )
    assert np.array_equal(picked, y.detach().numpy().reshape(2, 3, 16))


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 1, "padding": 1, "ceil_mode": True},
        {"padding": 1, "count_include_pad": False},
        {"divisor_override": 3},
    ],
)
def test_average_pooling_options_reach_the_function(options):
    y = nn.AvgPool2d(2, **options)(X)
    assert np.array_equal(y.detach().numpy(), F.avg_pool2d(X, 2, **options).detach().numpy())
    plain = F.avg_pool2d(X, 2).detach().numpy()
    assert y.shape != plain.shape or not np.array_equal(y.detach().numpy(), plain)


def test_dropout_drops_only_while_training():
    layer, x = nn.Dropout(0.25), np.ones((100, 100), np.float32)
    assert np.array_equal(layer.eval()(x).detach().numpy(), x)
    state = random.get_rng_state()
    random.manual_seed(0)
    y = layer.train()(x).detach().numpy()
    random.manual_seed(0)
    assert np.array_equal(layer(x).detach().numpy(), y)
    assert not np.array_equal(layer(x).detach().numpy(), y)
    random.set_rng_state(state)
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_loss_weights_are_buffers():
    loss = nn.CrossEntropyLoss(np.ones(3))
    assert list(loss.state_dict()) == ["weight"]
    assert list(loss.parameters()) == []
    assert loss.float()(np.zeros((2, 3), np.float32), np.array([0, 1])).dtype == np.float32
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    weighted = nn.BCEWithLogitsLoss(np.ones(3), pos_weight=np.ones(3))
    assert list(weighted.state_dict()) == ["weight", "pos_weight"]


def test_a_small_cnn_learns():
    state = random.get_rng_state()
    random.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * 4 * 4, 2),
    )  # fmt: skip
    random.set_rng_state(state)
    opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = np.zeros((8, 1, 8, 8), np.float32)
    x[::2, :, :, 4:] = 1
    losses = []
    for _ in range(20):
        loss = nn.CrossEntropyLoss()(model(x), np.arange(8) % 2)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_the_first_argument_is_named_as_pytorchs():
    x = cnet.tensor(np.ones((1, 2, 4, 4), np.float32))
    layers = [
        nn.Conv2d(2, 3, 1), nn.Linear(4, 2), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.BatchNorm2d(2),
        nn.ReLU(), nn.LeakyReLU(), nn.Tanh(), nn.Sigmoid(), nn.Softmax(1), nn.LogSoftmax(1),
        nn.Dropout(), nn.Flatten(), nn.Unflatten(1, (1, 2)), nn.Identity(), nn.Sequential(),
    ]  # fmt: skip
    for layer in layers:
        layer.eval()
        np.testing.assert_array_equal(layer(input=x).detach(), layer(x).detach())


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (lambda: nn.Linear(0, 3), (2, 0), (2, 3)),
        (lambda: nn.Linear(3, 0), (2, 3), (2, 0)),
        (lambda: nn.LazyLinear(3), (2, 0), (2, 3)),
        (lambda: nn.Conv1d(0, 2, 3, groups=2), (2, 0, 5), (2, 2, 3)),
        (lambda: nn.Conv2d(0, 3, 3), (2, 0, 5, 5), (2, 3, 3, 3)),
        (lambda: nn.Conv2d(3, 0, 3), (2, 3, 5, 5), (2, 0, 3, 3)),
        (lambda: nn.LazyConv3d(0, 2), (2, 1, 3, 3, 3), (2, 0, 2, 2, 2)),
        (lambda: nn.ConvTranspose2d(0, 3, 3), (2, 0, 3, 3), (2, 3, 5, 5)),
        (lambda: nn.ConvTranspose2d(3, 0, 3), (2, 3, 3, 3), (2, 0, 5, 5)),
        (lambda: nn.GRUCell(0, 3), (2, 0), (2, 3)),
        (lambda: nn.RNNCell(3, 0), (2, 3), (2, 0)),
        (lambda: nn.GroupNorm(2, 0), (2, 0, 3), (2, 0, 3)),
    ],
)
def test_layers_without_features(make, shape, expected):
    layer, x = make(), cnet.ones(*shape).requires_grad_()
    y = layer(x)
    assert y.shape == expected
    y.sum().backward()
    assert x.grad.shape == shape
    assert [p.grad.shape for p in layer.parameters()] == [p.shape for p in layer.parameters()]


@pytest.mark.parametrize("layer", [nn.Linear(0, 3), nn.Conv2d(0, 3, 2)])
def test_the_bias_of_layers_without_inputs_is_zero(layer):
    np.testing.assert_array_equal(layer.bias.detach(), np.zeros(3))


def test_plans_of_layers_without_features_are_refused():
    model = nn.Sequential(nn.Linear(3, 0), nn.ReLU(), nn.Linear(0, 2)).eval()
    with pytest.raises(TypeError, match="a plan cannot compute Linear"):
        cnet.compile(model, np.ones((2, 3), np.float32))
