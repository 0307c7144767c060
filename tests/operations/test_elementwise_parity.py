"""Elementwise operations compared with PyTorch, for all dtypes: values, dtypes, refusals."""

import itertools
from typing import Any

import numpy as np
import pytest

import cnet
from cnet.tensor import Tensor, tensor

torch = pytest.importorskip("torch", reason="compared with PyTorch")

DTYPES = "bool", "uint8", "int32", "int64", "float16", "float32", "float64"
FLOATS = [0.0, -0.0, 1.0, -1.5, 2.5, 0.3, -0.3, np.nan, np.inf, -np.inf, 100.0]
NUMBERS = 2, -1, 2.5, True, 300
UNARY = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_not", "ceil", "celu", "cos",
    "cosh", "deg2rad", "digamma", "erf", "erfc", "exp", "exp2", "expm1", "floor", "frac",
    "hardshrink", "isfinite", "isinf", "isnan", "lgamma", "log", "log10", "log1p", "log2",
    "logical_not", "logit", "nan_to_num", "neg", "positive", "rad2deg", "reciprocal", "relu",
    "round", "rsqrt", "selu", "sgn", "sigmoid", "sign", "signbit", "sin", "sinh", "sqrt", "square",
    "tan", "tanh", "trunc",
)  # fmt: skip
BINARY = (
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "div", "eq", "floor_divide", "fmax", "fmin", "fmod", "ge", "gt", "heaviside",
    "hypot", "le", "logaddexp", "logical_and", "logical_or", "logical_xor", "lt", "maximum",
    "minimum", "mul", "ne", "pow", "remainder", "rsub", "sub", "true_divide",
)  # fmt: skip
NUMBERS_FIRST = "add", "sub", "mul", "div", "pow", "remainder", "floor_divide", "bitwise_and"


def values(dtype: str, reverse: bool = False) -> np.ndarray:
    if dtype.startswith("float"):
        return np.array(FLOATS[:: -1 if reverse else 1], dtype)
    if dtype == "bool":
        return np.array([True, False, True, True][:: -1 if reverse else 1])
    return np.array([1, 2, 3, 7] if reverse else [0, 1, 5, 9], dtype)


def differs_on_purpose(name: str, *operands: Any) -> bool:
    """cnet subtracts booleans from floats, and compares unsigned integers exactly."""
    kinds = {np.asarray(x).dtype.kind for x in operands}
    if name in ("sub", "rsub", "pow"):
        return "b" in kinds
    return name in ("lt", "le", "gt", "ge") and "u" in kinds and isinstance(operands[1], int)


def assert_same(name: str, *operands: Any) -> None:
    ours = [tensor(x) if isinstance(x, np.ndarray) else x for x in operands]
    theirs = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in operands]
    try:
        expected = getattr(torch, name)(*theirs).numpy()
    except (RuntimeError, TypeError):
        with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            getattr(cnet, name)(*ours)
        return
    result: Tensor = getattr(cnet, name)(*ours)
    assert result.dtype == expected.dtype, operands
    rtol = {"float16": 3e-3, "float32": 1e-5, "float64": 1e-12}.get(expected.dtype.name, 0)
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol, err_msg=str(operands))


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    for dtype in DTYPES:
        assert_same(name, values(dtype))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name):
    for left, right in itertools.product(DTYPES, repeat=2):
        a, b = values(left), values(right, reverse=True)
        size = min(a.size, b.size)
        if not differs_on_purpose(name, a, b):
            assert_same(name, a[:size], b[:size])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_a_tensor_and_a_number(name):
    for dtype, number in itertools.product(DTYPES, NUMBERS):
        a = values(dtype)
        if not differs_on_purpose(name, a, number):
            assert_same(name, a, number)
            if name in NUMBERS_FIRST:
                assert_same(name, number, a)
