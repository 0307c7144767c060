"""Matrix products."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specs.spec import Arrays, Call, Case, Shape, Spec, magnitudes, zeros

LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "strided": lambda x: np.repeat(np.repeat(x, 2, -1), 3, -2)[..., ::3, ::2],
    "reversed": lambda x: np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
    "repeated": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
}
"""Layouts of a matrix in memory."""


@dataclass(frozen=True)
class GemmCase(Case):
    a_shape: Shape
    b_shape: Shape
    a_layout: str = "rows"
    b_layout: str = "rows"


@dataclass(frozen=True)
class LinearCase(Case):
    x_shape: Shape
    outputs: int
    bias: bool = True
    relu: bool = False


def _matmul(case: GemmCase, dtype: Any) -> Call:
    rng = case.random()
    a = LAYOUTS[case.a_layout](rng.standard_normal(case.a_shape, dtype))
    b = LAYOUTS[case.b_layout](rng.standard_normal(case.b_shape, dtype))
    return Call("matmul", (a, b), {}, (case.a_shape[-1],))


def _linear(case: LinearCase, dtype: Any) -> Call:
    rng = case.random()
    inputs = case.x_shape[-1]
    x = rng.standard_normal(case.x_shape, dtype)
    weight = rng.standard_normal((case.outputs, inputs), dtype)
    bias = rng.standard_normal(case.outputs, dtype) if case.bias else None
    return Call("linear", (x, weight, bias), {"relu": case.relu}, (inputs + 1,))


def _scales_of_linear(call: Call, expected: Arrays) -> tuple[Any, ...]:
    return magnitudes(call._replace(options={}), expected)


def _gemms() -> Iterator[GemmCase]:
    for m, n, k in (
        (1, 1, 1), (1, 17, 5), (17, 1, 5), (5, 5, 1), (6, 16, 8), (7, 17, 9), (5, 15, 7),
        (6, 32, 3), (13, 33, 31), (12, 48, 64), (14, 49, 65), (95, 31, 33), (97, 17, 20),
        (16, 16, 255), (16, 16, 256), (17, 15, 257), (9, 10, 520), (3, 481, 20), (4, 961, 7),
        (130, 8, 5), (1, 64, 9), (1, 200, 33), (0, 4, 3), (4, 0, 3), (4, 3, 0), (0, 0, 0),
        (200, 150, 300), (12, 32, 600), (10, 24, 300), (28, 48, 1200), (64, 10, 1024),
        (32, 136, 784), (20, 40, 300), (260, 100, 520),
    ):  # fmt: skip
        yield GemmCase((m, k), (k, n))
    for a_layout in LAYOUTS:
        for b_layout in LAYOUTS:
            yield GemmCase((19, 23), (23, 37), a_layout, b_layout)
    for m, n, k in ((1, 3, 200), (4, 80, 300), (7, 101, 200), (16, 37, 600)):  # dot products
        yield GemmCase((m, k), (k, n), b_layout="columns")
    for a_shape, b_shape in (
        ((5,), (5,)), ((5,), (5, 3)), ((4, 5), (5,)), ((0,), (0,)), ((0,), (0, 3)),
        ((2, 3, 5), (5,)), ((5,), (2, 5, 3)), ((3, 4, 5), (3, 5, 6)), ((4, 5), (3, 5, 6)),
        ((3, 4, 5), (5, 6)), ((3, 1, 4, 5), (2, 5, 6)), ((1, 4, 5), (7, 5, 6)),
        ((0, 4, 5), (5, 6)), ((0, 4, 5), (1, 5, 6)), ((2, 3, 0, 5), (5, 6)),
        ((2, 3, 4, 0), (0, 6)), ((2, 1, 7, 9), (1, 3, 9, 8)), ((3, 12, 20), (3, 20, 32)),
    ):  # fmt: skip
        yield GemmCase(a_shape, b_shape)
    yield GemmCase((3, 7, 9), (3, 9, 8), "columns", "reversed")
    yield GemmCase((3, 7, 9), (9, 8), "strided", "columns")
    yield GemmCase((2, 3, 7, 9), (3, 9, 17), "repeated", "strided")


LINEAR_CASES = (
    LinearCase((4, 7), 5),
    LinearCase((4, 7), 5, bias=False),
    LinearCase((7,), 5),
    LinearCase((2, 3, 7), 17),
    LinearCase((33, 300), 49),
    LinearCase((256, 784), 128),
    LinearCase((1, 131), 49),
    LinearCase((1, 131), 49, bias=False),
    LinearCase((5, 131), 33),
    LinearCase((1, 1), 150),
    LinearCase((0, 7), 5),
    LinearCase((4, 0), 5),
    LinearCase((4, 7), 0),
)

matmul = Spec(
    "matmul",
    call=_matmul,
    cases=tuple(_gemms()),
    typical=GemmCase((13, 33), (33, 31)),
    large=(
        GemmCase((203, 517), (517, 301)),
        GemmCase((203, 517), (517, 301), b_layout="columns"),
        GemmCase((40, 500), (500, 900)),
        GemmCase((900, 500), (500, 40), "columns", "columns"),
        GemmCase((40, 9000), (9000, 40), "columns"),
        GemmCase((8, 6, 64, 66), (66, 9)),
        GemmCase((1, 1500), (1500, 301)),
        GemmCase((1, 1500), (1500, 301), b_layout="columns"),
    ),
    keeps_strides=True,
    any_rank=("a", "b"),
    good={"a": zeros(3, 4), "b": zeros(4, 5)},
    bad=(
        ({"a": np.array(1.0)}, ValueError, "a must have at least 1 dimension (got 0)"),
        ({"b": np.array(1.0)}, ValueError, "b must have at least 1 dimension (got 0)"),
        ({"b": zeros(3, 5)}, ValueError, "a.shape[-1] must equal b.shape[-2] (got 4 and 3)"),
        ({"b": zeros(3)}, ValueError, "a.shape[-1] must equal b.shape[-1] (got 4 and 3)"),
        ({"a": zeros(2, 3, 4), "b": zeros(3, 4, 5)}, ValueError,
         "a.shape[:-2] and b.shape[:-2] must broadcast (got (2,) and (3,))"),
        ({"a": zeros(2**31, 0), "b": zeros(0, 2**31)}, ValueError, "would be too large"),
        ({"a": zeros(2**31, 2, 0), "b": zeros(0, 2**31)}, ValueError, "would be too large"),
        ({"a": zeros(2**21, 1, 2**21, 0), "b": zeros(2**21, 0, 1)}, ValueError,
         "would be too large"),
    ),
)  # fmt: skip

linear = Spec(
    "linear",
    call=_linear,
    cases=[replace(case, relu=relu) for case in LINEAR_CASES for relu in (False, True)],
    typical=LinearCase((2, 3, 7), 17),
    large=(LinearCase((203, 517), 301), LinearCase((203, 517), 301, relu=True)),
    scales=_scales_of_linear,
    any_rank=("x",),
    good={"x": zeros(3, 4), "weight": zeros(5, 4), "bias": zeros(5)},
    bad=(
        ({"x": np.array(1.0, "f4")}, ValueError, "x must have at least 1 dimension (got 0)"),
        ({"x": zeros(3, 5)}, ValueError, "x.shape[-1] must equal weight.shape[1] (got 5 and 4)"),
        ({"bias": zeros(4)}, ValueError, "(got (4,) and (5,))"),
        ({"x": zeros(2**31, 0), "weight": zeros(2**31, 0), "bias": None}, ValueError,
         "would be too large"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class MatrixCase(Case):
    rows: int
    columns: int


def _column_sums(case: MatrixCase, dtype: Any) -> Call:
    x = case.random().standard_normal((case.rows, case.columns), dtype)
    return Call("column_sums", (x,), {}, (case.rows,))


column_sums = Spec(
    "column_sums",
    call=_column_sums,
    cases=[
        MatrixCase(rows, columns)
        for rows in (0, 1, 2, 7, 1023, 1025)
        for columns in (0, 1, 3, 16, 63, 64, 65, 130)
    ],
    typical=MatrixCase(9, 17),
    large=(MatrixCase(2100, 300), MatrixCase(8, 20_000)),
    good={"x": zeros(3, 4)},
)
