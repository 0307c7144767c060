"""conv2d and its gradients, by every algorithm."""

from collections.abc import Iterator
from itertools import compress
from typing import Any

from specs.spec import HUGE, MUST_FIT, NAMED_PADDING, Bad, Call, Spec, zeros
from specs.tables.conv2d import CONV2D_CASES, Conv2dCase


def _options(case: Conv2dCase) -> dict[str, Any]:
    return {**case.options, "algorithm": case.algorithm}


def _conv2d(case: Conv2dCase, dtype: Any) -> Call:
    x, weight, bias, _ = case.arrays(dtype)
    return Call("conv2d", (x, weight, bias), _options(case), (case.taps,), case.is_winograd)


def _conv2d_backward(case: Conv2dCase, dtype: Any) -> Call:
    """The gradients that the algorithm can compute."""
    s = case.sizes
    x, weight, _, grad_output = case.arrays(dtype)
    _, *suits = case.suits(case.algorithm)
    needs = *suits, True
    pixels = s.n * s.oh * s.ow
    terms = s.o // s.g * s.kh * s.kw, pixels, pixels
    return Call(
        "conv2d_backward",
        (grad_output, x, weight),
        {**_options(case), "needs": needs},
        tuple(compress(terms, needs)),
        case.has_winograd_gradient,
    )


def calls_by(case: Conv2dCase, algorithm: str, dtype: Any) -> Iterator[Call]:
    """The convolution and those of its gradients that the algorithm can compute."""
    forward, *gradients = case.suits(algorithm)
    if forward:
        yield _conv2d(case.by(algorithm), dtype)
    if any(gradients):
        yield _conv2d_backward(case.by(algorithm), dtype)


TYPICAL = Conv2dCase((2, 4, 9, 8), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2)
_SQUARE = Conv2dCase((3, 17, 21, 22), (19, 17, 3, 3), padding=1)
LARGE = (
    Conv2dCase((5, 6, 29, 31), (10, 3, 3, 5), (1, 2), (1, 2), groups=2),
    Conv2dCase((1, 40, 19, 17), (70, 40, 3, 3), padding=1, name="one image, many channels"),
    Conv2dCase((70, 1, 14, 14), (4, 1, 5, 5), padding=2, name="many images, few weights"),
    Conv2dCase((130, 6, 12, 9), (10, 6, 5, 5), name="images in lanes", algorithm="direct"),
    Conv2dCase((9, 3, 31, 33), (6, 1, 3, 3), 1, 1, 1, 3, "few channels", "depthwise"),
    Conv2dCase((40, 20, 7, 7), (20, 1, 3, 3), 1, 1, 1, 20, "flat planes", "depthwise"),
    Conv2dCase((9, 20, 31, 30), (18, 20, 1, 1), (1, 2), algorithm="pointwise"),
    Conv2dCase((2, 9, 512, 512), (9, 9, 1, 1), name="larger than caches", algorithm="pointwise"),
    Conv2dCase((1, 1, 2, 2), (17_000, 1, 1, 1), name="many filters"),
    Conv2dCase((9, 17, 21, 22), (19, 17, 3, 3), padding=1, name="parts", algorithm="winograd"),
    *map(_SQUARE.by, ("winograd", "direct", "product")),
)

_ALGORITHMS: tuple[Bad, ...] = tuple(
    ({"algorithm": value}, ValueError,
     "algorithm must be one of auto, exact, depthwise, winograd, pointwise, channels, direct, "
     f"fold, product (got {value!r})")
    for value in ("fastest", "", "Winograd", "auto ", None, 1, ("auto",))
)  # fmt: skip
NEEDS: tuple[Bad, ...] = (
    ({"needs": (True, True)}, ValueError, "needs must be 3 booleans"),
    ({"needs": None}, TypeError, "needs must be 3 booleans"),
    ({"needs": True}, TypeError, "needs must be 3 booleans"),
    ({"needs": 1}, TypeError, "needs must be 3 booleans"),
)

conv2d = Spec(
    "conv2d",
    call=_conv2d,
    cases=CONV2D_CASES,
    typical=TYPICAL,
    large=LARGE,
    good={
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "bias": zeros(6),
        "padding": 1,
        "groups": 2,
    },
    bad=(
        *NAMED_PADDING,
        *_ALGORITHMS,
        ({"weight": zeros(6, 3, 3, 2)}, ValueError,
         "weight.shape[1] must equal x.shape[1] / groups (got 3 and 2)"),
        ({"x": zeros(2, 5, 5, 6)}, ValueError, "groups must divide x.shape[1] (got 2 and 5)"),
        ({"weight": zeros(5, 2, 3, 2)}, ValueError,
         "groups must divide weight.shape[0] (got 2 and 5)"),
        ({"groups": 0}, ValueError, "groups must be at least 1 (got 0)"),
        ({"groups": -2}, ValueError, "groups must be at least 1 (got -2)"),
        ({"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
        ({"groups": 2**70}, ValueError, "groups must divide x.shape[1]"),
        *(({"groups": value}, TypeError, "groups must be an int (got ")
          for value in (2.0, "2", None, [2], (2,), zeros(2), True)),
        ({"weight": zeros(6, 2, 0, 2)}, ValueError,
         "weight.shape[2:] must be at least 1x1 (got 0x2)"),
        ({"weight": zeros(6, 2, 8, 2)}, ValueError, f"{MUST_FIT} (got 8x2 and 7x8)"),
        ({"dilation": 4}, ValueError, f"{MUST_FIT} (got 9x5 and 7x8)"),
        ({"bias": zeros(5)}, ValueError,
         "bias.shape must equal (weight.shape[0],) (got (5,) and (6,))"),
        ({"x": HUGE}, ValueError, "x would be too large"),
        ({"padding": 2**30}, ValueError, "the padded x would be too large"),
        ({"x": zeros(0, 4, 5, 6), "padding": 2**30}, ValueError, "would be too large"),
        ({"x": zeros(2, 0, 5, 6), "weight": zeros(6, 0, 3, 2), "padding": 2**30}, ValueError,
         "would be too large"),
    ),
)  # fmt: skip

conv2d_backward = Spec(
    "conv2d_backward",
    call=_conv2d_backward,
    cases=CONV2D_CASES,
    typical=TYPICAL,
    large=(*LARGE, _SQUARE.by("fold")),
    good={
        "grad_output": zeros(2, 6, 5, 7),
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "padding": 1,
        "groups": 2,
    },
    bad=(
        *NAMED_PADDING,
        *_ALGORITHMS,
        *NEEDS,
        ({"grad_output": zeros(2, 6, 5, 6)}, ValueError,
         "grad_output.shape must equal (n, o, oh, ow) (got (2, 6, 5, 6) and (2, 6, 5, 7))"),
        ({"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
    ),
)  # fmt: skip
