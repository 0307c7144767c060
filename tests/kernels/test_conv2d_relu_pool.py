"""Convolution, ReLU and pooling in one kernel: the values of the three, and the gradients."""

from typing import Any

import numpy as np
import pytest

from calls import COMPILED, check, note, run
from cnet import kernels, runtime
from cnet.kernels import fused
from conftest import DTYPES, THREADS
from guarded import PLACES
from oracle import reference
from specs.fused import BEYOND_CACHES, FITTING, SIZES, backward
from specs.spec import Arrays, Call
from specs.tables.conv2d import Conv2dCase
from tolerance import assert_exact


def _codes(y: np.ndarray, indices: np.ndarray, width: int) -> np.ndarray:
    """The codes of the fused kernels, computed from the indices of `max_pool2d`."""
    row, column = np.divmod(indices, max(1, width))
    return np.where(y <= 0, 4, 2 * (row % 2) + column % 2).astype(np.uint8)


def _chain(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, **options: Any) -> Arrays:
    """The three kernels one after the other: y, codes and the pooled indices."""
    direct = 0 not in x.shape + weight.shape
    algorithm = "direct" if direct else "product"
    z = kernels.relu(kernels.conv2d(x, weight, bias, **options, algorithm=algorithm))
    y, indices = kernels.max_pool2d(z, 2)
    return y, _codes(y, indices, z.shape[3]), indices, z


def _back(grad_output: np.ndarray, indices: np.ndarray, z: np.ndarray) -> np.ndarray:
    return kernels.relu_backward(kernels.max_pool2d_backward(grad_output, indices, z.shape), z)


def _check(x: np.ndarray, weight: np.ndarray, bias: Any, **options: Any) -> None:
    """Results and gradients equal the chain's, bit for bit, on all implementations and threads."""
    for isa in runtime.available_isas():
        with note(f"{x.dtype}, {isa}"), runtime.use_isa(isa), runtime.use_threads(1):
            y, codes, indices, z = _chain(x, weight, bias, **options)
            grad_output = np.random.default_rng(1).standard_normal(y.shape, x.dtype)
            dx = _back(grad_output, indices, z)
            forth = Call("conv2d_relu_pool", (x, weight, bias), options, (None, None))
            back = Call("relu_pool_backward", (grad_output, codes), {"x_shape": z.shape}, (None,))
            for threads, place in zip(THREADS, PLACES * 2, strict=True):
                with note(f"{threads} threads, {place}"), runtime.use_threads(threads):
                    for got, wanted in zip(run(forth, place), (y, codes), strict=True):
                        assert_exact(got, wanted)
                    assert_exact(*run(back, place), dx)


@pytest.mark.parametrize("case", [*SIZES, *FITTING[::12]], ids=lambda case: case.id)
def test_is_the_chain_to_the_bit(case: Conv2dCase) -> None:
    for dtype in DTYPES:
        x, weight, bias, _ = case.arrays(dtype)
        _check(x, weight, bias, **case.options)


@pytest.mark.slow
@pytest.mark.parametrize("case", FITTING, ids=lambda case: case.id)
def test_is_the_chain_to_the_bit_for_every_case(case: Conv2dCase) -> None:
    for dtype in DTYPES:
        x, weight, bias, _ = case.arrays(dtype)
        _check(x, weight, bias, **case.options)


def _pixels(rows: list[list[float]], dtype: Any) -> Arrays:
    """Images, and a 1x1 convolution that does not change them."""
    return np.array([[rows]], dtype), np.ones((1, 1, 1, 1), dtype)


def test_takes_the_first_of_equal_maxima(impl: str, dtype: Any, threads: int) -> None:
    x, weight = _pixels([[1, 5, 5, 2, 3, 1], [5, 0, 2, 5, 3, 3]], dtype)
    y, codes = kernels.conv2d_relu_pool(x, weight)
    assert y.tolist() == [[[[5, 5, 3]]]]
    assert codes.tolist() == [[[[1, 0, 0]]]]


def test_what_is_not_positive_is_dead(impl: str, dtype: Any, threads: int) -> None:
    """Zeros of either sign and negative numbers give 0, never -0, and get no gradient."""
    x, weight = _pixels([[-1, -2, 0, -0.0, -0.0, -0.0], [-3, -4, -1, -1, -0.0, -0.0]], dtype)
    y, codes = kernels.conv2d_relu_pool(x, weight)
    assert_exact(y, np.zeros((1, 1, 1, 3), dtype))
    assert codes.tolist() == [[[[4, 4, 4]]]]
    dx = kernels.relu_pool_backward(np.full_like(y, np.nan), codes, x.shape)
    assert_exact(dx, np.zeros_like(x))


def test_the_last_nan_wins(impl: str, dtype: Any, threads: int) -> None:
    nan, inf = np.nan, np.inf
    x, weight = _pixels([[nan, inf, 1, 2, nan, -1, -inf, -inf], [9, nan, 3, nan, -1, -1, -inf, 1]],
                        dtype)  # fmt: skip
    y, codes = kernels.conv2d_relu_pool(x, weight)
    assert_exact(y, np.array([[[[nan, nan, nan, 1]]]], dtype))
    assert codes.tolist() == [[[[3, 3, 0, 3]]]]
    assert kernels.relu_pool_backward(np.ones_like(y), codes, x.shape).tolist() == [
        [[[0, 0, 0, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 1]]]
    ]


def _special(*shape: int, dtype: Any) -> np.ndarray:
    """Ties, zeros of both signs, NaN and infinities, in every lane and position of a window."""
    rng = np.random.default_rng(3)
    x = rng.integers(-3, 4, shape).astype(dtype)
    rare = rng.random(x.shape)
    x[rare < 0.05] = np.nan
    for i, value in enumerate((np.inf, -np.inf, -0.0, 1e-40)):
        x[(rare > 0.1 + 0.03 * i) & (rare < 0.13 + 0.03 * i)] = value
    return x


def test_special_values_go_through_as_in_the_chain(dtype: Any) -> None:
    x = _special(3, 1, 21, 71, dtype=dtype)
    weight = np.array([1, -1, 0.5, 0, 2, -2, 1, 1, 1], dtype).reshape(9, 1, 1, 1)
    bias = np.array([0, 0, 0, -0.0, 1, -1, np.inf, -np.inf, np.nan], dtype)
    with np.errstate(invalid="ignore"):
        _check(x, weight, bias)
        _check(x, weight, None)


@pytest.mark.parametrize(
    ("x_shape", "weight_shape", "y_shape"),
    [
        ((0, 3, 8, 8), (4, 3, 3, 3), (0, 4, 3, 3)),
        ((2, 3, 8, 8), (0, 3, 3, 3), (2, 0, 3, 3)),
        ((0, 0, 8, 8), (0, 0, 3, 3), (0, 0, 3, 3)),
    ],
)
def test_empty_results(
    impl: str, dtype: Any, x_shape: Any, weight_shape: Any, y_shape: Any
) -> None:
    x, weight = np.ones(x_shape, dtype), np.ones(weight_shape, dtype)
    y, codes = kernels.conv2d_relu_pool(x, weight, np.ones(weight_shape[0], dtype))
    assert (y.shape, codes.shape) == (y_shape, y_shape)
    assert (y.dtype, codes.dtype) == (dtype, np.uint8)
    full = (*y_shape[:2], 6, 6)
    assert kernels.relu_pool_backward(y, codes, full).shape == full


def test_sums_of_nothing_are_the_bias(impl: str, dtype: Any) -> None:
    x, weight = np.ones((2, 0, 5, 6), dtype), np.ones((3, 0, 3, 3), dtype)
    y, codes = kernels.conv2d_relu_pool(x, weight, np.array([-1, 0, 2], dtype))
    assert y.tolist() == [[[[0, 0]], [[0, 0]], [[2, 2]]]] * 2
    assert codes.tolist() == [[[[4, 4]], [[4, 4]], [[0, 0]]]] * 2


@pytest.mark.parametrize("h", [2, 3, 7])
@pytest.mark.parametrize("w", [2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 34, 35, 64, 65, 66, 67])
def test_relu_and_pooling_alone_are_the_chain(dtype: Any, h: int, w: int) -> None:
    """On the result of any convolution; with planes for several threads."""
    for planes in ((3, 2), (1, 1), (2, 1 + 40_000 // (h * w))):
        x = _special(*planes, h, w, dtype=dtype)
        call = Call("relu_pool", (x,), {}, (None, None))
        check(call)
        y, indices = kernels.max_pool2d(kernels.relu(x), 2)
        for got, wanted in zip(kernels.relu_pool(x), (y, _codes(y, indices, w)), strict=True):
            assert_exact(got, wanted)


@pytest.mark.parametrize("h", [2, 3, 7])
@pytest.mark.parametrize("w", [2, 3, 15, 16, 17, 31, 32, 33, 34, 35, 64, 65, 66, 67])
def test_gradients_go_where_the_codes_say(dtype: Any, h: int, w: int) -> None:
    """Unpaired rows and columns, and codes without a position, get no gradient."""
    rng = np.random.default_rng(h * w)
    grad_output = rng.standard_normal((3, 2, h // 2, w // 2)).astype(dtype)
    grad_output[rng.random(grad_output.shape) < 0.1] = -0.0
    codes = rng.integers(0, 5, grad_output.shape).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.05] = 255
    check(Call("relu_pool_backward", (grad_output, codes), {"x_shape": (3, 2, h, w)}, (None,)))


def test_codes_of_any_integer_dtype(impl: str) -> None:
    grad_output, codes = np.arange(1.0, 5).reshape(1, 1, 2, 2), np.arange(4).reshape(1, 1, 2, 2)
    expected = [[[[1, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]]]
    for dtype in (np.uint8, np.int8, np.int64, np.uint64, ">i4"):
        got = kernels.relu_pool_backward(grad_output, codes.astype(dtype), (1, 1, 4, 4))
        assert got.tolist() == expected


# ---- Gradients of the chain --------------------------------------------------------------------

CHANNELS = [
    *(Conv2dCase((3, c, 7, 9), (o, c, 3, 3), padding=1, name=f"{c} channels")
      for c, o in ((1, 2), (2, 1), (4, 3), (5, 2), (7, 2), (8, 9), (9, 3), (16, 2), (17, 3))),
    *(Conv2dCase((2, 3, 9, 11), (3, 3, k, k + 1), padding=k // 2, name=f"{k}x{k + 1}")
      for k in (1, 2, 4, 5, 6, 7, 8)),
    Conv2dCase((2, 5, 9, 11), (3, 5, 3, 3), stride=(3, 2), name="strides"),
    Conv2dCase((2, 5, 13, 14), (3, 5, 3, 3), dilation=(1, 3), name="dilated columns"),
    Conv2dCase((2, 5, 13, 14), (3, 5, 3, 3), dilation=(4, 1), name="dilated rows"),
    Conv2dCase((2, 9, 13, 14), (6, 3, 2, 3), 2, 1, 2, 3, name="all in groups"),
    Conv2dCase((35, 3, 4, 5), (6, 1, 3, 3), padding=1, groups=3, name="parts in groups"),
    *(Conv2dCase((n, 2, 5, 5), (3, 2, 3, 3), padding=1, name=f"{n} images")
      for n in (1, 2, 15, 16, 17, 31, 33, 48)),
]  # fmt: skip
THRESHOLD = Conv2dCase((2, 8, 9, 10), (3, 8, 3, 3), padding=1)


def _alive(case: Conv2dCase, dtype: Any, *, share: float) -> Call:
    """The gradients for codes that do not depend on the values, some without a position."""
    n, o, oh, ow = case.y_shape
    shape, rng = (n, o, oh // 2, ow // 2), case.random()
    codes = rng.integers(0, 4, shape).astype(np.uint8)
    codes[rng.random(shape) >= share] = 4
    codes[rng.random(shape) < 0.03] = rng.choice([5, 6, 7, 8, 127, 128, 252, 255])
    return backward(case, rng.standard_normal(shape, dtype), codes)


@pytest.mark.parametrize("share", [0, 0.5, 1])
@pytest.mark.parametrize("case", CHANNELS, ids=lambda case: case.id)
def test_gradients_for_any_codes(dtype: Any, case: Conv2dCase, share: float) -> None:
    check(_alive(case, dtype, share=share))


@pytest.mark.slow
@pytest.mark.parametrize("case", FITTING, ids=lambda case: case.id)
def test_gradients_for_every_case(dtype: Any, case: Conv2dCase) -> None:
    check(_alive(case, dtype, share=0.7))


@pytest.mark.parametrize("needs", [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
@pytest.mark.parametrize("case", [THRESHOLD, *BEYOND_CACHES], ids=lambda case: case.id)
def test_only_the_gradients_that_are_needed(impl: str, case: Conv2dCase, needs: Any) -> None:
    call = _alive(case, np.float64, share=0.8)
    everything = kernels.conv2d_relu_pool_backward(*call.arrays, **call.options)
    some = kernels.conv2d_relu_pool_backward(*call.arrays, **call.options, needs=needs)
    for need, gradient, full in zip(needs, some, everything, strict=True):
        if need:
            assert_exact(gradient, full)
        else:
            assert gradient is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", CHANNELS, ids=lambda case: case.id)
def test_what_is_not_finite_goes_where_it_belongs(dtype: Any, case: Conv2dCase, bad: float) -> None:
    """A gradient reaches the pixels under the filter only from an active cell."""
    call = _alive(case, dtype, share=0.8)
    grad_output, codes, x, weight = call.arrays
    living = np.argwhere(codes < 4)
    dead = codes >= 4
    grad_output[tuple(living[len(living) // 2])] = bad
    arrays = np.where(dead, bad, grad_output), codes, x, weight
    with np.errstate(invalid="ignore"):
        clean = np.where(dead, 0, grad_output), codes, x, weight
        expected = reference.conv2d_relu_pool_backward(*clean, **case.options)
        for isa in COMPILED:
            with note(isa), runtime.use_isa(isa):
                got = kernels.conv2d_relu_pool_backward(*arrays, **case.options)
            for name, y, wanted in zip(("dx", "dw", "db"), got, expected, strict=True):
                with note(name):
                    finite = np.isfinite(wanted)
                    assert_exact(y[~finite], wanted[~finite])
                    assert np.isfinite(y[finite]).all()


@pytest.mark.parametrize("shapes", [((0, 3, 8, 8), (4, 3, 3, 3)), ((2, 3, 8, 8), (0, 3, 3, 3)),
                                    ((2, 0, 8, 8), (4, 0, 3, 3))])  # fmt: skip
def test_gradients_of_nothing(impl: str, dtype: Any, shapes: Any) -> None:
    x, weight = (np.ones(shape, dtype) for shape in shapes)
    codes = np.zeros((x.shape[0], weight.shape[0], 3, 3), np.uint8)
    dx, dw, db = kernels.conv2d_relu_pool_backward(codes.astype(dtype), codes, x, weight)
    assert_exact(dx, np.zeros_like(x))
    assert_exact(dw, np.zeros_like(weight))
    assert_exact(db, np.zeros(weight.shape[0], dtype))


def test_large_images_are_beyond_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases of `BEYOND_CACHES` have the properties they are meant for."""
    unpooled = []
    unpool = kernels.relu_pool_backward

    def watched(*args: Any) -> np.ndarray:
        unpooled.append(args)
        return unpool(*args)

    monkeypatch.setattr(fused, "relu_pool_backward", watched)
    for isa in COMPILED:
        with runtime.use_isa(isa):
            for case in (*BEYOND_CACHES, *CHANNELS):
                call = _alive(case, np.float32, share=1)
                kernels.conv2d_relu_pool_backward(*call.arrays, **call.options)
    assert len(unpooled) == len(BEYOND_CACHES) * len(COMPILED)
