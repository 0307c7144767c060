"""copy_range, flip: copies of parts of arrays, and in another order."""

from dataclasses import dataclass
from typing import Any

from specs.spec import Call, Case, Shape, Spec, zeros


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
