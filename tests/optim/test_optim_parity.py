"""A hundred steps of every rule and option, compared with PyTorch."""

import numpy as np
import pytest

from cnet import nn, optim

torch = pytest.importorskip("torch", reason="compares with PyTorch")

CONFIGURATIONS = {
    "SGD": [
        {},
        {"lr": 0.1},
        {"lr": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        {"lr": 0.05, "weight_decay": 0.02},
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02},
        {"lr": 0.01, "momentum": 0.8, "dampening": 0.1, "weight_decay": 0.02, "maximize": True},
        {"lr": 0.0},
    ],
    "Adam": [
        {},
        {"lr": 0.05},
        {"betas": (0.5, 0.9)},
        {"betas": (0.0, 0.99)},
        {"betas": (0.9, 0.0), "eps": 1e-3},
        {"eps": 1e-2},
        {"lr": 0.02, "weight_decay": 0.05},
        {"lr": 0.02, "maximize": True},
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1, "maximize": True},
    ],
    "AdamW": [
        {},
        {"lr": 0.05},
        {"betas": (0.5, 0.9)},
        {"betas": (0.0, 0.99)},
        {"eps": 1e-2},
        {"lr": 0.02, "weight_decay": 0.0},
        {"lr": 0.02, "weight_decay": 0.5},
        {"lr": 0.02, "maximize": True},
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1, "maximize": True},
    ],
    "RMSprop": [
        {},
        {"lr": 0.05},
        {"alpha": 0.5, "eps": 1e-3},
        {"alpha": 0.0},
        {"lr": 0.02, "weight_decay": 0.05},
        {"momentum": 0.9},
        {"centered": True, "eps": 1e-4},
        {"lr": 0.02, "alpha": 0.9, "momentum": 0.5, "centered": True, "foreach": False},
        {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.5, "maximize": True},
    ],
}
CASES = [(rule, options) for rule, table in CONFIGURATIONS.items() for options in table]
SHAPES = [(7, 5), (33,), (2, 3, 3, 3), (1,)]
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}


def check(rule, options, second, dtype):
    """Both get the same new random gradients in each step, the last parameter every second step."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    ours = [nn.Parameter(start.copy()) for start in starts]
    theirs = [torch.nn.Parameter(torch.from_numpy(start.copy())) for start in starts]

    def groups(params):
        return [{"params": params[:2]}, {"params": params[2:], **second}] if second else params

    opt = getattr(optim, rule)(groups(ours), **options)
    oracle = getattr(torch.optim, rule)(groups(theirs), **options)
    for step in range(100):
        for i, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            gradient = (rng.normal(size=our.shape) + 0.5).astype(dtype)
            absent = i == len(SHAPES) - 1 and step % 2
            our.grad = None if absent else gradient
            their.grad = None if absent else torch.from_numpy(gradient.copy())
        opt.step()
        oracle.step()
    for our, their in zip(ours, theirs, strict=True):
        expected = their.detach().numpy()
        assert our.dtype == dtype
        error = np.abs(our.detach().numpy() - expected).max() / np.abs(expected).max()
        assert error <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rule", "options"), CASES)
def test_a_hundred_steps(rule, options, dtype):
    check(rule, options, None, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rule", "options", "second"),
    [
        ("SGD", {"lr": 0.05}, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
        ("SGD", {"lr": 0.05, "momentum": 0.9}, {"momentum": 0.0, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.01}, {"lr": 0.001, "betas": (0.5, 0.5), "maximize": True}),
        ("AdamW", {"lr": 0.01}, {"weight_decay": 0.3, "eps": 1e-4}),
        ("RMSprop", {"lr": 0.01, "momentum": 0.5}, {"momentum": 0.0, "centered": True}),
    ],
)
def test_a_hundred_steps_of_two_groups(rule, options, second, dtype):
    check(rule, options, second, dtype)


def cnn(m):
    return m.Sequential(
        m.Conv2d(1, 4, 3, padding=1), m.ReLU(), m.MaxPool2d(2), m.Flatten(), m.Linear(64, 3)
    )


@pytest.mark.parametrize(
    ("rule", "lr"), [("SGD", 0.1), ("Adam", 0.01), ("AdamW", 0.01), ("RMSprop", 0.01)]
)
def test_training_a_network(rule, lr):
    ours, theirs = cnn(nn).double(), cnn(torch.nn).double()
    ours.load_state_dict(theirs.state_dict())
    opt = getattr(optim, rule)(ours.parameters(), lr=lr)
    oracle = getattr(torch.optim, rule)(theirs.parameters(), lr=lr)
    rng = np.random.default_rng(0)
    for _ in range(10):
        x, target = rng.normal(size=(8, 1, 8, 8)), rng.integers(3, size=8)
        our_loss = nn.CrossEntropyLoss()(ours(x), target)
        their_loss = torch.nn.CrossEntropyLoss()(
            theirs(torch.from_numpy(x)), torch.from_numpy(target)
        )
        assert our_loss.item() == pytest.approx(their_loss.item(), rel=1e-9)
        for optimizer, loss in ((opt, our_loss), (oracle, their_loss)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, value in ours.state_dict().items():
        np.testing.assert_allclose(value, theirs.state_dict()[name].numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("rule", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_defaults_and_bad_options_are_the_same(rule):
    ours = getattr(optim, rule)([nn.Parameter(np.ones(1))])
    theirs = getattr(torch.optim, rule)([torch.nn.Parameter(torch.ones(1))])
    for name, value in ours.defaults.items():
        assert theirs.defaults[name] == value
    bad = [{"lr": -1.0}, {"weight_decay": -1.0}]
    bad += [{"momentum": -1.0}, {"nesterov": True}] if rule == "SGD" else []
    bad += [{"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}] if "Adam" in rule else []
    bad += [{"eps": -1.0}] if rule != "SGD" else []
    bad += [{"alpha": -1.0}, {"momentum": -1.0}] if rule == "RMSprop" else []
    for options in bad:
        with pytest.raises(ValueError):
            getattr(optim, rule)([nn.Parameter(np.ones(1))], **options)
        with pytest.raises(ValueError):
            getattr(torch.optim, rule)([torch.nn.Parameter(torch.ones(1))], **options)
