"""`explain`: operations are found from samples, and what is found holds for other data."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from cnet import kernels as strict
from cnet.accelerate.explain import Expression, Sample, explain, pooling
from cnet.accelerate.explain.samples import Problem
from cnet.accelerate.explain.windows import Plane
from cnet.dropin import kernels

Arrays = Mapping[str, Any]


class Case(NamedTuple):
    text: str
    """What the expression prints as."""
    function: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]


def _conv(layout: str, weight: str, **options: Any) -> Callable[..., Any]:
    return lambda x, W: kernels.conv2d(x, W, layout=layout, weight_layout=weight, **options)


def _conv_gradient(index: int, **options: Any) -> Callable[..., Any]:
    return lambda dy, x, W: kernels.conv2d_backward(dy, x, W, **options)[index]


def _pool_gradient(ties: str, **options: Any) -> Callable[..., Any]:
    return lambda dy, x: kernels.max_pool2d_gradient(dy, x, 2, ties=ties, **options)


N, C, F = 3, 2, 4
CASES = [
    Case("conv2d, nchw, oihw, 3x3", _conv("nchw", "oihw"), {"x": (N, C, 7, 8), "W": (F, C, 3, 3)}),
    Case(
        "conv2d, nhwc, hwio, 3x3, padding 1",
        _conv("nhwc", "hwio", padding=1),
        {"x": (N, 7, 8, C), "W": (3, 3, C, F)},
    ),
    Case("conv2d, nhwc, ohwi, 3x2", _conv("nhwc", "ohwi"), {"x": (N, 7, 8, C), "W": (F, 3, 2, C)}),
    Case("conv2d, hwcn, hwio, 3x3", _conv("hwcn", "hwio"), {"x": (7, 8, C, N), "W": (3, 3, C, F)}),
    Case(
        "conv2d, chw, oihw, 3x3, stride 2",
        _conv("chw", "oihw", stride=2),
        {"x": (C, 9, 9), "W": (F, C, 3, 3)},
    ),
    Case(
        "conv2d, hwc, hwio, 3x3, stride (2, 1)",
        _conv("hwc", "hwio", stride=(2, 1)),
        {"x": (9, 9, C), "W": (3, 3, C, F)},
    ),
    Case("conv2d, nhw, hw, 3x3", _conv("nhw", "hw"), {"x": (N, 6, 7), "W": (3, 3)}),
    Case(
        "conv2d, hw, hw, 3x3, filters flipped",
        lambda x, W: kernels.conv2d(x, W[::-1, ::-1], layout="hw", weight_layout="hw"),
        {"x": (6, 7), "W": (3, 3)},
    ),
    Case("conv2d, hw > chw, ohw, 3x3", _conv("hw", "ohw"), {"x": (6, 7), "W": (F, 3, 3)}),
    Case(
        "conv2d, nchw, oihw, 2x2, padding ((0, 1), (0, 1))",
        _conv("nchw", "oihw", padding="same"),
        {"x": (N, C, 6, 7), "W": (F, C, 2, 2)},
    ),
    Case(
        "conv2d, nchw, oihw, 3x3, padding 2, dilation 2",
        _conv("nchw", "oihw", padding=2, dilation=2),
        {"x": (N, C, 8, 9), "W": (F, C, 3, 3)},
    ),
    Case(
        "conv2d, nchw, oihw, 3x3, groups 2",
        _conv("nchw", "oihw", groups=2),
        {"x": (N, 4, 6, 7), "W": (6, 2, 3, 3)},
    ),
    Case(
        "conv2d, nchw, oihw, 3x3",
        lambda x, W: kernels.conv2d(x, W.reshape(F, C, 3, 3)),
        {"x": (N, C, 7, 8), "W": (F, C * 9)},
    ),
    Case(
        "conv2d, ncw, oiw, 1x3",
        lambda x, W: kernels.conv2d(x[:, :, None], W[:, :, None])[:, :, 0],
        {"x": (N, C, 9), "W": (F, C, 3)},
    ),
    Case(
        "conv2d, dx, nchw, oihw, 3x3, stride 2, padding 1",
        lambda x, W, b: strict.conv_transpose2d(x, W, b, 2, 1),
        {"x": (N, C, 5, 6), "W": (C, F, 3, 3), "b": (F,)},
    ),
    Case(
        "conv2d, dx, nchw, oihw, 3x3, stride 2",
        _conv_gradient(0, stride=2),
        {"dy": (N, F, 3, 4), "x": (N, C, 7, 9), "W": (F, C, 3, 3)},
    ),
    Case(
        "conv2d, dw, nchw, oihw, 3x3, padding 1",
        _conv_gradient(1, padding=1),
        {"dy": (N, F, 6, 7), "x": (N, C, 6, 7), "W": (F, C, 3, 3)},
    ),
    Case(
        "sum over the axes (0, 2, 3)",
        _conv_gradient(2, padding=1),
        {"dy": (N, F, 6, 7), "x": (N, C, 6, 7), "W": (F, C, 3, 3)},
    ),
    Case(
        "relu, dx; conv2d, dw, nchw, oihw, 3x3",
        lambda dy, x, y: kernels.conv2d_backward(dy * (y > 0), x, np.zeros((F, C, 3, 3)))[1],
        {"dy": (N, F, 4, 5), "x": (N, C, 6, 7), "y": (N, F, 4, 5)},
    ),
    Case(
        "conv2d, nchw, oihw, 3x3, relu",
        lambda x, W, b: np.maximum(kernels.conv2d(x, W, b), 0),
        {"x": (N, C, 6, 7), "W": (F, C, 3, 3), "b": (F, 1)},
    ),
    Case(
        "conv2d, nchw, oihw, 3x3",
        lambda x, W, b: kernels.conv2d(x, W, b),
        {"x": (N, C, 6, 7), "W": (F, C, 3, 3), "b": (F, 4, 5)},
    ),
    Case("max pool, nchw, 2x2", lambda x: kernels.max_pool2d(x, 2)[0], {"x": (N, C, 6, 8)}),
    Case(
        "max pool, nhwc, 3x3, stride 2",
        lambda x: kernels.max_pool2d(x, 3, 2, layout="nhwc")[0],
        {"x": (N, 7, 9, C)},
    ),
    Case("max pool, hw, 2x2", lambda x: kernels.max_pool2d(x, 2, layout="hw")[0], {"x": (6, 8)}),
    Case(
        "mean pool, nchw, 3x3, stride 1, padding 1",
        lambda x: kernels.avg_pool2d(x, 3, 1, 1),
        {"x": (N, C, 6, 8)},
    ),
    Case(
        "max pool, dx, nchw, 2x2", _pool_gradient("first"), {"dy": (N, C, 3, 4), "x": (N, C, 6, 8)}
    ),
    Case(
        "max pool, dx, nchw, 2x2, ties: last",
        _pool_gradient("last"),
        {"dy": (N, C, 3, 4), "x": (N, C, 6, 8)},
    ),
    Case(
        "max pool, dx, nchw, 2x2, ties: all",
        _pool_gradient("all"),
        {"dy": (N, C, 3, 4), "x": (N, C, 6, 8)},
    ),
    Case(
        "max pool, dx, nhwc, 2x2, ties: share",
        _pool_gradient("share", layout="nhwc"),
        {"dy": (N, 3, 4, C), "x": (N, 6, 8, C)},
    ),
    Case(
        "mean pool, dx, nchw, 2x2",
        lambda dy: kernels.avg_pool2d_backward(dy, (N, C, 6, 8), 2),
        {"dy": (N, C, 3, 4)},
    ),
    Case(
        "mean pool, dx, nchw, 2x2, times 4",
        lambda dy: dy.repeat(2, 2).repeat(2, 3),
        {"dy": (N, C, 3, 4)},
    ),
    Case(
        "matrix product, a @ b + bias",
        lambda x, W, b: x @ W + b,
        {"x": (N, 5), "W": (5, F), "b": (F,)},
    ),
    Case("matrix product, a @ b.T", lambda x, W: (W @ x.T).T, {"x": (N, 5), "W": (F, 5)}),
    Case(
        "matrix product, a @ b + bias, sigmoid",
        lambda x, W, b: 1 / (1 + np.exp(-(W @ x + b))),
        {"W": (F, 5), "x": (5, N), "b": (F, 1)},
    ),
    Case(
        "matrix product, a.T @ b, times 0.2",
        lambda x, dy: x.T @ dy / 5,
        {"x": (5, 6), "dy": (5, 3)},
    ),
    Case("relu", lambda x: np.maximum(x, 0), {"x": (N, 5)}),
    Case("tanh", lambda x: np.tanh(x), {"x": (N, 5)}),
    Case("relu, dx", lambda dy, x: dy * (x > 0), {"dy": (N, 5), "x": (N, 5)}),
    Case("relu, dx, 1 at 0", lambda dy, x: dy * (x >= 0), {"dy": (N, 5), "x": (N, 5)}),
    Case("positive", lambda x: x > 0, {"x": (N, 5)}),
    Case("sum over the axes (0,)", lambda x: x.sum(0, keepdims=True), {"x": (N, 5)}),
    Case("transpose (1, 2, 0)", lambda x: x.transpose(1, 2, 0), {"x": (N, 5, 6)}),
    Case("copy", lambda x: x.reshape(N, -1), {"x": (N, 5, 6)}),
    Case("copy, times 2", lambda x: 2 * x, {"x": (N, 5, 6)}),
    Case("all 0", lambda x: np.zeros((3, 4)), {"x": (N, 5)}),
]


def _inputs(shapes: dict[str, tuple[int, ...]], seed: int, dtype: Any = np.float64) -> Arrays:
    """Random arrays; for seed 2, small integers."""
    rng = np.random.default_rng(seed)
    if seed == 2:
        return {name: rng.integers(-2, 3, shape).astype(dtype) for name, shape in shapes.items()}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def _explained(
    function: Callable[..., Any], shapes: dict[str, tuple[int, ...]], dtype: Any = np.float64,
    numbers: Mapping[str, float] | None = None,
) -> Expression | None:  # fmt: skip
    samples = []
    for seed in range(3):
        inputs = _inputs(shapes, seed, dtype)
        samples.append(Sample(inputs, numbers or {}, {"return": function(**inputs)}))
    return explain(samples, "return")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_operations_are_found(case: Case, dtype: Any) -> None:
    found = _explained(case.function, case.shapes, dtype)
    assert str(found) == case.text
    assert found is not None
    for seed in (2, 3):
        inputs = _inputs(case.shapes, seed, dtype)
        wanted = np.asarray(case.function(**inputs))
        result = found.compute(inputs, {})
        assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape)
        assert result.flags.c_contiguous == wanted.flags.c_contiguous
        scale = np.abs(wanted.astype(float)).max() or 1
        np.testing.assert_allclose(
            result, wanted, 0, scale * (1e-5 if dtype == np.float32 else 1e-12)
        )


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: np.sin(x), {"x": (3, 4)}),
        (lambda x, W: x @ np.abs(W), {"x": (3, 4), "W": (4, 5)}),
        (lambda x: np.where(x > 1, x, 0), {"x": (3, 4)}),
        pytest.param(
            lambda dy, x: dy * (x > 0.1), {"dy": (3, 4), "x": (3, 4)}, marks=pytest.mark.slow
        ),
        (lambda x, W: kernels.conv2d(x, W)[:, ::-1], {"x": (2, 3, 6, 6), "W": (4, 3, 3, 3)}),
        (lambda x, W: kernels.conv2d(x, W) ** 2, {"x": (2, 3, 6, 6), "W": (4, 3, 3, 3)}),
        (lambda x: kernels.max_pool2d(x, 2)[0] + 1, {"x": (2, 3, 6, 6)}),
        (lambda x: kernels.max_pool2d(np.abs(x), 2)[0], {"x": (2, 3, 6, 6)}),
        (lambda x: x / x.sum(), {"x": (3, 4)}),
        (lambda x: x + 1e-6, {"x": (3, 4)}),
        (lambda x: np.full((2, 2), np.nan), {"x": (3, 4)}),
    ],
)  # fmt: skip
def test_other_functions_are_refused(function: Any, shapes: Any) -> None:
    assert _explained(function, shapes) is None


def test_one_sample_that_differs_refuses_all() -> None:
    samples = []
    for seed in range(4):
        inputs = _inputs({"x": (3, 4)}, seed)
        y = np.maximum(inputs["x"], 0)
        if seed == 3:
            y[1, 2] += 1e-3
        samples.append(Sample(inputs, {}, {"return": y}))
    assert explain(samples[:3], "return") is not None
    assert explain(samples, "return") is None


def test_factors_are_read_from_numbers() -> None:
    shapes = {"W": (4, 5), "x": (6, 4), "dy": (6, 5)}
    samples = []
    for seed, lr in enumerate((0.1, 0.25, 0.5)):
        a = _inputs(shapes, seed)
        outputs = {"W": a["W"] - lr / 6 * a["x"].T @ a["dy"]}
        samples.append(Sample(a, {"self.lr": lr, "self.other": 3.0}, outputs))
    found = explain(samples, "W")
    assert str(found) == "matrix product, a.T @ b, times -0.166667 * self.lr, added to W"
    assert found is not None
    assert (found.numbers, found.old) == (("self.lr",), "W")
    assert set(found.operands) == {"W", "x", "dy"}
    a = _inputs(shapes, 7)
    result = found.compute(a, {"self.lr": 0.7})
    np.testing.assert_allclose(result, a["W"] - 0.7 / 6 * a["x"].T @ a["dy"], 1e-12)


def test_a_mean_is_divided_by_a_number_of_elements() -> None:
    """Not by a constant with few digits, and not by one minus a number that is no rate."""
    samples = []
    for seed in range(3):
        a = _inputs({"dy": (3, 5, 7, 11)}, seed)
        outputs = {"db": a["dy"].mean((0, 2, 3)), "dW": -4 * a["dy"]}
        samples.append(Sample(a, {"self.size": 5.0}, outputs))
    db, dw = explain(samples, "db"), explain(samples, "dW")
    assert db is not None
    assert db.scale.constant == 1 / (3 * 7 * 11)
    assert dw is not None
    assert str(dw.scale) == "-4"


def test_updated_parameters_that_are_returned() -> None:
    shapes = {"filters": (4, 3, 3), "image": (8, 9), "grad": (6, 7, 4)}
    samples = []
    for seed in range(3):
        a = _inputs(shapes, seed)
        _, dw, _ = kernels.conv2d_backward(
            a["grad"], a["image"], a["filters"], layout="hwc", weight_layout="ohw"
        )
        samples.append(Sample(a, {"rate": 0.05}, {"return": a["filters"] - 0.05 * dw}))
    found = explain(samples, "return")
    assert found is not None
    assert (found.old, str(found.scale)) == ("filters", "-rate")


def test_a_gradient_that_accumulates_is_not_a_plain_one() -> None:
    shapes = {"dW": (4, 5), "x": (6, 4), "dy": (6, 5)}
    samples = []
    for seed in range(3):
        a = _inputs(shapes, seed)
        samples.append(Sample(a, {}, {"dW": a["dW"] + a["x"].T @ a["dy"]}))
    found = explain(samples, "dW")
    assert found is not None
    assert found.old == "dW"


def test_a_factor_that_changes_without_a_reason_is_refused() -> None:
    samples = []
    for seed in range(3):
        inputs = _inputs({"x": (3, 4)}, seed)
        samples.append(Sample(inputs, {}, {"return": inputs["x"] * (seed + 1.5)}))
    assert explain(samples, "return") is None


def test_memory_order_is_kept() -> None:
    found = _explained(lambda x, W: (x @ W).T, {"x": (3, 4), "W": (4, 5)})
    assert found is not None
    result = found.compute(_inputs({"x": (3, 4), "W": (4, 5)}, 5), {})
    assert (result.shape, result.flags.f_contiguous) == ((5, 3), True)


def test_hints_give_the_layout_of_the_forward_pass() -> None:
    """With square sizes, several layouts agree in shapes only."""
    shapes = {"dy": (3, 3, 3, 3), "x": (3, 3, 3, 3), "W": (3, 3, 3, 3)}
    options = {"padding": 1, "layout": "nhwc", "weight_layout": "hwio"}
    forward = _explained(
        lambda x, W: kernels.conv2d(x, W, **options), {"x": shapes["x"], "W": shapes["W"]}
    )
    assert str(forward) == "conv2d, nhwc, hwio, 3x3, padding 1"
    assert forward is not None
    samples = []
    for seed in range(3):
        a = _inputs(shapes, seed)
        dx, dw, _ = kernels.conv2d_backward(a["dy"], a["x"], a["W"], **options)
        samples.append(Sample(a, {}, {"dx": dx, "dW": dw}))
    assert str(explain(samples, "dx", [forward])) == "conv2d, dx, nhwc, hwio, 3x3, padding 1"
    assert str(explain(samples, "dW", [forward])) == "conv2d, dw, nhwc, hwio, 3x3, padding 1"


def test_columns_of_a_known_convolution() -> None:
    shapes = {"x": (2, 3, 7, 6), "W": (4, 3, 3, 2)}

    def function(x: Any, W: Any) -> dict[str, Any]:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), (2, 3))[:, :, ::2]
        return {
            "y": kernels.conv2d(x, W, stride=(2, 1), padding=1),
            "padded": padded,
            "rows": windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 18),
            "columns": windows.transpose(1, 4, 5, 2, 3, 0).reshape(18, -1),
        }

    samples = []
    for seed in range(3):
        inputs = _inputs(shapes, seed)
        samples.append(Sample(inputs, {}, function(**inputs)))
    forward = explain(samples, "y")
    assert forward is not None
    texts = {
        "padded": "zeros around, ((0, 0), (0, 0), (1, 1), (1, 1))",
        "rows": "im2col, nhwcij, 3x2, stride (2, 1), padding 1",
        "columns": "im2col, cijhwn, 3x2, stride (2, 1), padding 1",
    }
    for name, text in texts.items():
        found = explain(samples, name, [forward])
        assert str(found) == text
        assert found is not None
        inputs = _inputs(shapes, 9)
        np.testing.assert_array_equal(found.compute(inputs, {}), function(**inputs)[name])


# ---- Bounded time --------------------------------------------------------------------------------


def _unknown_gradient() -> list[Sample]:
    """Calls whose result is no gradient of a pooling, for a large batch."""
    samples = []
    for seed in range(3):
        inputs = _inputs({"x": (40, 6, 12, 12), "dy": (40, 6, 6, 6)}, seed)
        wide = inputs["dy"].repeat(2, axis=2).repeat(2, axis=3)
        samples.append(Sample(inputs, {}, {"dx": np.sin(inputs["x"]) * wide}))
    return samples


def test_the_search_for_a_pooling_reads_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    absolute = np.abs

    def watched(x: Any, *args: Any, **options: Any) -> Any:
        sizes.append(np.size(x))
        return absolute(x, *args, **options)

    samples = _unknown_gradient()
    problem = Problem(samples, "dx")
    monkeypatch.setattr(pooling.np, "abs", watched)
    assert list(pooling.poolings(problem, ())) == []
    assert sizes
    assert max(sizes) < samples[0].inputs["x"].size / 4


def test_the_search_ends_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, seconds = _unknown_gradient(), iter(range(1000))
    monkeypatch.setattr("cnet.accelerate.explain.samples.thread_time", lambda: next(seconds))
    monkeypatch.setattr("cnet.accelerate.explain.search.thread_time", lambda: 0)
    assert explain(samples, "dx", seconds=5) is None
    assert next(seconds) == 7


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [(7, 3, 2, 0), (8, 2, 2, 1)])
def test_the_shape_of_the_result_of_a_pooling(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    x = np.zeros((2, size, size + 1, 3))
    plane = Plane((stride, stride), ((padding, padding),) * 2, (1, 1))
    operation = pooling.Pooling("max", "nhwc", x.shape, (kernel, kernel), plane)
    assert operation.y_shape == operation(x).shape
