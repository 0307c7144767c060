"""Matrix products: large ones, and those of linear layers."""

from typing import Any

from cnet.bench.cases import Case, Work, arrays

SIZES = (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (32, 128, 784), (256, 128, 784)
"""Rows, columns and inner dimension."""


def _case(m: int, n: int, k: int, dtype: str) -> Case:
    def bind(side: Any, batch: int) -> Work:
        a, b = map(side.asarray, arrays((batch, k), (k, n), dtype=dtype))
        return lambda: side.matmul(a, b)

    return Case(f"{m}x{n}x{k} {dtype}", bind, m, dtype, 2 * n * k)


CASES = {
    case.title: case
    for case in (_case(*size, dtype) for dtype in ("float32", "float64") for size in SIZES)
}
