"""Steps of optimizers for several arrays in one call."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import kernels, optim

SIZES = ((5,), (), (0,), (40_000,), (3, 3), (70_001,), (2, 16_384), (1,), (7,))
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "step": 3}
STEPS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "sgd": (kernels.sgd_step, 2, {"lr": 0.1}),
    "momentum": (kernels.sgd_step, 3, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": (kernels.adam_step, 4, ADAM),
}

Columns = list[list[np.ndarray[Any, Any]]]


def columns(count: int) -> Columns:
    """Parameters, gradients and entries of the state, with float64 among float32."""
    rng = np.random.default_rng(0)
    dtypes = [np.float64 if i % 4 == 3 else np.float32 for i in range(len(SIZES))]
    return [
        [np.array(np.abs(rng.standard_normal(shape)), dtype)
         for shape, dtype in zip(SIZES, dtypes, strict=True)]
        for _ in range(count)
    ]  # fmt: skip


def check_equal(found: Columns, expected: Columns) -> None:
    for column, other in zip(found, expected, strict=True):
        for x, y in zip(column, other, strict=True):
            assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("name", STEPS)
def test_several_arrays_have_the_bits_of_one_by_one(name: str, threads: int) -> None:
    step, count, options = STEPS[name]
    together, alone = columns(count), columns(count)
    for row in zip(*alone, strict=True):
        step(*row, **options)
    with cnet.use_threads(threads):
        step(*together, **options)
    check_equal(together, alone)
    assert not np.array_equal(together[0][3], columns(1)[0][3])


@pytest.mark.parametrize("name", STEPS)
def test_the_reference_agrees(name: str) -> None:
    step, count, options = STEPS[name]
    together, by_reference = columns(count), columns(count)
    step(*together, **options)
    with cnet.use_isa("reference"):
        step(*by_reference, **options)
    check_equal(together, by_reference)


@pytest.mark.parametrize("shift", [0, 1, 20_000])
def test_arrays_that_share_memory_are_updated_in_order(shift: int) -> None:
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(40_000) for _ in range(100)]
    expected = np.zeros(40_000 + 100 * shift)
    memory = expected.copy()
    for i, grad in enumerate(grads):
        kernels.sgd_step(expected[i * shift :][:40_000], grad, lr=0.1, weight_decay=0.3)
    parts = [memory[i * shift :][:40_000] for i in range(100)]
    with cnet.use_threads(4):
        kernels.sgd_step(parts, grads, lr=0.1, weight_decay=0.3)
    assert memory.tobytes() == expected.tobytes()


def test_gradients_that_other_steps_change() -> None:
    expected = [np.full(5_000, 1.0 + i) for i in range(401)]
    params = [each.copy() for each in expected]
    for grad, param in pairwise(expected):
        kernels.sgd_step(param, grad, lr=0.1)
    with cnet.use_threads(4):
        kernels.sgd_step(params[1:], params[:-1], lr=0.1)
    check_equal([params], [expected])


def test_no_arrays() -> None:
    kernels.sgd_step([], [], lr=0.1)


def test_invalid_sequences() -> None:
    x = np.ones(3)
    with pytest.raises(ValueError, match=r"grad must be a sequence of as many .* \(got 1 and 2\)"):
        kernels.sgd_step([x, x.copy()], [x], lr=0.1)
    with pytest.raises(ValueError, match=r"exp_avg must be a sequence .* \(got ndarray and 1\)"):
        kernels.adam_step([x], [x.copy()], x.copy(), [x.copy()], *ADAM.values())
    with pytest.raises(ValueError, match=r"grad.shape must equal param.shape"):
        kernels.sgd_step([x, x.copy()], [x.copy(), np.ones(4)], lr=0.1)
    with pytest.raises(TypeError, match=r"grad.dtype must equal param.dtype"):
        kernels.sgd_step([x, x.copy()], [x.copy(), np.ones(3, np.float32)], lr=0.1)


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.AdamW])
def test_parameters_that_were_updated_less_often(rule: Any) -> None:
    """Each has its own number of steps, whether its neighbours have the same or not."""
    options = {"momentum": 0.9, "dampening": 0.5} if rule is optim.SGD else {}

    def trained(groups: list[list[int]]) -> list[list[float]]:
        params = [cnet.tensor([1.0, i], requires_grad=True) for i in range(4)]
        optimizers = [rule([params[i] for i in group], lr=0.1, **options) for group in groups]
        for step in range(4):
            for i, param in enumerate(params):
                absent = i == 1 and step < 2
                param.grad = None if absent else cnet.tensor([1.0 + step, i])
            for optimizer in optimizers:
                optimizer.step()
        return [param.tolist() for param in params]

    assert trained([[0, 1, 2, 3]]) == trained([[0], [1], [2], [3]])
