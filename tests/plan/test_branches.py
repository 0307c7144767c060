"""Parts of some layers of a plan that run at the same time."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.plan import compiled
from cnet.plan.arena import place
from cnet.plan.steps import Step
from plan.networks import Of, conv


def _block(x: Any, inner: int = 400, size: int = 3, stride: int = 1) -> Any:
    y = F.relu6(conv(x, inner, 1))
    y = F.relu6(conv(y, inner, size, padding=size // 2, groups=inner, stride=stride))
    return conv(y, 64, 1)


DIVIDED: dict[str, Callable[[Any], Any]] = {
    "plain": _block,
    "residual": lambda x: _block(x) + x,
    "residual of the input of the plan": lambda x: x + _block(x, size=5),
    "strided": lambda x: _block(x, stride=2),
    "two": lambda x: _block(_block(x) + x),
}
WHOLE: dict[str, Callable[[Any], Any]] = {
    "limited": lambda x: F.relu(_block(x)),
    "few products": lambda x: _block(x, 96),
    "read twice": lambda x: (lambda y: conv(F.relu(y), 64, 1) + conv(y, 64, 1))(
        conv(conv(x, 400, 1), 400, groups=400, padding=1)
    ),
    "not depthwise": lambda x: conv(conv(conv(x, 320, 1), 320, 3, groups=2), 64, 1),
    "not pointwise": lambda x: conv(conv(conv(x, 400, 1), 400, groups=400), 64, 3),
}


def _images(dtype: Any = np.float32, size: int = 7) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, 64, size, size)).astype(dtype)


def _plan(function: Callable[[Any], Any], x: np.ndarray) -> tuple[Any, int]:
    """The plan of a function, and the number of steps that add parts."""
    plan = cnet.compile(Of(function).eval(), x)
    return plan, sum(step.startswith("add ") for step, _ in plan.profile(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", cnet.available_isas())
@pytest.mark.parametrize("name", [*DIVIDED, *WHOLE])
def test_agrees_with_the_model(name: str, isa: str, dtype: Any) -> None:
    function, x = (DIVIDED | WHOLE)[name], _images(dtype)
    with cnet.use_isa(isa), cnet.no_grad():
        plan, expected = cnet.compile(Of(function).eval(), x), function(cnet.tensor(x)).numpy()
        y = plan(x)
    bound = (1e-5 if dtype == np.float32 else 1e-13) * np.abs(expected).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("name", DIVIDED)
def test_bits_do_not_depend_on_threads(name: str) -> None:
    x = _images()
    plan, parts = _plan(DIVIDED[name], x)
    assert parts == (2 if name == "two" else 1)
    with cnet.use_threads(1):
        expected = plan(x)
    for threads in (2, 3, 8) * 5:
        with cnet.use_threads(threads):
            np.testing.assert_array_equal(plan(x), expected)


@pytest.mark.parametrize("name", WHOLE)
def test_other_layers_are_whole(name: str) -> None:
    x = _images()
    assert _plan(WHOLE[name], x)[1] == 0


def test_threads_share_rows_of_large_images() -> None:
    x = _images(size=17)
    assert _plan(_block, x)[1] == 0


def test_results_of_branches_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[Step, int]] = []

    def recorded(steps: list[Step], *arguments: Any) -> tuple[dict[Step, int], int]:
        places, size = place(steps, *arguments)
        found[:] = [(step, places[step]) for step in steps if step.branch]
        return places, size

    monkeypatch.setattr(compiled, "place", recorded)
    _plan(lambda x: F.relu(_block(x)[:, :, 1:]), _images())
    assert Counter(step.branch for step, _ in found) == {1: 3, 2: 3}
    spans = sorted((at, at + 4 * int(np.prod(step.memory))) for step, at in found)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
