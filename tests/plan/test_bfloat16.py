"""Plans of bfloat16 against their models, against NumPy and against PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import _core, nn, runtime
from cnet import functional as F
from cnet._narrow import of_bfloat16, to_bfloat16
from cnet.models import cifar_resnet20, mobilenet_v2, reference_cnn
from cnet.plan.bfloat16 import Bfloat16
from cnet.plan.blocking import lay_out
from cnet.plan.compiled import compiled_plan
from cnet.plan.lowering import lower
from cnet.plan.narrowing import narrow
from cnet.plan.oracle import reference_plan
from plan.networks import INTEGERS, MIXED, Of, conv, images, kernels_of

PRECISION = 2.0**-8
"""The largest relative error of a number that is rounded to bfloat16, and a bit more."""

NARROW: dict[str, Callable[[Any], Any]] = INTEGERS | {
    "dilated depthwise": MIXED["dilated depthwise"],
    "depthwise, wide strides": lambda x: conv(conv(x, 32, 4, groups=32, stride=3), 16, 1),
    "odd channels": lambda x: conv(conv(x, 7), 19, 2),
    "loads that fill no tile": lambda x: conv(conv(x, 272, 1), 80),
    "many channels": lambda x: conv(conv(x, 176, 1), 48, dilation=2),
}
"""Functions of images with 32 channels whose steps all compute on bfloat16 images."""


def _compile(function: Callable[[Any], Any], x: np.ndarray) -> Any:
    return cnet.compile(Of(function).eval(), x, dtype="bfloat16")


def _plans(
    function: Callable[[Any], Any], x: np.ndarray, *makes: Callable[..., Any]
) -> list[np.ndarray]:
    results = []
    for make in makes:
        steps, result = lower(Of(function).eval(), x)
        steps = narrow(steps, result, Bfloat16())
        steps = lay_out(steps, result, x.dtype)
        plan = make(steps, result, x.shape, x.dtype, lambda x, out: (x, out))
        results.append(plan(x))
    return results


@pytest.mark.parametrize("name", [*NARROW, *MIXED])
def test_is_near_the_model(name: str) -> None:
    function, x = (NARROW | MIXED)[name], images()
    with cnet.no_grad():
        expected = function(cnet.tensor(x)).numpy()
    error = np.abs(_compile(function, x)(x) - expected)
    assert error.max() < 4 * PRECISION * np.abs(expected).max()
    assert error.mean() < PRECISION * np.abs(expected).std()


def _ways() -> list[Any]:
    """Each instruction set, without and with AMX beside it."""
    found = []
    for isa in cnet.available_isas():
        if isa == "reference":
            continue
        found.append(pytest.param(isa, False, id=isa))
        with cnet.use_isa(isa):
            if runtime.DOTS[_core.active_dots()] == "amx":
                found.append(pytest.param(isa, True, id=f"{isa}-amx"))
    return found


WAYS = _ways()


@pytest.mark.parametrize(("isa", "amx"), WAYS)
@pytest.mark.parametrize("name", NARROW)
def test_equals_the_equations(
    name: str, isa: str, amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum that is rounded to another bfloat16 changes later sums, by little."""
    x = images()
    monkeypatch.setattr(runtime, "amx_is_used", lambda: amx)
    with cnet.use_isa(isa):
        actual, expected = _plans(NARROW[name], x, compiled_plan, reference_plan)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=PRECISION * np.abs(expected).max())
    assert np.abs(actual - expected).mean() < PRECISION / 16 * np.abs(expected).std()


@pytest.mark.parametrize("name", NARROW)
def test_is_the_same_on_all_instruction_sets_but_amx(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, results = images(), []
    for way in WAYS:
        isa, amx = way.values
        if not amx:
            monkeypatch.setattr(runtime, "amx_is_used", lambda: False)
            with cnet.use_isa(isa):
                results += _plans(NARROW[name], x, compiled_plan)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("name", NARROW)
def test_all_steps_are_of_bfloat16(name: str) -> None:
    x = images()
    kernels = kernels_of(_compile(NARROW[name], x), x)
    assert kernels[0] == "to_bfloat16"
    others = [kernel for kernel in kernels if not kernel.startswith("bfloat16")]
    assert set(others) <= {"to_bfloat16", "from_bfloat16", "unblock", "strided_copy"}, kernels


@pytest.mark.parametrize(("isa", "amx"), WAYS)
def test_one_layer_equals_pytorch(isa: str, amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of integers are exact in any order, so that only the rounding remains."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (2, 20, 9, 8)).astype(np.float32)
    weight = rng.integers(-9, 10, (24, 20, 3, 3)).astype(np.float32)
    bias = rng.integers(-9, 10, 24).astype(np.float32)
    layer = nn.Conv2d(20, 24, 3, padding=1).eval()
    layer.weight.data[...], layer.bias.data[...] = weight, bias
    more = nn.Conv2d(24, 24, 1, groups=24, bias=False).eval()
    more.weight.data[...] = 1
    monkeypatch.setattr(runtime, "amx_is_used", lambda: amx)
    with cnet.use_isa(isa):
        y = cnet.compile(nn.Sequential(layer, nn.ReLU(), more).eval(), x, dtype="bfloat16")(x)
    z = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(weight), padding=1)
    z = (z + torch.tensor(bias).view(-1, 1, 1)).relu().bfloat16().float()
    np.testing.assert_array_equal(y, z.numpy())


@pytest.mark.parametrize("build", [cifar_resnet20, mobilenet_v2, reference_cnn])
def test_architectures(build: Callable[[], nn.Module]) -> None:
    cnet.manual_seed(0)
    model = build().eval()
    shape = (1, 28, 28) if build is reference_cnn else (3, 32, 32)
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    plan = cnet.compile(model, x, dtype="bfloat16")
    expected = cnet.compile(model, x)(x)
    assert np.abs(plan(x) - expected).max() < 6 * PRECISION * np.abs(expected).max()
    with cnet.use_threads(1):
        one = plan(x)
    for threads in (2, 3):
        with cnet.use_threads(threads):
            np.testing.assert_array_equal(one, plan(x))
    more = np.concatenate([x] * 4)
    np.testing.assert_array_equal(plan(more), np.concatenate([one] * 4))


@pytest.mark.parametrize(("isa", "amx"), WAYS)
@pytest.mark.parametrize("groups", [1, 32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(
    value: float, groups: int, isa: str, amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They spread as far as the filters reach, and no further; ReLU keeps NaN."""
    x = images()
    x[0, 3, 4, 2] = value
    layers = nn.Conv2d(32, 32, 3, groups=groups, padding=1), nn.Conv2d(32, 16, 1), nn.ReLU()
    model = nn.Sequential(*layers).eval()
    monkeypatch.setattr(runtime, "amx_is_used", lambda: amx)
    with cnet.use_isa(isa), cnet.use_exact(), np.errstate(invalid="ignore"):
        y = cnet.compile(model, x, dtype="bfloat16")(x)
        expected = cnet.compile(model, x)(x)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    assert np.isnan(expected).any() or not np.isnan(value)


def test_max_pool_keeps_nan_and_infinities() -> None:
    x = images()
    x[0, 3, 4, 2], x[0, 4], x[1, 0, 2, 2] = np.nan, -np.inf, np.inf
    identity = nn.Conv2d(32, 32, 1, groups=32, bias=False).eval()
    identity.weight.data[...] = 1
    model = nn.Sequential(identity, nn.MaxPool2d(3, 2, 1), identity).eval()
    plan = cnet.compile(model, x, dtype="bfloat16")
    assert "bfloat16_max_pool2d" in kernels_of(plan, x)
    with cnet.no_grad():
        expected = F.max_pool2d(cnet.tensor(of_bfloat16(to_bfloat16(x))), 3, 2, 1).numpy()
    np.testing.assert_array_equal(plan(x), expected)


def test_weights_that_are_not_finite() -> None:
    model, x = nn.Conv2d(16, 16, 1).eval(), np.ones((1, 16, 3, 3), np.float32)
    model.weight.data[2, 3], model.weight.data[4, 1] = np.nan, np.inf
    y = cnet.compile(model, x, dtype="bfloat16")(x)
    assert np.isnan(y[:, 2]).all()
    assert np.isinf(y[:, 4]).all()
    assert np.isfinite(np.delete(y, (2, 4), 1)).all()


def test_one_axis() -> None:
    model = nn.Sequential(nn.Conv1d(3, 20, 5, padding=2), nn.ReLU(), nn.Conv1d(20, 7, 1)).eval()
    x = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    with cnet.no_grad():
        expected = model(cnet.tensor(x)).numpy()
    error = np.abs(cnet.compile(model, x, dtype="bfloat16")(x) - expected)
    assert error.max() < 4 * PRECISION * np.abs(expected).max()


def test_rounding_equals_pytorch() -> None:
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    bits[:5] = 0x3F808000, 0x3F818000, 0x7F7FFFFF, 0x7F800001, 0xFF800000
    x = bits.view(np.float32)
    y = of_bfloat16(to_bfloat16(x))
    np.testing.assert_array_equal(y, torch.tensor(x).bfloat16().float().numpy())


def test_errors() -> None:
    model, x = nn.Conv2d(3, 4, 3).eval(), np.ones((2, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match=r"calibration is only for .* \(got dtype='bfloat16'\)"):
        cnet.compile(model, x, dtype="bfloat16", calibration=x)
    with pytest.raises(ValueError, match=r"percentile is only for .* \(got dtype='bfloat16'\)"):
        cnet.compile(model, x, dtype="bfloat16", percentile=99)
    with pytest.raises(TypeError, match=r"dtype='bfloat16' needs a float32 example \(got float64"):
        cnet.compile(model.double(), x.astype(np.float64), dtype="bfloat16")
