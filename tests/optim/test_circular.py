"""Adam with the circular echo, compared with its equations in NumPy."""

import numpy as np
import pytest

import cnet
from cnet import nn, optim

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))


def model():
    cnet.manual_seed(1)
    layers = nn.Linear(3, 4, dtype=np.float64), nn.Tanh(), nn.Linear(4, 2, dtype=np.float64)
    return nn.Sequential(*layers)


def run(rule, steps=3, **options):
    net = model()
    kind = optim.Adam if rule is None else optim.CircularAdam
    optimizer = kind(net.parameters(), 0.01, **(options | ({"rule": rule} if rule else {})))
    for _ in range(steps):
        optimizer.zero_grad()
        gradients = cnet.graph((net(X) ** 2).sum()).backward()
        optimizer.step(**({"gradients": gradients} if rule else {}))
    return [parameter.detach().numpy().copy() for parameter in net.parameters()]


def echoed(rule, strength, steps, clip):
    """One step computed by hand: the step of Adam updates the parameters before the echo."""
    net = model()
    w1, b1, w2, b2 = (p.detach().numpy().copy() for p in net.parameters())
    h = np.tanh(X @ w1.T + b1)
    z = h @ w2.T + b2

    def clipped(e):
        norm = np.linalg.norm(e)
        return e if clip is None or norm <= clip else e * (clip / (norm + 1e-12))

    gz = 2 * z
    gh = gz @ w2
    ga = gh * (1 - h**2)
    own = {"w1": ga.T @ X, "b1": ga.sum(0), "w2": gz.T @ h, "b2": gz.sum(0)}
    moved = run(None, steps=1)
    w2 = moved[2]
    if rule == "literal":
        total = {name: np.zeros_like(g) for name, g in own.items()}
        total["b2"] = clipped(own["b2"] / (np.sqrt(2) + 1e-12) * strength)
        square = np.ones_like(z)  # the gradient of the squares, from the sum
        for _ in range(steps):
            square = square + 1
            gz = gz + 2 * z * square
            total["w2"] = total["w2"] + gz.T @ h
            total["b2"] = total["b2"] + gz.sum(0)
            gh = gh + gz @ w2
            ga = ga + gh * (1 - h**2)
            total["w1"] = total["w1"] + ga.T @ X
            total["b1"] = total["b1"] + ga.sum(0)
        scale = strength
    else:
        e = sum(clipped(gz * strength**k) for k in range(1, steps + 1))
        ga = (e @ w2) * (1 - h**2)
        total = {"w1": ga.T @ X, "b1": ga.sum(0), "w2": e.T @ h, "b2": e.sum(0)}
        scale = 1.0
    return [p - 0.01 * total[name] * scale for p, name in zip(moved, own, strict=True)]


@pytest.mark.parametrize("rule", ["literal", "feedback"])
@pytest.mark.parametrize(("steps", "clip"), [(1, None), (3, None), (3, 0.05)])
def test_the_rule(rule, steps, clip):
    options = {"circular_strength": 0.3, "neumann_steps": steps, "echo_norm_clip": clip}
    actual = run(rule, steps=1, **options)
    for parameter, expected in zip(actual, echoed(rule, 0.3, steps, clip), strict=True):
        np.testing.assert_allclose(parameter, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", ["literal", "feedback"])
def test_without_strength_it_is_adam(rule):
    for actual, expected in zip(run(rule, circular_strength=0.0), run(None), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_the_echo_comes_every_so_many_steps():
    seldom = run("literal", steps=2, circular_strength=0.3, echo_freq=3)
    for actual, expected in zip(seldom, run(None, steps=2), strict=True):
        np.testing.assert_array_equal(actual, expected)
    third = run("literal", steps=3, circular_strength=0.3, echo_freq=3)
    assert not np.array_equal(third[0], run(None, steps=3)[0])


def test_without_gradients_there_is_no_echo():
    net = model()
    optimizer = optim.CircularAdam(net.parameters(), 0.01, circular_strength=0.5)
    (net(X) ** 2).sum().backward()
    optimizer.step()
    for parameter, expected in zip(net.parameters(), run(None, steps=1), strict=True):
        np.testing.assert_array_equal(parameter.detach().numpy(), expected)


def test_grad_and_the_kept_gradients_stay():
    net = model()
    optimizer = optim.CircularAdam(net.parameters(), neumann_steps=2)
    gradients = cnet.graph((net(X) ** 2).sum()).backward()
    before = [(p.grad.numpy().copy(), gradients[p].copy()) for p in net.parameters()]
    optimizer.step(gradients=gradients)
    for parameter, (grad, kept) in zip(net.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), grad)
        np.testing.assert_array_equal(gradients[parameter], kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "loud"}, r"rule must be one of .* \(got 'loud'\)"),
        ({"neumann_steps": 0}, r"neumann_steps must be at least 1 \(got 0\)"),
        ({"echo_freq": 0}, r"echo_freq must be at least 1 \(got 0\)"),
        ({"circular_strength": -1.0}, "circular_strength must not be negative"),
        ({"echo_norm_clip": -1.0}, "echo_norm_clip must not be negative"),
        ({"lr": -1.0}, "lr must not be negative"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=f"CircularAdam: {message}"):
        optim.CircularAdam(model().parameters(), **options)
