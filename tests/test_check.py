"""`cnet.check` on layers in many styles, and on mutants of them."""

import copy
import inspect
import re
import textwrap
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest

import cnet
import handwritten


def _random(*shape: int) -> Any:
    return np.random.default_rng(9).standard_normal(shape)


class Case(NamedTuple):
    names: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    forward: str
    """How the report describes the forward pass."""


CASES = {
    "loops": Case("LoopConv", (_random(2, 3, 7, 6),), {}, "conv2d, nchw, oihw, 3x3"),
    "strided": Case(
        "LoopConv",
        (_random(2, 3, 7, 8),),
        {"stride": 2, "padding": 1},
        "conv2d, nchw, oihw, 3x3, stride 2, padding 1",
    ),
    "padded": Case(
        "LoopConv", (_random(2, 3, 6, 6),), {"padding": 1}, "conv2d, nchw, oihw, 3x3, padding 1"
    ),
    "square": Case("LoopConv", (_random(3, 4, 6, 6),), {"channels": 4}, "conv2d, nchw, oihw, 3x3"),
    "columns": Case("ColumnConv", (_random(3, 2, 6, 5),), {}, "conv2d, nchw, oihw, 3x3"),
    "functions": Case(
        "conv_forward conv_backward",
        (_random(2, 7, 7, 3), _random(3, 3, 3, 4), _random(1, 1, 1, 4)),
        {},
        "conv2d, nhwc, hwio, 3x3, stride 2",
    ),
    "einsum": Case(
        "EinsumConv", (_random(2, 3, 5, 6),), {}, "conv2d, nchw, oihw, 3x3, padding 1, relu"
    ),
    "image": Case("ImageConv", (_random(8, 9),), {}, "conv2d, hw > hwc, ohw, 3x3"),
    "max pool": Case("MaxPool", (_random(2, 3, 6, 6),), {}, "max pool, nchw, 2x2"),
    "overlapping": Case(
        "MaxPool", (_random(2, 2, 7, 7),), {"size": 3}, "max pool, nchw, 3x3, stride 2"
    ),
    "mean pool": Case("MeanPool", (_random(2, 4, 6, 3),), {}, "mean pool, nhwc, 2x2"),
    "dense": Case("Dense", (_random(4, 5),), {}, "matrix product, a @ b + bias"),
    "dense columns": Case(
        "ColumnDense", (_random(6, 5),), {}, "matrix product, a @ b + bias, sigmoid"
    ),
    "relu": Case("ReLU", (_random(4, 5),), {}, "relu"),
    "tanh": Case("Tanh", (_random(4, 5),), {}, "tanh"),
    "batch norm": Case("BatchNorm", (_random(6, 4),), {}, "not a known operation"),
}


def _layer(case: Case, space: dict[str, Any]) -> Any:
    names = case.names.split()
    if len(names) == 2:
        return space[names[0]], space[names[1]]
    return space[names[0]](**case.options)


@pytest.mark.parametrize("name", CASES)
def test_right_layers_are_right(name: str) -> None:
    case = CASES[name]
    result = cnet.check(_layer(case, vars(handwritten)), *case.inputs)
    assert result.ok, str(result)
    assert result.quantities[0].note.startswith(case.forward)
    assert all(quantity.is_right for quantity in result.quantities)


class Mutant(NamedTuple):
    case: str
    old: str
    new: str
    quantity: str
    fault: str


FIRST = """row, column = np.unravel_index(np.argmax(window), window.shape)
            dx[n, c, i * s + row, j * s + column] += dy[n, c, i, j]"""
ALL = "dx[n, c, i * s : i * s + k, j * s : j * s + k] += (window == window.max()) * dy[n, c, i, j]"

MUTANTS = [
    # convolution, gradient of the input
    Mutant(
        "loops",
        "dy[:, :, i, j], self.W, 1)",
        "dy[:, :, i, j], self.W[:, :, ::-1, ::-1], 1)",
        "dx",
        "filter flipped",
    ),
    Mutant(
        "padded",
        "dy[:, :, i, j], self.W, 1)",
        "dy[:, :, i, j], self.W[:, :, ::-1, ::-1], 1)",
        "dx",
        "filter flipped",
    ),
    Mutant("einsum", "self.kernels[:, :, ::-1, ::-1]", "self.kernels", "dx", "filter flipped"),
    Mutant("loops", "dx[at] +=", "dx[at] =", "dx", "overwritten"),
    Mutant("strided", "dx[at] +=", "dx[at] =", "dx", "overwritten"),
    Mutant("loops", "dx[at] +=", "dx[at] -=", "dx", "sign"),
    Mutant("padded", "p : h - p, p : w - p]", ": h - 2 * p, : w - 2 * p]", "dx", "padding ignored"),
    Mutant("padded", "p : h - p, p : w - p]", "2 * p : h, 2 * p : w]", "dx", "padding off by one"),
    Mutant("padded", "return dx[:, :, p : h - p, p : w - p]", "return dx", "dx", "shape"),
    Mutant(
        "strided",
        "at = np.s_[:, :, i * s : i * s + k, j * s : j * s + k]",
        "at = np.s_[:, :, i : i + k, j : j + k]",
        "dx",
        "stride ignored",
    ),
    Mutant(
        "square",
        "dy[:, :, i, j], self.W, 1)",
        "dy[:, :, i, j], self.W.transpose(1, 0, 2, 3), 1)",
        "dx",
        "transposed",
    ),
    Mutant(
        "loops",
        "dy[:, :, i, j], self.W, 1)",
        "dy[:, :, i, j], self.W.transpose(0, 1, 3, 2), 1)",
        "dx",
        "transposed",
    ),
    Mutant(
        "loops", "return dx[:, :, p : h - p, p : w - p]", "return np.zeros_like(dx)", "dx", "zeros"
    ),
    Mutant("loops", "return dx[:, :, p : h - p, p : w - p]", "return dx / len(dx)", "dx", "mean"),
    Mutant("functions", "dA[at] += W", "dA[at] = W", "dA_prev", "overwritten"),
    # gradients of filters and bias
    Mutant("loops", "self.dW +=", "self.dW =", "dW", "last position"),
    Mutant(
        "strided",
        "at = np.s_[:, :, i * s : i * s + k, j * s : j * s + k]",
        "at = np.s_[:, :, i : i + k, j : j + k]",
        "dW",
        "stride ignored",
    ),
    Mutant(
        "loops",
        "self.dW = np.zeros_like(self.W)\n",
        "self.dW = np.zeros_like(self.W)\n        dy = np.concatenate([0 * dy[:-1], dy[-1:]])\n",
        "dW",
        "last image",
    ),
    Mutant("loops", "self.db = dy.sum((0, 2, 3))", "self.db = -dy.sum((0, 2, 3))", "db", "sign"),
    Mutant("loops", "self.db = dy.sum((0, 2, 3))", "self.db = dy.mean((0, 2, 3))", "db", "mean"),
    Mutant(
        "loops",
        "self.db = dy.sum((0, 2, 3))",
        "self.db = dy.sum((0, 2, 3)) / len(dy)",
        "db",
        "mean",
    ),
    Mutant(
        "loops", "self.db = dy.sum((0, 2, 3))", "self.db = dy[-1].sum((1, 2))", "db", "last image"
    ),
    Mutant(
        "loops", "self.db = dy.sum((0, 2, 3))", "self.db = np.full(4, dy.sum())", "db", "wrong axis"
    ),
    Mutant("loops", "self.db = dy.sum((0, 2, 3))", "self.db = dy.sum()", "db", "shape"),
    Mutant("loops", "self.db = dy.sum((0, 2, 3))", "pass", "db", "missing"),
    Mutant("loops", "+ self.b\n", "\n", "forward", "bias missing"),
    Mutant(
        "functions",
        "np.sum(part * W[..., c]) + b[0, 0, 0, c]",
        "np.sum(part * W[..., c] + b[0, 0, 0, c])",
        "forward",
        "bias repeated",
    ),
    Mutant(
        "functions", "dW[..., c] += A_prev[at]", "dW[..., c] = A_prev[at]", "dW", "last position"
    ),
    Mutant(
        "functions",
        "db[0, 0, 0, c] += dZ[i, y, x, c]",
        "db[0, 0, 0, c] += dZ[0, y, x, c]",
        "db",
        "first image",
    ),
    Mutant(
        "columns", "dW = flat @ self.cols.T", "dW = flat @ self.cols.T / n**2", "dW", "mean twice"
    ),
    Mutant(
        "columns",
        "flat = dy.transpose(1, 0, 2, 3).reshape(4, -1)",
        "flat = dy.reshape(4, -1)",
        "dW",
        "unknown",
    ),
    # ReLU inside, steps inside
    Mutant("einsum", "grad = grad * self.mask", "grad = grad * 1.0", "dx", "activation"),
    Mutant("einsum", "self.kernels -= ", "self.kernels += ", "dkernels", "sign"),
    Mutant("image", "self.filters -= learn_rate", "self.filters += learn_rate", "dfilters", "sign"),
    Mutant("image", "d_filters[f] += ", "d_filters[f] = ", "dfilters", "last position"),
    # pooling
    Mutant("overlapping", "j * s + column] +=", "j * s + column] =", "dx", "overwritten"),
    Mutant(
        "max pool", "i * s + row, j * s + column]", "i * s + column, j * s + row]", "dx", "unknown"
    ),
    Mutant("mean pool", " / 4", "", "dx", "mean"),
    Mutant("mean pool", " / 4", " / 16", "dx", "mean twice"),
    # dense layers
    Mutant("dense", "dy @ self.weights.T", "dy @ self.weights", "dx", "transposed"),
    Mutant("dense", "self.x.T @ dy / n", "self.x.T @ dy", "dbias", "mean"),
    Mutant("dense", "self.x.T @ dy / n", "self.x.T @ dy / n**2", "dweights", "mean twice"),
    Mutant("dense", "dy.sum(0, keepdims=True) / n", "dy[-1:] / n", "dbias", "last image"),
    Mutant(
        "dense",
        "dy.sum(0, keepdims=True) / n",
        "dy.sum(1)[:4].sum(keepdims=True) * np.ones((1, 5)) / n",
        "dbias",
        "wrong axis",
    ),
    Mutant("dense columns", " * self.a * (1 - self.a)", "", "dx", "activation"),
    Mutant("dense columns", "self.W.T @ delta", "self.W.T @ grad", "dx", "activation"),
    # functions of elements
    Mutant("relu", "dy * (self.x > 0)", "dy * (dy > 0)", "dx", "mask"),
    Mutant("relu", "dy * (self.x > 0)", "(self.x > 0) * 1.0", "dx", "grad_output ignored"),
    Mutant("relu", "dy * (self.x > 0)", "dy * (self.x <= 0)", "dx", "mask"),
    Mutant("relu", "dy * (self.x > 0)", "dy", "dx", "grad_output itself"),
    Mutant("tanh", "1 - self.y**2", "1 + self.y**2", "dx", "unknown"),
    Mutant(
        "tanh",
        "self.y = np.tanh(x)\n        return self.y",
        "self.y = x\n        return np.tanh(x)",
        "dx",
        "mask",
    ),
    Mutant("batch norm", "(dn - dn.mean(0) - ", "(dn - ", "dx", "unknown"),
    Mutant("batch norm", "self.dbeta = dy.sum(0)", "self.dbeta = -dy.sum(0)", "dbeta", "sign"),
    # what is not a gradient
    Mutant(
        "relu",
        "return np.maximum(x, 0)",
        "x[x < 0] = 0\n        return x",
        "forward",
        "input changed",
    ),
    Mutant("relu", "dy * (self.x > 0)", "dy * (self.y > 0)", "backward", "raises"),
    Mutant(
        "loops",
        "+ self.b\n",
        "+ self.b + np.random.default_rng().random()\n",
        "forward",
        "not deterministic",
    ),
]


def mutated(case: Case, old: str, new: str) -> Any:
    """The layer of a case, with a part of its code replaced."""
    space = dict(vars(handwritten))
    is_found = False
    for name in case.names.split():
        source = textwrap.dedent(inspect.getsource(space[name]))
        is_found |= old in source
        exec(source.replace(old, new), space)
    assert is_found, old
    return _layer(case, space)


SLOW = ("tanh", "unknown"), ("max pool", "unknown")
"""Mutants for which the search for a name takes many seconds."""


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(m, marks=[pytest.mark.slow] if (m.case, m.fault) in SLOW else [])
        for m in MUTANTS
    ],
    ids=lambda m: f"{m.case}: {m.fault}",
)
def test_faults_are_named(mutant: Mutant) -> None:
    case = CASES[mutant.case]
    result = cnet.check(mutated(case, mutant.old, mutant.new), *case.inputs)
    assert (mutant.quantity, mutant.fault) in [(f.quantity, f.name) for f in result.faults], result


@pytest.mark.parametrize(
    ("new", "note"),
    [(FIRST, "the first of them"), (ALL, "counted more than once"),
     (ALL.replace(".max())", ".max()) / np.sum(window == window.max())"), "a share")],
)  # fmt: skip
def test_equal_maxima_are_mentioned(new: str, note: str) -> None:
    case = CASES["max pool"]
    result = cnet.check(mutated(case, FIRST, new), *case.inputs)
    assert result.ok
    assert note in result.notes[-1]


# ---- The function --------------------------------------------------------------------------------


def test_a_report() -> None:
    source = inspect.getsource(handwritten.LoopConv)
    source = source.replace("dx[at] +=", "dx[at] =").replace("dy.sum(", "-dy.sum(")
    space = dict(vars(handwritten))
    exec(source, space)
    report = str(cnet.check(space["LoopConv"](padding=1), _random(2, 3, 6, 6)))
    assert re.sub(r"e[+-]\d+", "e", re.sub(r"error \d.\d", "error #", report)) == textwrap.dedent(
        """\
        LoopConv: forward and backward with x (2, 3, 6, 6)

          forward           right  error #e  conv2d, nchw, oihw, 3x3, padding 1
          dx       return   WRONG  error #e
          dW       self.dW  right  error #e
          db       self.db  WRONG  error #e

        dx: windows that overlap overwrite each other: += instead of =

        db: has the wrong sign

        2 faults found."""
    )


def test_the_layer_does_not_change() -> None:
    layer = handwritten.EinsumConv()
    x = _random(2, 3, 5, 6)
    before = copy.deepcopy(vars(layer)), x.copy(), np.random.get_state()[1].copy()
    assert cnet.check(layer, x).ok
    assert before[0].keys() == vars(layer).keys()
    for name, value in before[0].items():
        np.testing.assert_array_equal(value, vars(layer)[name])
    np.testing.assert_array_equal(before[1], x)
    np.testing.assert_array_equal(before[2], np.random.get_state()[1])


def test_float32_arrays_are_checked_in_float64() -> None:
    layer = handwritten.LoopConv()
    layer.W, layer.b = layer.W.astype(np.float32), layer.b.astype(np.float32)
    result = cnet.check(layer, _random(2, 3, 6, 6).astype(np.float32))
    assert result.ok
    assert max(quantity.error or 0 for quantity in result.quantities) < 1e-7


def test_layers_that_compute_in_float32_are_checked_with_less_precision() -> None:
    class Half(handwritten.Dense):
        def forward(self, x: Any) -> Any:
            return super().forward(x.astype(np.float32)).astype(np.float32)

    result = cnet.check(Half(), _random(4, 5))
    assert result.ok
    assert "float32" in " ".join(result.notes)


def test_large_arrays_are_checked_in_part_and_along_a_direction() -> None:
    class Large(handwritten.Dense):
        def backward(self, dy: Any) -> Any:
            dx = super().backward(dy)
            dx[17, 123] += 1
            return dx

    result = cnet.check(Large(200, 30), _random(50, 200), seconds=2)
    assert [(fault.quantity, fault.name) for fault in result.faults] == [("dx", "unknown")]
    assert cnet.check(handwritten.Dense(200, 30), _random(50, 200), seconds=2).ok


def test_integers_and_equal_elements_get_noise() -> None:
    images = np.random.default_rng(0).integers(0, 3, (2, 3, 6, 6))
    assert cnet.check(handwritten.MaxPool(), images).ok
    assert "noise" in cnet.check(handwritten.ReLU(), np.zeros((3, 4))).notes[0]


def test_parameters_that_are_made_in_the_first_call() -> None:
    class Lazy(handwritten.Dense):
        def __init__(self) -> None:
            pass

        def forward(self, x: Any) -> Any:
            if not hasattr(self, "weights"):
                self.weights = np.random.randn(x.shape[1], 4)
                self.bias = np.random.randn(1, 4)
            return super().forward(x)

    result = cnet.check(Lazy(), _random(4, 5))
    assert result.ok
    assert [quantity.name for quantity in result.quantities] == [
        "forward",
        "dx",
        "dweights",
        "dbias",
    ]


def test_parameters_that_are_updated_too_early() -> None:
    class Early(handwritten.Dense):
        def backward(self, dy: Any) -> Any:
            self.weights -= 0.1 * self.x.T @ dy
            self.bias -= 0.1 * dy.sum(0, keepdims=True)
            return dy @ self.weights.T

    result = cnet.check(Early(), _random(4, 5))
    assert [(fault.quantity, fault.name) for fault in result.faults] == [("dx", "updated first")]


def test_steps_of_an_optimizer_inside() -> None:
    class Adam(handwritten.Dense):
        sign = 1.0

        def backward(self, dy: Any) -> Any:
            dx = super().backward(dy)
            self.weights -= self.sign * 0.01 * self.d_weights / (abs(self.d_weights) + 1e-8)
            del self.d_weights
            return dx

    assert cnet.check(Adam(), _random(4, 5)).ok
    Adam.sign = -1.0
    result = cnet.check(Adam(), _random(4, 5))
    assert [(fault.quantity, fault.name) for fault in result.faults] == [("dweights", "sign")]


def test_names_and_arguments_can_be_given() -> None:
    class Layer:
        def run(self, x: Any, scale: float) -> Any:
            return scale * x

        def back(self, optimizer: str, dy: Any) -> Any:
            assert optimizer == "sgd"
            return 3.0 * dy

    names = {"forward": "run", "backward": "back"}
    arguments = {"optimizer": "sgd"}
    result = cnet.check(Layer(), _random(3, 4), 3.0, **names, backward_arguments=arguments)
    assert result.ok
    assert [q.name for q in result.quantities] == ["forward", "dx"]
    with pytest.raises(TypeError, match=r"Layer has none of the methods forward, .*forward="):
        cnet.check(Layer(), _random(3, 4), 3.0)
    with pytest.raises(TypeError, match="forward pass also needs scale"):
        cnet.check(Layer(), _random(3, 4), **names)


def test_a_loss_without_an_argument_for_its_gradient() -> None:
    class Loss:
        def forward(self, x: Any, target: Any) -> float:
            self.difference = x - target
            return float((self.difference**2).mean())

        def backward(self) -> Any:
            return 2 * self.difference / self.difference.size

    assert cnet.check(Loss(), _random(3, 4), np.ones((3, 4))).ok


def test_a_layer_without_a_backward_pass() -> None:
    result = cnet.check(lambda x: np.tanh(x), _random(3, 4))
    assert result.ok
    assert result.quantities[0].note == "tanh"
    assert "no backward pass" in result.notes[-1]


def test_a_layer_that_cannot_be_copied() -> None:
    layer = handwritten.ReLU()
    layer.lock = threading.Lock()
    with pytest.raises(TypeError, match="ReLU cannot be copied"):
        cnet.check(layer, _random(3, 4))


def test_sweep_finds_what_fails_in_other_settings() -> None:
    class Squeezing(handwritten.LoopConv):
        def backward(self, dy: Any) -> Any:
            return super().backward(dy.squeeze())

    assert cnet.check(Squeezing(padding=1), _random(2, 3, 6, 6)).ok
    result = cnet.check(Squeezing(padding=1), _random(2, 3, 6, 6), sweep=True)
    assert [(fault.quantity, fault.name) for fault in result.faults] == [("backward", "raises")]
    assert result.faults[0].text.startswith("with one image: raises")


def test_sweep_tries_other_strides() -> None:
    case = CASES["padded"]
    layer = mutated(
        case,
        "at = np.s_[:, :, i * s : i * s + k, j * s : j * s + k]",
        "at = np.s_[:, :, i : i + k, j : j + k]",
    )
    assert cnet.check(layer, *case.inputs).ok
    result = cnet.check(layer, *case.inputs, sweep=True)
    assert ("dx", "stride ignored") in [(fault.quantity, fault.name) for fault in result.faults]
    assert "with self.stride = 2" in str(result)


def test_printing_in_the_layer_is_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    class Loud(handwritten.ReLU):
        def forward(self, x: Any) -> Any:
            print("forward")
            return super().forward(x)

    assert cnet.check(Loud(), _random(3, 4)).ok
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("layer", "inputs", "options", "message"),
    [
        (handwritten.ReLU, [_random(2, 3)], {}, "layer must be an instance .got the class ReLU"),
        (handwritten.ReLU(), [], {}, "the forward pass also needs x"),
        (lambda x: None, [_random(2, 3)], {}, "must return an array of real numbers"),
        (lambda x: x, ["text"], {}, "must return an array of real numbers"),
        (handwritten.ReLU(), [np.zeros((0, 3))], {}, "not empty"),
        (handwritten.ReLU(), [_random(2, 3)], {"grad_output": np.ones(5)},
         r"grad_output.shape must equal that of the result .got \(5,\) and \(2, 3\)"),
    ],
)  # fmt: skip
def test_errors(layer: Any, inputs: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"check: .*{message}"):
        cnet.check(layer, *inputs, **options)


def test_lists_are_arrays() -> None:
    assert cnet.check(handwritten.ReLU(), [[1.0, -2.0], [3.0, 5.0]]).ok


def test_exceptions_name_the_line() -> None:
    class Broken(handwritten.ReLU):
        def backward(self, dy: Any) -> Any:
            return dy[:, 7]

    result = cnet.check(Broken(), _random(2, 3))
    assert not result.ok
    fault = result.faults[0]
    assert (fault.quantity, fault.name) == ("backward", "raises")
    assert "IndexError" in fault.text
    assert "return dy[:, 7]" in fault.text
