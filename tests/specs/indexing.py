"""gather and scatter: elements at positions along an axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnet.kernels.indexing import OPERATIONS
from specs.spec import Bad, Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class GatherCase(Case):
    x_shape: Shape
    count: int
    axis: int = -1
    shared: bool = False
    name: str = ""
    following: int = 1
    """The length of the runs of positions that follow each other, but for two that are swapped."""

    def index(self, rng: np.random.Generator) -> np.ndarray:
        size = max(self.x_shape[self.axis], 1)
        index = rng.integers(0, size, self.count if self.shared else self.shape)
        if self.following > 1:
            flat = index.reshape(-1)
            flat[:] = (np.repeat(flat[:: self.following], self.following)[: flat.size]
                       + np.arange(flat.size)) % size  # fmt: skip
            flat[5:7] = flat[6:4:-1]
        return index

    @property
    def shape(self) -> Shape:
        """Of the result."""
        axis = self.axis % len(self.x_shape)
        return (*self.x_shape[:axis], self.count, *self.x_shape[axis + 1 :])


@dataclass(frozen=True)
class ScatterCase(GatherCase):
    operation: str = "write"


def _gather(case: GatherCase, dtype: Any) -> Call:
    rng = case.random()
    x = rng.standard_normal(case.x_shape, dtype)
    return Call("gather", (x, case.index(rng)), {"axis": case.axis}, (None,))


def _scatter(case: ScatterCase, dtype: Any) -> Call:
    rng = case.random()
    src, y = (rng.standard_normal(shape, dtype) for shape in (case.shape, case.x_shape))
    options = {"axis": case.axis, "operation": case.operation}
    return Call("scatter", (src, case.index(rng), y), options, (None,))


_SHAPES: tuple[tuple[Any, ...], ...] = (
    ((1,), 1),
    ((5,), 0),
    ((0,), 0),
    ((7,), 1100),
    ((3, 9), 5),
    ((3, 9), 12, 0),
    ((2, 3, 5), 4, 1),
    ((2, 3, 17), 4, -2),
    ((4, 130), 3, 0),
    ((0, 3), 4),
    ((2, 0), 0),
    ((2, 3, 0), 4, 1),
)
_BAD: tuple[Bad, ...] = (
    ({"axis": 2}, ValueError, "(got 2 and 2 dimensions)"),
    ({"axis": 1.0}, TypeError, "axis must be an int"),
    ({"index": np.array([[0, 1], [3, 0]])}, IndexError,
     "index must be in range for size 3 (got 0 to 3)"),
    ({"index": np.array([[0, -1], [2, 0]])}, IndexError, "(got -1 to 2)"),
)  # fmt: skip

gather = Spec(
    "gather",
    call=_gather,
    cases=[
        GatherCase(*shape, shared=shared) for shape in _SHAPES for shared in (False, True)
    ] + [
        GatherCase((2, 90), 150, shared=shared, name="runs", following=following)
        for shared in (False, True)
        for following in (9, 70)
    ],
    typical=GatherCase((2, 6, 7), 4, 1),
    large=(
        GatherCase((40, 500), 2000, name="elements"),
        GatherCase((3, 50, 300), 200, 1, name="rows"),
        GatherCase((3, 50, 300), 200, 1, shared=True, name="slices"),
    ),
    good={"x": zeros(2, 3), "index": np.array([[0, 1], [2, 0]])},
    any_rank=("x", "index"),
    bad=(
        *_BAD,
        ({"index": np.array([3])}, IndexError, "index must be in range for size 3 (got 3 to 3)"),
        ({"index": np.array([[0, 1]])}, ValueError,
         "index must have 1 dimension, or the shape of x but along axis (got (1, 2) and (2, 3))"),
    ),
)  # fmt: skip

scatter = Spec(
    "scatter",
    call=_scatter,
    cases=[
        ScatterCase(*shape, shared=shared, operation=operation)
        for shape in _SHAPES
        for shared in (False, True)
        for operation in OPERATIONS
    ],
    typical=ScatterCase((2, 6, 7), 4, 1, operation="add"),
    large=(
        ScatterCase((40, 500), 2000, name="elements", operation="add"),
        ScatterCase((3, 50, 300), 200, 1, name="rows", operation="maximum"),
        ScatterCase((3, 50, 300), 200, 1, shared=True, name="slices"),
    ),
    good={"src": zeros(2, 2), "index": np.array([[0, 1], [2, 0]]), "y": zeros(2, 3)},
    in_place=("y",),
    any_rank=("src", "index", "y"),
    bad=(
        *_BAD,
        ({"index": np.array([3, 0])}, IndexError, "index must be in range for size 3 (got 0 to 3)"),
        ({"src": zeros(2, 3)}, ValueError,
         "src.shape must equal that of y with the positions along axis (got (2, 3) and (2, 2))"),
        ({"operation": "subtract"}, ValueError, "operation must be one of write, add"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class SearchCase(Case):
    x_shape: Shape
    values_shape: Shape
    right: bool = False
    nans: int = 0


def _search(case: SearchCase, dtype: Any) -> Call:
    rng = case.random()
    x = np.sort(rng.integers(-9, 9, case.x_shape).astype(dtype), -1)
    values = np.asarray(rng.integers(-20, 20, case.values_shape) / 2, dtype)
    if case.nans:
        x[..., -case.nans :] = np.nan
        values.reshape(-1)[:1] = np.nan
    return Call("searchsorted", (x, values), {"right": case.right}, (None,))


searchsorted = Spec(
    "searchsorted",
    call=_search,
    cases=[
        SearchCase(*shapes, right, nans)
        for shapes in (
            ((1,), (4,)), ((7,), (3, 5)), ((9,), ()), ((2, 33), (2, 4)), ((3, 2, 5), (3, 2, 0)),
        )
        for right in (False, True)
        for nans in (0, 1)
    ] + [SearchCase((0,), (3,)), SearchCase((2, 0), (2, 3))],
    typical=SearchCase((2, 9), (2, 5)),
    large=(SearchCase((100,), (9001,), nans=2), SearchCase((3, 40), (3, 2500), True)),
    any_rank=("x", "values"),
    good={"x": zeros(2, 4), "values": zeros(2, 3)},
    bad=(
        ({"values": zeros(3, 3)}, ValueError,
         "values.shape[:-1] must equal x.shape[:-1] (got (3, 3) and (2, 4))"),
        ({"values": np.zeros((2, 3))}, TypeError, "dtype"),
        ({"x": np.array(3, np.float32)}, ValueError, "x must have at least 1 dimension (got 0)"),
    ),
)  # fmt: skip
