"""Captured steps of modules with pruning, weight norm and spectral norm."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet.nn.utils import prune, remove_weight_norm, spectral_norm, weight_norm

HOOKS: dict[str, Callable[[Any], Any]] = {
    "pruning": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "slices": lambda layer: prune.ln_structured(layer, "weight", 1, n=2, dim=0),
    "weight norm": weight_norm,
    "spectral norm": spectral_norm,
    "parametrized": nn.utils.parametrizations.spectral_norm,
}


def _run(
    make: Callable[[Any], Any], captures: bool, later: dict[int, Callable[[Any], Any]]
) -> tuple[list[Any], bool]:
    """What some steps compute and change, and whether they were replayed."""
    cnet.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    make(net[0])
    make(net[3])
    rule = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def function(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        rule.step()
        return loss

    step = cnet.capture(function) if captures else function
    random = np.random.default_rng(0)
    results: list[Any] = []
    for number in range(8):
        if number in later:
            later[number](net[0])
        x = cnet.from_numpy(random.standard_normal((5, 1, 4, 4)))
        results.append(step(x.float(), cnet.tensor([0, 1, 2, 0, 1])).numpy(force=True))
        results.append(net[0].weight.numpy(force=True).copy())
    results += [*net.state_dict().values()]
    return results, getattr(step, "replayed", 0) > 0


@pytest.mark.parametrize("name", HOOKS)
def test_steps_are_replayed(name: str) -> None:
    expected, _ = _run(HOOKS[name], False, {})
    results, replayed = _run(HOOKS[name], True, {})
    assert replayed
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, value)


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("pruning", HOOKS["pruning"]),
        ("pruning", lambda layer: prune.remove(layer, "weight")),
        ("pruning", lambda layer: setattr(layer, "weight_mask", 1 - layer.weight_mask)),
        ("pruning", lambda layer: layer.weight_mask.zero_()),
        ("weight norm", remove_weight_norm),
    ],
)
def test_what_changes_later_is_seen(name: str, later: Callable[[Any], Any]) -> None:
    expected, _ = _run(HOOKS[name], False, {5: later})
    results, replayed = _run(HOOKS[name], True, {5: later})
    assert replayed
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, value)
