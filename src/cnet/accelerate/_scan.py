"""What code may do, read from its bytecode: nothing but compute with its arguments and their state.

A function that prints, reads the clock, draws random numbers or changes globals cannot be replaced
by a formula. Everything that it may call is read as well: functions of the program by their global
names, methods by their names in the classes of the arguments. Instructions with an effect are
collected: a function may have them in branches that its calls do not take.
"""

import builtins
import dis
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ._values import Impure, kind_of

MODULES = (
    "numpy",
    "math",
    "scipy",
    "itertools",
    "functools",
    "operator",
    "typing",
    "abc",
    "copy",
    "collections",
)
"""Modules whose functions have no side effects, except those in `ACTIONS`."""

BUILTINS = frozenset((
    "abs", "all", "any", "bool", "bytes", "callable", "complex", "dict", "divmod", "enumerate",
    "filter", "float", "format", "frozenset", "getattr", "hasattr", "int", "isinstance",
    "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "pow", "property",
    "range", "repr", "reversed", "round", "set", "setattr", "slice", "sorted", "staticmethod",
    "str", "sum", "super", "tuple", "type", "zip", "Ellipsis", "NotImplemented", "__debug__",
    "__name__",
))  # fmt: skip

ACTIONS = frozenset((
    "save", "savez", "savetxt", "savez_compressed", "load", "loadtxt", "tofile", "dump", "memmap",
    "seed", "seterr", "set_printoptions", "errstate", "printoptions", "__dict__", "__class__",
    "cache_clear",
))  # fmt: skip
"""Attributes that stand for an effect, or for access to attributes by other means.

Random numbers are noticed when they are drawn.
"""


_SOURCES = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)
"""Sources of random numbers."""


@dataclass
class Scan:
    """What a function and everything that it may call reads and writes."""

    reads: set[str] = field(default_factory=set)
    """Names of attributes."""
    writes: set[str] = field(default_factory=set)
    globals: dict[tuple[int, str], tuple[dict[str, Any], Any]] = field(default_factory=dict)
    """Global values by the dictionary that holds them and their name."""
    cells: list[tuple[types.CellType, Any]] = field(default_factory=list)
    """Variables of enclosing functions, with their values."""
    constants: set[Any] = field(default_factory=set)
    """Numbers in the code, among its defaults and global values."""
    codes: set[types.CodeType] = field(default_factory=set)
    classes: list[type] = field(default_factory=list)
    """Classes of the arguments, and others that the code names."""
    objects: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    """Instances and dicts outside of the arguments, with what they hold: numbers and constants."""
    effects: dict[types.CodeType, dict[int, str]] = field(default_factory=dict)
    """Instructions that do more than compute, by their offset, and what they do."""


def scan(
    function: types.FunctionType, classes: Iterable[type] = (), values: Iterable[Any] = ()
) -> Scan:
    """Read a function and what it may call: methods of `classes`, and functions among `values`.

    Raises
    ------
    Impure
        If it may do more than compute, and that is not up to a single instruction.
    """
    scanning = _Scanning(list(classes))
    scanning.function(function)
    for value in values:
        scanning.value("a value", value)
    scanning.run()
    return scanning.found


class _Scanning:
    def __init__(self, classes: list[type]) -> None:
        self.classes = classes
        self.modules: list[types.ModuleType] = []
        self.found = Scan(classes=classes)
        self.waiting: list[types.FunctionType] = []
        self.place: tuple[types.CodeType, int] | None = None
        """The instruction that is read."""
        self.impure: dict[tuple[int, str], str] = {}
        """What is wrong with global values."""

    def refuse(self, reason: str) -> None:
        """Note that the instruction has an effect."""
        if self.place is None:
            raise Impure(reason)
        code, offset = self.place
        self.found.effects.setdefault(code, {})[offset] = reason

    @contextmanager
    def anywhere(self) -> Iterator[None]:
        """For values that other instructions may use as well."""
        place, self.place = self.place, None
        yield
        self.place = place

    def run(self) -> None:
        while self.waiting:
            function = self.waiting.pop()
            outer = frozenset(function.__code__.co_freevars)
            self.code(function.__code__, function.__globals__, outer)

    def function(self, function: types.FunctionType) -> None:
        if function.__code__ in self.found.codes:
            return
        self.found.codes.add(function.__code__)
        self.waiting.append(function)
        names = function.__code__.co_freevars
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        with self.anywhere():
            for name, cell in zip(names, function.__closure__ or (), strict=True):
                contents = cell.cell_contents
                self.value(name, contents)
                self.found.cells.append((cell, contents))
            for value in defaults:
                self.value("a default", value)
                self.number(value)

    def value(self, name: str, value: Any) -> None:
        """A value that the code reads from outside of its arguments."""
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, partial):
            value = value.func
        if isinstance(value, types.FunctionType):
            if not _is_of(value.__module__):
                self.function(value)
        elif isinstance(value, types.ModuleType):
            if not _is_of(value.__name__):
                self.add_module(value)
        elif isinstance(value, types.BuiltinFunctionType):
            is_known = _is_of(value.__module__) or value.__name__ in BUILTINS
            if not is_known or isinstance(value.__self__, _SOURCES):
                self.refuse(f"it uses {name}()")
        elif isinstance(value, type):
            if not _is_of(value.__module__) and value.__module__ != "builtins":
                self.add_class(value)
        elif isinstance(value, tuple):
            for item in value:
                self.value(name, item)
        elif _is_settled(value):
            if all(value is not known for known, _ in self.found.objects):
                self.found.objects.append((value, dict(state_of(value))))
                if isinstance(value, dict):
                    for item in value.values():
                        self.value(name, item)
                else:
                    self.add_class(type(value))
        elif isinstance(value, (*_SOURCES, np.ndarray)) or not (
            kind_of(value) in ("number", "constant") or _is_of(type(value).__module__)
        ):
            self.refuse(f"it uses {name}, a {type(value).__qualname__} outside of its arguments")

    def add_module(self, module: types.ModuleType) -> None:
        """A module of the program; the code may read anything from it whose name it contains."""
        name = module.__name__.split(".")[0]
        if name in sys.stdlib_module_names or "site-packages" in str(
            getattr(module, "__file__", "")
        ):
            self.refuse(f"it uses the module {module.__name__}")
        elif module not in self.modules:
            self.modules.append(module)
            with self.anywhere():
                for name in self.found.reads & vars(module).keys():
                    self.global_value(name, vars(module))

    def add_class(self, cls: type) -> None:
        if cls not in self.classes:
            self.classes.append(cls)
            for name in [*self.found.reads]:
                self.method(cls, name)

    def code(self, code: types.CodeType, names: dict[str, Any], outer: frozenset[str]) -> None:
        """Read code and the code of its comprehensions and inner functions.

        `outer` are the variables of enclosing functions that had returned before the call.
        """
        instructions = _instructions(code)
        for instruction, after in zip(instructions, [*instructions[1:], None], strict=True):
            self.place = code, instruction.offset
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                is_called = after is None or after.opname not in ("LOAD_ATTR", "LOAD_METHOD")
                self.global_value(instruction.argval, names, is_called)
            elif instruction.opname in ("STORE_DEREF", "DELETE_DEREF"):
                if instruction.argval in outer:
                    self.refuse(f"it changes {instruction.argval} of an enclosing function")
            elif not _is_class(instruction, after):
                self.instruction(instruction)
        self.place = None
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.code(constant, names, outer)
            else:
                self.constant(constant)

    def constant(self, constant: Any) -> None:
        if isinstance(constant, str) and constant.isidentifier():
            self.attribute(constant)
        elif isinstance(constant, tuple):
            for item in constant:
                self.constant(item)
        else:
            self.number(constant)

    def number(self, value: Any) -> None:
        """Note a number that the code has from outside of its arguments."""
        if isinstance(value, (int, float)):
            self.found.constants.add(value)

    def instruction(self, instruction: dis.Instruction) -> None:
        name, value = instruction.opname, instruction.argval
        if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.refuse(f"it changes the global {value}")
        elif name == "DELETE_ATTR":
            self.refuse(f"it deletes the attribute {value}")
        elif name == "IMPORT_NAME" and not _is_of(value):
            self.refuse(f"it imports {value}")
        elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            if value in ACTIONS:
                self.refuse(f"it uses .{value}")
            else:
                self.attribute(value)
        elif name == "STORE_ATTR":
            self.found.writes.add(value)

    def global_value(self, name: str, names: dict[str, Any], is_called: bool = True) -> None:
        if name in names:
            if is_called and isinstance(names[name], type):
                self.method(names[name], "__init__")
            key = id(names), name
            if key not in self.found.globals:
                self.found.globals[key] = names, names[name]
                self.value(name, names[name])
                self.number(names[name])
                if self.place is not None:
                    code, offset = self.place
                    self.impure[key] = self.found.effects.get(code, {}).get(offset, "")
            elif reason := self.impure.get(key):
                self.refuse(reason)
        elif hasattr(builtins, name):
            value = getattr(builtins, name)
            is_error = isinstance(value, type) and issubclass(value, BaseException)
            if name not in BUILTINS and name != "print" and not is_error:
                self.refuse(f"it uses {name}()")

    def attribute(self, name: str) -> None:
        """A name that may be read from an argument; methods of that name may be called."""
        if name in self.found.reads:
            return
        self.found.reads.add(name)
        with self.anywhere():
            for cls in self.classes:
                self.method(cls, name)
            for module in self.modules:
                if name in vars(module):
                    self.global_value(name, vars(module))

    def method(self, cls: type, name: str) -> None:
        for base in cls.__mro__:
            if _is_of(base.__module__) or base.__module__ == "builtins":
                continue
            value = vars(base).get(name)
            value = getattr(value, "__func__", value)
            value = value.fget if isinstance(value, property) else value
            value = getattr(value, "__wrapped__", value)
            if isinstance(value, types.FunctionType):
                self.function(value)


def _is_of(module: str | None) -> bool:
    """Whether a module is one of `MODULES` or inside of one, but not for random numbers."""
    parts = (module or "").split(".")
    return parts[0] in MODULES and "random" not in parts


def state_of(value: Any) -> dict[Any, Any]:
    """What an instance or a dict holds."""
    return value if isinstance(value, dict) else vars(value)


def _is_settled(value: Any) -> bool:
    """Whether a value is an instance or a dict that holds nothing but numbers and constants."""
    return kind_of(value) in ("instance", "dict") and all(
        kind_of(held) in ("number", "constant") for held in state_of(value).values()
    )


@lru_cache(maxsize=1024)
def _instructions(code: types.CodeType) -> tuple[dis.Instruction, ...]:
    return tuple(dis.get_instructions(code))


def _is_class(instruction: dis.Instruction, after: dis.Instruction | None) -> bool:
    """Whether the instruction gets the class of an object, but not to change it."""
    is_changed = after is None or after.opname in ("STORE_ATTR", "DELETE_ATTR")
    return instruction.argval == "__class__" and not is_changed
