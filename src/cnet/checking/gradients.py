"""Which array of a backward pass is the gradient of which array of the forward pass."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .subject import is_gradient_name

CONTAINERS = ("val", "value", "data", "param", "array")
"""Names of arrays that say less than the name of what holds them."""

NAMED, RETURNED, LIKELY, UPDATE, OTHER = range(5)


@dataclass(frozen=True)
class Found:
    """A gradient, as the layer computes it."""

    source: str
    value: Array
    is_update: bool = False
    """Whether `value` is what the layer subtracts from the array itself."""


def leaf(path: str) -> str:
    """The last name in a path, in lower case, without punctuation."""
    parts = [part for part in re.split(r"[.\[\]']+", path) if part]
    return re.sub(r"[^a-z0-9]", "", parts[-1].lower()) if parts else ""


def gradient_name(path: str, is_input: bool) -> str:
    """The name in reports: "dx" for x, "dW" for self.W."""
    parts = [part for part in re.split(r"[.\[\]']+", path) if part and part != "self"]
    if len(parts) > 1 and parts[-1].lower() in CONTAINERS:
        del parts[-1]
    return f"d{parts[-1]}" if len(parts[-1]) <= 8 or not is_input else "dx"


def assign(
    rights: Mapping[str, tuple[Array, Array]], inputs: tuple[str, ...],
    found: Mapping[str, Array], before: Mapping[str, Array],
) -> dict[str, Found]:  # fmt: skip
    """The gradient for each path, by names, then by place, then by values.

    Parameters
    ----------
    rights : mapping
        For each path, some elements and the right gradient for them.
    inputs : tuple of str
        Those of the paths that are arguments.
    found, before : mapping
        Arrays after and before the backward pass.
    """
    options = []
    for order, (path, (elements, right)) in enumerate(rights.items()):
        size = before[path].size if path in before else len(right)
        for place, (source, value) in enumerate(found.items()):
            if value.size != size:
                continue
            is_update = source == path
            gradient = before[path] - value if is_update else value
            likeness = _likeness(gradient.reshape(-1)[elements], right)
            rank = UPDATE if is_update else _rank(path, source, path in inputs, rights)
            if rank is not None:
                found_here = Found(source, gradient, is_update)
                options.append((rank, -round(likeness, 3), order, place, path, found_here))
    options.sort(key=lambda option: option[:4])
    assigned: dict[str, Found] = {}
    used: set[str] = set()
    for *_, path, option in options:
        if path not in assigned and option.source not in used:
            assigned[path] = option
            used.add(option.source)
    return assigned


def _rank(
    path: str, source: str, is_input: bool, paths: Mapping[str, object]
) -> int | None:  # fmt: skip
    """How likely the names are those of an array and its gradient; None if they are not."""
    if source in paths:
        return None
    name, own = leaf(source), leaf(path)
    if source.startswith("return"):
        if re.search(r"\['", source) and own in name:
            return NAMED
        return RETURNED if not is_input else NAMED
    if is_input:
        return RETURNED if is_gradient_name(name) and own in name else None
    if is_gradient_name(name) or "grad" in source.lower():
        return NAMED if own in name else LIKELY
    return OTHER


def _likeness(gradient: Array, right: Array) -> float:
    """How parallel two arrays are: 1 if one is a multiple of the other."""
    lengths = np.linalg.norm(gradient) * np.linalg.norm(right)
    return float(abs(gradient @ right) / lengths) if lengths > 0 else 0.0
