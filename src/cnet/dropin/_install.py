"""Replacement of functions and methods of an installed package, and its reversal."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from importlib import import_module
from typing import Any

Table = Mapping[str, Callable[..., Any]]
"""Replacements by place in the package, ``"module:function"`` or ``"module:Class.method"``.

A replacement gets the original function before the arguments of the call."""


def _owners(package: str, table: Table) -> Iterator[tuple[str, Any, str, Callable[..., Any]]]:
    """The place, the module or class with the attribute, its name and the replacement."""
    for place, replacement in table.items():
        module, _, path = place.partition(":")
        owner: Any = import_module(f"{package}.{module}")
        *classes, name = path.split(".")
        for one in classes:
            owner = getattr(owner, one, None)
        if hasattr(owner, name):
            yield place, owner, name, replacement


def _assign(package: str, owner: Any, name: str, old: Any, new: Any) -> None:
    """Set an attribute; that of a module also where other modules have imported it."""
    holders = [owner]
    if not isinstance(owner, type):
        top = package.split(".")[0]
        holders += [m for key, m in [*sys.modules.items()] if key.split(".")[0] == top]
    for holder in holders:
        if getattr(holder, "__dict__", {}).get(name) is old:
            setattr(holder, name, new)


def install(package: str, table: Table) -> tuple[str, ...]:
    """Replace what `package` has of the table; the places that are replaced.

    Raises
    ------
    ImportError
        If the package or a module of the table is not there.
    """
    replaced = []
    for place, owner, name, replacement in _owners(package, table):
        original = vars(owner).get(name)
        replaced.append(place)
        if original is None or hasattr(original, "cnet_original"):
            continue
        _assign(package, owner, name, original, _bound(original, replacement))
    return tuple(replaced)


def _bound(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def function(*args: Any, **options: Any) -> Any:
        return replacement(original, *args, **options)

    function.cnet_original = original  # type: ignore[attr-defined]
    return function


def uninstall(package: str, table: Table) -> None:
    """Put the original functions back."""
    for _, owner, name, _ in _owners(package, table):
        current = vars(owner).get(name)
        if hasattr(current, "cnet_original"):
            _assign(package, owner, name, current, current.cnet_original)
