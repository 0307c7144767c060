"""Learns from samples what a function computes, and makes a plan of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import prod
from time import thread_time
from typing import Any

import numpy as np

from . import _deferred
from ._calls import (
    Build,
    Existing,
    Fresh,
    Leaf,
    Next,
    Number,
    Outcome,
    Template,
    Unknown,
    View,
    arguments,
)
from ._compare import agree_where_finite
from ._episodes import (
    FORWARD,
    RESULT,
    Episode,
    Sampled,
    Special,
    Unread,
    is_variable,
)
from ._fewer import Different, for_all
from ._plans import Findings, Plan
from ._recorded import Recorded
from ._samples import fresh_in, is_costly, is_finite, items_in, samples_of
from ._scan import Scan
from ._values import Impure, Refused, Tree, kind_of
from .explain import STAGES, Expression, FromMaxima, Sample, explain, for_images

HINTED_SECONDS = 0.3
"""For the search among all geometries, where those of related functions were tried before."""


class Unfinished(Exception):
    """The time for learning was too short."""


class Unexplained(Refused):
    """No operation gives a result."""


def learn(
    call: Recorded, forward: Recorded | None = None, forward_plan: Plan | None = None,
    keep: Iterable[str] | None = (), hints: Sequence[Expression] = (), seconds: float = 2.0,
    by_few: bool = False,
) -> Plan:  # fmt: skip
    """A plan for calls like this one.

    Parameters
    ----------
    call : Recorded
        The call, before it is made.
    forward : Recorded, optional
        The forward call before it, if this is a backward call.
    forward_plan : Plan, optional
        The plan by which forward calls leave attributes out.
    keep : iterable of str, optional
        Attributes that are always computed; None for all.
    hints : sequence of Expression
        Those of other calls.
    seconds : float, default 2.0
        The processor time for the search for explanations, after the calls on copies.
    by_few : bool, default False
        Whether most calls on copies may be made with a few images only, if there are many.

    Raises
    ------
    Refused
        If there is something that cannot be explained.
    Different
        If calls with a few images have not told what a call with all of them does.
    Unfinished
        If the time was not enough.
    """
    found = arguments(call.function, call.args, call.kwargs)
    first = next(iter(found.values), "")
    own = first if first and kind_of(found.values[first]) == "instance" else ""
    keep = None if keep is None else frozenset(keep)
    left_out = forward_plan if forward_plan is not None and forward_plan.deferred else None
    deferred = left_out.deferred if left_out is not None else frozenset()
    skip = frozenset(f"{own}.{name}" for name in deferred)
    if left_out is None:
        episode = Episode(call, forward, skip)
    else:
        episode = Episode(call, forward, skip, left_out.skip, left_out.held)
    scan, tree = episode.read(call.function, found.values, skip)
    if by_few:
        hints = episode.take_few(tree, hints)
    state = [node for node in tree.nodes if node.parent is not None and node.parent.path == own]
    replaced = frozenset(node.path for node in state if node.key in scan.writes)
    refilled = frozenset(node.path for node in state if node.type is dict) - replaced
    candidates = [Unread(replaced, refilled)] * (keep is not None) + [Unread(replaced)]
    while True:
        try:
            samples, unread = samples_of(episode, candidates.pop(0))
            scan, tree = episode.read(call.function, found.values, skip | unread.paths())
            tree.check()
            return _Learning(
                call, own, scan, tree, samples, skip | unread.paths(), unread, left_out, keep,
                hints, seconds, episode.special, episode if episode.few else None,
            ).plan(found.places)  # fmt: skip
        except _NeedsItems:
            if not candidates:
                raise
        except Refused as refusal:
            if not isinstance(refusal, Impure) and (
                episode.keep_integers(tree, scan.writes) or episode.keep_single(tree)
            ):
                candidates.append(Unread(replaced))
                continue
            is_sure = isinstance(refusal, Impure) or episode.is_batch
            if not episode.few or (is_sure and isinstance(refusal, (Impure, Unexplained))):
                raise
            raise Different(str(refusal)) from refusal


class _NeedsItems(Refused):
    """A call sets items of a dict that cannot be left out."""


@dataclass
class _Learning:
    call: Recorded
    own: str
    scan: Scan
    tree: Tree
    samples: list[Sampled]
    skip: frozenset[str]
    unread: Unread
    forward: Plan | None
    keep: frozenset[str] | None
    hints: Sequence[Expression]
    seconds: float
    """For the search for explanations."""
    special: Special
    """Paths of arrays of which samples have kept something."""
    episode: Episode | None
    """Makes a call with all images, if the samples have a few."""
    expressions: dict[str, Expression] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    """Names of the numbers that depend on the data."""

    def __post_init__(self) -> None:
        self.end = thread_time() + self.seconds
        """When the search ends, by `time.thread_time`."""

    def plan(self, places: Mapping[str, str]) -> Plan:
        first = self.samples[0].outcome
        for other in self.samples[1:]:
            self.check_structure(first, other.outcome)
        result = self.merged([s.outcome.result for s in self.samples], "its result")
        counted = [s.outcome.counted(s.sample.numbers) for s in self.samples]
        counters = frozenset.intersection(*counted)
        writes: dict[tuple[str, Any], Template] = {}
        for holder, key in first.writes:
            if holder in self.unread.refilled:
                continue
            name = f"{holder}.{key}"
            templates = [s.outcome.writes[holder, key] for s in self.samples]
            counter = next(iter(counters & {name, f"{holder}[{key!r}]"}), None)
            writes[holder, key] = Next(counter) if counter else self.merged(templates, name)
        self.check_known(result)
        needed = {*fresh_in(result), *first.mutated}
        held = self.held(first, [result, *writes.values()], needed)
        deferred = self.deferred(writes, first, needed) | held
        for (holder, key), template in writes.items():
            if holder != self.own or key not in deferred:
                self.check_known(template)
                needed |= {*fresh_in(template)}
        self.explain_all(needed)
        if self.episode is not None:
            full = self.episode.with_all(self.unread)
            full.add_numbers(self.numbers)
            self.check_names(first, full.outcome)
            first = full.outcome
            result = for_all(result, first.result)
            writes = {place: for_all(few, first.writes[place]) for place, few in writes.items()}
            self.expressions = self.with_all(full)
        if deferred:
            _deferred.hook(type(self.call.args[0]))
        numbers = {path for e in self.expressions.values() for path in e.numbers}
        variable = {node.path for node in self.tree.nodes if is_variable(node)} & numbers
        variable |= counters
        return Plan(
            self.call.function,
            Findings(
                self.scan, self.tree, places, result, writes, self.expressions, first.mutated,
                first.printed, frozenset(variable), frozenset(deferred), frozenset(held), self.own,
                self.skip, self.forward, self.special.settings, self.special.single,
            ),
        )  # fmt: skip

    def check_structure(self, first: Outcome, other: Outcome) -> None:
        self.check_names(first, other)
        if first.printed != other.printed:
            raise Refused("what it prints depends on the data")
        for name, array in first.arrays.items():
            if array.shape != other.arrays[name].shape or array.dtype != other.arrays[name].dtype:
                raise Refused(f"the shape or dtype of {name} depends on the data")

    def check_names(self, first: Outcome, other: Outcome) -> None:
        same = first.writes.keys() == other.writes.keys() and first.mutated == other.mutated
        if not same or first.arrays.keys() != other.arrays.keys():
            raise Refused("what it sets depends on the data")

    def merged(self, templates: Sequence[Template], name: str) -> Template:
        """The template that holds for all samples."""
        first = templates[0]
        if isinstance(first, Leaf):
            return self.leaf([t.value for t in templates if isinstance(t, Leaf)], name, templates)
        if isinstance(first, Build) and first.items is not None:
            others = [t for t in templates if isinstance(t, Build) and t.items is not None]
            same = len(others) == len(templates) and all(t.keys == first.keys for t in others)
            if not same or any(t.kind is not first.kind for t in others):
                return Unknown(f"{name} of a structure that depends on the data")
            if _is_shape(first) and all(t == first for t in templates):
                return first
            columns = zip(*[t.items or () for t in others], strict=True)
            return replace(first, items=tuple(self.merged(column, name) for column in columns))
        if all(t == first for t in templates):
            return first
        return Unknown(f"{name}, which depends on the data")

    def leaf(self, values: Sequence[Any], name: str, templates: Sequence[Template]) -> Template:
        """A number or constant that does not depend on the data, or a number of the state."""
        first = values[0]
        is_complete = len(values) == len(templates)
        if is_complete and all(type(v) is type(first) and v == first for v in values):
            if kind_of(first) == "constant" or first in self.known_numbers():
                return templates[0]
        elif is_complete:
            for path in self.tree.numbers():
                numbers = [s.sample.numbers.get(path) for s in self.samples]
                if all(n is not None and type(n) is type(v) and n == v
                       for n, v in zip(numbers, values, strict=True)):  # fmt: skip
                    return Existing(path)
        kinds = {type(value) for value in values}
        place = first_of.name if isinstance(first_of := templates[0], Leaf) else ""
        if is_complete and len(kinds) == 1 and place in self.samples[0].outcome.numbers:
            return self.number(place, kinds.pop())
        return Unknown(f"{name}, a number that depends on the data")

    def number(self, name: str, kind: type) -> Number:
        """A number that is explained as an array is."""
        self.numbers.add(name)
        for sampled in self.samples:
            sampled.add_numbers({name})
        return Number(name, kind)

    def known_numbers(self) -> set[Any]:
        """Numbers that do not come from the data: sizes, constants of the code, and arguments."""
        first = self.samples[0]
        arrays = [
            *self.tree.arrays().values(), *first.outcome.arrays.values(),
            *first.sample.inputs.values(),
        ]  # fmt: skip
        sizes = {size for array in arrays for size in (*array.shape, array.ndim)} | {
            prod(array.shape[start:stop])
            for array in arrays
            for start, stop in combinations(range(array.ndim + 1), 2)
        }
        numbers = set(self.tree.numbers().values())
        known: set[Any] = sizes | numbers | self.scan.constants | {True, False}
        return known

    def check_known(self, template: Template) -> None:
        if isinstance(template, Unknown):
            raise Refused(f"it sets {template.reason}")
        if isinstance(template, Build):
            for item in template.items or ():
                self.check_known(item)

    def held(self, first: Outcome, others: Sequence[Template], needed: set[str]) -> set[str]:
        """Names of the dicts whose items need not be computed.

        Raises
        ------
        _NeedsItems
            If such a dict is used elsewhere, or its items are needed.
        """
        names = set()
        for path in self.unread.refilled:
            templates = [t for (holder, _), t in first.writes.items() if holder == path]
            name = path.partition(".")[2]
            used = any(Existing(path) in items_in(template) for template in others)
            if not self.may_defer(first) or used or name in (self.keep or ()) or not all(
                not is_costly(template) or _is_deferrable(template, needed)
                for template in templates
            ):  # fmt: skip
                raise _NeedsItems(f"it sets items of {path}")
            names.add(name)
        return names

    def may_defer(self, first: Outcome) -> bool:
        is_method = bool(self.own) and self.keep is not None and not first.mutated
        return is_method and _deferred.may_defer(type(self.call.args[0]))

    def deferred(
        self, writes: Mapping[tuple[str, Any], Template], first: Outcome, needed: set[str]
    ) -> set[str]:
        """Names of the attributes that need not be computed."""
        if not self.may_defer(first):
            return set()
        kept = {
            *(self.keep or ()),
            *(n.key for n in self.tree.nodes if n.path == f"{self.own}.{n.key}"),
        }
        return {
            key for (holder, key), template in writes.items()
            if holder == self.own and key not in kept and _is_deferrable(template, needed)
        }  # fmt: skip

    def explain_all(self, names: Iterable[str]) -> None:
        """Find expressions, for small arrays first: they are hints for large ones.

        What is not explained by the inputs may be by other results.
        """
        arrays = self.samples[0].outcome.arrays
        waiting = sorted(names, key=lambda name: (arrays[name].size, name))
        while waiting:
            if not any(self.explain_more(waiting, stage) for stage in STAGES):
                raise Unexplained(f"{waiting[0]} is not explained")
            waiting = [name for name in waiting if name not in self.expressions]

    def explain_more(self, names: Sequence[str], stage: str) -> bool:
        """Find expressions for some results, or for one if that takes more time."""
        before = len(self.expressions)
        for name in names:
            expression = self.explained(name, [*self.expressions], stage)
            if expression is not None:
                self.expressions[name] = expression
                if stage != STAGES[0]:
                    break
        return len(self.expressions) > before

    def explained(self, name: str, results: Sequence[str], stage: str) -> Expression | None:
        missing = [s for s in self.samples if not is_finite(s.sample.outputs[name])]
        enough = len(self.samples) - len(missing) > 2
        if not enough and not all(sampled.kind.disturbs for sampled in missing):
            raise Refused(f"{name} is not finite for random data")
        samples = [self.inputs_of(s, results) for s in self.samples if s not in missing]
        others = [*self.expressions.values()]
        with np.errstate(all="ignore"):
            seconds = self.end - thread_time()
            if stage == STAGES[-1] and self.hints:
                seconds = min(seconds, HINTED_SECONDS)
            hints = *self.hints, *self.of_forward(), *others
            expression = explain(samples, name, hints, seconds, others, (stage,))
        if expression is None and thread_time() > self.end:
            raise Unfinished
        is_from_maxima = expression and isinstance(expression.term.operation, FromMaxima)
        with np.errstate(all="ignore"):
            is_missing = expression and all(
                agree_where_finite(expression.compute(one.inputs, one.numbers), one.outputs[name])
                for one in (self.inputs_of(sampled, results) for sampled in missing)
            )
        if missing and not (is_from_maxima or is_missing):
            raise Refused(f"{name} is not finite for random data")
        return expression

    def of_forward(self) -> list[Expression]:
        """What the forward call has computed, from what it has read."""
        found = [] if self.forward is None else self.forward.expressions.values()
        return [
            replace(one, term=one.term.under(FORWARD))
            for one in found if not one.term.numbers and RESULT not in str(one.operands)
        ]  # fmt: skip

    def with_all(self, full: Sampled) -> dict[str, Expression]:
        """The same expressions for all images."""
        found: dict[str, Expression] = {}
        end = thread_time() + self.seconds
        assert self.episode is not None
        hints = for_images([*self.hints, *self.expressions.values()], self.episode.count)
        for name, few in self.expressions.items():
            if not is_finite(full.sample.outputs[name]):
                raise Different(f"{name} is not finite for random data")
            known, seconds = [*found.values()], end - thread_time()
            with np.errstate(all="ignore"):
                sample = self.inputs_of(full, [*found])
                same = explain([sample], name, (*hints, *known), seconds, known, like=few)
            if same is None:
                raise Unfinished if thread_time() > end else Different(f"{name} differs")
            found[name] = same
        return found

    def inputs_of(self, sampled: Sampled, results: Sequence[str]) -> Sample:
        """The sample, without what the plan cannot read, and with some results."""
        sample = sampled.sample
        kept = set(self.tree.arrays())
        if self.forward is not None:
            kept |= {FORWARD + path for path in self.forward.arrays}
        inputs = {path: x for path, x in sample.inputs.items() if path in kept}
        inputs |= {RESULT + path: sample.outputs[path] for path in results}
        read = set(self.tree.numbers())
        if self.forward is not None:
            read |= {FORWARD + path for path, _ in self.forward.leaves}
        numbers = {path: float(n) for path, n in sample.numbers.items() if path in read}
        constants = frozenset() if self.forward is None else self.forward.constants
        return Sample(inputs, numbers, sample.outputs, constants | self.scan.constants)


def _is_shape(template: Build) -> bool:
    """Whether a value may be the shape of an array, also of one that is not kept."""
    numbers = [item.value for item in template.items or () if isinstance(item, Leaf)]
    is_complete = template.kind is tuple and 3 <= len(template.keys) == len(numbers)
    return is_complete and all(type(number) is int and number >= 0 for number in numbers)


def _is_deferrable(template: Template, needed: set[str]) -> bool:
    """Whether a value is costly or unknown, and shares no array with what is computed."""
    return is_costly(template) and not any(
        isinstance(item, View)
        or (isinstance(item, Unknown) and item.is_view)
        or (isinstance(item, Fresh) and item.name in needed)
        for item in items_in(template)
    )
