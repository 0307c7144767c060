"""Copies of arrays to places in other arrays, and in another order."""

from dataclasses import dataclass
from typing import Any

from specs.spec import HUGE, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class RangeCase(Case):
    x_shape: Shape
    cells: int
    """Cells of y along the axis."""
    axis: int = 0
    x_begin: int = 0
    y_begin: int = 0
    count: int | None = None


def _copy_range(case: RangeCase, dtype: Any) -> Call:
    axis = case.axis % len(case.x_shape)
    y_shape = (*case.x_shape[:axis], case.cells, *case.x_shape[axis + 1 :])
    x, y = (case.random().standard_normal(shape, dtype) for shape in (case.x_shape, y_shape))
    options = {
        "axis": case.axis, "x_begin": case.x_begin, "y_begin": case.y_begin, "count": case.count
    }  # fmt: skip
    return Call("copy_range", (x, y), options, (None,))


copy_range = Spec(
    "copy_range",
    call=_copy_range,
    cases=tuple(
        RangeCase(*arguments)  # type: ignore[arg-type]
        for arguments in (
            ((5,), 7, 0, 0, 2), ((5,), 3, 0, 4, 2, 1), ((3, 4), 9, 1, 1, 5),
            ((3, 4), 2, -1, 0, 0, 2),
            ((2, 3, 5), 6, 1, 0, 3), ((2, 3, 17), 3, -2, 1, 0, 2), ((4, 3, 2, 2), 8, 0, 0, 4),
            ((0, 3), 5, 1), ((2, 0), 3, 1), ((2, 3, 0), 4, 1), ((3, 4), 4, 1, 4, 0, 0),
        )
    ),
    typical=RangeCase((2, 3, 5), 6, 1, 0, 3),
    large=(RangeCase((40, 30, 100), 70, 1, 0, 20), RangeCase((300_000,), 400_000, 0, 5, 7)),
    in_place=("y",),
    any_rank=("x", "y"),
    good={"x": zeros(3, 4), "y": zeros(3, 4)},
    bad=(
        ({"axis": 2}, ValueError, "axis must be in range (got 2 for 2 dimensions)"),
        ({"y": zeros(5, 3)}, ValueError,
         "y.shape must equal x.shape except along the axis (got (5, 3) and (5, 4))"),
        ({"y_begin": 1}, ValueError, "the range must be within y.shape[0] (got 1 to 4 and 3)"),
        ({"count": -1}, ValueError, "the range must be within x.shape[0] (got 0 to -1 and 3)"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PlaceCase(Case):
    x_shape: Shape
    shape: Shape
    index: Any
    value: float = 0.0


def _embed(case: PlaceCase, dtype: Any) -> Call:
    x = case.random().standard_normal(case.x_shape, dtype)
    options = {"shape": case.shape, "index": case.index, "value": case.value}
    return Call("embed", (x,), options, (None,))


ALL = slice(None)
STEPS = slice(None, None, 2)

embed = Spec(
    "embed",
    call=_embed,
    cases=tuple(
        PlaceCase(*arguments)  # type: ignore[arg-type]
        for arguments in (
            ((3,), (5,), slice(1, 4), -2.5), ((2,), (5,), slice(4, None, -3), 1.0),
            ((), (3,), 1), ((), (), (), 3.0), ((2, 3), (2, 3), ...), ((3,), (2, 3), 1, 0.5),
            ((2, 1, 3), (2, 3), (ALL, None)), ((4, 3, 2, 4), (4, 3, 4, 7), (..., STEPS, STEPS)),
            ((2, 3, 4, 5), (2, 5, 7, 6), (ALL, slice(1, 4), slice(2, 6), slice(0, 5)), 2.0),
            ((2, 5), (2, 4, 5), (ALL, -1)), ((1, 2, 1, 2, 1, 2), (2, 3) * 3, (slice(1), STEPS) * 3),
            ((0, 3), (2, 3), slice(0), 1.0), ((0,), (0,), ALL), ((2, 17), (2, 33), (ALL, STEPS)),
        )
    ),
    typical=PlaceCase((2, 3), (4, 5), (slice(1, 3), STEPS), 0.5),
    large=(
        PlaceCase((20, 30, 100), (40, 30, 110), (STEPS, ALL, slice(5, 105))),
        PlaceCase((300_000,), (400_000,), slice(7, 300_007), 1.5),
    ),
    any_rank=("x",),
    good={"x": zeros(3, 4), "shape": (5, 4), "index": slice(3)},
    bad=(
        ({"index": ...}, ValueError,
         "x.shape must equal y[index].shape (got (3, 4) and (5, 4))"),
        ({"index": [0, 1, 2]}, TypeError, "index must consist of slices, integers"),
        ({"index": True}, TypeError, "index must consist of slices, integers"),
        ({"index": (0, 0, 0)}, IndexError, "index must fit the shape (5, 4)"),
        ({"x": HUGE, "shape": HUGE.shape, "index": ...}, ValueError, "y would be too large"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class FlipCase(Case):
    shape: Shape
    axes: tuple[int, ...]


def _flip(case: FlipCase, dtype: Any) -> Call:
    x = case.random().standard_normal(case.shape, dtype)
    return Call("flip", (x,), {"axes": case.axes}, (None,))


flip = Spec(
    "flip",
    call=_flip,
    cases=[
        FlipCase(*arguments)
        for arguments in (
            ((5,), (0,)), ((37,), (-1,)), ((3, 40), (1,)), ((3, 40), (0,)), ((3, 5), (1, 0)),
            ((3, 5), ()), ((2, 3, 4, 5, 6), (0, 2, 4)), ((2, 3, 4, 1, 2, 3), (1, 3, 5)),
            ((2, 2, 3, 2, 2, 3), (0, 2, 4)), ((0, 3), (1,)), ((), ()),
        )
    ],
    typical=FlipCase((3, 4, 9), (2,)),
    large=(FlipCase((2, 100_000), (1,)), FlipCase((400, 300), (0,))),
    any_rank=("x",),
    good={"x": zeros(3, 4), "axes": (1,)},
    bad=(
        ({"axes": (2,)}, ValueError, "axes must be in range for 2 dimensions (got (2,))"),
        ({"axes": (1, -1)}, ValueError, "axes must be different (got (1, -1))"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PermuteCase(Case):
    shape: Shape
    axes: tuple[int, ...]


def _permute(case: PermuteCase, dtype: Any) -> Call:
    x = case.random().standard_normal(case.shape, dtype).ravel()
    return Call("permute", (x,), {"shape": case.shape, "axes": case.axes}, (None,))


permute = Spec(
    "permute",
    call=_permute,
    cases=[
        PermuteCase(*arguments)
        for arguments in (
            ((5,), (0,)), ((3, 5), (1, 0)), ((37, 41), (1, 0)), ((2, 3, 4, 5), (0, 2, 1, 3)),
            ((3, 2, 2, 4, 5), (0, 3, 1, 4, 2)), ((3, 4, 2, 5, 2), (0, 2, 4, 1, 3)),
            ((2, 3, 2, 3, 2, 3), (5, 4, 3, 2, 1, 0)), ((0, 3), (1, 0)), ((), ()),
        )
    ],
    typical=PermuteCase((3, 4, 9), (0, 2, 1)),
    large=(PermuteCase((4, 100_000), (1, 0)), PermuteCase((12, 2, 2, 64, 64), (0, 3, 1, 4, 2))),
    any_rank=("x",),
    good={"x": zeros(3, 4), "shape": (2, 6), "axes": (1, 0)},
    bad=(
        ({"axes": (1, 1)}, ValueError, "axes must contain each axis of shape once (got (1, 1)"),
        ({"shape": (2, 5)}, ValueError, "shape must have as many elements as x (got (2, 5)"),
    ),
)  # fmt: skip
