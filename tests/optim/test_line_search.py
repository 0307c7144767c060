"""The line search of L-BFGS: the strong Wolfe conditions, and PyTorch's points."""

import math

import numpy as np
import pytest

from cnet.optim.line_search import Point, strong_wolfe

FUNCTIONS = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "steep": (lambda t: (t - 0.01) ** 2 * 100, lambda t: 200 * (t - 0.01)),
    "wave": (lambda t: -math.sin(5 * t) + t / 2, lambda t: -5 * math.cos(5 * t) + 0.5),
    "quartic": (lambda t: t**4 - 3 * t**3 - t, lambda t: 4 * t**3 - 9 * t**2 - 1),
    "flat": (lambda t: math.exp(-t), lambda t: -math.exp(-t)),
    "rising far away": (lambda t: abs(t - 200) ** 1.5, lambda t: -1.5 * abs(t - 200) ** 0.5),
    "noisy": (lambda t: -t + 0.3 * math.sin(40 * t), lambda t: -1 + 12 * math.cos(40 * t) - 12),
    "waves on a slope": (lambda t: -t / 10 + math.cos(t), lambda t: -0.1 - math.sin(t) - 0.01),
    "line": (lambda t: -t, lambda t: -1.0),
}


def search(name, t, tries):
    f, slope = FUNCTIONS[name]
    seen = []

    def at(t):
        seen.append(t)
        return Point(t, f(t), np.array([slope(t)]), slope(t))

    point, count = strong_wolfe(at, Point(0.0, f(0.0), np.zeros(1), slope(0.0)), t, 1.0, tries)
    assert count == len(seen)
    return point, seen


@pytest.mark.parametrize("name", ["parabola", "steep", "wave", "quartic"])
@pytest.mark.parametrize("t", [1e-3, 1.0, 30.0])
def test_conditions(name, t):
    f, slope = FUNCTIONS[name]
    point, _ = search(name, t, 25)
    assert point.loss <= f(0) + 1e-4 * point.t * slope(0)
    assert abs(point.slope) <= 0.9 * abs(slope(0))


def test_a_good_first_point_is_taken():
    assert search("parabola", 3.0, 25)[1] == [3.0]


@pytest.mark.parametrize("tries", [0, 1, 2, 5, 25])
@pytest.mark.parametrize("t", [1e-3, 0.7, 1.0, 30.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_points_are_those_of_pytorch(name, t, tries):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    from torch.optim.lbfgs import _strong_wolfe

    f, slope = FUNCTIONS[name]
    seen = []

    def at(x, t, d):
        seen.append(float(t))
        return f(float(t)), torch.tensor([slope(float(t))], dtype=torch.float64)

    one = torch.ones(1, dtype=torch.float64)
    g = one * slope(0.0)
    _, _, found, _ = _strong_wolfe(at, None, t, one, f(0.0), g, g.dot(one), max_ls=tries)
    point, ours = search(name, t, tries)
    np.testing.assert_allclose(ours, seen, rtol=1e-9)
    assert point.t == pytest.approx(float(found), rel=1e-9)
