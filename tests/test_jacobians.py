"""cnet.autograd.functional against PyTorch."""

import numpy as np
import pytest

import cnet
from cnet.autograd.functional import jacobian, vjp

X, Y = np.random.default_rng(0).normal(size=(2, 2, 3))

FUNCTIONS = [
    (lambda x: (x * x).sum(1), (X,), False),
    (lambda x: x.exp(), (X,), True),
    (lambda x, y: (x * y, (x + 2 * y).sum()), (X, Y), True),
    (lambda x, y: x.sum() * y, (X, Y), True),
    (lambda x, y: (x * 1,), (X, Y), True),
]


def both(function, arguments, as_tuple):
    torch = pytest.importorskip("torch")
    for module in (cnet, torch):
        tensors = tuple(module.from_numpy(x.copy()) for x in arguments)
        functional = module.autograd.functional if module is cnet else torch.autograd.functional
        yield functional, module, tensors if as_tuple else tensors[0]


def same(ours, theirs):
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs, strict=True):
            same(*pair)
        return
    assert not ours.requires_grad
    assert (tuple(ours.shape), ours.dtype) == (tuple(theirs.shape), theirs.numpy().dtype)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-12)


@pytest.mark.parametrize(("function", "arguments", "as_tuple"), FUNCTIONS)
def test_jacobian(function, arguments, as_tuple):
    same(*[f.jacobian(function, inputs) for f, _, inputs in both(function, arguments, as_tuple)])


@pytest.mark.parametrize(("function", "arguments", "as_tuple"), FUNCTIONS)
def test_vjp(function, arguments, as_tuple):
    results = []
    for functional, module, inputs in both(function, arguments, as_tuple):
        outputs = function(*inputs) if as_tuple else function(inputs)
        ones = [module.ones_like(x) * 3 for x in (outputs if type(outputs) is tuple else [outputs])]
        v = tuple(ones) if type(outputs) is tuple else ones[0]
        results.append(functional.vjp(function, inputs, v))
    same(*results)


def test_an_output_without_elements():
    assert jacobian(lambda x: x[:0], cnet.tensor(X)).shape == (0, 3, 2, 3)


def test_the_inputs_stay_as_they_are():
    x = cnet.tensor(X, requires_grad=True)
    with cnet.no_grad():
        value, gradient = vjp(lambda x: (x**2).sum(), x)
    np.testing.assert_allclose(gradient.numpy(), 2 * X)
    assert not value.requires_grad
    assert x.grad is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: jacobian(lambda x: x, x, create_graph=True), NotImplementedError, "jacobian"),
        (lambda x: vjp(lambda x: x, x, create_graph=True), NotImplementedError, "vjp"),
        (lambda x: vjp(lambda x: x, x), RuntimeError, "vjp: v must be given"),
        (lambda x: vjp(lambda x: x, x, cnet.ones(2)), RuntimeError, "must have the shapes"),
        (lambda x: vjp(lambda x: 1, x), TypeError, r"the result of func must be .*got int"),
        (lambda x: jacobian(lambda x: x, 1.0), TypeError, r"inputs must be .*got float"),
        (lambda x: jacobian(lambda x: cnet.ones(1), x, strict=True), RuntimeError, "strict"),
        (lambda x: jacobian(lambda x, y: x, (x, x), strict=True), RuntimeError, "strict"),
        (lambda x: jacobian(lambda x: x, x, strategy="both"), ValueError, "strategy"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(cnet.tensor(X))
