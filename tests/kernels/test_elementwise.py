"""Elementwise operations against their formulas in NumPy, their derivatives, and PyTorch."""

from typing import Any

import numpy as np
import pytest

from cnet import _core, kernels, runtime
from cnet.kernels.elementwise import SAVED
from cnet.reference.elementwise import OPERATIONS
from conftest import THREADS

PARAMETERS = {
    "leaky_relu": (0.25, 0.0),
    "threshold": (0.5, -1.5),
    "elu": (1.5, 0.75),
    "celu": (1.5, 0.0),
    "hardshrink": (0.5, 0.0),
    "softshrink": (0.5, 0.0),
    "softplus": (2.0, 20.0),
    "hardtanh": (-0.75, 1.5),
}
TORCH = {
    "relu": "relu(x)",
    "leaky_relu": "leaky_relu(x, 0.25)",
    "threshold": "threshold(x, 0.5, -1.5)",
    "elu": "relu(x) * 0.75 - 1.5 * relu(-x.expm1())",
    "celu": "celu(x, 1.5)",
    "gelu": "gelu(x)",
    "gelu_tanh": "gelu(x, approximate='tanh')",
    "silu": "silu(x)",
    "mish": "mish(x)",
    "sigmoid": "sigmoid(x)",
    "logsigmoid": "logsigmoid(x)",
    "softplus": "softplus(x, 2.0, 20.0)",
    "hardtanh": "hardtanh(x, -0.75, 1.5)",
    "hardsigmoid": "hardsigmoid(x)",
    "hardswish": "hardswish(x)",
    "hardshrink": "hardshrink(x, 0.5)",
    "softshrink": "softshrink(x, 0.5)",
    "tanhshrink": "tanhshrink(x)",
    "softsign": "softsign(x)",
    "tanh": "tanh(x)",
    "exp": "x.exp()",
    "exp2": "x.exp2()",
    "expm1": "x.expm1()",
    "log": "x.log()",
    "log2": "x.log2()",
    "log10": "x.log10()",
    "log1p": "x.log1p()",
    "sqrt": "x.sqrt()",
    "rsqrt": "x.rsqrt()",
    "reciprocal": "x.reciprocal()",
    "abs": "x.abs()",
    "erf": "x.erf()",
    "erfc": "x.erfc()",
    "erfinv": "x.erfinv()",
    "tan": "x.tan()",
    "asin": "x.asin()",
    "acos": "x.acos()",
    "atan": "x.atan()",
    "sinh": "x.sinh()",
    "cosh": "x.cosh()",
    "asinh": "x.asinh()",
    "acosh": "x.acosh()",
    "atanh": "x.atanh()",
}

DOMAINS = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "rsqrt"), (0, np.inf)),
    **dict.fromkeys(("asin", "acos", "atanh", "erfinv"), (-1, 1)),
    "log1p": (-1, np.inf),
    "acosh": (1, np.inf),
}
"""Where the functions are real that are not so everywhere."""
GROWING = "exp", "exp2", "expm1", "sinh", "cosh"
"""Operations whose results for large numbers are infinite."""

operations = pytest.mark.parametrize("operation", OPERATIONS)


def parameters(operation: str) -> tuple[float, float]:
    return PARAMETERS.get(operation, (0.0, 0.0))


def inside(operation: str, x: np.ndarray) -> np.ndarray:
    """Numbers in the domain of an operation, and not near its ends."""
    low, high = DOMAINS.get(operation, (-np.inf, np.inf))
    if low == -np.inf:
        return x
    return low + 0.01 + np.abs(x) if high == np.inf else 0.99 * np.tanh(x)


def numbers(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Arguments of many magnitudes, and gradients around 1."""
    rng = np.random.default_rng(0)
    tiny = np.finfo(dtype).smallest_subnormal
    special = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 16.0, 20.0, 21.0, 1e-30, 1e-40, tiny, 1e12]
    x = np.concatenate(
        [rng.normal(0, 2, 1501), rng.uniform(-80, 80, 300), special, np.negative(special)]
    )
    return x.astype(dtype), rng.normal(0, 1, x.size).astype(dtype)


def assert_close(actual: np.ndarray, expected: Any, scale: Any) -> None:
    """Equal within 8 units in the last place of the result or of `scale`, if that is larger."""
    info = np.finfo(actual.dtype)
    with np.errstate(all="ignore"):
        rounded = expected.astype(actual.dtype)
        bound = 8 * info.eps * (np.abs(expected) + scale) + 8 * float(info.smallest_subnormal)
        good = (np.abs(actual - expected) <= bound) | (actual == rounded)
    good |= np.isnan(actual) & np.isnan(rounded)
    assert good.all(), f"{actual[~good][:3]} is not {rounded[~good][:3]}"


def test_the_lists_in_c_and_in_the_reference_are_the_same():
    assert list(OPERATIONS) == list(_core.operations) == list(TORCH)
    assert list(_core.operations.values()) == list(range(len(OPERATIONS)))
    saved = {name: operation.saved for name, operation in OPERATIONS.items()}
    assert saved == SAVED


@operations
def test_values_and_gradients(operation, dtype, impl):
    """Compares with the formulas in higher precision."""
    a, b = parameters(operation)
    x, grad_output = numbers(dtype)
    exact = OPERATIONS[operation]
    y = kernels.elementwise(x, operation, a, b)
    saved = x if exact.saved == "x" else y
    dx = kernels.elementwise_backward(grad_output, saved, operation, a, b)
    assert y.dtype == dx.dtype == dtype
    more = np.float64 if dtype == np.float32 else np.longdouble
    with np.errstate(all="ignore"):
        expected = exact.value(x.astype(more), a, b)
        expected_dx = exact.gradient(grad_output.astype(more), saved.astype(more), a, b)
    square = np.minimum(x.astype(more) ** 2, 6400)
    cancels = np.where(square < 6400, np.abs(x), 0)  # in 1 + erf, and by rounding of arguments
    loses_digits = "gelu" in operation or operation == "tanhshrink" or impl == "reference"
    assert_close(y, expected, cancels if loses_digits else 0)
    tail = square * np.abs(expected_dx) if "erf" in operation else 0  # exp gets a rounded x^2
    cancels = (1 + square) * np.abs(grad_output) if impl == "reference" else np.abs(grad_output)
    assert_close(dx, expected_dx, cancels + tail)


@operations
def test_large_numbers(operation, dtype):
    """No intermediate value overflows if the result is finite."""
    a, b = parameters(operation)
    x = np.array([1e25, 3e38, -1e25, -3e38], dtype)
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.elementwise(x, operation, a, b)
            saved = x if SAVED[operation] == "x" else y
            dx = kernels.elementwise_backward(np.ones(4, dtype), saved, operation, a, b)
        low, high = DOMAINS.get(operation, (-np.inf, np.inf))
        real = (x > low) & (x < high)
        assert np.isnan(y[~real]).all()
        if operation in GROWING:
            assert not np.isnan(y).any()
            assert not np.isnan(dx).any()
        else:
            assert np.isfinite(y[real]).all()
            assert np.isfinite(dx[real]).all()


@operations
def test_nan_stays(operation, dtype, impl):
    y = kernels.elementwise(np.full(5, np.nan, dtype), operation, *parameters(operation))
    assert np.isnan(y).all()


@operations
def test_a_result_depends_on_nothing_but_its_number(operation, dtype):
    """It does not depend on its position, the length of the array or the threads."""
    a, b = parameters(operation)
    rng = np.random.default_rng(1)
    x, grad_output = rng.normal(0, 3, (2, 70_001)).astype(dtype)
    x = np.abs(x)
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.elementwise(x, operation, a, b)
            dx = kernels.elementwise_backward(grad_output, x, operation, a, b)
            for start, stop in [
                (0, 1),
                (1, 2),
                (3, 20),
                (5, 40),
                (32_767, 32_785),
                (69_950, 70_001),
            ]:
                part = slice(start, stop)
                np.testing.assert_array_equal(
                    kernels.elementwise(x[part], operation, a, b), y[part]
                )
                part_dx = kernels.elementwise_backward(grad_output[part], x[part], operation, a, b)
                np.testing.assert_array_equal(part_dx, dx[part])
            for threads in THREADS:
                with runtime.use_threads(threads):
                    again = kernels.elementwise(x, operation, a, b)
                np.testing.assert_array_equal(again, y)


@operations
def test_the_gradient_in_the_list_is_the_derivative_of_the_value(operation):
    """Checks the formulas in NumPy by central differences."""
    a, b = parameters(operation)
    exact = OPERATIONS[operation]
    x = np.random.default_rng(2).normal(0, 2, 200)
    x = inside(operation, x)
    kinks = [0.0, a, b, 3.0, -3.0]
    x = x[np.abs(x[:, None] - kinks).min(1) > 1e-3]
    step = 1e-6
    difference = exact.value(x + step, a, b) - exact.value(x - step, a, b)
    saved = x if exact.saved == "x" else exact.value(x, a, b)
    gradient = exact.gradient(np.ones_like(x), saved, a, b)
    np.testing.assert_allclose(gradient, difference / (2 * step), rtol=1e-6, atol=1e-8)


@operations
def test_parity_with_pytorch(operation):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    a, b = parameters(operation)
    x = np.random.default_rng(3).normal(0, 3, 400)
    x = inside(operation, x)
    t = torch.tensor(x, requires_grad=True)
    names = {"x": t, **{n: getattr(torch.nn.functional, n, None) for n in TORCH}}
    names |= {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    expected = eval(TORCH[operation], names)
    expected.sum().backward()
    y = kernels.elementwise(x, operation, a, b)
    saved = x if SAVED[operation] == "x" else y
    dx = kernels.elementwise_backward(np.ones_like(x), saved, operation, a, b)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-13, atol=1e-14)
    rtol = 1e-7 if operation == "hardsigmoid" else 1e-12  # PyTorch rounds 1/6 to float32
    np.testing.assert_allclose(dx, t.grad.numpy(), rtol=rtol, atol=1e-13)


def test_erfinv_keeps_its_digits_in_the_tail(dtype):
    x = np.array([1e-30, 0.25, 0.75, 0.9931640625, 1 - 2.0**-20], dtype)
    expected = [8.862269254527580e-31, 0.2253120550121781, 0.8134198475976185, 1.9125348229209125,
                3.4655050258033307]  # fmt: skip
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.elementwise(np.concatenate([x, -x]), "erfinv")
        np.testing.assert_allclose(y[:5], expected, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(y[5:], -y[:5])


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3, 4)])
def test_any_shape_and_layout(shape, impl):
    x = np.random.default_rng(4).normal(size=shape)
    y = kernels.elementwise(x, "tanh")
    assert y.shape == shape
    np.testing.assert_array_equal(kernels.elementwise(np.asfortranarray(x), "tanh"), y)
    np.testing.assert_array_equal(kernels.elementwise(x.astype(">f8"), "tanh"), y)


def test_errors(impl):
    x = np.zeros(3)
    with pytest.raises(ValueError, match=r"elementwise: operation must be one of abs, .*'nothing'"):
        kernels.elementwise(x, "nothing")
    with pytest.raises(TypeError, match=r"elementwise: x.dtype must be float32 or float64"):
        kernels.elementwise(np.zeros(3, int), "tanh")
    with pytest.raises(ValueError, match=r"elementwise_backward: operation must be one of"):
        kernels.elementwise_backward(x, x, "nothing")
    with pytest.raises(ValueError, match=r"grad_output.shape must equal saved.shape"):
        kernels.elementwise_backward(np.zeros(2), x, "tanh")
