"""Compiled plans against their models."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from cnet.models import reference_cnn
from conftest import THREADS

BOUND = {np.float32: 3e-6, np.float64: 1e-14}


@pytest.fixture(params=cnet.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    with cnet.use_isa(request.param):
        yield request.param


class Residual(nn.Module):
    """A module of the user with two branches and an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        x = F.relu(self.first(x))
        y = F.relu(self.second(x) + x)
        return F.softmax(self.head(F.avg_pool2d(y, y.shape[2:]).reshape(len(y), -1)), 1)


class Shared(nn.Module):
    """Results with two readers must not be changed, neither in place nor by folding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 5, 3)
        self.linear = nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        return self.linear(F.relu(y) + y) + self.linear(y)


def _with_statistics(model: nn.Module) -> nn.Module:
    """Statistics and weights as after training."""
    rng = np.random.default_rng(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for name in ("running_mean", "running_var", "weight", "bias"):
                tensor = getattr(module, name)
                if tensor is not None:
                    tensor.data[...] = rng.uniform(0.5, 1.5, tensor.shape)
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "reference": (reference_cnn, (5, 1, 28, 28)),
    "reference, one": (reference_cnn, (1, 1, 28, 28)),
    "reference, blocks and a rest": (reference_cnn, (21, 1, 28, 28)),
    "reference, rgb": (lambda: reference_cnn((3, 19, 23)), (9, 3, 19, 23)),
    "mlp": (
        lambda: nn.Sequential(nn.Linear(7, 33), nn.Tanh(), nn.Linear(33, 150), nn.Sigmoid()),
        (13, 7),
    ),
    "wide linear": (lambda: nn.Linear(300, 1030), (1, 300)),
    "linear of rows": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Softmax(-1)), (3, 4, 2, 5)),
    "no bias": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 5, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(80, 3, bias=False)
        ),
        (2, 2, 6, 6),
    ),
    "stride, dilation, groups": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 10, (3, 2), stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(10, 40, 1, groups=2),
            nn.LogSoftmax(3),
        ),
        (3, 4, 17, 20),
    ),
    "depthwise": (lambda: nn.Conv2d(6, 6, 3, groups=6), (2, 6, 9, 9)),
    "few outputs": (lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), (2, 3, 9, 9)),
    "winograd": (
        lambda: nn.Sequential(nn.Conv2d(17, 19, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        (2, 17, 13, 11),
    ),
    "many taps": (lambda: nn.Sequential(nn.Conv2d(130, 9, 3, stride=2), nn.ReLU()), (2, 130, 9, 9)),
    "pools": (
        lambda: nn.Sequential(
            nn.MaxPool2d(3, 2, 1),
            nn.AvgPool2d(2, 1, 1, count_include_pad=False),
            nn.AvgPool2d(2, ceil_mode=True, divisor_override=3),
            nn.ReLU(),
        ),
        (3, 2, 12, 13),
    ),
    "pools after convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.ReLU(),
            nn.MaxPool2d(3, 2), nn.Conv2d(4, 7, 1), nn.MaxPool2d(2, ceil_mode=True),
        ),
        (3, 1, 25, 27),
    ),
    "normalised": (
        lambda: _with_statistics(
            nn.Sequential(
                nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(6, 20, 3, bias=False), nn.BatchNorm2d(20), nn.ReLU(),
                nn.BatchNorm2d(20, affine=False), nn.Flatten(),
                nn.Linear(80, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.BatchNorm1d(9),
            )
        ),
        (3, 2, 10, 10),
    ),
    "normalised rows": (
        lambda: _with_statistics(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(4))), (3, 4, 5),
    ),
    "normalised later": (
        lambda: _with_statistics(
            nn.Sequential(
                nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4)
            )
        ),
        (2, 1, 9, 9),
    ),
    "reshaped": (
        lambda: _with_statistics(
            nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Unflatten(1, (8, 4, 8)), nn.MaxPool2d(2),
                nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Unflatten(1, (8, 2, 2)), nn.BatchNorm2d(8),
            )
        ),
        (2, 1, 10, 10),
    ),
    "nothing": (lambda: nn.Sequential(nn.Identity(), nn.Dropout(0.5), nn.Flatten()), (2, 3, 4)),
    "nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), nn.MaxPool2d(2)),
        (2, 1, 8, 8),
    ),
    "residual": (Residual, (4, 3, 10, 12)),
    "shared": (Shared, (3, 2, 8, 8)),
}  # fmt: skip


def _images(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


def _eager(model: nn.Module, x: np.ndarray) -> np.ndarray:
    with cnet.no_grad():
        return model(x).numpy()


def _assert_close(actual: np.ndarray, expected: np.ndarray, terms: float = 10) -> None:
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    bound = terms * BOUND[expected.dtype.type] * max(1, np.abs(expected).max())
    assert np.abs(actual - expected).max() <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_values_are_the_models(name: str, dtype: Any, isa: str) -> None:
    make, shape = MODELS[name]
    cnet.manual_seed(3)
    model = make().to(dtype).eval()
    x = _images(shape, dtype)
    plan = cnet.compile(model, np.zeros(shape, dtype))
    _assert_close(plan(x), _eager(model, x))
    _assert_close(plan(2 * x), _eager(model, 2 * x))


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("width", [*range(2, 19), 28, 31, 45])
def test_every_width_of_images_and_outputs(width: int, pool: bool, isa: str) -> None:
    """All tiles and their tails. Results are identical to those of the direct convolution."""
    for outputs in (4, 5, 8, 9, 16, 23, 33):
        model = nn.Sequential(nn.Conv2d(2, outputs, (2, 1)), nn.ReLU())
        if pool:
            model.append(nn.MaxPool2d(2))
        x = _images((2, 2, 8 + width % 3, width))
        assert np.array_equal(cnet.compile(model.eval(), x)(x), _eager(model, x))


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 16, 17])
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 32, 40, 128, 129, 200])
def test_every_size_of_linear_layers(rows: int, outputs: int, isa: str) -> None:
    model, x = nn.Sequential(nn.Linear(37, outputs), nn.ReLU()).eval(), _images((rows, 37))
    _assert_close(cnet.compile(model, x)(x), _eager(model, x))


def test_large_images_are_cut_into_rows(isa: str) -> None:
    model = nn.Sequential(nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)).eval()
    x = _images((1, 8, 41, 150))
    assert np.array_equal(cnet.compile(model, x)(x), _eager(model, x))


@pytest.mark.parametrize("name", ["reference", "reference, blocks and a rest", "winograd"])
def test_bits_do_not_depend_on_threads(name: str) -> None:
    make, shape = MODELS[name]
    model, x = make().eval(), _images(shape)
    plan = cnet.compile(model, x)
    with cnet.use_threads(1):
        expected = plan(x)
    for threads in THREADS:
        with cnet.use_threads(threads):
            assert np.array_equal(plan(x), expected)


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.LeakyReLU(0.3), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.GELU("tanh")],
    ids=str,
)
def test_activations_have_the_bits_of_eager_calls(activation: nn.Module, isa: str) -> None:
    x = np.random.default_rng(0).normal(0, 3, (21, 37)).astype(np.float32)
    activation.eval()
    assert np.array_equal(cnet.compile(activation, x)(x), _eager(activation, x))


def test_bits_do_not_depend_on_the_batch() -> None:
    model, x = reference_cnn().eval(), _images((40, 1, 28, 28))
    expected = cnet.compile(model, x)(x)
    for n in (1, 2, 8, 9, 30):
        assert np.array_equal(cnet.compile(model, x[:n])(x[:n]), expected[:n])


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_passes_as_in_the_model(special: float, isa: str) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 9, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36 * 9, 4),
        nn.ReLU(),
    ).eval()
    x = _images((3, 1, 14, 14))
    x[1, 0, 5, 5] = special
    with np.errstate(invalid="ignore"):  # warnings of NumPy, in the reference
        actual, expected = cnet.compile(model, x)(x), _eager(model, x)
    assert np.array_equal(np.isnan(actual), np.isnan(expected))
    _assert_close(actual[[0, 2]], expected[[0, 2]])


def test_weights_are_those_of_the_moment() -> None:
    model, x = reference_cnn().eval(), _images((3, 1, 28, 28))
    plan = cnet.compile(model, x)
    expected = plan(x)
    for parameter in model.parameters():
        parameter.data[...] = 7
    assert np.array_equal(plan(x), expected)
    assert not np.allclose(cnet.compile(model, x)(x), expected)


def test_the_instruction_set_is_that_of_the_moment() -> None:
    model, x = reference_cnn().eval(), _images((3, 1, 28, 28))
    with cnet.use_isa("generic"):
        plan = cnet.compile(model, x)
        expected = plan(x)
    assert np.array_equal(plan(x), expected)


def test_exact_leaves_winograd_out() -> None:
    model, x = nn.Conv2d(32, 32, 3, padding=1).eval(), _images((2, 32, 13, 11))
    with cnet.use_exact():
        plan = cnet.compile(model, x)
    names = [name for p in (plan, cnet.compile(model, x)) for name, _ in p.profile(x)]
    assert [name for name in names if "conv2d" in name] == [
        "blocked_conv2d direct (2, 32, 13, 11)",
        "blocked_conv2d winograd (2, 32, 13, 11)",
    ]
    _assert_close(plan(x), _eager(model, x))


POLICY_SHAPES = [
    ((1, 128, 8, 224), 12, 5, 2),
    ((1, 256, 8, 224), 12, 3, 2),
    ((1, 128, 8, 224), 16, 5, 3),
    ((1, 96, 16, 224), 10, 5, 2),
]
"""Shapes of images, output channels, kernel sizes and strides."""


def _algorithms(shape: Any, channels: int, size: int, stride: int) -> dict[Any, Any]:
    weight = channels, shape[1], size, size
    return {
        dtype: cnet.kernels.conv2d_algorithm(shape, weight, stride, dtype=dtype)
        for dtype in (np.float32, np.float64)
    }


def test_the_policy_of_a_plan_is_that_of_its_dtype() -> None:
    """In float64, which needs twice the bytes, another algorithm is selected for some shapes."""
    differing = [each for each in POLICY_SHAPES if len(set(_algorithms(*each).values())) > 1]
    shape, channels, size, stride = differing[0]
    model = nn.Conv2d(shape[1], channels, size, stride).eval()
    for dtype in np.float32, np.float64:
        model = model.double() if dtype is np.float64 else model
        x = np.random.default_rng(5).normal(0, 1, shape).astype(dtype)
        np.testing.assert_allclose(cnet.compile(model, x)(x), _eager(model, x), 1e-4, 1e-4)


def test_several_threads_call_at_once() -> None:
    model = reference_cnn().eval()
    inputs = [_images((12, 1, 28, 28)) * scale for scale in (1, 2, 3, 4)]
    plan = cnet.compile(model, inputs[0])
    expected = [plan(x) for x in inputs]
    wrong: list[int] = []

    def call(i: int) -> None:
        wrong.extend(i for _ in range(50) if not np.array_equal(plan(inputs[i]), expected[i]))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _call_in_child(connection: Any, plan: Any, x: np.ndarray) -> None:
    connection.send(plan(x))


def test_a_plan_survives_a_fork() -> None:
    x = _images((30, 1, 28, 28))
    plan = cnet.compile(reference_cnn().eval(), x)
    expected = plan(x)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_call_in_child, args=(theirs, plan, x))
    child.start()
    assert ours.poll(30), "the child hangs"
    assert np.array_equal(ours.recv(), expected)
    child.join()


def test_out(isa: str) -> None:
    model, x = nn.Sequential(nn.Linear(4, 4)).eval(), _images((3, 4))
    plan = cnet.compile(model, x)
    expected, out = plan(x), np.full((3, 4), np.nan, np.float32)
    assert plan(x, out) is out
    assert np.array_equal(out, expected)
    assert plan(x, out=x) is x, "the input itself"
    assert np.array_equal(x, expected)


def test_any_layout_is_taken(isa: str) -> None:
    x = _images((3, 4))
    plan = cnet.compile(nn.Linear(4, 2).eval(), x)
    expected = plan(x)
    read_only = x.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x.astype(">f4"), read_only):
        assert np.array_equal(plan(same), expected)


@pytest.mark.parametrize(
    ("x", "out", "error", "message"),
    [
        (np.zeros((2, 5), np.float32), None, ValueError, r"x.shape .*\(2, 5\) and \(3, 4\)"),
        (np.zeros(4, np.float32), None, ValueError, r"x.shape .*\(4,\) and \(3, 4\)"),
        (np.zeros((3, 4)), None, TypeError, "x.dtype .*float64 and float32"),
        ([[0.0] * 4] * 3, None, TypeError, "x must be a NumPy array .*list"),
        (np.zeros((3, 4), np.float32), [0], TypeError, "out must be a NumPy array .*list"),
        (np.zeros((3, 4), np.float32), np.zeros((3, 2)), ValueError, "out must have .*float64"),
        (
            np.zeros((3, 4), np.float32), np.zeros((2, 3), np.float32).T, ValueError,
            "out must be C-contiguous",
        ),
    ],
)  # fmt: skip
def test_calls_with_errors(x: Any, out: Any, error: Any, message: str, isa: str) -> None:
    plan = cnet.compile(nn.Linear(4, 2).eval(), np.zeros((3, 4), np.float32))
    with pytest.raises(error, match=f"plan: {message}"):
        plan(x, out)


class Indices(nn.Module):
    def forward(self, x: Any) -> Any:
        return F.max_pool2d(x, 2, return_indices=True)[1]


class Batch(nn.Module):
    def forward(self, x: Any) -> Any:
        return cnet.reshape(x, -1, 2)


class Sine(nn.Module):
    def forward(self, x: Any) -> Any:
        return cnet.sin(x)


class Constant(nn.Module):
    def forward(self, x: Any) -> Any:
        return F.relu(cnet.tensor([[1.0]]))


@pytest.mark.parametrize(
    ("make", "shape", "error", "message"),
    [
        (lambda: None, (1, 1), TypeError, "model must be a Module .*NoneType"),
        (lambda: nn.Linear(1, 1), (1, 1), ValueError, r"must be in eval mode \(Linear"),
        (
            lambda: nn.Sequential(nn.Linear(1, 1).eval(), nn.ReLU()).train(False).append(nn.Tanh()),
            (1, 1), ValueError, r"\(2: Tanh",
        ),
        (lambda: nn.ReLU().eval(), (3,), ValueError, "2 to 8 dimensions"),
        (lambda: nn.ReLU().eval(), (0, 3), ValueError, "none of length 0"),
        (lambda: Sine().eval(), (1, 1), TypeError, "does not support Sin .*Conv2d"),
        (lambda: Indices().eval(), (1, 1, 2, 2), TypeError, "does not depend on its input"),
        (lambda: Batch().eval(), (2, 6), TypeError, r"batch \(got shape \(6, 2\)"),
        (lambda: Constant().eval(), (1, 1), TypeError, "does not depend on its input"),
        (
            lambda: nn.BatchNorm1d(3, track_running_stats=False).eval(), (2, 3), TypeError,
            "cannot compute BatchNorm",
        ),
        (lambda: nn.Softmax(0).eval(), (2, 2), TypeError, "cannot compute Softmax"),
    ],
)  # fmt: skip
def test_compilations_with_errors(make: Any, shape: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"^compile: .*{message}"):
        cnet.compile(make(), np.zeros(shape, np.float32))


def test_example_errors_name_the_function() -> None:
    with pytest.raises(TypeError, match=r"compile: example\.dtype .*int64"):
        cnet.compile(nn.ReLU().eval(), np.zeros((2, 2), np.int64))
    with pytest.raises(TypeError, match="compile: example must be a NumPy array"):
        cnet.compile(nn.ReLU().eval(), [[1.0]])  # type: ignore[arg-type]
