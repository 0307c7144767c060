"""Statistics of empty batches, and of many numbers far from zero."""

import re
from typing import Any

import numpy as np
import pytest

from cnet import kernels
from oracle import reference
from tolerance import assert_exact


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0), (2, 0, 4)])
def test_statistics_of_no_numbers_are_zeros(impl: str, dtype: Any, shape: tuple[int, ...]) -> None:
    for statistic in kernels.batch_norm_stats(np.empty(shape, dtype)):
        assert_exact(statistic, np.zeros(shape[1], dtype))


def test_the_reference_sums_in_float64() -> None:
    """Many equal numbers far from zero, whose sum in float32 would lose precision."""
    x = np.full((1000, 2, 300), [[0.1], [-3e9]], np.float32)
    mean, var = reference.batch_norm_stats(x)
    assert_exact(mean, x[0, :, 0])
    np.testing.assert_array_less(np.sqrt(var), 1e-12 * np.abs(mean))
    ones = np.full((1, 1, 2048, 2048), 0.1, np.float32)
    _, _, db = reference.conv2d_backward(ones, ones, ones[..., :1, :1], needs=(False, False, True))
    np.testing.assert_allclose(db, 2**22 * float(ones[0, 0, 0, 0]), rtol=1e-7)


ACTIVATIONS: dict[str, tuple[float, float]] = {
    "relu": (0, 0),
    "hardtanh": (-0.5, 0.75),
    "silu": (0, 0),
    "hardswish": (0, 0),
}
SHAPES = [(4, 3), (2, 3, 5, 7), (3, 5, 16), (3, 4, 67), (2, 3, 0), (33, 9, 13, 13)]


def _same(actual: Any, expected: Any, impl: str) -> None:
    """The same bits; only about the same numbers from the reference, which rounds differently."""
    for y, wanted in zip(actual, expected, strict=True):
        if impl == "reference":
            np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)
        else:
            assert_exact(y, wanted)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_a_norm_with_an_activation_is_the_same_as_separate_kernels(
    impl: str, dtype: Any, shape: tuple[int, ...], activation: str, with_residual: bool
) -> None:
    a, b = ACTIVATIONS[activation]
    rng = np.random.default_rng(0)
    x, residual, grad = rng.standard_normal((3, *shape), dtype)
    x.reshape(-1)[::5] = np.nan if shape == (4, 3) else 0
    mean, var, weight, bias = rng.random((4, shape[1]), dtype)
    z = inner = kernels.batch_norm(x, mean, var, weight, bias)
    if with_residual:
        z = inner + residual
    separate = kernels.elementwise(z, activation, a, b)
    y = kernels.batch_norm(
        x, mean, var, weight, bias, 1e-5, residual if with_residual else None, activation, a, b
    )
    _same([y], [separate], impl)
    if with_residual and activation not in ("relu", "hardtanh"):
        return
    saved = separate if activation == "relu" else z
    dz = kernels.elementwise_backward(grad, saved, activation, a, b)
    for from_batch in (True, False):
        expected = kernels.batch_norm_backward(
            dz, x, mean, var, weight, from_batch=from_batch, needs=(True, True, True)
        )
        options = {"y": separate} if with_residual else {}
        found = kernels.batch_norm_backward(
            grad, x, mean, var, weight, from_batch=from_batch, bias=bias, activation=activation,
            a=a, b=b, **options,
        )  # fmt: skip
        _same(found, (*expected, dz) if with_residual else expected, impl)


def test_running_statistics_are_updated_with_the_statistics(impl: str, dtype: Any) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 5), dtype)
    running_mean, running_var = np.full(3, 2, dtype), np.full(3, 5, dtype)
    mean, var = kernels.batch_norm_stats(x, running_mean, running_var, 0.25)
    np.testing.assert_allclose(running_mean, 1.5 + mean / 4, rtol=1e-5)
    np.testing.assert_allclose(running_var, 3.75 + var * (20 / 19) / 4, rtol=1e-5)
    before = running_mean.copy()
    kernels.batch_norm_stats(np.empty((0, 3), dtype), running_mean, running_var)
    assert_exact(running_mean, before)


X, THREE = np.ones((2, 3), np.float32), np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kernels.batch_norm(X, THREE, THREE, activation="tanh"), ValueError,
         "activation must be one of relu, hardtanh, silu, hardswish (got 'tanh')"),
        (lambda: kernels.batch_norm(X, THREE, THREE, residual=X.T), ValueError,
         "residual.shape must equal x.shape (got (3, 2) and (2, 3))"),
        (lambda: kernels.batch_norm_backward(X, X, THREE, THREE, y=X, activation="silu"),
         ValueError, "with y, activation must be one of relu, hardtanh (got 'silu')"),
        (lambda: kernels.batch_norm_stats(X, THREE), TypeError,
         "running_var must be a NumPy array (got NoneType)"),
        (lambda: kernels.batch_norm_stats(X, THREE, THREE[:2]), ValueError,
         "running_var.shape must equal (x.shape[1],) (got (2,) and (3,))"),
        (lambda: kernels.batch_norm_stats(X[:1], THREE, THREE), ValueError,
         "x must have at least 2 values per channel for running statistics (got shape (1, 3))"),
    ],
)  # fmt: skip
def test_errors_of_norms(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("shape", [(4, 6), (3, 6, 5, 7), (2, 6, 67), (33, 6, 13, 13)])
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("sizes", [(6,), (1, 3, 2), (0, 6)])
def test_gradients_of_joined_arrays(
    impl: str, dtype: Any, shape: tuple[int, ...], activation: str | None, sizes: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    grad, x = rng.standard_normal((2, *shape), dtype)
    mean, var, weight, bias = rng.random((4, shape[1]), dtype)
    arrays, options = (grad, x, mean, var, weight), {"bias": bias, "activation": activation}
    dx, dw, db = kernels.batch_norm_backward(*arrays, **options)
    parts, *vectors = kernels.batch_norm_backward(*arrays, **options, sizes=sizes)
    assert [part.shape[1] for part in parts] == [*sizes]
    assert all(part.flags.c_contiguous for part in parts)
    _same((np.concatenate(parts, 1), *vectors), (dx, dw, db), impl)


@pytest.mark.parametrize("shape", [(4, 6), (3, 6, 5, 7), (2, 6, 67), (33, 6, 37, 37)])
@pytest.mark.parametrize("activation", [None, "relu", "silu"])
@pytest.mark.parametrize("from_batch", [True, False])
def test_addends_are_added_to_gradients(
    impl: str, dtype: Any, shape: tuple[int, ...], activation: str | None, from_batch: bool
) -> None:
    rng = np.random.default_rng(0)
    grad, x, addend = rng.standard_normal((3, *shape), dtype)
    grad.reshape(-1)[::7], x.reshape(-1)[3] = 0, np.inf
    addend.reshape(-1)[::5] = -0.0
    mean, var, weight, bias = rng.random((4, shape[1]), dtype)
    arrays = (grad, x, mean, var, weight)
    options = {"bias": bias, "activation": activation, "from_batch": from_batch}
    dx, *vectors = kernels.batch_norm_backward(*arrays, **options)
    found = kernels.batch_norm_backward(*arrays, **options, addends=[addend])
    _same(found, (dx + addend, *vectors), impl)
    parts = kernels.batch_norm_backward(
        *arrays, **options, sizes=(2, 4), addends=(None, addend[:, 2:])
    )[0]
    _same(parts, (dx[:, :2], dx[:, 2:] + addend[:, 2:]), impl)


@pytest.mark.parametrize("sizes", [(2, 2), (4, -1), ()])
def test_sizes_of_joined_arrays_must_add_up(sizes: tuple[int, ...]) -> None:
    x, vector = np.ones((2, 3, 4)), np.ones(3)
    with pytest.raises(ValueError, match=re.escape(f"(got {sizes} and 3)")):
        kernels.batch_norm_backward(x, x, vector, vector, sizes=sizes)
    with pytest.raises(ValueError, match=re.escape("addends must have 2 items (got 1)")):
        kernels.batch_norm_backward(x, x, vector, vector, sizes=(1, 2), addends=[x])
    with pytest.raises(ValueError, match=r"addends.shape must equal x.shape \(got \(2, 3, 4\)"):
        kernels.batch_norm_backward(x, x, vector, vector, sizes=(1, 2), addends=[None, x])
    with pytest.raises(ValueError, match="sizes must be None with y"):
        kernels.batch_norm_backward(
            x, x, vector, vector, sizes=(3,), y=x, bias=vector, activation="relu"
        )


def test_group_norm_computes_the_statistics():
    x = np.random.default_rng(0).standard_normal((3, 6, 5))
    mean, var = kernels.batch_norm_stats(x.reshape(1, 6, 15))
    expected = kernels.group_norm(x, var.reshape(3, 2), mean.reshape(3, 2))
    assert np.allclose(kernels.group_norm(x, None, groups=2), expected, rtol=1e-13, atol=1e-14)
    with pytest.raises(ValueError, match=r"groups must divide x.shape\[1\].*got 4 and shape"):
        kernels.group_norm(x, None, groups=4)
    with pytest.raises(TypeError, match="var must be a NumPy array"):
        kernels.group_norm(x, None, mean.reshape(3, 2), groups=2)
