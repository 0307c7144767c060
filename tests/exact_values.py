"""Exact values of the elementary functions, by which the C tests judge those of the kernels.

``python tests/exact_values.py`` writes them, with mpmath; a test checks that they are up to date.
"""

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mpmath import mp, mpf

PATH = Path(__file__).parent / "c" / "exact_values.inc"
HEAD = """\
/* Written by python tests/exact_values.py: {x, y, rest} with f(x) = y + rest ulp(y), where y is
 * f(x) rounded to float64. EXACT(f, ...) has the arguments of a function in ascending order. */
/* clang-format off */
"""
COUNT = 200
"""Arguments of each function; random ones are added up to this number."""

# Functions of subnormal numbers such as 2^-1074 lose twice their exponent, in sqrt(1 + x^2).
mp.prec = 2400

LEAST, LEAST_NORMAL, GREATEST = math.ulp(0.0), 2.0**-1022, math.nextafter(math.inf, 0)
EDGES = [
    0.0, LEAST, LEAST_NORMAL - LEAST, LEAST_NORMAL, 2.0**-149, 2.0**-126, GREATEST, math.inf,
]  # fmt: skip
"""Arguments of all functions, also with a negative sign."""


def _both(numbers: Iterable[float]) -> list[float]:
    return [sign * x for x in numbers for sign in (1, -1)]


def _around(*numbers: float) -> list[float]:
    """The numbers, and those before and after them."""
    return [y for x in numbers for y in (math.nextafter(x, -math.inf), x, math.nextafter(x, 9e99))]


def _multiples(unit: mpf, factors: Iterable[float]) -> list[float]:
    """The numbers nearest to multiples of a unit, and those beside them."""
    return _around(*(float(factor * unit) for factor in factors))


def _near(x: float, exponents: Iterable[int]) -> list[float]:
    """Numbers beside x, at distances of powers of two."""
    return [x + side * 2.0**n for n in exponents for side in (1, -1) if x + side * 2.0**n != x]


FINE = range(-52, 0, 3)
HALVES = [n + 0.5 for n in (-1074, -1050, -1023, -300, -20, -3, -2, -1, 0, 1, 2, 9, 80, 500, 1022)]
HYPERBOLIC = [n + 0.5 for n in (0, 1, 2, 5, 24, 53, 126, 500, 1022)]
TURNS = [1, 2, 3, 4, 5, 6, 7, 8, 11, 22, 355, 710, 1000, 7639, 52174, 103993, 208341, 833719]
LARGE_ANGLES = [1e22, 2.0**60, 3.0e100, 2.0**1023]
"""Kernels leave large angles to the C library, which may be less precise near multiples of pi/2."""
POWERS_OF_10 = [10.0**n for n in (-300, -37, -22, -10, -3, -1, 1, 2, 3, 15, 22, 23, 38, 308)]
OVERFLOW = [709.782712893384, 710.4758600739439, 88.72283905206835, 89.41598623262829]

EXPONENTIAL = [*_multiples(mp.log(2), HALVES), *_around(709.782712893384, 88.72283905206835)]
LOGARITHMIC = [
    *_near(1.0, FINE), *_around(0.75, 1.5, 2.0, 0.5), *_multiples(mp.sqrt(2), (0.5, 1, 2.0**-1040)),
]  # fmt: skip
ANGLES = [
    *_both(_multiples(mp.pi / 4, TURNS)), *_both(LARGE_ANGLES),
    *_around(6000.0, 1000000.0, -1000000.0),
]  # fmt: skip

ALL = -math.inf
FUNCTIONS: dict[str, tuple[Callable[[mpf], mpf], list[float], tuple[int, int], float]] = {
    "exp": (mp.exp, [*EXPONENTIAL, *_around(-103.972077, -708.396418532, -745.13321910194)],
            (-30, 9), ALL),
    "exp2": (lambda x: mpf(2) ** x,
             [*HALVES, *_around(1024, 128, -126, -149, -150, -1022, -1074, -1075, 0.5)],
             (-30, 10), ALL),
    "expm1": (mp.expm1, [*EXPONENTIAL, *_around(-18, -38, -36.7368005696771)], (-60, 9), ALL),
    "log": (mp.log, LOGARITHMIC, (-1074, 1023), 0),
    "log2": (lambda x: mp.log(x) / mp.log(2),
             [*LOGARITHMIC, *(2.0**n for n in (-1073, -149, -30, 3, 10, 127, 1000))],
             (-1074, 1023), 0),
    "log10": (mp.log10, [*LOGARITHMIC, *POWERS_OF_10], (-1074, 1023), 0),
    "log1p": (mp.log1p,
              [*(x for x in _near(-1.0, FINE) if x > -1), *_around(-1.0, -0.25, 0.5, 1.0),
               float(mp.sqrt(2) - 1), float(mp.sqrt(0.5) - 1)], (-60, 60), -1),
    "sinh": (mp.sinh, _both([*_multiples(mp.log(2), HYPERBOLIC), *_around(1.0, *OVERFLOW)]),
             (-40, 9), ALL),
    "cosh": (mp.cosh, _both([*_multiples(mp.log(2), HYPERBOLIC), *_around(*OVERFLOW)]),
             (-40, 9), ALL),
    "tanh": (mp.tanh,
             _both([*_multiples(mp.log(2) / 2, HYPERBOLIC[:6]), *_multiples(mp.log(3) / 2, (1,)),
                    *_around(9.0109133472, 10.0, 19.0615474653984, 20.0)]), (-40, 6), ALL),
    "asinh": (mp.asinh, _both(_around(2.0**25, 2.0**54, 0.2, 0.35, 0.75, 1.0)), (-60, 60), ALL),
    "acosh": (mp.acosh,
              [*(x for x in _near(1.0, (*FINE, *range(9))) if x > 1),
               *_around(1.0, 1.25, 2.0**25, 2.0**54), 0.5, -1.5], (0, 1023), 0),
    "atanh": (mp.atanh,
              [*_both(x for x in _near(1.0, FINE) if x < 1), *_both(_around(1.0, 0.2, 1 / 3)), 2.5],
              (-60, -1), ALL),
    "sin": (mp.sin, ANGLES, (-40, 24), ALL),
    "cos": (mp.cos, ANGLES, (-40, 24), ALL),
    "tan": (mp.tan, ANGLES, (-40, 24), ALL),
    "asin": (mp.asin,
             [*_both(x for x in _near(1.0, FINE) if x < 1), *_both(_around(1.0, 0.5)), 2.5],
             (-40, -1), ALL),
    "acos": (mp.acos,
             [*_both(x for x in _near(1.0, FINE) if x < 1), *_both(_around(1.0, 0.5)), 2.5],
             (-40, -1), ALL),
    "atan": (mp.atan, [*_both(_around(1.0)), *_both(_near(1.0, FINE))], (-60, 60), ALL),
    "erf": (mp.erf, _both(_around(1.0, 4.0, 5.9, 6.0, 3.92)), (-60, 2), ALL),
}  # fmt: skip
"""Each function, its own arguments, the exponents of random ones, and what these are above."""

AT_EDGES = {
    "exp": {-math.inf: 0.0}, "exp2": {-math.inf: 0.0}, "expm1": {-math.inf: -1.0},
    "log": {0.0: -math.inf}, "log2": {0.0: -math.inf}, "log10": {0.0: -math.inf},
    "log1p": {-1.0: -math.inf}, "cosh": {-math.inf: math.inf},
    "tanh": {math.inf: 1.0, -math.inf: -1.0}, "erf": {math.inf: 1.0, -math.inf: -1.0},
    "atanh": {1.0: math.inf, -1.0: -math.inf},
}  # fmt: skip
"""Values that are infinite, or at infinite arguments, where they are not the argument itself."""


def _random(name: str) -> Iterator[float]:
    """Numbers of the exponents of a function in turn; about half of them are numbers of float32."""
    numbers = random.Random(name)
    (low, high), above = FUNCTIONS[name][2:]
    for exponent in itertools.cycle(range(low, high + 1, max(1, (high - low) // 100))):
        digits = 52 if numbers.getrandbits(1) else 23
        size = math.ldexp(numbers.getrandbits(digits) | 1 << digits, exponent - digits)
        yield -size if numbers.getrandbits(1) and -size > above else size


def arguments(name: str) -> list[float]:
    own = FUNCTIONS[name][1]
    found = {repr(float(x)): float(x) for x in (*_both(EDGES), math.nan, *own)}
    for x in _random(name):
        if len(found) >= COUNT:
            break
        found[repr(x)] = x
    return sorted(found.values(), key=lambda x: (math.isnan(x), x, math.copysign(1, x)))


def exact(name: str, x: float) -> tuple[float, float]:
    """f(x) as the nearest number of float64, and the rest in units of its last place."""
    call = FUNCTIONS[name][0]
    if x in AT_EDGES.get(name, {}):
        return AT_EDGES[name][x], 0.0
    if x == 0 and name not in ("exp", "exp2", "cosh", "cos", "acos", "acosh"):
        return x, 0.0
    if math.isinf(x) and name != "atan":
        outside = x < 0 and name.startswith(("log", "acosh"))
        bounded = name in ("sin", "cos", "tan", "asin", "acos", "atanh")
        return (math.nan if outside or bounded else x), 0.0
    value = call(mpf(x))
    if math.isnan(x) or isinstance(value, mp.mpc):
        return math.nan, 0.0
    y = float(value)
    if math.isinf(y):
        return y, 0.0
    return y, float((value - mpf(y)) / mpf(math.ulp(y)))


def _text(number: float) -> str:
    if not math.isfinite(number):
        return "NAN" if math.isnan(number) else "INFINITY" if number > 0 else "-INFINITY"
    mantissa, exponent = number.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{int(exponent)}" if number else str(number)


def _entry(name: str, x: float) -> str:
    y, rest = exact(name, x)
    return f"{{{_text(x)},{_text(y)},{format(rest, '.3f') if rest else 0}}}"


def text() -> str:
    """The table in C."""
    lines = [HEAD]
    for name in FUNCTIONS:
        entries = (_entry(name, x) for x in arguments(name))
        lines.append(f"EXACT({name},\n" + ",\n".join(entries) + ")\n")
    return "".join(lines)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
