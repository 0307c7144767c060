"""A line search for the strong Wolfe conditions.

References
----------
J. Nocedal, S. Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6, equation 3.59.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

DECREASE = 1e-4
"""The part of the decrease that the first slope predicts, and that the loss must reach."""
CURVATURE = 0.9
"""The part of the first slope that the slope must not exceed."""
SMALLEST = 1e-9
"""The bracket is not made smaller."""


class Point(NamedTuple):
    """A point on the line: its position, and the loss, gradient and slope there."""

    t: float
    loss: float
    grad: Any
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, size: float, tries: int
) -> tuple[Point, int]:
    """Search for a point where the loss and the slope are small enough.

    Parameters
    ----------
    at : callable
        Evaluates the point at a position.
    start : Point
        The point at position 0.
    t : float
        The first position to try.
    size : float
        The greatest element of the direction.
    tries : int
        The greatest number of positions after the first.

    Returns
    -------
    point : Point
        A point that meets the conditions, or the best one found.
    evaluations : int
        The number of calls of `at`.
    """
    bracket, count = _bracketed(at, start, t, tries)
    if len(bracket) == 1:
        return bracket[0], count
    is_slow = False
    while count <= tries:
        low, high = _ordered(bracket)
        if abs(bracket[1].t - bracket[0].t) * size < SMALLEST:
            break
        t, is_slow = _inside(bracket, is_slow)
        point = at(t)
        count += 1
        if _is_too_high(point, start) or point.loss >= bracket[low].loss:
            bracket[high] = point
            continue
        if _is_flat(point, start):
            return point, count
        if point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[_ordered(bracket)[0]], count


def _bracketed(
    at: Callable[[float], Point], start: Point, t: float, tries: int
) -> tuple[list[Point], int]:
    """Two points with a suitable one between them, or one suitable point; and the evaluations."""
    previous, point = start, at(t)
    for count in range(1, tries + 1):
        if _is_too_high(point, start) or (count > 2 and point.loss >= previous.loss):
            return [previous, point], count
        if _is_flat(point, start):
            return [point], count
        if point.slope >= 0:
            return [previous, point], count
        bounds = point.t + 0.01 * (point.t - previous.t), point.t * 10
        previous, point = point, at(_cubic_minimum(previous, point, bounds))
    return [start, point], max(tries, 0) + 1


def _is_too_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + DECREASE * point.t * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -CURVATURE * start.slope


def _ordered(bracket: list[Point]) -> tuple[int, int]:
    """The indices of the point with the lower and with the higher loss."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)


def _inside(bracket: list[Point], is_slow: bool) -> tuple[float, bool]:
    """A position in the bracket, and whether it is close to an end.

    The second time that it is close to an end, it is moved away from it.
    """
    low, high = sorted(point.t for point in bracket)
    t, margin = _cubic_minimum(bracket[0], bracket[1], (low, high)), 0.1 * (high - low)
    if min(high - t, t - low) >= margin:
        return t, False
    if is_slow or t >= high or t <= low:
        return (high - margin if high - t < t - low else low + margin), False
    return t, True


def _cubic_minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """The minimum of the cubic polynomial with the losses and slopes of two points."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    middle = (bounds[0] + bounds[1]) / 2
    if a.t == b.t:
        return middle
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return middle
    d2 = math.sqrt(square)
    distance, divisor = b.slope + d2 - d1, b.slope - a.slope + 2 * d2
    if divisor == 0:  # a line without a minimum
        return bounds[1] if distance < 0 else bounds[0] if distance > 0 else middle
    return min(max(b.t - (b.t - a.t) * (distance / divisor), bounds[0]), bounds[1])
