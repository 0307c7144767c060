"""Captured steps whose arguments, modules or optimizers are others than those recorded."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import nn, optim

from .networks import Training, batches

Pair = namedtuple("Pair", "first second")


def captured(function: Callable[..., Any], *args: Any) -> Any:
    """A captured function that was replayed for these arguments."""
    step = cnet.capture(function)
    for _ in range(4):
        step(*args)
    assert step.replayed == 1
    return step


def test_equal_arguments_of_other_types_are_others() -> None:
    x = cnet.tensor([1, 2, 3])
    step = captured(lambda x, k: x * k, x, 1)
    assert step(x, 1.0).dtype == cnet.float32
    step = captured(lambda x, k: x.double() * k[0], x, (0.0,))
    assert np.signbit(step(x, (-0.0,)).numpy()).all()


def test_the_default_dtype_may_change() -> None:
    x = cnet.tensor([1, 2, 3])
    step = captured(lambda x: x / 2, x)
    cnet.set_default_dtype(cnet.float64)
    try:
        assert step(x).dtype == cnet.float64
    finally:
        cnet.set_default_dtype(cnet.float32)


def test_arguments_and_results_may_be_nested() -> None:
    def function(batch: dict[str, Any], pair: Any) -> Any:
        return Pair(batch["x"] * pair[0], [cnet.add(pair[1], 1)])

    step = cnet.capture(function)
    for i in range(6):
        first, (second,) = step({"x": cnet.full((2, 3), i)}, [cnet.ones(3), np.arange(i, i + 3)])
        assert isinstance(first, cnet.Tensor)
        np.testing.assert_array_equal(first, np.full((2, 3), i))
        np.testing.assert_array_equal(second, np.arange(i, i + 3) + 1)
    assert step.replayed == 1
    assert isinstance(step({"x": cnet.ones(2, 3)}, [cnet.ones(3), np.arange(3)]), Pair)


def test_arguments_keep_their_layout() -> None:
    rng = np.random.default_rng(0)
    step = cnet.capture(lambda x: x.mean((2, 3)))
    for _ in range(6):
        x = cnet.tensor(rng.normal(size=(16, 17, 8, 3)).astype(np.float32)).permute(3, 2, 1, 0)
        assert step(x).numpy().tobytes() == x.mean((2, 3)).numpy().tobytes()
    assert step.replayed == 1


@pytest.mark.parametrize("replace", [
    lambda model: setattr(model["layer"], "weight", nn.Parameter(cnet.zeros(2, 3))),
    lambda model: setattr(model["layer"], "scale", cnet.zeros(2)),
    lambda model: model.update({"layer": Scaled()}),
])  # fmt: skip
def test_members_of_modules_may_be_replaced(replace: Callable[[Any], Any]) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleDict({"layer": Scaled()})

        def forward(self, x: Any) -> Any:
            return self.layers["layer"](x)

    model, x = Model(), cnet.ones(1, 3)
    step = captured(model, x)
    replace(model.layers)
    for _ in range(5):
        np.testing.assert_array_equal(step(x), model(x).detach())
    assert step.replayed == 1


class Scaled(nn.Linear):
    def __init__(self) -> None:
        super().__init__(3, 2)
        self.register_buffer("scale", cnet.ones(2))

    def forward(self, input: Any) -> Any:
        return super().forward(input) * self.scale


@pytest.mark.parametrize("register", [
    lambda model: model.register_forward_hook(lambda module, args, output: output * 0),
    lambda model: model.weight.register_hook(lambda gradient: gradient * 0),
])  # fmt: skip
def test_hooks_that_are_added_later_run(register: Callable[[Any], Any]) -> None:
    model, x = nn.Linear(3, 2), cnet.ones(1, 3)

    def function(x: Any) -> None:
        model.weight.grad = None
        (model(x) ** 2).sum().backward()

    step = captured(function, x)
    assert model.weight.grad.any()
    register(model)
    step(x)
    assert not model.weight.grad.any()
    with pytest.raises(cnet.CaptureError, match="hook"):
        step(x)


@pytest.mark.parametrize("optimizer", [optim.RMSprop, optim.SGD])
def test_parameters_may_be_trained_after_the_first_step(optimizer: Any) -> None:
    eager, other = Training(), Training(captured=True)
    for training in (eager, other):
        training.optimizer = optimizer(training.model.parameters(), lr=0.01, momentum=0.9)
        training.model[0].requires_grad_(False)
        training.run(batches(1))
        training.model[0].requires_grad_(True)
    assert eager.run(batches(6)) == other.run(batches(6))
    assert eager.bits() == other.bits()
    assert other.step.replayed == 1


@pytest.mark.parametrize("steps", range(1, 5))
@pytest.mark.parametrize("optimizer", [optim.NAdam, optim.Adam])
def test_the_state_of_an_optimizer_may_be_replaced(steps: int, optimizer: Any) -> None:
    eager, other = Training(), Training(captured=True)
    for training in (eager, other):
        training.optimizer = optimizer(training.model.parameters(), lr=0.01)
        training.run(batches(steps))
        training.optimizer.load_state_dict(training.optimizer.state_dict())
    assert eager.run(batches(6)) == other.run(batches(6))
    assert eager.bits() == other.bits()
    assert other.step.replayed == 1


def test_an_argument_may_require_grad_later() -> None:
    step = captured(lambda x: (x * 3).sum().backward() if x.requires_grad else x * 3, cnet.ones(2))
    x = cnet.ones(2, requires_grad=True)
    step(x)
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(cnet.CaptureError, match="must not require grad"):
        step(x)
    assert x.grad.tolist() == [6, 6]
    lenient = cnet.capture(lambda x: x * 3, strict=False)
    for _ in range(3):
        assert lenient(x).tolist() == [3, 3]
    assert "must not require grad" in lenient.refusal


def test_a_tensor_of_the_function_may_be_replaced() -> None:
    values = {"scale": cnet.tensor([1.0, 2.0])}
    x = cnet.ones(2)
    step = captured(lambda x: x * values["scale"], x)
    values["scale"] = values["scale"] * 2
    for _ in range(4):
        assert step(x).tolist() == [2, 4]
    assert step.replayed == 1
