"""A hundred steps of every rule and option, compared with PyTorch."""

import inspect

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
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.1, "rho": 0.5, "eps": 1e-2}, {"weight_decay": 0.1, "maximize": True}],
    "Adamax": [
        {},
        {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
    ],
    "NAdam": [
        {},
        {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "momentum_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "Rprop": [{}, {"etas": (0.4, 1.5), "step_sizes": (0.001, 0.1)}, {"maximize": True}],
    "ASGD": [
        {},
        {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 10.0},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
    ],
    "Adafactor": [
        {},
        {"lr": 0.05, "beta2_decay": -0.5, "eps": (1e-4, 0.1), "d": 2.0},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
    ],
}
CONFIGURATIONS["Adam"] += [
    {"amsgrad": True},
    {"lr": 0.02, "weight_decay": 0.1, "amsgrad": True, "maximize": True},
    {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True},
]
CONFIGURATIONS["AdamW"] += [{"lr": 0.02, "betas": (0.5, 0.9), "amsgrad": True}]
CASES = [(rule, options) for rule, table in CONFIGURATIONS.items() for options in table]
SHAPES = [(7, 5), (33,), (2, 3, 3, 3), (1,)]
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-12}


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


RULES = sorted(CONFIGURATIONS | {"LBFGS": [], "Muon": []})


def one(m, tensor, rule):
    """A parameter that the rule accepts, with a gradient."""
    p = m.Parameter(tensor(np.ones((2, 2))))
    p.grad = tensor(np.full((2, 2), 0.5))
    return p


@pytest.mark.parametrize("rule", RULES)
def test_signatures_defaults_and_options_are_the_same(rule):
    ours, theirs = getattr(optim, rule), getattr(torch.optim, rule)
    signatures = [inspect.signature(each).parameters for each in (ours, theirs)]
    names, expected = ([(p.name, p.kind) for p in each.values()] for each in signatures)
    assert names == expected
    our = ours([one(nn, np.asarray, rule)])
    their = theirs([one(torch.nn, torch.from_numpy, rule)])
    assert our.defaults == their.defaults
    assert str(our) == str(their)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "LBFGS"])
def test_the_state_is_that_of_pytorch_and_can_be_exchanged(rule):
    ours, theirs = one(nn, np.asarray, rule), one(torch.nn, torch.from_numpy, rule)
    options = {"momentum": 0.9} if rule == "SGD" else {}
    opt = getattr(optim, rule)([ours], **options)
    oracle = getattr(torch.optim, rule)([theirs], **options)
    opt.step()
    oracle.step()
    state, expected = opt.state_dict(), oracle.state_dict()
    assert state["param_groups"] == expected["param_groups"]
    mine, wanted = state["state"][0], expected["state"][0]
    assert mine.keys() == wanted.keys()
    for name, value in mine.items():
        assert (value.shape, value.dtype) == (tuple(wanted[name].shape), wanted[name].numpy().dtype)
        np.testing.assert_allclose(value.numpy(), wanted[name].numpy(), rtol=1e-6)

    expected["state"][0] = {name: value.numpy() for name, value in wanted.items()}
    again = nn.Parameter(theirs.detach().numpy().copy())
    other = getattr(optim, rule)([again])
    other.load_state_dict(expected)
    again.grad = np.full((2, 2), 0.5)
    other.step()
    oracle.step()
    np.testing.assert_allclose(again.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("rule", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_bad_options_are_the_same(rule):
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


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 1e-3},
        {"lr": 1e-3, "history_size": 3, "max_iter": 7},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 30, "history_size": 2},
    ],
)
def test_lbfgs_on_the_function_of_rosenbrock(options):
    start, paths = np.array([-1.2, 1.0]), []
    for m, o, tensor in ((nn, optim, np.asarray), (torch.nn, torch.optim, torch.from_numpy)):
        w, path = m.Parameter(tensor(start.copy())), []
        opt = o.LBFGS([w], **options)

        def closure(w=w, opt=opt):
            opt.zero_grad()
            loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
            loss.backward()
            return loss.detach()

        for _ in range(4):
            path.append(float(opt.step(closure)))
        path += [*w.detach().numpy(), opt.state[w]["func_evals"], opt.state[w]["n_iter"]]
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "momentum": 0.3, "nesterov": False, "weight_decay": 0.0},
        {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
    ],
)
def test_muon_on_small_matrices(options, dtype):
    """Products of small matrices are summed in the same order, so that bfloat16 is the same."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (4, 3), (2, 5))]
    ours = [nn.Parameter(start.copy()) for start in starts]
    theirs = [torch.nn.Parameter(torch.from_numpy(start.copy())) for start in starts]
    opt, oracle = optim.Muon(ours, **options), torch.optim.Muon(theirs, **options)
    for _ in range(10):
        for our, their in zip(ours, theirs, strict=True):
            gradient = rng.normal(size=our.shape).astype(dtype)
            our.grad, their.grad = gradient, torch.from_numpy(gradient.copy())
        opt.step()
        oracle.step()
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our.detach().numpy(), their.detach().numpy(), atol=1e-3)
