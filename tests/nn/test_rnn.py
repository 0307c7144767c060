"""Recurrent layers against their formulas in NumPy, gradient checks, and PyTorch."""

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.functional import recurrent
from cnet.gradcheck import gradcheck

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2, 3))
NAMES = ["RNN", "LSTM", "GRU"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh_step(a, b, h):
    return (np.tanh(a + b),)


def lstm_step(a, b, h, c):
    i, f, g, o = np.split(a + b, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(a, b, h):
    (ar, az, an), (br, bz, bn) = np.split(a, 3, 1), np.split(b, 3, 1)
    z, n = sigmoid(az + bz), np.tanh(an + sigmoid(ar + br) * bn)
    return ((1 - z) * n + z * h,)


STEPS = {"RNN": tanh_step, "LSTM": lstm_step, "GRU": gru_step}


def make(m, name, **options):
    cnet.manual_seed(0)
    return getattr(m, name)(3, 4, **options)


def states(layer, *shape):
    """Initial states as arrays: one, or a pair for LSTM."""
    arrays = tuple(RNG.normal(size=(*shape, 4)) for _ in range(2))
    return arrays if type(layer).__name__.startswith("LSTM") else arrays[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_is_its_steps(name):
    layer = make(nn, name, dtype="float64")
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in layer.parameters())
    hx = states(layer, 1, 2)
    h = tuple(state[0] for state in hx) if name == "LSTM" else (hx[0],)
    expected = []
    for x in X:
        h = STEPS[name](x @ w_ih.T + b_ih, h[0] @ w_hh.T + b_hh, *h)
        expected.append(h[0])
    y, last = layer(X, hx)
    np.testing.assert_allclose(y.detach(), expected, rtol=1e-10)
    for ours, theirs in zip(last if name == "LSTM" else (last,), h, strict=True):
        np.testing.assert_allclose(ours.detach()[0], theirs, rtol=1e-10)


@pytest.mark.parametrize("batch_sizes", [[2] * 5, [4, 3, 3]], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("cell", "projected"), [*((cell, False) for cell in recurrent.CELLS), ("lstm", True)]
)
def test_gradients_of_all_arguments(cell, projected, reverse, batch_sizes):
    cells = recurrent.CELLS[cell]
    rows, size, n = 4 * cells.gates, 2 if projected else 4, batch_sizes[0]
    weights = RNG.normal(size=(rows, 3)), RNG.normal(size=(rows, size))
    arrays = X.reshape(10, 3), *weights, *RNG.normal(size=(2, rows))
    w_hr = [RNG.normal(size=(2, 4))] if projected else []
    first = [RNG.normal(size=(n, size)), RNG.normal(size=(n, 4))][: cells.states]

    def run(*args):
        given = args if projected else (*args[:5], None, *args[5:])
        y, *last = recurrent.Recurrent.apply(
            *given, cell=cell, batch_sizes=batch_sizes, reverse=reverse
        )
        return (y * y).sum() + sum((state * state * state).sum() for state in last)

    assert gradcheck(run, (*arrays, *w_hr, *first))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_through_several_layers(name):
    layer = make(nn, name, num_layers=2, bidirectional=True, dtype="float64")
    hx = states(layer, 4, 2)

    def run(x, *given):
        y, last = layer(x, given if name == "LSTM" else given[0])
        return y.sum() + sum((part * part).sum() for part in (last if name == "LSTM" else (last,)))

    assert gradcheck(run, (X[:3], *(hx if name == "LSTM" else (hx,))))


@pytest.mark.parametrize("name", NAMES)
def test_single_sequences_and_the_order_of_axes(name):
    layer = make(nn, name, dtype="float64")
    y, _ = layer(X)
    single, last = layer(X[:, 0])
    np.testing.assert_allclose(single.detach(), y.detach()[:, 0], rtol=1e-12)
    assert (last[0] if name == "LSTM" else last).shape == (1, 4)
    layer.batch_first = True
    swapped, _ = layer(X.transpose(1, 0, 2))
    np.testing.assert_allclose(swapped.detach().transpose(0, 1), y.detach(), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_single_steps(name):
    layer, cell = make(nn, name, dtype="float64"), make(nn, f"{name}Cell", dtype="float64")
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    y, _ = layer(X)
    h = cell(X[0])
    np.testing.assert_allclose((h[0] if name == "LSTM" else h).detach(), y.detach()[0], rtol=1e-12)
    h = cell(X[1], h)
    np.testing.assert_allclose((h[0] if name == "LSTM" else h).detach(), y.detach()[1], rtol=1e-12)
    h = cell(X[0, 0])
    assert (h[0] if name == "LSTM" else h).shape == (4,)


def test_dropout_between_layers():
    layer = make(nn, "RNN", num_layers=2, dropout=1.0, dtype="float64")
    y, _ = layer(X)
    changed, _ = layer(X + 1)
    np.testing.assert_array_equal(y.detach(), changed.detach())
    evaluated, _ = layer.eval()(X)
    assert np.abs(evaluated.detach() - y.detach()).max() > 1e-3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), ValueError, "RNN: nonlinearity must be one of"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "LSTM: proj_size must be less than"),
        (lambda: nn.LSTM(3, 4, proj_size=-1), ValueError, "LSTM: proj_size must be at least 0"),
        (lambda: nn.RNNBase("GRU", 3, 4, proj_size=2), ValueError, "only LSTM has proj_size"),
        (lambda: nn.RNNBase("CNN", 3, 4), ValueError, "RNNBase: mode must be one of"),
        (lambda: nn.GRU(3, 0), ValueError, "GRU: hidden_size must be at least 1"),
        (lambda: nn.GRU(3, 4, dropout=2), ValueError, "GRU: dropout must be between 0 and 1"),
        (lambda: nn.GRU(3, 4)(X[0, 0]), ValueError, "GRU: input must have 2 or 3 dimensions"),
        (lambda: nn.GRU(2, 4)(X), ValueError, r"input_size \(got 3 and 2\)"),
        (lambda: nn.GRU(3, 4)(X[:0]), ValueError, "at least 1 step"),
        (
            lambda: nn.GRU(3, 4)(X, X),
            ValueError,
            r"GRU: hx must be tensors of shapes \[\(1, 2, 4\)\]",
        ),
        (
            lambda: nn.LSTM(3, 4)(X, X),
            ValueError,
            r"LSTM: hx must .* \[\(1, 2, 4\), \(1, 2, 4\)\] \(got \[\(5, 2, 3\)\]\)",
        ),
        (lambda: nn.LSTMCell(3, 4)(X), ValueError, "LSTMCell: input must have 1 or 2 dimensions"),
        (lambda: nn.RNNCell(3, 4, device="cuda"), RuntimeError, "device must be 'cpu'"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


OPTIONS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False, "batch_first": True},
]
PROJECTED = {"proj_size": 2, "num_layers": 2, "bidirectional": True}


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, options) for name in NAMES for options in OPTIONS), ("LSTM", PROJECTED)],
    ids=str,
)
def test_values_and_gradients_are_pytorchs(name, options):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    theirs, ours = make(torch.nn, name, **options).double(), make(nn, name, **options).double()
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [len(run) for run in ours.all_weights] == [len(run) for run in theirs.all_weights]
    ours.load_state_dict(theirs.state_dict())
    our_x, their_x = cnet.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    (y, h), (expected, their_h) = ours(our_x), theirs(their_x)
    np.testing.assert_allclose(y.detach(), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    last, their_last = (h[1], their_h[1]) if name == "LSTM" else (h, their_h)
    np.testing.assert_allclose(last.detach(), their_last.detach().numpy(), rtol=1e-9, atol=1e-12)
    ((y * y).sum() + last.sum()).backward()
    ((expected * expected).sum() + their_last.sum()).backward()
    np.testing.assert_allclose(our_x.grad, their_x.grad.numpy(), rtol=1e-7, atol=1e-12)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-7, atol=1e-12)
