"""Plans: a call of the original, written as a function of its inputs.

A plan has three functions, generated as Python code. `read` compares everything that the result
depends on with what it was when the plan was made, and returns the values, or None. `compute` makes
all new arrays. `commit` sets and returns them: it cannot fail, so that no call is done by half.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ..arrays import Array
from . import _deferred
from ._calls import Build, Existing, Fresh, Leaf, Next, Number, Outcome, Template, View
from ._episodes import FORWARD, RESULT
from ._scan import Scan
from ._values import NUMBERS, Node, Refused, Tree, has_single_elements, is_setting
from .explain import Expression
from .explain.memory import viewed

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Findings:
    """What has been learned about a call."""

    scan: Scan
    tree: Tree
    places: Mapping[str, str]
    """Where the arguments are found; see `Arguments`."""
    result: Template
    writes: Mapping[tuple[str, Any], Template]
    expressions: Mapping[str, Expression]
    """Of all new arrays that the plan makes, and of all changed ones."""
    mutated: Sequence[str]
    printed: tuple[str | None, ...]
    """The texts that the call prints."""
    variable: frozenset[str]
    """Paths of numbers that may have other values."""
    deferred: frozenset[str]
    """Names of attributes that are computed when they are read."""
    held: frozenset[str]
    """Those of them that are dicts, which get their items then."""
    own: str
    """The name of the argument that is the instance, or an empty string."""
    skip: frozenset[str]
    """Paths of attributes that the call does not read."""
    forward: "Plan | None"
    """The plan whose deferred attributes are missing from the instance."""
    settings: frozenset[str]
    """Paths of integer arrays of which it is true as they are now."""
    single: frozenset[str]
    """Paths of arrays of which it is true if each row has one element that is not 0."""


class Plan:
    """How to do one call of a function in cnet; see the top of this module."""

    def __init__(self, original: FunctionType, findings: Findings) -> None:
        self.original = original
        self.tree, self.places, self.own = findings.tree, findings.places, findings.own
        self.deferred, self.held = findings.deferred, findings.held
        self.expressions = findings.expressions
        self.outcome = Outcome(
            findings.result, dict(findings.writes), [*findings.mutated], {}, findings.printed
        )
        """What a call does, without the arrays."""
        leaves = [(node.path, i) for i, node in enumerate(self.tree.nodes) if node.is_leaf]
        self.leaves: list[tuple[str, int]] = leaves
        """Paths of arrays and numbers, and their places in the values."""
        arrays = self.tree.arrays()
        self.arrays = {path: index for path, index in leaves if path in arrays}
        """Those that are arrays."""
        self.reads = frozenset(findings.scan.reads)
        self.constants = frozenset(findings.scan.constants)
        self.skip = findings.skip
        self.forward = findings.forward
        self.recomputed = 0.0
        """Seconds for deferred attributes that were read, until these are counted."""
        self.is_resting = False
        """Whether the original computes calls, since it computes these attributes as well."""
        self.is_followed = False
        """Whether there is a plan of the backward function that does not read them."""
        namespace = _Writer(findings, self).functions()
        self.read: Callable[[tuple[Any, ...], dict[str, Any]], Values | None] = namespace["read"]
        self.compute: Callable[[Values], tuple[Array, ...]] = namespace["compute"]
        self.commit: Callable[[Values, tuple[Array, ...]], Any] = namespace["commit"]
        for node in self.tree.nodes:
            node.forget()

    def describe(self) -> str:
        """What it computes, in the words of the report."""
        texts: dict[str, str] = {}
        for name, expression in self.expressions.items():
            texts.setdefault(str(expression), name)
        return "; ".join(texts) or "no arrays"


def is_finite(arrays: Sequence[Array]) -> bool:
    """Whether all elements are finite numbers. Large numbers, whose sum overflows, do not count."""
    return all(isfinite(np.add.reduce(array, None)) for array in arrays)


class _Writer:
    """Writes the code of a plan."""

    def __init__(self, findings: Findings, plan: Plan) -> None:
        self.findings, self.plan = findings, plan
        self.nodes = findings.tree.nodes
        self.names = {node.path: f"v{index}" for index, node in enumerate(self.nodes)}
        self.space: dict[str, Any] = {"ndarray": np.ndarray, "deferred": _deferred}
        self.outputs = {name: f"f{index}" for index, name in enumerate(findings.expressions)}
        self.built: dict[str, str] = {}

    def constant(self, value: Any) -> str:
        """A name for a value in the generated code."""
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return repr(value)
        name = f"c{len(self.space)}"
        self.space[name] = value
        return name

    def functions(self) -> dict[str, Any]:
        code = "\n".join([*self.read(), *self.compute(), *self.commit()])
        compiled = compile(code, "<cnet.accelerate>", "exec").co_consts
        bodies = [constant for constant in compiled if isinstance(constant, CodeType)]
        return {body.co_name: FunctionType(body, self.space) for body in bodies}

    # ---- read ------------------------------------------------------------------------------------

    def read(self) -> list[str]:
        places = self.findings.places
        count = sum(place.startswith("args") for place in places.values())
        lines = [f"if len(args) != {count} or len(kwargs) != {len(places) - count}: return None"]
        lines += ["try:"]
        for node in self.nodes:
            lines += ["    " + line for line in self.get(node)]
        lines += ["except (KeyError, IndexError): return None"]
        lines += self.globals()
        names = [*self.names.values()]
        if self.findings.forward is not None:
            lines += self.pending()
            names.append("p")
        lines += [*self.overlaps(), *self.dicts()]
        return ["def read(args, kwargs):", *_indented([*lines, f"return ({', '.join(names)},)"])]

    def get(self, node: Node) -> list[str]:
        name = self.names[node.path]
        if node.parent is None:
            source = self.findings.places[node.path]
        else:
            holder = self.names[node.parent.path]
            if node.parent.kind == "instance":
                holder = f"d{holder}"
            source = f"{holder}[{node.key!r}]"
        lines = [f"{name} = {source}"]
        if test := self.differs(node, name):
            lines.append(f"if {test}: return None")
        if node.kind == "instance":
            lines.append(f"d{name} = {name}.__dict__")
            lines += self.of_class(node, f"d{name}")
        return lines

    def differs(self, node: Node, name: str) -> str:
        """The condition that this value is not as it was."""
        value, kind = node.value, self.constant(node.type)
        if node.kind == "alias":
            assert node.of is not None
            return f"{name} is not {self.names[node.of.path]}"
        if node.kind == "array":
            tests = [
                f"type({name}) is not ndarray",
                f"{name}.shape != {self.constant(value.shape)}",
            ]
            tests.append(f"{name}.dtype != {self.constant(value.dtype)}")
            tests.append(f"{name}.strides != {self.constant(value.strides)}")
            if is_setting(value) or node.path in self.findings.settings:
                tests.append(f"{name}.tobytes() != {self.constant(value.tobytes())}")
            if node.path in self.findings.single:
                tests.append(f"not {self.constant_object(has_single_elements)}({name})")
            if node.path in self.findings.mutated:
                tests.append(f"not {name}.flags.writeable")
            return " or ".join(tests)
        if node.kind == "number":
            if node.path in self.findings.variable:
                return f"type({name}) is not {kind} or ({name} > 0) is not {bool(value > 0)}"
            return f"type({name}) is not {kind} or {name} != {self.constant(value)}"
        if node.kind == "constant":
            if isinstance(value, (str, bytes, complex, slice, range, np.dtype)):
                return f"type({name}) is not {kind} or {name} != {self.constant(value)}"
            if isinstance(value, FunctionType) and not value.__closure__:
                same = f"{name}.__code__ is {self.constant(value.__code__)}"
                return f"type({name}) is not {kind} or {name}.__closure__ or not {same}"
            return f"{name} is not {self.constant_object(value)}"
        if node.kind == "instance":
            return f"type({name}) is not {kind}"
        return f"type({name}) is not {kind} or len({name}) != {len(value)}"

    def of_class(self, node: Node, state: str) -> list[str]:
        """Attributes that must still be missing, and values in the class."""
        lines = []
        absent = frozenset(name for holder, name in self.findings.tree.absent if holder is node)
        if absent:
            lines.append(f"if not {state}.keys().isdisjoint({self.constant(absent)}): return None")
        for (owner, name), value in self.findings.tree.class_values.items():
            if owner in node.type.__mro__:
                held = f"{self.constant(owner)}.__dict__.get({name!r})"
                lines.append(f"if {held} is not {self.constant_object(value)}: return None")
        return lines

    def globals(self) -> list[str]:
        lines = []
        for (_, name), (holder, value) in self.findings.scan.globals.items():
            is_fixed = isinstance(value, (FunctionType, tuple, str, *NUMBERS))
            if is_fixed or any(value is one for one, _ in self.findings.scan.objects):
                held = f"{self.constant(holder)}.get({name!r})"
                lines.append(f"if {held} is not {self.constant_object(value)}: return None")
        for value, state in self.findings.scan.objects:
            held = self.constant_object(value) + ".__dict__" * (not isinstance(value, dict))
            lines.append(f"if {held} != {self.constant_object(state)}: return None")
        for cell, value in self.findings.scan.cells:
            held = f"{self.constant_object(cell)}.cell_contents"
            lines.append(f"if {held} is not {self.constant_object(value)}: return None")
        return lines

    def constant_object(self, value: Any) -> str:
        """A name for this object itself."""
        name = f"c{len(self.space)}"
        self.space[name] = value
        return name

    def pending(self) -> list[str]:
        forward = self.findings.forward
        assert forward is not None
        own = self.names[self.findings.own]
        missing = self.constant(forward.deferred)
        return [
            f"p = deferred.pending.get(id({own}))",
            f"if p is None or p.plan is not {self.constant(forward)}: return None",
            f"if not d{own}.keys().isdisjoint({missing}): return None",
        ]

    def dicts(self) -> list[str]:
        """Dicts that the plan leaves without their items: no other object must hold them."""
        lines = []
        self.space["references"] = sys.getrefcount
        for name in sorted(self.findings.held):
            own = self.names[self.findings.own]
            lines += [
                f"h = d{own}.get({name!r})",
                f"if h is None and not deferred.holds({own}, {name!r}): return None",
                "if h is not None and (type(h) is not dict or references(h) > 3): return None",
            ]
        return lines

    def overlaps(self) -> list[str]:
        """Arrays that are changed share no memory with others."""
        lines = []
        arrays = [node.path for node in self.nodes if node.kind == "array"]
        self.space["overlap"] = np.may_share_memory
        for path in self.findings.mutated:
            for other in arrays:
                if other != path:
                    pair = f"{self.names[path]}, {self.names[other]}"
                    lines.append(f"if overlap({pair}): return None")
        return lines

    # ---- compute ---------------------------------------------------------------------------------

    def compute(self) -> list[str]:
        expressions = self.findings.expressions
        arrays = {path for expression in expressions.values() for path in expression.operands}
        numbers = {path for expression in expressions.values() for path in expression.numbers}
        later = {path for path in arrays if path.startswith(RESULT)}
        arrays -= later
        lines = [
            f"{', '.join([*self.names.values(), *self.extra()])}, = v",
            f"a = {{{', '.join(f'{path!r}: {self.array(path)}' for path in sorted(arrays))}}}",
            f"n = {{{', '.join(f'{path!r}: {self.number(path)}' for path in sorted(numbers))}}}",
        ]
        for name, expression in expressions.items():
            function = self.constant(expression.compute)
            lines.append(f"{self.outputs[name]} = {function}(a, n)")
            if RESULT + name in later:
                lines.append(f"a[{RESULT + name!r}] = {self.outputs[name]}")
        made = ", ".join(self.outputs.values())
        return ["def compute(v):", *_indented([*lines, f"return ({made}{',' if made else ''})"])]

    def extra(self) -> list[str]:
        return [] if self.findings.forward is None else ["p"]

    def array(self, path: str) -> str:
        if path.startswith(FORWARD):
            return f"p.arrays[{path.removeprefix(FORWARD)!r}]"
        return self.names[path]

    def number(self, path: str) -> str:
        if path.startswith(FORWARD):
            return f"p.number({path.removeprefix(FORWARD)!r})"
        return self.names[path]

    # ---- commit ----------------------------------------------------------------------------------

    def commit(self) -> list[str]:
        findings = self.findings
        lines = [f"{', '.join([*self.names.values(), *self.extra()])}, = v"]
        if self.outputs:
            lines.append(f"{', '.join(self.outputs.values())}, = f")
        lines += [f"print({text!r}, end='')" for text in findings.printed]
        lines += [f"{self.names[path]}[...] = {self.outputs[path]}" for path in findings.mutated]
        later = []
        for (holder, key), template in findings.writes.items():
            if holder == findings.own and key in findings.deferred:
                continue
            value = self.value(template, lines)
            name = self.names[holder]
            is_instance = any(n.path == holder and n.kind == "instance" for n in self.nodes)
            is_more = key in self.appended(holder)
            place = f"{'d' * is_instance}{name}"
            later.append(f"{place}.append({value})" if is_more else f"{place}[{key!r}] = {value}")
            if is_instance:
                lines.append(f"d{name} = {name}.__dict__")
        result = self.value(findings.result, lines)
        lines += later
        if findings.deferred:
            own = self.names[findings.own]
            lines.append(f"deferred.defer({own}, {self.constant_object(self.plan)}, v)")
        return ["def commit(v, f):", *_indented([*lines, f"return {result}"])]

    def appended(self, holder: str) -> range:
        """The keys in a list that it does not have before the call."""
        node = next(node for node in self.nodes if node.path == holder)
        return range(len(node.value), sys.maxsize) if node.kind == "list" else range(0)

    def value(self, template: Template, lines: list[str]) -> str:
        """An expression for a value; `lines` are extended with what it needs."""
        if isinstance(template, Existing):
            return self.names[template.path]
        if isinstance(template, Fresh):
            return self.outputs[template.name]
        if isinstance(template, View):
            of = self.value(template.of, lines)
            self.space["viewed"] = viewed
            place = template.shape, template.strides, template.offset, template.is_writeable
            return f"viewed({of}, {', '.join(map(repr, place))})"
        if isinstance(template, Leaf):
            return self.constant_object(template.value)
        if isinstance(template, Number):
            return f"{self.constant(template.kind)}({self.outputs[template.name]})"
        if isinstance(template, Next):
            return f"{self.names[template.path]} + 1"
        if isinstance(template, Build):
            if template.name in self.built:
                return self.built[template.name]
            assert template.items is not None
            name = self.built[template.name] = f"b{len(self.built)}"
            items = [self.value(item, lines) for item in template.items]
            of_kind = "" if template.kind in _LITERALS else self.constant(template.kind)
            lines.append(f"{name} = {of_kind}({_built(template, items)})")
            return name
        raise Refused(f"it makes {template.reason}")


_LITERALS = (tuple, list, dict)


def _built(template: Build, items: Sequence[str]) -> str:
    if template.kind not in (tuple, list):
        pairs = zip(template.keys, items, strict=True)
        return f"{{{', '.join(f'{key!r}: {item}' for key, item in pairs)}}}"
    inner = ", ".join(items)
    return f"[{inner}]" if template.kind is list else f"({inner}{',' if items else ''})"


def _indented(lines: Sequence[str]) -> list[str]:
    return ["    " + line for line in lines]
