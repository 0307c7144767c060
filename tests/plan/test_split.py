"""Plans in two parts: the first steps image by image."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.models import mobilenet_v2
from cnet.plan import compiled
from cnet.plan.split import Split
from plan.networks import Of, conv

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "convolutions": lambda x: conv(conv(F.relu(conv(x, 40)), 20), 8, 1),
    "residual across": lambda x: (lambda y: conv(y, 40, 3, padding=1) + y)(conv(x, 40)),
    "input across": lambda x: conv(conv(x, 40, 3, padding=1), 20, 3, padding=1) + x[:, :20],
    "joined": lambda x: conv(cnet.cat([conv(x, 32), conv(x, 32)], 1), 16),
}


def _images(n: int = 8) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, 32, 48, 48)).astype(np.float32)


def _in_one_part(model: Any, x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "first_part", lambda *_: 0)
        return cnet.compile(model, x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_are_those_of_a_plan_in_one_part(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = _images()
    model = Of(FUNCTIONS[name]).eval()
    one, plan = _in_one_part(model, x, monkeypatch), cnet.compile(model, x)
    assert isinstance(plan, Split)
    assert not isinstance(one, Split)
    assert plan.profile(x)[0][0] == one.profile(x)[0][0]
    assert [step for step, _ in plan.profile(x)] == [step for step, _ in one.profile(x)]
    for images in (x, _images(1), _images(19), x[:0]):
        expected = one(images)
        for threads in (1, 2, 3):
            with cnet.use_threads(threads):
                np.testing.assert_array_equal(plan(images), expected)


def test_an_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    cnet.manual_seed(0)
    model = mobilenet_v2().eval()
    x = np.random.default_rng(0).standard_normal((8, 3, 64, 64)).astype(np.float32)
    plan = cnet.compile(model, x)
    assert isinstance(plan, Split)
    np.testing.assert_array_equal(plan(x), _in_one_part(model, x, monkeypatch)(x))


def test_few_or_small_images_are_in_one_part() -> None:
    model = Of(FUNCTIONS["convolutions"]).eval()
    for x in (_images(7), _images()[:, :, :8, :8]):
        assert not isinstance(cnet.compile(model, x), Split)


def test_out_and_layouts() -> None:
    x = _images()
    plan = cnet.compile(Of(FUNCTIONS["convolutions"]).eval(), x)
    expected = plan(x)
    out = np.empty_like(expected)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(plan(np.asfortranarray(x)), expected)
    assert repr(plan) == f"<plan: {x.shape} to {expected.shape}, in two parts>"


def test_errors() -> None:
    x = _images()
    plan = cnet.compile(Of(FUNCTIONS["convolutions"]).eval(), x)
    y = plan(x)
    for images, out, error in (
        (x[:, :3], None, ValueError),
        (x.astype(np.float64), None, TypeError),
        (x[:, :3], y, ValueError),
        (x, y[:3], ValueError),
        (x, y.astype(np.float64), ValueError),
    ):
        with pytest.raises(error, match="plan: "):
            plan(images, out)
