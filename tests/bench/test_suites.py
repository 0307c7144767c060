"""All sides of a suite do the same work, with any set of peers installed."""

from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

import cnet
import suites
from cnet import geometry
from work import architectures, convolutions, networks

BATCH = 2
SLOW_TO_START = "peers.pytorch:compiled"
PARTS = {
    (part.name, part.comparison.cases): part
    for suite, parts in suites.suites().items()
    for part in parts
    if suite not in ("machine", "numpy")
}


SLOW = "work.architectures:"
TOLERANCES = {"quantized": 0.25, "bfloat16": 0.05, "moving": 4e-5}
"""Largest differences relative to the largest result; 2e-5 for other parts. Plans of 8-bit integers
differ from float32 by up to an eighth in MobileNetV2 with random weights, those of bfloat16 by a
fortieth. The gradients of ctc_loss are exponentials of logarithms of about 100, which float32
rounds to 4e-6."""


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(part, id=name, marks=[pytest.mark.slow] if cases.startswith(SLOW) else [])
        for (name, cases), part in PARTS.items()
    ],
)
def test_every_side_does_the_same_work(part):
    cases = resolve_name(part.comparison.cases)
    targets = dict.fromkeys(side.target for side in part.comparison.sides.values())
    sides = [resolve_name(target) for target in targets if target != SLOW_TO_START]
    for case in cases.values():
        expected, *others = (_results(case.bind(side, BATCH)()) for side in sides)
        for results in others:
            for result, correct in zip(results, expected, strict=True):
                assert result.dtype == correct.dtype
                assert result.shape == correct.shape
                tolerance = TOLERANCES.get(part.name, 2e-5) * np.abs(correct).max()
                np.testing.assert_allclose(result, correct, rtol=0, atol=tolerance, err_msg=case[0])


def _results(result: Any) -> list[Any]:
    return [np.asarray(one) for one in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("network", ["reference 32", "cifar 128"])
def test_networks_train_alike(network):
    sides = "peers.pytorch:nchw", "peers.pytorch:channels_last"
    pytest.importorskip("torch", reason="PyTorch is the peer that is compared with")
    case = networks.STEP_CASES[network]
    ours, *others = (case.bind(resolve_name(side), 4) for side in ("peers.ours", *sides))
    losses = [ours() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    for theirs in (*others, case.bind(resolve_name("peers.ours:one_by_one"), 4)):
        assert [theirs() for _ in range(3)] == pytest.approx(losses, rel=1e-4)


@pytest.mark.parametrize("network", networks.STEP_CASES)
def test_captured_steps_give_the_same_losses(network):
    case = networks.STEP_CASES[network]
    eager, captured = (case.bind(resolve_name(f"peers.ours{end}"), 4) for end in ("", ":captured"))
    assert [eager() for _ in range(6)] == [captured() for _ in range(6)]


@pytest.mark.slow
@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_captured_networks_give_the_same_losses(name):
    case = architectures.STEP_CASES[name]
    eager, captured = (case.bind(resolve_name(f"peers.ours{end}"), 2) for end in ("", ":captured"))
    assert [eager() for _ in range(5)] == [captured() for _ in range(5)]


def test_absent_peers_are_left_out_and_named(monkeypatch, capsys):
    monkeypatch.setattr(suites, "find_spec", lambda name: None)
    monkeypatch.setattr(suites.shutil, "which", lambda name: None)
    suites._absent.cache_clear()
    table = suites.suites()
    suites._absent.cache_clear()
    assert table["machine"] == ()
    everyone = {
        name for parts in table.values() for part in parts for name in part.comparison.sides
    }
    ours = {
        "cnet", "cnet captured", "cnet plan", "cnet int8", "cnet bfloat16",
        "cnet, op by op",
    }  # fmt: skip
    assert everyone == ours | {"NumPy best", "NumPy loops", "original", "channels first"}
    said = capsys.readouterr().err
    for peer in ("PyTorch", "compiled PyTorch", "ONNX Runtime", "the machine"):
        assert said.count(f"{peer}") >= 1


@pytest.mark.parametrize("shape", convolutions.COMMON + convolutions.ODD, ids=lambda s: s.title)
def test_sizes_and_operations(shape):
    _, n, c, h, w, o, k, stride, padding, groups = shape
    g = geometry.conv("test", (n, c, h, w), (o, c // groups, k, k), stride, padding, 1, groups)
    oh, ow = g.output
    assert shape.outputs() == (oh, ow)
    assert shape.flops() == 2 * o * oh * ow * k * k * c // groups
    assert f"n{n}" in shape.title


def test_operations_of_the_networks():
    assert networks.STEP_CASES["reference 256"].amount == 2 * (3 * 484224 - 156800)
    assert networks.INFERENCE_CASES["reference 1"].amount == 2 * 484224


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_operations_of_the_architectures(name):
    architecture = architectures.ARCHITECTURES[name]
    summary = cnet.summary(architecture.build(cnet.models), architecture.image)
    assert summary.multiply_adds == architecture.products
    assert summary.layers[0].multiply_adds == architecture.first
