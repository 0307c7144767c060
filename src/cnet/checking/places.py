"""The arrays and numbers that a layer holds, by path: "self.W", "self.params['b']"."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST = 2000
"""The largest number of values to look at."""
NUMBERS = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class Place:
    """A value, with where it is kept."""

    path: str
    holder: Any
    key: Any
    value: Any

    def set(self, value: Any) -> None:
        if isinstance(self.holder, (dict, list)):
            self.holder[self.key] = value
        elif isinstance(self.holder, tuple):  # cannot be replaced: the array itself changes
            self.value[...] = value
        else:
            setattr(self.holder, self.key, value)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.replace("]", "").replace("[", ".").replace("'", "").rsplit(".", 1)[-1]


def places(path: str, root: Any) -> dict[str, Place]:
    """All values that are reached from `root`; shared ones once."""
    found: dict[str, Place] = {}
    seen: set[int] = set()
    waiting = [(path, None, None, root)]
    while waiting and len(found) < MOST:
        at, holder, key, value = waiting.pop(0)
        if isinstance(value, (np.ndarray, dict, list, tuple)) or _has_state(value):
            if id(value) in seen:
                continue
            seen.add(id(value))
        found[at] = Place(at, holder, key, value)
        waiting += [(*child, held) for *child, held in _children(at, value)]
    return found


def _has_state(value: Any) -> bool:
    """Whether it is an instance of a class in Python."""
    module = type(value).__module__
    is_class = isinstance(value, type)
    return not is_class and hasattr(value, "__dict__") and module not in ("builtins", "numpy")


def _children(path: str, value: Any) -> Iterator[tuple[str, Any, Any, Any]]:
    if isinstance(value, dict):
        yield from ((f"{path}[{key!r}]", value, key, held) for key, held in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"{path}[{key}]", value, key, held) for key, held in enumerate(value))
    elif _has_state(value):
        yield from ((f"{path}.{key}", value, key, held) for key, held in vars(value).items())


def is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 0
