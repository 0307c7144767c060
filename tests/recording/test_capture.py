"""Captured steps: the same bits as the function, whatever changes between the steps."""

import itertools
import random
from functools import partial
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet.recording import repeats, updates

from .networks import NETWORKS, OPTIMIZERS, Training, batches


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_give_the_same_bits(network: str, dtype: Any) -> None:
    eager = Training(network, "momentum", dtype=dtype)
    captured = Training(network, "momentum", captured=True, dtype=dtype)
    data = batches(20, dtype=dtype)
    assert eager.run(data) == captured.run(data)
    assert eager.bits() == captured.bits()
    assert captured.step.replayed == 1


@pytest.mark.parametrize("network", ["plain", "places"])
def test_operations_with_kernels_do_not_run_in_python(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = Training(network, "Adam", captured=True)
    captured.run(batches(3))
    for kind in (repeats.Again, repeats.Backward, updates.Update):
        monkeypatch.setattr(kind, "__call__", lambda self: pytest.fail(self.name))
    captured.run(batches(1))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_give_the_same_bits_when_lr_changes(optimizer: str) -> None:
    eager, captured = Training("plain", optimizer), Training("plain", optimizer, captured=True)
    for batch in batches(20):
        assert eager.run([batch]) == captured.run([batch])
        for training in (eager, captured):
            training.optimizer.param_groups[0]["lr"] *= 0.9
    assert eager.bits() == captured.bits()


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("Adam", {"amsgrad": True}),
        ("AMSGrad", {"amsgrad": False}),
        ("SGD", {"momentum": 0.9}),
        ("momentum", {"momentum": 0.0, "nesterov": False}),
        ("AdamW", {"betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True}),
    ],
)
def test_options_of_optimizers_may_change(optimizer: str, options: dict[str, Any]) -> None:
    eager, captured = Training("plain", optimizer), Training("plain", optimizer, captured=True)
    for training in (eager, captured):
        training.run(batches(5))
        training.optimizer.param_groups[0].update(options)
    for batch in batches(5):
        assert eager.run([batch]) == captured.run([batch])
    assert captured.step.replayed == 1
    assert eager.bits() == captured.bits()


def test_threads_and_isas_may_change() -> None:
    eager, captured = Training("residual"), Training("residual", captured=True)
    for number, batch in enumerate(batches(20)):
        with cnet.use_threads(1 + number % 3), cnet.use_isa(cnet.available_isas()[number // 10]):
            assert eager.run([batch]) == captured.run([batch])
    assert eager.bits() == captured.bits()


def test_shapes_are_captured_one_by_one() -> None:
    eager, captured = Training(), Training(captured=True)
    data = [batch for pair in zip(batches(6), batches(6, n=3), strict=True) for batch in pair]
    assert eager.run(data) == captured.run(data)
    assert captured.step.replayed == 2
    assert repr(captured.step).endswith("_step: 2 of 2 shapes>")


def test_state_may_be_loaded_between_steps() -> None:
    eager, captured = Training("plain", "Adam"), Training("plain", "Adam", captured=True)
    data = batches(6)
    for training in (eager, captured):
        training.run(data)
        training.optimizer.load_state_dict(training.optimizer.state_dict())
        training.model.load_state_dict(plain_state())
        training.run(data)
        training.model[0].weight.data = np.ones_like(training.model[0].weight.data)
    assert eager.run(data) == captured.run(data)
    assert eager.bits() == captured.bits()


def plain_state() -> dict[str, Any]:
    cnet.manual_seed(5)
    return dict(NETWORKS["plain"]().state_dict())


def test_modes_and_frozen_parameters_are_noticed() -> None:
    eager, captured = Training("residual"), Training("residual", captured=True)
    for change in (
        lambda model: model.bn1.eval(),
        lambda model: model.conv1.weight.requires_grad_(False),
        lambda model: model.drop.eval(),
    ):
        for training in (eager, captured):
            training.run(batches(1))
            change(training.model)
        assert eager.run(batches(5)) == captured.run(batches(5))
        assert captured.step.replayed == 1


def test_gradients_accumulate() -> None:
    def make() -> tuple[nn.Module, Any]:
        cnet.manual_seed(0)
        model = nn.Linear(3, 2)

        def step(x: Any) -> None:
            for part in x:
                (model(part) ** 2).sum().backward()

        return model, step

    (eager, step), (other, function) = make(), make()
    captured = cnet.capture(function)
    rng = np.random.default_rng(0)
    for _ in range(6):
        x = rng.normal(size=(2, 4, 3)).astype(np.float32)
        step(x)
        assert captured(x) is None
        assert eager.weight.grad.numpy().tobytes() == other.weight.grad.numpy().tobytes()
    for model in (eager, other):
        model.zero_grad(set_to_none=False)
        model.bias.grad = cnet.ones(2)
    for _ in range(4):
        step(x)
        captured(x)
    assert eager.bias.grad.numpy().tobytes() == other.bias.grad.numpy().tobytes()


def test_inference_is_captured() -> None:
    model = NETWORKS["residual"]().eval()
    captured = cnet.capture(cnet.no_grad()(model.forward))
    for x, _ in batches(5):
        with cnet.no_grad():
            expected = model(x)
        result = captured(cnet.tensor(x))
        assert result.numpy().tobytes() == expected.numpy().tobytes()
        assert not result.requires_grad


def test_a_result_has_memory_of_its_own() -> None:
    captured = Training(captured=True)
    results = [captured.step(*batch) for batch in batches(6)]
    losses = {loss.item() for loss, _ in results}
    assert len(losses) == 6


def refused(function: Any, calls: int = 3) -> str:
    """The reason for which a function of x, shape (4, 3), is refused."""
    rng = np.random.default_rng(0)

    def run(step: Any) -> None:
        for _ in range(calls):
            step(cnet.tensor(rng.normal(size=(4, 3))))

    with pytest.raises(cnet.CaptureError) as error:
        run(cnet.capture(function))
    lenient = cnet.capture(function, strict=False)
    run(lenient)
    assert lenient.refusal is not None
    return f"{error.value} / {lenient.refusal}"


def test_what_cannot_be_captured_is_named() -> None:
    layer = nn.Linear(3, 2, dtype=cnet.float64)
    layer.register_forward_hook(lambda module, args, output: None)
    generator = np.random.default_rng(0)
    counter = itertools.count(1)
    factor = np.ones(())

    def changes_an_array(x: cnet.Tensor) -> cnet.Tensor:
        factor[...] += 1
        return x * cnet.tensor(factor)

    outer = cnet.ones(3, requires_grad=True) * 2
    for function, reason in (
        (lambda x: x.sum().item(), "item() reads"),
        (lambda x: x * 2 if x.sum() > 0 else x, "bool() reads"),
        (lambda x: x.shape[0] * 2.0, "it returns a value of type float"),
        (lambda x: cnet.tensor(x.numpy() * 2), "numpy() reads"),
        (layer, "Linear has a hook"),
        (lambda x: x * np.random.rand(), "NumPy's global generator"),
        (lambda x: x * random.random(), "Python's or NumPy's"),
        (lambda x: x * cnet.rand(3), "random numbers outside of operations"),
        (lambda x: x * generator.random(), "Mul gets numbers that change"),
        (lambda x: x.add_(1), "an argument in place"),
        (lambda x: x * next(counter), "Mul gets numbers that change"),
        (lambda x: nn.functional.leaky_relu(x, next(counter)), "elementwise gets numbers that"),
        (lambda x: x.relu() if next(counter) % 2 else x.softmax(1), "not do the same each time"),
        (lambda x: x if next(counter) % 2 else x.sigmoid(), "not do the same each time"),
        (lambda x: (x * cnet.full((3,), next(counter))).clamp(0, 0), "outside of operations"),
        (changes_an_array, "Mul reads an array that is computed outside of operations"),
        (lambda x: x * outer, "call detach()"),
    ):
        assert refused(function).count(reason) == 2


def test_a_hook_of_a_tensor_is_refused() -> None:
    w = cnet.ones(3, requires_grad=True, dtype=cnet.float64)
    w.register_hook(lambda gradient: gradient * 2)
    assert "hook" in refused(lambda x: (x * w).sum().backward())


def test_arguments_that_require_grad_are_refused() -> None:
    step = cnet.capture(lambda x: x * 2)
    x = cnet.ones(2, requires_grad=True)
    step(x)
    with pytest.raises(cnet.CaptureError, match="must not require grad"):
        step(x)


@pytest.mark.parametrize("by_value", [False, True])
def test_gradients_may_be_clipped(by_value: bool) -> None:
    eager, captured = Training("plain", "Adam"), Training("plain", "Adam", captured=True)
    for training in (eager, captured):
        parameters = [*training.model.parameters()]
        clip = nn.utils.clip_grad_value_ if by_value else nn.utils.clip_grad_norm_
        training.before_update = partial(clip, parameters, 0.01)
    data = batches(8)
    assert eager.run(data) == captured.run(data)
    assert eager.bits() == captured.bits()


def test_a_target_out_of_range_is_an_error() -> None:
    captured = Training(captured=True)
    captured.run(batches(5))
    x, target = batches(1)[0]
    with pytest.raises(ValueError, match="target"):
        captured.step(x, target + 10)
    captured.run(batches(2))


def test_parameters_that_are_always_replaced_end_the_capture() -> None:
    model = nn.Linear(3, 2)
    step = cnet.capture(lambda x: model(x), strict=False)
    for _ in range(40):
        model.weight.data = model.weight.data.clone()
        step(cnet.ones(2, 3))
    assert "replaced" in (step.refusal or "")


def test_a_scheduler_inside_is_refused() -> None:
    optimizer = optim.SGD([cnet.ones(3, requires_grad=True)], lr=0.1)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()

    def function(x: cnet.Tensor) -> None:
        scheduler.step()

    assert "ExponentialLR" in refused(function)


LAYERS: dict[Any, Any] = {
    (name, np.dtype(dtype)): getattr(cnet.nn, name)(8, 4, dtype=dtype).requires_grad_(False)
    for name in ("MultiheadAttention", "LSTM")
    for dtype in (np.float32, np.float64)
}

FUNCTIONS: dict[str, Any] = {
    "mean": lambda x: x.mean(1),
    "var": lambda x: x.var(1),
    "std": lambda x: x.std((0, 1)),
    "logsumexp": lambda x: x.logsumexp(1),
    "norm": lambda x: x.norm(dim=0),
    "normalize": lambda x: cnet.functional.normalize(x, dim=1),
    "softmax": lambda x: x.softmax(1),
    "amax": lambda x: x.amax(0),
    "max": lambda x: x.max(1)[0],
    "median": lambda x: x.median(0)[0],
    "cat": lambda x: cnet.cat([x, x.exp()], 1),
    "stack": lambda x: cnet.stack([x, x.exp()], 1),
    "roll": lambda x: x.roll(3, 1),
    "tril": lambda x: x.tril(),
    "channel_shuffle": lambda x: cnet.functional.channel_shuffle(x.reshape(-1, 4, 2), 2),
    "pixel_shuffle": lambda x: cnet.functional.pixel_shuffle(x.reshape(-1, 4, 2, 2), 2),
    "max_unpool1d": lambda x: cnet.functional.max_unpool1d(
        *cnet.functional.max_pool1d(x.reshape(1, 2, -1), 2, return_indices=True), 2
    ),
    "attention": lambda x: cnet.functional.scaled_dot_product_attention(
        *[x.reshape(-1, 4, 4)] * 3, is_causal=True
    ),
    "multi_head_attention": lambda x: LAYERS["MultiheadAttention", x.dtype](
        *[x.reshape(2, -1, 8)] * 3, need_weights=False
    )[0],
    "lstm": lambda x: LAYERS["LSTM", x.dtype](x.reshape(2, -1, 8))[0],
    "kl_div": lambda x: cnet.functional.kl_div(x, x.tanh(), reduction="sum", log_target=True),
    "pairwise_distance": lambda x: cnet.functional.pairwise_distance(x, x.flip(1)),
    "cosine_similarity": lambda x: cnet.functional.cosine_similarity(x, x.flip(1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [6, 2000])
def test_functions_give_the_same_bits(name: str, dtype: Any, rows: int) -> None:
    """A replay of recorded kernels would not repeat a change of their results by NumPy."""
    weight = cnet.tensor(np.linspace(-1, 1, 8, dtype=dtype), requires_grad=True)

    def step(x: Any) -> Any:
        weight.grad = None
        y = FUNCTIONS[name](x * weight)
        y.square().sum().backward()
        return y.detach()

    captured = cnet.capture(step)
    rng = np.random.default_rng(5)
    for _ in range(5):
        x = cnet.tensor(rng.standard_normal((rows, 8)).astype(dtype))
        expected = step(x), weight.grad
        for array, result in zip(expected, (captured(x), weight.grad), strict=True):
            assert result.numpy().tobytes() == array.numpy().tobytes()
    assert captured.replayed == 1
