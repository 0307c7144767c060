"""The algorithms of conv2d and its gradients: selected by name, and by default."""

import random
from collections.abc import Callable
from itertools import compress, product
from typing import Any

import numpy as np
import pytest

from calls import COMPILED, check, note
from cnet import functional as F
from cnet import kernels, runtime
from cnet.tensor import Tensor
from conftest import DTYPES, THREADS
from oracle import reference
from specs.conv import TYPICAL, calls_by
from specs.spec import Arrays, map_arrays
from specs.tables.conv2d import ALGORITHMS, CONV2D_CASES, Conv2dCase, random_conv2d
from specs.tables.depthwise import DEPTHWISE_CASES, random_depthwise
from specs.tables.pointwise import POINTWISE_CASES, random_pointwise
from specs.tables.winograd import WINOGRAD_CASES, random_winograd
from tolerance import assert_exact

CASES = (*CONV2D_CASES, *WINOGRAD_CASES, *DEPTHWISE_CASES, *POINTWISE_CASES)
DEEP = Conv2dCase((2, 61, 17, 18), (46, 61, 3, 3), padding=1)
"""Uses Winograd's algorithm by default, and has sums long enough for different orders."""


def _check(case: Conv2dCase, algorithm: str, threads: tuple[int, ...]) -> None:
    for dtype in DTYPES:
        for call in calls_by(case, algorithm, dtype):
            check(call, COMPILED, threads)


def _id(case: Conv2dCase) -> str:
    return case.id


@pytest.mark.parametrize("case", WINOGRAD_CASES, ids=_id)
def test_winograd(case: Conv2dCase) -> None:
    _check(case, "winograd", (1, 3))


@pytest.mark.parametrize("case", DEPTHWISE_CASES, ids=_id)
def test_depthwise(case: Conv2dCase) -> None:
    assert case.suits("depthwise") == (True, True, True)
    _check(case, "depthwise", (1, 3))


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_images_beyond_the_caches_give_the_same_bits(size: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 8, 431, 433), dtype=np.float32)
    weight = rng.standard_normal((8, 1, size, size), dtype=np.float32)

    def convolve(images: Any) -> Any:
        return kernels.conv2d(
            images, weight, None, stride, size // 2, groups=8, algorithm="depthwise"
        )

    assert_exact(convolve(x), np.concatenate([convolve(image[None]) for image in x]))


@pytest.mark.parametrize("case", POINTWISE_CASES, ids=_id)
def test_pointwise(case: Conv2dCase) -> None:
    _check(case, "pointwise", (1, 3))


@pytest.mark.parametrize("case", CASES[::12], ids=_id)
@pytest.mark.parametrize("algorithm", ["channels", "direct", "fold", "product", "exact"])
def test_some_convolutions(algorithm: str, case: Conv2dCase) -> None:
    _check(case, algorithm, (1, 3))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=_id)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_convolutions(algorithm: str, case: Conv2dCase) -> None:
    _check(case, algorithm, THREADS)


def _random_check(rng: random.Random) -> None:
    """One shape, with a dtype and a suitable algorithm, on every ISA and two thread counts."""
    kind = rng.choice((random_conv2d, random_winograd, random_depthwise, random_pointwise))
    case = kind(rng)
    algorithm = rng.choice([name for name in ALGORITHMS if any(case.suits(name))])
    threads = 1, rng.choice(THREADS[1:])
    with note(f"{case.id}, {algorithm}"):
        for call in calls_by(case, algorithm, rng.choice(DTYPES)):
            check(call, COMPILED, threads)


def test_a_few_random_convolutions() -> None:
    rng = random.Random(0)
    for _ in range(50):
        _random_check(rng)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 41))
def test_random_convolutions(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        _random_check(rng)


def test_all_sizes_of_tiles_are_met() -> None:
    """More tiles than outputs, and fewer, in both passes: the gradient exchanges channels."""
    signs = set()
    for case in WINOGRAD_CASES:
        g = case.sizes
        tile = 7 - g.kh
        forward = g.n * -(-g.oh // tile) * -(-g.ow // tile) >= g.o
        backward = g.n * -(-g.h // tile) * -(-g.w // tile) >= g.c
        signs.add((tile, forward, backward))
    assert signs == set(product((2, 4), (False, True), (False, True)))


def _results(call_arrays: Arrays, case: Conv2dCase, algorithm: str) -> Arrays:
    """y and those gradients that the algorithm can compute."""
    x, weight, bias, grad_output = call_arrays
    options = {**case.options, "algorithm": algorithm}
    forward, *needs = case.suits(algorithm)
    y = kernels.conv2d(x, weight, bias, **options) if forward else None
    gradients = kernels.conv2d_backward(grad_output, x, weight, **options, needs=(*needs, True))
    return tuple(z for z in (y, *gradients) if z is not None)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_a_workspace_held_before_does_not_matter(dtype: Any, algorithm: str) -> None:
    """A run on NaN leaves NaN in the memory that the next run of these sizes uses."""
    cases = (case for case in CASES[::9] if any(case.suits(algorithm)) and case.flops < 3e6)
    for case, isa in product(cases, COMPILED):
        with note(f"{case.id}, {isa}"), runtime.use_isa(isa), runtime.use_threads(2):
            arrays = case.arrays(dtype)
            expected = _results(arrays, case, algorithm)
            _results(map_arrays(lambda x: np.full_like(x, np.nan), arrays), case, algorithm)
            for y, wanted in zip(_results(arrays, case, algorithm), expected, strict=True):
                assert_exact(y, wanted)


@pytest.mark.parametrize("images", [2, 7])
@pytest.mark.parametrize("algorithm", ["channels", "direct", "fold", "product"])
def test_nan_reaches_the_outputs_that_see_it(
    impl: str, dtype: Any, algorithm: str, images: int
) -> None:
    """Also if a vector holds several images."""
    case = Conv2dCase((images, 3, 9, 11), (4, 3, 3, 2), padding=(1, 2), dilation=(2, 1))
    x, weight, bias, grad_output = case.arrays(dtype)
    x[1, 1, 3, 10] = np.nan
    grad_output[0, 2, 4, 0] = np.nan
    arrays = x, weight, bias, grad_output
    expected = (
        reference.conv2d(x, weight, bias, **case.options),
        *reference.conv2d_backward(grad_output, x, weight, **case.options),
    )
    wanted = tuple(compress(expected, (*case.suits(algorithm), True)))
    for y, z in zip(_results(arrays, case, algorithm), wanted, strict=True):
        np.testing.assert_array_equal(np.isnan(y), np.isnan(z))


@pytest.mark.parametrize("only_x", [False, True])
@pytest.mark.parametrize("case", DEPTHWISE_CASES[::3], ids=_id)
def test_nan_reaches_what_sees_it_depthwise(
    impl: str, dtype: Any, case: Conv2dCase, only_x: bool
) -> None:
    """Also if vectors overlap, or cover cells without an output."""
    x, weight, bias, grad_output = case.arrays(dtype)
    for z in (x,) if only_x else (x, grad_output):
        z[0, 0, 0, 0] = z[-1, -1, -1, -1] = z[-1, 0, 0, -1] = np.nan
    expected = (
        reference.conv2d(x, weight, bias, **case.options),
        *reference.conv2d_backward(grad_output, x, weight, **case.options),
    )
    actual = _results((x, weight, bias, grad_output), case, "depthwise")
    for y, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))


def test_nan_stays_within_the_tiles_that_see_it(impl: str, dtype: Any) -> None:
    """With Winograd's algorithm, an output may depend on all inputs of its tile."""
    case = Conv2dCase((2, 3, 13, 14), (4, 3, 3, 3), padding=1)
    x, weight, bias, _ = case.arrays(dtype)
    x[1, 1, 7, 5] = np.nan
    nan = np.isnan(kernels.conv2d(x, weight, bias, padding=1, algorithm="winograd"))
    assert nan[1, :, 6:9, 4:7].all()
    nan[1, :, 4:12, 4:8] = False
    assert not nan.any()


# ---- Selected by name --------------------------------------------------------------------------


def _backward(needs: tuple[bool, ...]) -> Callable[..., Any]:
    def call(arrays: Arrays, **options: Any) -> Any:
        x, weight, _, grad_output = arrays
        return kernels.conv2d_backward(grad_output, x, weight, **options, needs=needs)

    return call


def _forward(arrays: Arrays, **options: Any) -> Any:
    return kernels.conv2d(*arrays[:3], **options)


CALLS = _forward, _backward((True, False, False)), _backward((False, True, False))


ALL_BUT_PRODUCT = ["depthwise", "winograd", "pointwise", "channels", "direct", "fold"]


@pytest.mark.parametrize("algorithm", ALL_BUT_PRODUCT)
def test_an_algorithm_that_cannot_compute_it_is_refused(algorithm: str) -> None:
    refused = 0
    for case in CONV2D_CASES:
        arrays, g = case.arrays(np.float32), case.sizes
        for call, suits in zip(CALLS, case.suits(algorithm), strict=True):
            if suits:
                continue
            with note(case.id), pytest.raises(ValueError) as raised:
                call(arrays, **case.options, algorithm=algorithm)
            function = "conv2d" if call is _forward else "conv2d_backward"
            assert str(raised.value).startswith(
                f"{function}: algorithm='{algorithm}' cannot compute this convolution "
                f"(got a {g.kh}x{g.kw} kernel, stride {(g.sh, g.sw)}, dilation {(g.dh, g.dw)}, "
            )
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("algorithm", ["winograd", "direct"])
def test_an_algorithm_must_only_compute_what_is_needed(algorithm: str) -> None:
    """The gradient of the bias needs no algorithm, nor do gradients that are not needed."""
    x, weight, _, dy = Conv2dCase((2, 3, 9, 9), (4, 3, 3, 3), 2).arrays(np.float64)
    expected = kernels.conv2d_backward(dy, x, weight, 2)
    kept = kernels.conv2d_backward(
        dy, x, weight, 2, needs=(False, False, True), algorithm=algorithm
    )
    assert kept[:2] == (None, None)
    assert_exact(kept[2], expected[2])
    if algorithm == "direct":
        some = kernels.conv2d_backward(
            dy, x, weight, 2, needs=(False, True, False), algorithm=algorithm
        )
        assert some[0] is some[2] is None
        np.testing.assert_allclose(some[1], expected[1], rtol=1e-12)


def test_names_compute_what_they_say() -> None:
    """In float32, the three algorithms round differently; "exact" is one of the last two."""
    results = {
        name: [y.tobytes() for y in _results(DEEP.arrays(np.float32), DEEP, name)[:3]]
        for name in ("auto", "exact", "winograd", "channels", "direct", "fold", "product")
    }
    folded = results.pop("fold")[0]
    for i in range(3):
        names = "winograd", "channels", "direct", "product"
        winograd, channels, direct, plain = (results[name][i] for name in names)
        assert len({winograd, channels, direct, plain}) == 4
        assert results["auto"][i] == winograd
        assert results["exact"][i] in (channels, direct, plain)
        assert folded not in (winograd, channels, direct, plain)


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_the_reference_takes_every_name(algorithm: str) -> None:
    filters = (3, 1, 3, 3) if algorithm == "depthwise" else (4, 3, 3, 3)
    case = Conv2dCase((2, 3, 9, 10), filters, padding=1, groups=3 // filters[1])
    if algorithm == "pointwise":
        case = POINTWISE_CASES[0]
    arrays = case.arrays(np.float32)
    with runtime.use_isa("reference"):
        expected = compress(_results(arrays, case, "auto"), (*case.suits(algorithm), True))
        for y, wanted in zip(_results(arrays, case, algorithm), expected, strict=True):
            assert_exact(y, wanted)


@pytest.mark.parametrize("needs", [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
def test_conv2d_backward_computes_what_is_needed(impl: str, needs: tuple[int, int, int]) -> None:
    x, weight, _, grad_output = TYPICAL.arrays(np.float64)
    everything = kernels.conv2d_backward(grad_output, x, weight, **TYPICAL.options)
    some = kernels.conv2d_backward(grad_output, x, weight, **TYPICAL.options, needs=needs)
    for need, gradient, full in zip(needs, some, everything, strict=True):
        if need:
            assert_exact(gradient, full)
        else:
            assert gradient is None


# ---- Selected by default -----------------------------------------------------------------------


@pytest.mark.parametrize("isa", COMPILED)
def test_what_conv2d_algorithm_says_is_taken(isa: str, dtype: Any) -> None:
    said = set()
    for case in (*CONV2D_CASES[::5], DEEP, *DEPTHWISE_CASES[::9], *POINTWISE_CASES[::9]):
        x, weight, bias, _ = case.arrays(dtype)
        with note(case.id), runtime.use_isa(isa):
            name = kernels.conv2d_algorithm(x.shape, weight.shape, **case.options, dtype=dtype)
            taken = kernels.conv2d(x, weight, bias, **case.options)
            assert_exact(taken, kernels.conv2d(x, weight, bias, **case.options, algorithm=name))
        said.add(name)
    assert said == {"depthwise", "winograd", "pointwise", "channels", "direct", "product"}


WIDE = Conv2dCase((1, 2, 3, 30000), (1, 2, 3, 3), name="rows that fill a cache in float64 only")


@pytest.mark.parametrize("isa", COMPILED)
def test_the_algorithm_is_the_one_that_a_case_must_exercise(isa: str, dtype: Any) -> None:
    """The table states the rule, independently of the library, and determines the tolerances."""
    expected = set()
    with runtime.use_isa(isa):
        for case in (*CASES, WIDE):
            shapes = case.x_shape, case.weight_shape
            name = kernels.conv2d_algorithm(*shapes, **case.options, dtype=dtype)
            assert name == case.expected_algorithm(dtype), case.id
            assert (name == "winograd") == case.is_winograd, case.id
            expected.add(name)
    assert expected == {"depthwise", "winograd", "pointwise", "channels", "direct", "product"}


def test_the_algorithm_depends_on_the_dtype() -> None:
    assert [WIDE.expected_algorithm(dtype) for dtype in DTYPES] == ["direct", "product"]


def _said() -> list[str]:
    return [
        kernels.conv2d_algorithm(case.x_shape, case.weight_shape, **case.options) for case in CASES
    ]


@pytest.mark.parametrize("isa", COMPILED)
def test_use_exact_never_takes_winograd(isa: str) -> None:
    with runtime.use_isa(isa):
        fastest = _said()
        with runtime.use_exact():
            exact = _said()
        assert _said() == fastest
    assert "winograd" in fastest
    assert "winograd" not in exact
    for name, other in zip(fastest, exact, strict=True):
        assert name in ("winograd", other)


def test_use_exact_is_the_algorithm_exact(impl: str, dtype: Any, threads: int) -> None:
    arrays = DEEP.arrays(dtype)
    fastest, exact = (_results(arrays, DEEP, name) for name in ("auto", "exact"))
    with runtime.use_exact():
        within, winograd = (_results(arrays, DEEP, name) for name in ("auto", "winograd"))
    for y, wanted in zip(within, exact, strict=True):
        assert_exact(y, wanted)
    for y, wanted in zip(winograd, fastest, strict=True):
        assert_exact(y, wanted)
    if impl != "reference":
        assert all((y != z).any() for y, z in zip(fastest[:3], exact[:3], strict=True))


def test_use_exact_holds_for_tensors() -> None:
    x, weight, _, grad_output = DEEP.arrays(np.float32)
    leaves = Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True)
    with runtime.use_exact():
        y = F.conv2d(*leaves, padding=1)
        y.backward(grad_output)
    assert_exact(y.detach().numpy(), kernels.conv2d(x, weight, padding=1, algorithm="exact"))
    expected = kernels.conv2d_backward(grad_output, x, weight, padding=1, algorithm="exact")
    for leaf, wanted in zip(leaves, expected[:2], strict=True):
        assert_exact(leaf.grad.numpy(), wanted)


def test_use_exact_restores() -> None:
    assert not runtime.exact_is_on()
    with runtime.use_exact():
        with runtime.use_exact(False):
            assert not runtime.exact_is_on()
        assert runtime.exact_is_on()
    with pytest.raises(KeyError), runtime.use_exact():
        raise KeyError
    assert not runtime.exact_is_on()
    restore = runtime.use_exact()
    assert runtime.exact_is_on()
    with restore:
        pass
    assert not runtime.exact_is_on()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (((2, 3, 8), (4, 3, 3, 3)), ValueError, "x_shape must be 4 sizes, none negative"),
        (((2, 3, 8, 8), (4, 3, 3)), ValueError, "weight_shape must be 4 sizes, none negative"),
        (((2, 3, 8, 8.0), (4, 3, 3, 3)), TypeError, "x_shape must be a sequence of ints"),
        (((2, 3, 8, 8), 4), TypeError, "weight_shape must be a sequence of ints (got 4)"),
        (
            ((2, 3, 8, 8), (4, 2, 3, 3)),
            ValueError,
            "weight.shape[1] must equal x.shape[1] / groups",
        ),
        (((2, 3, 8, 8), (4, 3, 3, 3), 0), ValueError, "stride must be at least 1 (got 0)"),
        (((2, 3, 8, 8), (4, 3, 9, 3)), ValueError, "must fit into the padded input"),
        (
            ((2, 3, 8, 8), (4, 3, 3, 3), 1, 0, 1, 1, int),
            TypeError,
            "dtype must be float32 or float64 (got int64)",
        ),
    ],
)
def test_bad_shapes_are_named(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        kernels.conv2d_algorithm(*arguments)
    assert str(raised.value).startswith("conv2d_algorithm: ")
    assert text in str(raised.value)


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_no_images_suit_every_algorithm(algorithm):
    x, weight = np.ones((0, 3, 8, 8)), np.ones((4, 3, 3, 3))
    y = kernels.conv2d(x, weight, algorithm=algorithm)
    assert y.shape == (0, 4, 6, 6)
    _, dw, _ = kernels.conv2d_backward(y, x, weight, algorithm=algorithm)
    np.testing.assert_array_equal(dw, 0 * weight)
