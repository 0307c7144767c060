"""Integers that count calls: how code uses their values."""

from collections.abc import Callable
from typing import Any


class Counter(int):
    """An integer that notes whether code decides by its value, and not only computes with it."""

    decided = False

    def __add__(self, other: Any) -> Any:
        total = int.__add__(self, other)
        return Counter(total) if type(total) is int else total

    __radd__ = __add__


def _deciding(name: str) -> Callable[..., Any]:
    method = getattr(int, name)

    def decide(self: Counter, *others: Any) -> Any:
        Counter.decided = True
        return method(self, *others)

    return decide


for _name in (
    "eq", "ne", "lt", "le", "gt", "ge", "mod", "rmod", "divmod", "rdivmod", "floordiv",
    "rfloordiv", "and", "rand", "rshift", "bool", "hash",
):  # fmt: skip
    setattr(Counter, f"__{_name}__", _deciding(f"__{_name}__"))
