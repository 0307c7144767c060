"""`cnet.special`, and the errors of modules and forms of PyTorch that do not exist here."""

import numpy as np
import pytest

import cnet


@pytest.mark.parametrize("name", cnet.special.__all__)
def test_special_functions_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).uniform(1.1, 1.9, (3, 4))
    x = x - 1 if name in ("erfinv", "logit") else x
    more = {"multigammaln": (2,), "logsumexp": (1,), "softmax": (1,), "log_softmax": (1,)}
    if name == "xlogy":
        got, expected = (
            cnet.special.xlogy(cnet.tensor(x), 2 * x),
            torch.special.xlogy(torch.tensor(x), torch.tensor(2 * x)),
        )
    else:
        got = getattr(cnet.special, name)(cnet.tensor(x), *more.get(name, ()))
        expected = getattr(torch.special, name)(torch.tensor(x), *more.get(name, ()))
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["fft", "profiler", "fx", "sparse", "export", "quantization", "ao"]
)
def test_absent_modules_say_what_to_use(name):
    with pytest.raises(
        AttributeError, match=rf"no attribute '{name}': .*(cnet|numpy|not supported)"
    ):
        getattr(cnet, name)


@pytest.mark.parametrize("name", ["hessian", "hvp", "vhp", "jvp"])
def test_second_derivatives_are_refused_by_name(name):
    with pytest.raises(AttributeError, match=rf"'{name}': it needs derivatives of gradients"):
        getattr(cnet.autograd.functional, name)


def test_legacy_functions_are_refused_as_by_pytorch():
    class Double(cnet.autograd.Function):
        def forward(self, x):
            return 2 * x

    with pytest.raises(RuntimeError, match=r"Double: legacy .* static methods .* use Double.apply"):
        Double()(cnet.ones(2))


def test_volatile_has_no_effect():
    with pytest.warns(UserWarning, match="Variable: volatile has no effect"):
        x = cnet.autograd.Variable(cnet.ones(2), volatile=True)
    assert isinstance(x, cnet.Tensor)


def test_a_tensor_without_dimensions_says_how_to_get_its_number():
    with pytest.raises(IndexError, match=r"cannot be indexed; use item\(\) \(got 0\)"):
        cnet.tensor(1.0)[0]


def _operands(module, name):
    array = np.random.default_rng(0).standard_normal((2, 2, 2))
    batch = module.tensor(array)
    matrix, vector = batch[0], batch[0, 0]
    return {
        "addmv": (vector, matrix, vector), "addr": (matrix, vector, vector),
        "addbmm": (matrix, batch, batch), "baddbmm": (batch, batch, batch),
        "add": (matrix, matrix.T), "sub": (matrix, matrix.T),
    }.get(name, (matrix, matrix.T, matrix))  # fmt: skip


@pytest.mark.filterwarnings("ignore:This overload")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("add", 1), ("sub", 1), ("addcmul", 1), ("addcdiv", 1), ("addmm", 1), ("addmm", 2),
        ("addmv", 2), ("addr", 2), ("addbmm", 2), ("baddbmm", 2),
    ],
)  # fmt: skip
def test_numbers_may_precede_the_tensors_that_they_multiply(name, count):
    torch = pytest.importorskip("torch")
    results = []
    for module in (cnet, torch):
        first, *others = _operands(module, name)
        for method in (name, f"{name}_"):
            result = getattr(first.clone(), method)(*(0.5, 3)[:count], *others)
            results.append(result.numpy())
        if count == 1 and len(others) == 1:
            results.append(getattr(module, name)(first, 0.5, *others).numpy())
        if count == 2:
            results.append(getattr(module, name)(0.5, first, 3, *others).numpy())
    half = len(results) // 2
    for got, expected in zip(results[:half], results[half:], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
