"""The peak of the machine, to which percentages refer."""

from typing import Any

from cnet.bench.cases import Case, Work

GIGA = 1_000_000_000
COPIED = 128 * 1024 * 1024


def _fma(dtype: str) -> Any:
    def bind(side: Any, batch: int) -> Work:
        return lambda: side.fma(dtype, batch * GIGA)

    return bind


def _copy(name: str) -> Any:
    return lambda side, batch: side.copier(name, batch * COPIED)


CASES = {
    "float32": Case("multiply-adds, float32", _fma("float32"), 2, "float32", GIGA),
    "float64": Case("multiply-adds, float64", _fma("float64"), 1, "float64", GIGA),
    "memory": Case("copy of 128 MB", _copy("copy"), 1, "memory", 2 * COPIED),
    "streaming": Case(
        "copy of 128 MB, streaming stores", _copy("copy_streaming"), 1, "memory", 2 * COPIED
    ),
}
"""The case named like a resource gives the peak of that resource."""
