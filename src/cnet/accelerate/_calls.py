"""One call of a function: its arguments by name, and everything that it returned or changed."""

import inspect
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, Shape
from ._counters import Counter
from ._printed import collected
from ._recorded import local
from ._scan import Scan, scan
from ._values import Node, Refused, Tree, describe, kind_of, walk
from .explain.memory import is_ordinary, owner, viewed


class Arguments(NamedTuple):
    """The arguments of a call; a path begins with the name of one."""

    values: dict[str, Any]
    places: dict[str, str]
    """Where each is found, ``args[0]`` or ``kwargs['stride']``."""


def arguments(
    function: FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Arguments:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind in kinds]
    names += [f"args[{place}]" for place in range(len(names), len(args))]
    values = dict(zip(names, args, strict=False)) | dict(kwargs)
    places = {name: f"args[{place}]" for place, name in enumerate(names[: len(args)])}
    return Arguments(values, places | {name: f"kwargs[{name!r}]" for name in kwargs})


def with_values(
    places: Mapping[str, str], values: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call from its values by name, and the places where they belong."""
    args = tuple(values[name] for name, place in places.items() if place.startswith("args"))
    return args, {n: values[n] for n, place in places.items() if not place.startswith("args")}


Scans = dict[Any, Scan]
"""What code may do, by the function, the classes of its arguments, and functions among them."""


def read(
    function: FunctionType, roots: Mapping[str, Any], skip: frozenset[str] = frozenset(),
    more: frozenset[str] = frozenset(), *, scans: Scans,
) -> tuple[Scan, Tree]:  # fmt: skip
    """What the code may do, and all values that it can read; `more` are other attributes to read.

    `scans` are those that are known, and get what is found.

    Raises
    ------
    Refused
        If the code may do more than compute, or can read a value of an unknown type.
    """
    classes: set[type] = {type(v) for v in roots.values() if kind_of(v) == "instance"}
    functions: set[Any] = set()
    while True:
        key = function, frozenset(classes), frozenset(functions)
        found = scans.get(key) or scan(function, sorted(classes, key=str), functions)
        scans[key] = found
        tree = walk(roots, frozenset(found.reads) | more, skip)
        now = {type(node.value) for node in tree.nodes if node.kind == "instance"}
        called = {node.value for node in tree.nodes if callable(node.value)} | {*tree.functions()}
        called = {one for one in called if kind_of(one) == "constant"}
        if now <= classes and called <= functions:
            return found, tree
        classes |= now
        functions |= called


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run originals without wrappers and prints, and restore the random number generators."""
    was, local.is_learning = local.is_learning, True
    states = np.random.get_state(), random.getstate()
    try:
        with np.errstate(all="ignore"), collected(shows=False):
            yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
        local.is_learning = was


# ---- Results -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Existing:
    """An object that the function could read."""

    path: str


@dataclass(frozen=True)
class Fresh:
    """A new array, by its name in the outputs."""

    name: str


@dataclass(frozen=True)
class View:
    """Elements of a contiguous array; see `viewed`."""

    of: Existing | Fresh
    shape: Shape
    strides: Shape
    offset: int
    is_writeable: bool


@dataclass(frozen=True)
class Leaf:
    """A number or a constant."""

    value: Any
    name: str = field(compare=False)


@dataclass(frozen=True)
class Number:
    """A number of type `kind` that is computed, by its name in the outputs."""

    name: str
    kind: type


@dataclass(frozen=True)
class Next:
    """An integer that the function could read, plus one."""

    path: str


@dataclass(frozen=True)
class Build:
    """A new tuple, list or dict; a second use of the same one has no items."""

    name: str
    kind: type
    keys: tuple[Any, ...]
    items: "tuple[Template, ...] | None"


@dataclass(frozen=True)
class Unknown:
    """A value that cannot be made without the function."""

    reason: str
    is_view: bool = False


Template = Existing | Fresh | View | Leaf | Number | Next | Build | Unknown


@dataclass
class Outcome:
    """What a call returned, set and changed."""

    result: Template
    writes: dict[tuple[str, Any], Template]
    """By the path of the instance, dict or list, and the name, key or index in it."""
    mutated: list[str]
    """Paths of arrays that were changed in place."""
    arrays: dict[str, Array]
    """The new arrays by name, and the changed ones by path, after the call."""
    printed: tuple[str | None, ...] = ()
    """What was printed; None for what went to a file."""
    touched: dict[str, set[Any]] = field(default_factory=dict)
    """Keys with new values in dicts, by path; also of dicts that are unknown."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """The real numbers that are no integers, by name; 0-dimensional arrays."""

    def is_finite(self) -> bool:
        """Whether all elements of arrays are finite, and all numbers."""
        return all(
            np.isfinite(array).all() for array in (*self.arrays.values(), *self.numbers.values())
        )

    def counted(self, numbers: Mapping[str, Any]) -> frozenset[str]:
        """Paths of the integers that the call has increased by one, from `numbers`."""
        found = set()
        for (holder, key), template in self.writes.items():
            for path in (f"{holder}.{key}", f"{holder}[{key!r}]"):
                old = numbers.get(path)
                new = template.value if isinstance(template, Leaf) else None
                is_counter = type(old) is type(new) and type(old) in (int, Counter)
                if is_counter and int(new) == int(old) + 1:  # type: ignore[arg-type]
                    found.add(path)
        return frozenset(found)


class Before:
    """The state before a call, to find out afterwards what it has changed.

    `places` are those that the call is known to set, and `mutated` the paths of arrays that it is
    known to change, if only to the values that they had.
    """

    def __init__(
        self, tree: Tree, places: Collection[tuple[str, Any]] = (), mutated: Collection[str] = ()
    ) -> None:  # fmt: skip
        self.tree, self.places, self.mutated = tree, places, mutated
        self.holders: list[tuple[Node, Any]] = []
        self.unknown: list[tuple[Node, Any]] = []
        self.inputs: dict[str, Array] = {}
        self.numbers = tree.numbers()
        for node in tree.nodes:
            if node.kind == "array":
                self.inputs[node.path] = node.value.copy()
            elif node.kind == "instance":
                self.holders.append((node, dict(node.value.__dict__)))
            elif node.kind in ("list", "dict"):
                self.holders.append((node, node.value.copy()))
            elif node.type is dict:
                self.unknown.append((node, node.value.copy()))

    def after(self, result: Any, printed: Sequence[str | None] = ()) -> Outcome:
        """Compare with the state now; `result` and `printed` are what the call has made.

        Raises
        ------
        Refused
            If the call has removed something, or changed the length of a list; only lists that
            are arguments, or inside of arguments that are lists, may get more items.
        """
        outcome = _Comparison(self).outcome(result)
        outcome.printed = tuple(printed)
        return outcome


def same_bits(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@dataclass
class _Comparison:
    before: Before
    arrays: dict[str, Array] = field(default_factory=dict)
    builds: dict[int, str] = field(default_factory=dict)
    numbers: dict[str, Array] = field(default_factory=dict)

    def outcome(self, result: Any) -> Outcome:
        known = [node for node in self.before.tree.nodes if node.kind not in ("number", "alias")]
        self.existing = {id(node.value): node.path for node in known if node.value is not None}
        self.sources = {node.path: node.value for node in known if node.kind == "array"}
        self.mutated = mutated = [
            path for path, old in self.before.inputs.items()
            if path in self.before.mutated or not same_bits(old, self.sources[path])
        ]  # fmt: skip
        template = self.template(result, "return")
        writes = {}
        for node, old in self.before.holders:
            for key, value in self.changed(node, old):
                path = f"{node.path}.{key}" if node.kind == "instance" else f"{node.path}[{key!r}]"
                writes[node.path, key] = self.template(value, path)
        arrays = self.arrays | {path: self.sources[path] for path in mutated}
        touched = {
            node.path: {key for key, _ in self.changed(node, old)}
            for node, old in [*self.before.holders, *self.before.unknown]
            if node.type is dict
        }
        return Outcome(template, writes, mutated, arrays, touched=touched, numbers=self.numbers)

    def changed(self, node: Node, old: Any) -> list[tuple[Any, Any]]:
        now = node.value.__dict__ if node.kind == "instance" else node.value
        if node.kind == "list":
            if len(now) != len(old) and (len(now) < len(old) or _is_held(node)):
                raise Refused(f"it changes the length of {node.path}")
            old, now = dict(enumerate(old)), dict(enumerate(now))
        if gone := old.keys() - now.keys():
            raise Refused(f"it removes {min(map(str, gone))} from {node.path}")
        return [
            (key, value) for key, value in now.items()
            if key not in old or not _is_same(old[key], value)
            or (node.path, key) in self.before.places
        ]  # fmt: skip

    def template(self, value: Any, name: str) -> Template:
        kind = kind_of(value)
        if id(value) in self.existing and kind != "constant":
            return Existing(self.existing[id(value)])
        if kind in ("number", "constant"):
            if isinstance(value, (float, np.floating)):
                self.numbers[name] = np.asarray(value)
            return Leaf(value, name)
        if kind == "array":
            return self.array(value, name)
        if kind in ("tuple", "list", "dict"):
            if id(value) in self.builds:
                return Build(self.builds[id(value)], type(value), (), None)
            self.builds[id(value)] = name
            pairs = value.items() if kind == "dict" else enumerate(value)
            made = {key: self.template(item, f"{name}[{key!r}]") for key, item in pairs}
            return Build(name, type(value), tuple(made), tuple(made.values()))
        return Unknown(describe(value))

    def array(self, value: Array, name: str) -> Template:
        for other, array in self.arrays.items():
            if array is value:
                return Fresh(other)
        makers: list[tuple[dict[str, Array], Callable[[str], Existing | Fresh]]]
        makers = [(self.sources, Existing), (self.arrays, Fresh)]
        for sources, make in makers:
            for path, source in sources.items():
                if np.may_share_memory(value, source) and value.size:
                    view = _view(value, source, make(path))
                    return view or Unknown(f"a view of {path}", is_view=True)
        if name in self.mutated:  # the path is that of the array that was there before
            name = f"new {name}"
        if is_ordinary(value):
            self.arrays[name] = value
            return Fresh(name)
        base = owner(value)
        if is_ordinary(base) and (view := _view(value, base, Fresh(f"{name}.base"))):
            self.arrays[f"{name}.base"] = base
            return view
        return Unknown(f"{name}, which is read-only or has elements that share memory")


def _is_held(node: Node) -> bool:
    """Whether an instance or a dict holds a list, perhaps from call to call."""
    return node.parent is not None and (node.parent.kind != "list" or _is_held(node.parent))


def _is_same(old: Any, new: Any) -> bool:
    if old is new:
        return True
    return kind_of(old) == "number" and type(old) is type(new) and old == new


def _view(value: Array, source: Array, of: Existing | Fresh) -> View | None:
    """`value` as elements of the contiguous `source`, if it is."""
    offset = value.ctypes.data - source.ctypes.data
    is_writeable = value.flags.writeable or not source.flags.writeable
    view = View(of, value.shape, value.strides, offset, is_writeable)
    try:
        same = viewed(source, view.shape, view.strides, offset, is_writeable)
    except (ValueError, BufferError, TypeError):
        return None
    return view if value.dtype == source.dtype and same.ctypes.data == value.ctypes.data else None
