"""Calls of the original on copies of the user's objects, with other data: samples to learn from."""

import random
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from types import CodeType, FrameType, FunctionType
from typing import Any
from zlib import crc32

import numpy as np

from ..arrays import Array
from ._budget import find_images
from ._calls import Before, Outcome, Scans, arguments, read, undisturbed
from ._counters import Counter
from ._fewer import Different, few_of, mapped, with_few
from ._kinds import NORMAL, Kind, booleans, mild
from ._printed import collected
from ._recorded import Recorded
from ._scan import Scan, state_of
from ._values import Impure, Node, Refused, Tree, copied, has_single_elements, is_setting, walk
from .explain import TINY, Expression, Sample, for_images, memory

FORWARD = "forward."
"""Begins the paths of what the last forward call has read, as it was then."""
RESULT = "result."
"""Begins the paths of results, from which other results may be computed."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample with everything else that the call did."""

    sample: Sample
    outcome: Outcome
    tree: Tree
    kind: Kind

    def add_numbers(self, names: Iterable[str]) -> None:
        """Let numbers be among the outputs."""
        arrays = {name: self.outcome.numbers[name] for name in names}
        self.outcome.arrays.update(arrays)
        self.sample.outputs.update(arrays)


@dataclass(frozen=True)
class Special:
    """Paths of values of which only some make sense."""

    counters: frozenset[str] = frozenset()
    """Integers that each call increases by one."""
    positive: frozenset[str] = frozenset()
    """Arrays that have no negative elements, as means of squares and variances."""
    shares: frozenset[str] = frozenset()
    """Arrays with elements from 0 to 1, as probabilities."""
    settings: frozenset[str] = frozenset()
    """Arrays of integers that keep their values, as indices that were made once."""
    changed: frozenset[str] = frozenset()
    """Arrays that the call changes in place, if only to the values that they had."""
    single: frozenset[str] = frozenset()
    """Arrays that have one element other than 0 in each row, as targets."""

    def restrict(self, tree: Tree) -> None:
        """Make the elements of these arrays positive, or at most 1, or all but one 0."""
        for node in tree.nodes:
            if node.path in self.single and node.kind == "array":
                array = node.value
                places = np.abs(array).argmax(-1)[..., np.newaxis]
                largest = np.take_along_axis(array, places, -1)
                array[...] = 0
                np.put_along_axis(array, places, np.where(largest, largest, 1), -1)
            if node.path in self.positive | self.shares and node.kind == "array":
                np.abs(node.value, out=node.value)
                if node.path in self.shares:
                    node.value /= 1 + node.value


def fill(nodes: Iterable[Node], kind: Kind, seed: int, special: Special) -> None:
    """Give the arrays of a copy other elements, and some numbers other values.

    The elements depend on nothing but the path and the seed.
    """
    for node in nodes:
        rng = np.random.default_rng((seed, crc32(node.path.encode())))
        if node.kind == "array" and node.value.size:
            array = node.value
            if array.dtype.kind == "f":
                draw = kind.draw if not kind.only or node.path in kind.only else mild
                array[...] = draw(rng, array)
                if kind.is_usual and array.ndim > 1 and _is_attribute(node):
                    array /= sqrt(array.size / min(array.shape))
            elif not is_setting(array) and node.path not in special.settings:
                array[...] = (
                    booleans(rng, array) if array.dtype.kind == "b" else kind.mix(rng, array)
                )
        elif kind.varies and is_variable(node):
            _replace(node, type(node.value)(node.value * rng.uniform(0.4, 0.9)))
        elif kind.varies and node.path in special.counters:
            _replace(node, Counter(kind.count(node.value, int(rng.integers(1, 9)))))


def _is_attribute(node: Node) -> bool:
    return node.parent is not None and node.parent.kind == "instance"


def is_variable(node: Node) -> bool:
    """Whether a number may have other values: a float in the state, neither zero nor tiny."""
    is_float = isinstance(node.value, (float, np.floating))
    held = node.parent is not None and node.parent.kind in ("instance", "dict", "list")
    return node.kind == "number" and is_float and held and abs(node.value) > TINY


def _replace(node: Node, value: Any) -> None:
    assert node.parent is not None
    holder = node.parent.value
    if node.parent.kind == "instance":
        holder = holder.__dict__
    holder[node.key] = value
    node.value = value


def disturb(arrays: Mapping[str, Array], rng: np.random.Generator) -> None:
    """Change arrays; those with positive elements only, as variances, keep them positive."""
    for array in arrays.values():
        if array.dtype.kind == "f" and array.flags.writeable:
            is_positive = array.min(initial=np.inf) > 0
            array += rng.standard_normal(array.shape)
            if is_positive:
                np.abs(array, out=array)


@dataclass(frozen=True)
class Unread:
    """Paths of attributes that a call sets before it reads them."""

    replaced: frozenset[str] = frozenset()
    """Attributes that get a new value."""
    refilled: frozenset[str] = frozenset()
    """Dicts that get new items."""

    def paths(self) -> frozenset[str]:
        return self.replaced | self.refilled

    def without_needed(self, error: BaseException | None) -> "Unread":
        """What is left after a call has failed since it needs an attribute, or an item."""
        missing = f".{error.name}" if isinstance(error, AttributeError) else ""
        replaced = frozenset(path for path in self.replaced if not path.endswith(missing))
        if missing and replaced != self.replaced:
            return Unread(replaced, self.refilled)
        return Unread(self.replaced) if isinstance(error, KeyError) and self.refilled else Unread()

    def places(self) -> Iterator[tuple[str, str, bool]]:
        for path in self.paths():
            root, _, name = path.partition(".")
            yield root, name, path in self.refilled


class Episode:
    """Makes samples of one call, with the forward call before it if there was one."""

    def __init__(
        self, call: Recorded, forward: Recorded | None = None,
        deferred: frozenset[str] = frozenset(), unread: frozenset[str] = frozenset(),
        held: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.call, self.forward = call, forward
        self.scans: Scans = {}
        self.deferred = deferred
        """Paths that the forward call does not set, since they are computed when they are read."""
        self.unread = unread
        """Paths that the forward call does not read."""
        self.held = held
        """Names of dicts that the instance lacks, and that the forward call fills."""
        self.special = Special()
        self.scan = Scan()
        """What the code that runs may do."""
        self.count, self.few = 0, 0
        """The number of images, and how many of them samples have; 0 for all."""
        self.is_batch = False
        """Whether these are certainly images, and not rows or channels of one."""

    def read(
        self, function: FunctionType, roots: Mapping[str, Any], skip: frozenset[str],
        more: frozenset[str] = frozenset(),
    ) -> tuple[Scan, Tree]:  # fmt: skip
        """As `_calls.read`, with a scan of all that is the same in each sample."""
        return read(function, roots, skip, more, scans=self.scans)

    def positive(self, outcome: Outcome) -> frozenset[str]:
        """Paths of arrays without negative elements that a call sets, and of positive vectors.

        The latter are those that objects hold, as variances.
        """
        roots = arguments(self.call.function, self.call.args, self.call.kwargs).values
        _, tree = self.read(self.call.function, roots, self.deferred)
        places = {f"{holder}.{key}" for holder, key in outcome.writes} | {
            f"{holder}[{key!r}]" for holder, key in outcome.writes
        }
        arrays = [node for node in tree.nodes if node.kind == "array" and node.value.size]
        return frozenset(
            node.path for node in arrays
            if ((node.path in places or node.path in outcome.mutated) and node.value.min() >= 0)
            or (node.parent is not None and _is_vector(node.value) and node.value.min() > 0)
        )  # fmt: skip

    def shares(self) -> list[str]:
        """Paths of arrays with elements from 0 to 1."""
        roots = arguments(self.call.function, self.call.args, self.call.kwargs).values
        _, tree = self.read(self.call.function, roots, self.deferred)
        return [
            path for path, array in tree.arrays().items()
            if array.dtype.kind == "f" and array.size and 0 <= array.min() <= array.max() <= 1
        ]  # fmt: skip

    def run(self, kind: Kind, seed: int, unread: "Unread | None" = None) -> Sampled:
        """A sample; attributes in `unread` are deleted before the call, or empty."""
        with undisturbed():
            call, forward = self._twin()
            past: dict[str, Array] = {}
            known: dict[str, Any] = {}
            if forward is None:
                call = self._with_few(call)
            else:
                for name in self.held:
                    vars(call.args[0]).setdefault(name, {})
                call, past, known = self._after_forward(call, forward, kind, seed)
            roots = arguments(call.function, call.args, call.kwargs).values
            for root, name, is_dict in unread.places() if unread is not None else ():
                vars(roots[root]).pop(name, None)
                if is_dict:
                    vars(roots[root])[name] = {}
            scan, tree = self.read(call.function, roots, self.deferred)
            self.scan = scan
            for node in tree.nodes:  # a value that is set again, the same, is set as well
                for name in scan.writes - scan.reads if node.kind == "instance" else ():
                    vars(node.value).pop(name, None)
            if forward is None:
                fill(tree.nodes, kind, seed, self.special)
                self.special.restrict(tree)
            before = Before(tree, mutated=self.special.changed)
            with collected(shows=False) as printed:
                result = self._original(call)
            outcome = before.after(result, printed)
        copies = {path: memory.copied(array) for path, array in outcome.arrays.items()}
        sample = Sample(before.inputs | past, before.numbers | known, copies)
        return Sampled(sample, outcome, tree, kind)

    def _twin(self) -> tuple[Recorded, Recorded | None]:
        """Copies of the recorded calls, in which equal objects stay equal."""
        try:
            functions = [call.function for call in (self.call, self.forward) if call is not None]
            twin: tuple[Recorded, Recorded | None]
            twin = copied((self.call, self.forward), *functions)
            return twin
        except Exception as error:
            raise Refused(f"it cannot be copied: {error}") from error

    def take_few(self, tree: Tree, hints: Sequence[Expression]) -> Sequence[Expression]:
        """Let samples have a few of the images of the call; the hints for these.

        Raises
        ------
        Different
            If the numbers of images in the forward and in the backward call differ.
        """
        calls = [call for call in (self.call, self.forward) if call is not None]
        first, *others = [find_images((*call.args, *call.kwargs.values())) for call in calls]
        if first is None or any(one is None or len(one) != len(first) for one in others):
            raise Different("its arrays do not have one number of images")
        sizes = {size for array in tree.arrays().values() for size in array.shape}
        self.count, self.is_batch = len(first), first.ndim == 4
        self.few = few_of(self.count, sizes - {self.count})
        return for_images(hints, self.few) if self.few else hints

    def keep_integers(self, tree: Tree, writes: set[str]) -> bool:
        """Let samples have the integers that objects hold and that calls do not set; once.

        Whether there are any.
        """
        names, nodes = writes, tree.nodes
        if self.forward is not None:
            call = self.forward
            roots = arguments(call.function, call.args, call.kwargs).values
            scan, state = self.read(call.function, roots, self.unread)
            names, nodes = names | scan.writes, nodes + state.nodes
        held = frozenset(
            node.path for node in nodes
            if node.kind == "array" and node.value.dtype.kind in "iu"
            and node.parent is not None and node.parent.kind == "instance"
            and node.key not in names and not is_setting(node.value)
        )  # fmt: skip
        is_new = bool(held) and not self.special.settings
        if is_new:
            self.special = Special(settings=held)
        return is_new

    def keep_single(self, tree: Tree) -> bool:
        """Let samples have rows with one element where the call has them; once.

        Whether there are any.
        """
        arrays = tree.arrays().items()
        single = frozenset(path for path, array in arrays if has_single_elements(array))
        is_new = bool(single) and not self.special.single
        if is_new:
            self.special = Special(settings=self.special.settings, single=single)
        return is_new

    def _with_few(self, call: Recorded) -> Recorded:
        return with_few(call, self.count, self.few) if self.few else call

    def with_all(self, unread: "Unread") -> Sampled:
        """A sample with all images."""
        self.few = 0
        return self.run(NORMAL, 0, unread)

    def _original(self, call: Recorded) -> Any:
        Counter.decided = False
        states = np.random.get_state(), random.getstate()
        try:
            with _unchanged(self.scan), _without(self.scan.effects):
                result = call.function(*call.args, **call.kwargs)
        except Refused:
            raise
        except Exception as error:
            raise Refused(f"it raises {type(error).__name__} for random data: {error}") from error
        if _differ(states, (np.random.get_state(), random.getstate())):
            raise Refused("it draws random numbers")
        if Counter.decided:
            raise Refused("it decides by how often it was called")
        return result

    def _after_forward(
        self, call: Recorded, forward: Recorded, kind: Kind, seed: int
    ) -> tuple[Recorded, dict[str, Array], dict[str, Any]]:
        """The call as it is after a forward call with other data.

        And the arrays and numbers that the latter could read.
        """
        values = arguments(call.function, call.args, call.kwargs).values
        scan, tree = self.read(call.function, values, self.deferred)
        roots = arguments(forward.function, forward.args, forward.kwargs).values
        own, state = self.read(forward.function, roots, self.deferred, frozenset(scan.reads))
        self.scan = own
        filled = {(node.path, id(node.value)) for node in tree.nodes}
        more = [node for node in state.nodes if (node.path, id(node.value)) not in filled]
        fill([*tree.nodes, *more], kind, seed, self.special)
        self.special.restrict(tree)
        old = forward.result
        forward = self._with_few(forward)
        roots = arguments(forward.function, forward.args, forward.kwargs).values
        _, read_then = self.read(forward.function, roots, self.unread)
        past = {FORWARD + path: array.copy() for path, array in read_then.arrays().items()}
        known = {FORWARD + path: number for path, number in read_then.numbers().items()}
        result = self._original(forward)
        call = self._with_few(_linked(call, old, result))
        if kind.disturbs:
            returned = walk({"y": result}, frozenset())
            disturb(state.arrays() | returned.arrays(), np.random.default_rng(seed))
            self.special.restrict(tree)
        return call, past, known


def _is_vector(array: Array) -> bool:
    return array.dtype.kind == "f" and max(array.shape, default=1) == array.size


@contextmanager
def _unchanged(scan: Scan) -> Iterator[None]:
    """Restore what classes and global objects hold if a call changes that, and refuse the call."""
    holders = [*scan.classes, *(value for value, _ in scan.objects)]
    before = [dict(state_of(holder)) for holder in holders]
    yield
    for holder, names in zip(holders, before, strict=True):
        now = state_of(holder)
        changed = [name for name in now.keys() | names if now.get(name) is not names.get(name)]
        if isinstance(holder, dict) and changed:
            holder.clear()
            holder.update(names)
            raise Refused(f"it changes {changed[0]!r} of a global dict")
        for name in changed:
            if name in names:
                setattr(holder, name, names[name])
            else:
                delattr(holder, name)
        if changed and changed != ["__slotnames__"]:
            cls = holder if isinstance(holder, type) else type(holder)
            raise Refused(f"it changes {cls.__qualname__}.{changed[0]}")


@contextmanager
def _without(effects: Mapping[CodeType, Mapping[int, str]]) -> Iterator[None]:
    """Stop a call before an instruction that does more than compute."""
    found: list[str] = []

    def stop(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode" and frame.f_lasti in effects[frame.f_code]:
            found.append(effects[frame.f_code][frame.f_lasti])
            raise Impure(found[0])
        return stop

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code not in effects:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return stop

    if not effects:
        yield
        return
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
        if found:
            raise Impure(found[0])


def _linked(call: Recorded, old: Any, new: Any) -> Recorded:
    """The call with the results of a new forward call in place of those of the old one."""
    place: dict[int, Any] = {}

    def match(a: Any, b: Any) -> None:
        if isinstance(a, (np.ndarray, tuple, list, dict)):
            place[id(a)] = b
        if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
            for one, other in zip(a, b, strict=False):
                match(one, other)
        elif isinstance(a, dict) and isinstance(b, dict):
            for key in a.keys() & b.keys():
                match(a[key], b[key])

    def put(value: Any) -> Any:
        if id(value) in place:
            return place[id(value)]
        if type(value) in (tuple, list):
            return type(value)([put(item) for item in value])
        if type(value) in (dict, OrderedDict):
            return type(value)({key: put(item) for key, item in value.items()})
        return value

    match(old, new)
    return mapped(call, put)


def _differ(a: Any, b: Any) -> bool:
    (first, own), (second, other) = a, b
    return own != other or first[2:] != second[2:] or not np.array_equal(first[1], second[1])
