"""The values that a function can read: its arguments and the state that they hold, by path.

A path is written as in Python, ``x``, ``self.W`` or ``self.cache['x'][0]``. `walk` makes a `Tree`
of all values that code with given attribute names can reach.
"""

import copy
import enum
import functools
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..arrays import Array

MOST_NODES = 300
MOST_ITEMS = 64
"""Containers with more items are not read."""
MOST_SETTINGS = 8
"""Arrays with more integers are data."""


class Refused(Exception):
    """A call cannot be taken over; the message says why."""


class Impure(Refused):
    """The code of a function may do more than compute, so that no call can be taken over."""


NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)
CONSTANTS = (
    type(None), str, bytes, complex, slice, range, type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, np.ufunc, np.dtype, enum.Enum, type(Ellipsis), type(NotImplemented),
    type(np.max),
)  # fmt: skip
"""Types of values that are compared and never explained."""

CONTAINERS: dict[Any, str] = {tuple: "tuple", list: "list", dict: "dict", OrderedDict: "dict"}
"""The kinds of containers."""


class Node:
    """A value. `kind` is that of `kind_of`, or alias."""

    def __init__(
        self, path: str, kind: str, value: Any, parent: "Node | None" = None, key: Any = None,
        of: "Node | None" = None, type: Any = None,
    ) -> None:  # fmt: skip
        self.path, self.kind, self.value, self.parent, self.key = path, kind, value, parent, key
        self.of = of
        """The node with the same value, if this is an alias."""
        self.type = type
        """The type of the value."""

    @property
    def is_leaf(self) -> bool:
        return self.kind in ("array", "number")

    def forget(self) -> None:
        """Release a value that belongs to the user."""
        if self.kind not in ("number", "constant"):
            self.value = None


class Tree:
    """The values of a call, in the order in which they are reached."""

    def __init__(self) -> None:
        self.roots: dict[str, Node] = {}
        self.nodes: list[Node] = []
        self.absent: list[tuple[Node, str]] = []
        """Attributes that the code may read and that an instance does not have."""
        self.class_values: dict[tuple[type, str], Any] = {}
        """Values that are found in classes."""

    def arrays(self) -> dict[str, Array]:
        return {node.path: node.value for node in self.nodes if node.kind == "array"}

    def check(self) -> None:
        """Raise Refused if a value is unknown."""
        for node in self.nodes:
            if node.kind == "unknown":
                raise Refused(f"{node.path} is {describe(node.value)}")

    def numbers(self) -> dict[str, Any]:
        return {node.path: node.value for node in self.nodes if node.kind == "number"}

    def functions(self) -> Iterator[types.FunctionType]:
        """Python functions among the values."""
        for value in [*[n.value for n in self.nodes], *self.class_values.values()]:
            if isinstance(value, types.FunctionType):
                yield value


def kind_of(value: Any) -> str:
    """The kind of a value: array, number, constant, tuple, list, dict, instance or unknown."""
    cls = type(value)
    if cls is np.ndarray:
        return "array" if value.dtype.kind in "fiub" else "unknown"
    if isinstance(value, NUMBERS):
        return "number"
    if isinstance(value, CONSTANTS) or _is_partial(value):
        return "constant"
    if cls in CONTAINERS:
        is_simple = CONTAINERS[cls] != "dict" or all(_is_key(key) for key in value)
        return CONTAINERS[cls] if len(value) <= MOST_ITEMS and is_simple else "unknown"
    return "instance" if is_plain(cls) else "unknown"


def copied(value: Any, *kept: Any) -> Any:
    """A deep copy; `kept` stay as they are, and modules, which layers may hold.

    Raises
    ------
    Refused
        If an object would do something when its copy is deleted.
    """
    memo = {id(one): one for one in (*kept, *sys.modules.values())}
    known = memo.copy()
    try:
        return copy.deepcopy(value, memo)
    finally:
        made = [one for key, one in memo.items() if key not in known]
        finalized = [one for one in made if hasattr(type(one), "__del__")]
        for one in finalized:
            one.__class__ = _Copy
        if finalized:
            raise Refused("it holds an object with a method __del__")


class _Copy:
    """The class of a copy that must do nothing when it is deleted."""


def is_setting(array: Array) -> bool:
    """Whether an array holds a few integers, as strides do: a plan is for these integers alone."""
    return array.dtype.kind in "iu" and array.size <= MOST_SETTINGS


def has_single_elements(array: Array) -> bool:
    """Whether each row has one element that is not 0, as targets, or gradients at labels."""
    has_rows = array.size > 0 and array.ndim > 0 and array.shape[-1] > 1
    return has_rows and array.dtype.kind == "f" and bool((np.count_nonzero(array, -1) == 1).all())


def _is_partial(value: Any) -> bool:
    """Whether a value is a function with fixed numbers among its arguments."""
    if not isinstance(value, functools.partial):
        return False
    held = (value.func, *value.args, *value.keywords.values())
    return all(isinstance(one, (*NUMBERS, *CONSTANTS)) for one in held)


def _is_key(key: Any) -> bool:
    """Whether a key of a dict can be written in code."""
    return type(key) in (str, int) or (type(key) is tuple and all(map(_is_key, key)))


HOOKS = ("__setattr__", "__getattribute__")
"""Methods with which attributes may do anything."""


def describe(value: Any) -> str:
    """What an unknown value is."""
    if type(value) in CONTAINERS:
        return f"a {type(value).__name__} with {len(value)} items"
    if type(value) is np.ndarray:
        return f"an array of {value.dtype}"
    cls = type(value)
    hooks = [name for name in HOOKS if getattr(cls, name) is not getattr(object, name)]
    hook = f", whose class has {hooks[0]}" if hooks else ""
    return f"a {cls.__module__}.{cls.__qualname__}{hook}"


def is_plain(cls: type) -> bool:
    """Whether instances keep their attributes in ``__dict__`` alone, without hooks."""
    own = [base for base in cls.__mro__ if base is not object]
    return (
        all(getattr(cls, name) is getattr(object, name) for name in HOOKS)
        and cls.__module__.split(".")[0] not in ("builtins", "numpy", "scipy")
        and not any(vars(base).get("__slots__") for base in own)
        and any("__dict__" in vars(base) for base in own)
        and not any(base.__module__ == "builtins" for base in own)
    )


def children(node: Node, reads: frozenset[str] | None) -> dict[Any, Any]:
    """The values that a value holds; of instances only the attributes in `reads`."""
    value = node.value
    if node.kind in ("tuple", "list"):
        return dict(enumerate(value))
    if node.kind == "dict":
        return dict(value)
    if node.kind == "instance":
        state = value.__dict__
        return {name: state[name] for name in state if reads is None or name in reads}
    return {}


def child_path(node: Node, key: Any) -> str:
    return f"{node.path}.{key}" if node.kind == "instance" else f"{node.path}[{key!r}]"


class _Walk:
    def __init__(self, reads: frozenset[str] | None, skip: frozenset[str]) -> None:
        self.reads, self.skip = reads, skip
        self.tree = Tree()
        self.seen: dict[int, Node] = {}

    def add(self, path: str, value: Any, parent: Node | None = None, key: Any = None) -> Node:
        kind = kind_of(value)
        node = Node(path, kind, value, parent, key, type=type(value))
        self.tree.nodes.append(node)
        if len(self.tree.nodes) > MOST_NODES:
            raise Refused(f"it can read more than {MOST_NODES} values")
        if kind not in ("number", "constant"):
            first = self.seen.setdefault(id(value), node)
            if first is not node:
                node.kind, node.of = "alias", first
                return node
        for name, child in children(node, self.reads).items():
            inner = child_path(node, name)
            if inner not in self.skip:
                self.add(inner, child, node, name)
        if kind == "instance":
            self.classes(node)
        return node

    def classes(self, node: Node) -> None:
        """Note what the code reads from the class, and what is not there."""
        cls, state = type(node.value), node.value.__dict__
        for name in sorted(self.reads or ()):
            if name in state or child_path(node, name) in self.skip:
                continue
            owner = next((base for base in cls.__mro__ if name in vars(base)), None)
            if owner is not object:
                self.tree.absent.append((node, name))
            if owner not in (None, object):
                self.class_value(owner, name)

    def class_value(self, owner: type, name: str) -> None:
        value = vars(owner)[name]
        inner = getattr(value, "__func__", value)
        if isinstance(value, property):
            inner = value.fget
        if not isinstance(inner, (*NUMBERS, *CONSTANTS)) and not _is_fixed(inner):
            raise Refused(f"{owner.__qualname__}.{name} is a {type(value).__qualname__}")
        self.tree.class_values[owner, name] = value


def _is_fixed(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(v, (*NUMBERS, str)) for v in value)


def walk(
    roots: Mapping[str, Any],
    reads: frozenset[str] | None = None,
    skip: frozenset[str] = frozenset(),
) -> Tree:
    """All values that the roots hold, except the paths in `skip`.

    Raises
    ------
    Refused
        If there are too many.
    """
    walking = _Walk(reads, skip)
    for name, value in roots.items():
        walking.tree.roots[name] = walking.add(name, value)
    return walking.tree


def rebuilt(tree: Tree, value_of: Callable[[Node], Any]) -> dict[str, Any]:
    """Copies of all roots, with other values in the containers and instances.

    `value_of` gives the value of all nodes that hold no others.
    """
    made: dict[Node, Any] = {}
    inner: dict[Node, dict[Any, Node]] = {node: {} for node in tree.nodes}
    for node in tree.nodes:
        if node.parent is not None:
            inner[node.parent][node.key] = node

    def build(node: Node) -> Any:
        if node.kind == "alias":
            assert node.of is not None
            return made[node.of]
        if node.kind == "instance":
            built = made[node] = object.__new__(node.type)
            built.__dict__.update({name: build(child) for name, child in inner[node].items()})
        elif node.kind in ("tuple", "list"):
            built = node.type([build(child) for child in inner[node].values()])
        elif node.kind == "dict":
            built = node.type({name: build(child) for name, child in inner[node].items()})
        else:
            built = value_of(node)
        made[node] = built
        return built

    return {name: build(node) for name, node in tree.roots.items()}
