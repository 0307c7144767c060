"""Every kernel, on every implementation and thread count, against the reference."""

import importlib
import inspect
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import guarded
from calls import UPDATED, check, map_arrays, outputs_of, run
from cases import CONV2D_CASES, POOL2D_CASES, Case, Conv2dCase, Pool2dCase, oracle
from cnet import kernels
from conftest import DTYPES
from flat_cases import (
    FLAT_CASES,
    BatchNormCase,
    CrossEntropyCase,
    GemmCase,
    LinearCase,
    ReluCase,
    StepCase,
)
from tolerance import assert_bounded, assert_exact

KERNELS = (
    "im2col", "col2im", "conv2d", "conv2d_backward", "conv2d_relu_pool",
    "conv2d_relu_pool_backward", "relu_pool", "relu_pool_backward",
    "max_pool2d", "max_pool2d_backward", "avg_pool2d", "avg_pool2d_backward", "matmul", "linear",
    "relu", "relu_backward", "batch_norm_stats", "batch_norm", "batch_norm_backward",
    "cross_entropy", "cross_entropy_backward", "sgd_step", "adam_step",
)  # fmt: skip
CASES = (*CONV2D_CASES, *POOL2D_CASES, *FLAT_CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case).__name__}-{case.id}")
def test_agrees_with_reference(case: Case) -> None:
    for dtype in DTYPES:
        for call in case.calls(dtype):
            check(call)


TYPICAL = (
    Conv2dCase((2, 4, 9, 8), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2),
    Pool2dCase((2, 3, 9, 7), 3, 2, 1, ceil_mode=True),
    GemmCase((13, 33), (33, 31)),
    LinearCase((2, 3, 7), 17),
    ReluCase((3, 5, 7)),
    BatchNormCase((3, 4, 5, 7)),
    CrossEntropyCase(6, 9, weighted=True, label_smoothing=0.1),
    StepCase((5, 7), 0.1, momentum=0.9, nesterov=True, step=3),
)
ONE_CALL_EACH = {
    call.function: call
    for calls in (*(case.calls(np.float64) for case in TYPICAL), TYPICAL[0].fused_calls(np.float64))
    for call in calls
}


def _misaligned(x: np.ndarray) -> np.ndarray:
    y = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


def _read_only(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y.flags.writeable = False
    return y


def _swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(x.dtype.newbyteorder())


def _every_other(x: np.ndarray) -> np.ndarray:
    return np.repeat(x, 2, axis=-1)[..., ::2]


def _backwards(x: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(x).copy())


class _Subclass(np.ndarray):
    pass


def _subclass(x: np.ndarray) -> np.ndarray:
    return x.view(_Subclass)


LAYOUTS = (
    np.asfortranarray, _every_other, _backwards, _read_only, _swapped, _misaligned, _subclass,
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("function", KERNELS)
def test_layout_of_inputs_does_not_matter(
    impl: str, dtype: Any, function: str, layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    """The same values, however they lie in memory: the same result, for GEMM up to rounding."""
    call = ONE_CALL_EACH[function]
    plain = map_arrays(lambda x: x.astype(dtype) if x.dtype.kind == "f" else x, call.arrays)
    expected = outputs_of(kernels, call, map_arrays(np.copy, plain))
    kept = UPDATED.get(function, ())
    arrays = tuple(x.copy() if i in kept else layout(x) for i, x in enumerate(plain))
    copies = map_arrays(np.copy, arrays)
    for y, wanted, k in zip(outputs_of(kernels, call, arrays), expected, call.terms, strict=True):
        assert type(y) is np.ndarray
        assert y.dtype == wanted.dtype
        assert y.dtype.isnative
        if function == "matmul":
            assert_bounded(y, wanted, k, np.abs(plain[0]) @ np.abs(plain[1]))
        else:
            assert_exact(y, wanted)
    for i, (x, before) in enumerate(zip(arrays, copies, strict=True)):
        assert i in kept or x.tobytes() == before.tobytes()


@pytest.mark.parametrize("function", KERNELS)
def test_repeats_to_the_bit(impl: str, dtype: Any, threads: int, function: str) -> None:
    """Twice the same call, its results in other places: the same bits."""
    call = ONE_CALL_EACH[function]
    arrays = map_arrays(lambda x: x.astype(dtype) if x.dtype.kind == "f" else x, call.arrays)
    call = call._replace(arrays=arrays)
    for y, again in zip(*(run(call, place) for place in guarded.PLACES), strict=True):
        assert_exact(y, again)


@pytest.mark.parametrize("needs", [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
def test_conv2d_backward_computes_what_is_needed(impl: str, needs: tuple[int, int, int]) -> None:
    call = ONE_CALL_EACH["conv2d_backward"]
    everything = kernels.conv2d_backward(*call.arrays, **call.options)
    some = kernels.conv2d_backward(*call.arrays, **{**call.options, "needs": needs})
    for need, gradient, full in zip(needs, some, everything, strict=True):
        if need:
            assert_exact(gradient, full)
        else:
            assert gradient is None


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0), (2, 0, 4)])
def test_statistics_of_no_numbers_are_zeros(impl: str, dtype: Any, shape: tuple[int, ...]) -> None:
    for statistic in kernels.batch_norm_stats(np.empty(shape, dtype)):
        assert_exact(statistic, np.zeros(shape[1], dtype))


def test_the_reference_sums_in_float64() -> None:
    """Many equal numbers, far from zero: in float32 their sum would lose the last digits."""
    x = np.full((1000, 2, 300), [[0.1], [-3e9]], np.float32)
    mean, var = oracle.batch_norm_stats(x)
    assert_exact(mean, x[0, :, 0])
    np.testing.assert_array_less(np.sqrt(var), 1e-12 * np.abs(mean))
    ones = np.full((1, 1, 2048, 2048), 0.1, np.float32)
    _, _, db = oracle.conv2d_backward(ones, ones, ones[..., :1, :1], needs=(False, False, True))
    np.testing.assert_allclose(db, 2**22 * float(ones[0, 0, 0, 0]), rtol=1e-7)


def _pool(x: list[list[float]], *args: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    for dtype in DTYPES:
        y, argmax = kernels.max_pool2d(np.array([[x]], dtype), *args, **options)
        assert y.dtype == dtype
        assert argmax.dtype == np.int32
    return y[0, 0].tolist(), argmax[0, 0].tolist()


def test_max_pool2d_takes_the_first_of_equal_maxima(impl: str, threads: int) -> None:
    x = [[1, 5, 5, 2], [5, 0, 2, 2], [0, -0.0, 3, 3], [-0.0, 0, 3, 3]]
    assert _pool(x, 2) == ([[5, 5], [0, 3]], [[1, 2], [8, 10]])


def test_max_pool2d_lets_the_last_nan_win(impl: str, threads: int) -> None:
    nan, inf = np.nan, np.inf
    y, argmax = _pool([[nan, inf, 1, 2], [nan, 9, 3, nan]], 2)
    assert np.isnan(y).all()
    assert argmax == [[4, 7]]
    y, argmax = _pool([[1, nan, 2, 3, nan]], (1, 3), 1)
    assert np.isnan(y).tolist() == [[True, True, True]]
    assert argmax == [[1, 1, 4]]


def test_max_pool2d_of_minus_infinity_names_a_cell(impl: str, threads: int) -> None:
    inf = np.inf
    assert _pool([[-inf, -inf], [-inf, -inf]], 2) == ([[-inf]], [[0]])
    assert _pool([[-inf]], 3, 1, 1) == ([[-inf]], [[0]])


def test_max_pool2d_of_a_window_without_cells(impl: str, threads: int) -> None:
    inf = np.inf
    assert _pool([[7]], 2, 1, 1, 2) == ([[-inf]], [[-1]])
    assert _pool([[7, 8]], (2, 1), 1, (1, 0), (2, 1)) == ([[-inf, -inf]], [[-1, -1]])


def test_pooling_over_windows_far_wider_than_the_image(impl: str, threads: int) -> None:
    """By what they see of the image, not tap by tap; the reference would pad it."""
    if impl == "reference":
        return
    x, options = np.array([[[[1.0, 4.0, 3.0, 4.0]]]], np.float32), {"stride": 1}
    window = {"kernel_size": (1, 2**31 - 1), "padding": (0, 2**30 - 1), **options}
    y, argmax = kernels.max_pool2d(x, **window)
    mean = kernels.avg_pool2d(x, **window, count_include_pad=False)
    dx = kernels.avg_pool2d_backward(mean, x.shape, **window, count_include_pad=False)
    assert_exact(y, np.full_like(x, 4))
    assert_exact(argmax, np.full(x.shape, 1, np.int32))
    assert_exact(mean, np.full_like(x, 3))
    assert_exact(dx, np.full_like(x, 3))


def test_max_pool2d_prefers_cells_to_padding(impl: str, threads: int) -> None:
    assert _pool([[-3, -2], [-1, -4]], 2, 1, 1) == (
        [[-3, -2, -2], [-1, -1, -2], [-1, -1, -4]],
        [[0, 1, 1], [2, 2, 1], [2, 2, 3]],
    )


def test_max_pool2d_backward_adds_in_order(impl: str, threads: int) -> None:
    """1e8 + 1 - 1e8 is 0 in float32 and 1 in another order; -1 takes nothing."""
    grad_output = np.array([1e8, 1, -1e8, 5], np.float32).reshape(1, 1, 1, 4)
    argmax = np.array([2, 2, 2, -1], np.int32).reshape(1, 1, 1, 4)
    dx = kernels.max_pool2d_backward(grad_output, argmax, (1, 1, 2, 2))
    assert dx.tolist() == [[[[0, 0], [0, 0]]]]
    dx = kernels.max_pool2d_backward(grad_output[..., [0, 2, 1, 3]], argmax, (1, 1, 2, 2))
    assert dx.tolist() == [[[[0, 0], [1, 0]]]]


def test_cross_entropy_of_extreme_logits(impl: str, dtype: Any) -> None:
    """Large logits do not overflow; infinite ones and NaN give what the formula says."""
    nan, inf = np.nan, np.inf
    logits = [
        [1e4, 0],
        [-inf, 0],
        [inf, 0],
        [-inf, -inf],
        [nan, 0],
        [0, nan],
        [-inf, 0],
        [-inf, -1e4],
    ]
    target = np.array([0, 1, 1, 0, 0, 0, 0, 1])
    losses, lse = kernels.cross_entropy(np.array(logits, dtype), target)
    assert_exact(losses, np.array([0, 0, inf, nan, nan, nan, inf, 0], dtype))
    assert_exact(lse, np.array([1e4, 0, inf, -inf, nan, nan, 0, -1e4], dtype))


def test_every_kernel_is_listed_and_called() -> None:
    """Those that a file of the package defines are those that the package has."""
    files = [
        importlib.import_module(f"{kernels.__name__}.{file.name}")
        for file in pkgutil.iter_modules(kernels.__path__)
        if not file.name.startswith("_")
    ]
    defined = {
        name
        for file in files
        for name in kernels.__all__
        if getattr(vars(file).get(name), "__module__", None) == file.__name__
    }
    public = {name for name, f in vars(kernels).items() if inspect.isfunction(f)}
    assert public == set(kernels.__all__) == defined
    assert public - {"conv2d_algorithm", "conv2d_choice"} == set(KERNELS) == set(ONE_CALL_EACH)


def test_there_are_many_cases_and_no_two_are_one() -> None:
    assert len(CONV2D_CASES) >= 320
    assert len(POOL2D_CASES) >= 100
    assert len({(type(case), case.id) for case in CASES}) == len(CASES)


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.parametrize(("place", "offset"), [(guarded.ENDING, 8), (guarded.BEGINNING, -1)])
def test_guards_stop_an_overread(place: str, offset: int) -> None:
    code = (
        "import ctypes, guarded, sys\n"
        f"x = guarded.Guarded((1,), float, {place!r}).array\n"
        "ctypes.string_at(x.ctypes.data + int(sys.argv[1]), 1)\n"
    )
    inside, beyond = (
        subprocess.run([sys.executable, "-c", code, at], cwd=Path(__file__).parent)
        for at in ("0", str(offset))
    )
    assert inside.returncode == 0
    assert beyond.returncode == -signal.SIGSEGV


@pytest.mark.parametrize("place", guarded.PLACES)
def test_guards_see_what_is_written_beside_an_array(place: str) -> None:
    allocate = guarded.Allocator(place)
    x = allocate((3,), np.float32)
    assert np.isnan(x).all()
    x[:] = 0
    assert allocate.intact()
    beside = x.base
    beside[-1 if place == guarded.BEGINNING else 0] = 0
    assert not allocate.intact()
