"""Plans of 8-bit integers against their models, and against NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import _core, nn, runtime
from cnet.models import cifar_resnet20, mobilenet_v2, reference_cnn
from cnet.plan.blocking import lay_out
from cnet.plan.compiled import compiled_plan
from cnet.plan.lowering import lower
from cnet.plan.narrowing import narrow
from cnet.plan.oracle import reference_plan
from cnet.plan.quantization import Int8
from plan.networks import INTEGERS, MIXED, Of, conv, images, kernels_of


def _compile(function: Callable[[Any], Any], x: np.ndarray) -> Any:
    return cnet.compile(Of(function).eval(), x, dtype="int8", calibration=x)


@pytest.mark.parametrize("name", [*INTEGERS, *MIXED])
def test_is_near_the_model(name: str) -> None:
    function, x = (INTEGERS | MIXED)[name], images()
    with cnet.no_grad():
        expected = function(cnet.tensor(x)).numpy()
    error = np.abs(_compile(function, x)(x) - expected)
    assert error.max() < 0.06 * np.abs(expected).max()
    assert error.mean() < 0.02 * np.abs(expected).std()


@pytest.mark.parametrize("dots", range(3))
@pytest.mark.parametrize("isa", [isa for isa in cnet.available_isas() if isa != "reference"])
@pytest.mark.parametrize("name", INTEGERS)
def test_equals_the_equations(
    name: str, isa: str, dots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = images()
    with cnet.use_isa(isa):
        if dots > _core.active_dots():
            pytest.skip("the CPU has no such instructions beside these registers")
        monkeypatch.setattr(runtime, "int8_dots", lambda: dots)
        results = []
        for make in (compiled_plan, reference_plan):
            steps, result = lower(Of(INTEGERS[name]).eval(), x)
            steps = narrow(steps, result, Int8(lambda step: (-2.5, 2.25)))
            steps = lay_out(steps, result, x.dtype)
            plan = make(steps, result, x.shape, x.dtype, lambda x, out: (x, out))
            results.append(plan(x))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("name", INTEGERS)
def test_all_steps_are_quantized(name: str) -> None:
    x = images()
    kernels = kernels_of(_compile(INTEGERS[name], x), x)
    assert kernels[0] == "quantize"
    others = [kernel for kernel in kernels if not kernel.startswith("quantize")]
    assert set(others) <= {"unblock", "strided_copy"}, kernels


def test_profile_shows_what_is_not_quantized() -> None:
    x = images()
    kernels = kernels_of(_compile(MIXED["dilated depthwise"], x), x)
    assert "blocked_conv2d" in kernels


@pytest.mark.parametrize("build", [cifar_resnet20, mobilenet_v2, reference_cnn])
def test_architectures(build: Callable[[], nn.Module]) -> None:
    cnet.manual_seed(0)
    model = build().eval()
    shape = (1, 28, 28) if build is reference_cnn else (3, 32, 32)
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    plan = cnet.compile(model, x, dtype="int8", calibration=[x[:2], (x[2:], None)])
    expected = cnet.compile(model, x)(x)
    assert np.abs(plan(x) - expected).max() < 0.1 * np.abs(expected).max()
    with cnet.use_threads(1):
        one = plan(x)
    np.testing.assert_array_equal(one, plan(x))
    more = np.concatenate([x] * 4)
    np.testing.assert_array_equal(plan(more), np.concatenate([one] * 4))


def test_results_of_calibration_that_change_in_place() -> None:
    x = images()

    def function(x: Any) -> Any:
        y = conv(x, 16)
        z = conv(y, 16, 1)
        return z + y.mul_(0)

    with cnet.no_grad():
        expected = function(cnet.tensor(x)).numpy()
    assert np.abs(_compile(function, x)(x) - expected).max() < 0.06 * np.abs(expected).max()


def test_one_axis() -> None:
    model = nn.Sequential(nn.Conv1d(3, 20, 5, padding=2), nn.ReLU(), nn.Conv1d(20, 7, 1)).eval()
    x = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    plan = cnet.compile(model, x, dtype="int8", calibration=x)
    with cnet.no_grad():
        expected = model(cnet.tensor(x)).numpy()
    assert np.abs(plan(x) - expected).max() < 0.06 * np.abs(expected).max()


def test_results_of_zeros_and_of_tiny_numbers() -> None:
    model = nn.Conv2d(3, 4, 3, bias=False).eval()
    for size in (0.0, 1e-38):
        x = np.full((1, 3, 5, 5), size, np.float32)
        plan = cnet.compile(model, x, dtype="int8", calibration=x)
        assert np.abs(plan(x)).max() <= 1e-30


def test_percentiles_leave_out_extremes() -> None:
    model, x = nn.Conv2d(3, 4, 1).eval(), images()[:, :3].copy()
    x[0, 0, 0, 0] = 1e4
    expected = cnet.compile(model, x)(x)[1:]
    errors = [
        np.abs(
            cnet.compile(model, x, dtype="int8", calibration=x, percentile=percentile)(x)[1:]
            - expected
        ).mean()
        for percentile in (100, 99)
    ]
    assert errors[1] < 0.02 * errors[0]


def test_errors() -> None:
    model, x = nn.Conv2d(3, 4, 3).eval(), np.ones((2, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match="needs images for calibration"):
        cnet.compile(model, x, dtype="int8")
    with pytest.raises(ValueError, match="calibration is only for dtype='int8'"):
        cnet.compile(model, x, calibration=x)
    with pytest.raises(ValueError, match="percentile is only for dtype='int8'"):
        cnet.compile(model, x, percentile=99)
    for percentile in (50, 101, np.nan):
        with pytest.raises(ValueError, match=r"percentile must be in \(50, 100\] \(got"):
            cnet.compile(model, x, dtype="int8", calibration=x, percentile=percentile)
    with pytest.raises(TypeError, match="percentile"):
        cnet.compile(model, x, dtype="int8", calibration=x, percentile="99")
    with pytest.raises(ValueError, match=r"None, 'int8' or 'bfloat16' \(got 'int4'\)"):
        cnet.compile(model, x, dtype="int4", calibration=x)
    with pytest.raises(ValueError, match="calibration must have the example's shape"):
        cnet.compile(model, x, dtype="int8", calibration=x[:, :2])
    with pytest.raises(ValueError, match="calibration has no images"):
        cnet.compile(model, x, dtype="int8", calibration=[])
    with pytest.raises(TypeError, match="calibration must be an array or batches"):
        cnet.compile(model, x, dtype="int8", calibration=3)
    with pytest.raises(ValueError, match="must be finite"):
        cnet.compile(model, x, dtype="int8", calibration=x * np.float32(np.inf))
    broken = nn.Conv2d(3, 4, 3).eval()
    broken.weight.data[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        cnet.compile(broken, x, dtype="int8", calibration=x)
    double = nn.Conv2d(3, 4, 3).double().eval()
    with pytest.raises(TypeError, match="needs a float32 example \\(got float64\\)"):
        cnet.compile(double, x.astype(np.float64), dtype="int8", calibration=x)


def test_kernels_of_float32_refuse_float64() -> None:
    x, y = np.zeros(16), np.zeros(16, np.uint8)
    with pytest.raises(TypeError, match="quantize takes float32"):
        _core.call("quantize", x, y, (1, 16, 1), 1.0, 0.0)
