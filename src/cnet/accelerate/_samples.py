"""The samples of a call to learn from, and what the call sets before it reads it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ._calls import Build, Fresh, Leaf, Number, Outcome, Template, Unknown, View, same_bits
from ._episodes import FORWARD, Episode, Sampled, Unread
from ._kinds import APART, DISTURBED, LARGE, NORMAL, TIED, Kind, medium, mild, near
from ._values import Refused
from .explain import Sample, tiny_numbers

MOST_ALONE = 8
"""Samples in which few arrays have large numbers."""
LEAST_CHANGE = 1e-4
"""The least part of a usual result that tells how it is computed."""
MOST_NEEDED = 5
"""Calls that lack attributes, each without one that the one before needed."""


def samples_of(episode: Episode, unread: Unread) -> tuple[list[Sampled], Unread]:
    """Samples, and the attributes that the call does set before it reads them.

    The first two calls have the same data: if results differ, they depend on chance or on memory
    that is not initialised.
    """
    first = episode.run(NORMAL, 0)
    counters = first.outcome.counted(first.tree.numbers())
    changed = frozenset(first.outcome.mutated)
    episode.special = replace(episode.special, counters=counters, changed=changed)
    if not first.outcome.is_finite():
        positive = episode.positive(first.outcome)
        shares = episode.shares() if all(map(is_finite, first.outcome.arrays.values())) else ()
        episode.special = replace(episode.special, positive=positive, shares=frozenset(shares))
        first = episode.run(NORMAL, 0)
    costly = {
        path for path in unread.refilled if first.outcome.touched.get(path)
        and any(is_costly(t) for (holder, _), t in first.outcome.writes.items() if holder == path)
    }  # fmt: skip
    unknown = {node.path for node in first.tree.nodes if node.kind == "unknown"}
    unread = Unread(unread.replaced, unread.refilled & (costly | unknown))
    again, unread = _lacking(episode, unread)
    if again is None or not _agree(first.outcome, again.outcome, unread):
        unread = Unread()
    if not unread.paths():
        again = episode.run(NORMAL, 0)
        if not _agree(first.outcome, again.outcome):
            raise Refused("two calls with the same data differ")
    assert again is not None
    kinds = [TIED, LARGE] if episode.forward is None else [TIED, DISTURBED]
    more = [episode.run(kind, seed, unread) for seed, kind in enumerate(kinds, 1)]
    if not more[0].outcome.is_finite():
        more.insert(1, episode.run(APART, 1, unread))
    is_finite_for_large = more[-1].outcome.is_finite()
    if not is_finite_for_large:
        usual = replace(kinds[-1], draw=mild, is_usual=True)
        more[-1] = episode.run(usual, len(kinds), unread)
    if not is_finite_for_large or _has_zeros([again, *more]):
        more += _large_ones(episode, kinds[-1], len(kinds), again.sample, unread)
    if first.outcome.numbers:  # a sample tells little of a loss
        kinds = [
            NORMAL,
            near(tiny_numbers((*episode.scan.constants, *first.tree.numbers().values()))),
        ]
        more += [episode.run(kind, seed, unread) for seed, kind in enumerate(kinds, 3)]
    return [again, *more], unread


def _has_zeros(samples: Sequence[Sampled]) -> bool:
    """Whether an array is 0 in all samples, as one whose elements are below a threshold."""
    names = samples[0].outcome.arrays
    return any(
        not any(s.sample.outputs[name].any() for s in samples if name in s.sample.outputs)
        for name in names
    )


def _large_ones(
    episode: Episode, kind: Kind, seed: int, first: Sample, unread: Unread
) -> list[Sampled]:
    """Samples in which few arrays have numbers as large as can be, and others mild ones."""
    paths = [path.removeprefix(FORWARD) for path, x in first.inputs.items() if x.dtype.kind == "f"]
    paths = [*dict.fromkeys(paths)]
    samples = []
    for start in range(min(len(paths), MOST_ALONE)):
        only = frozenset(paths[start::MOST_ALONE])
        for draw in (kind.draw, medium):
            few = replace(kind, draw=draw, only=only, is_usual=True)
            sampled = episode.run(few, seed, unread)
            if sampled.outcome.is_finite() and _tells(sampled.sample, first):
                samples.append(sampled)
                break
    return samples


def _tells(sample: Sample, first: Sample) -> bool:
    """Whether no result is so much smaller than in the first sample that it is mostly rounding."""
    return all(
        _change(sample, name) >= LEAST_CHANGE * _change(first, name) for name in sample.outputs
    )


def _change(sample: Sample, name: str) -> float:
    """The largest element of a result, or of what was added to it."""
    new, old = sample.outputs[name], sample.inputs.get(name)
    if new.dtype.kind != "f":
        return 0.0
    is_old = old is not None and old.shape == new.shape
    return float(np.abs(new - old if is_old else new).max(initial=0))


def _lacking(episode: Episode, unread: Unread) -> tuple[Sampled | None, Unread]:
    """A sample of a call that lacks attributes, but for those that it needs; None if it fails."""
    for _ in range(MOST_NEEDED):
        if unread.paths():
            try:
                return episode.run(NORMAL, 0, unread), unread
            except Refused as refusal:
                unread = unread.without_needed(refusal.__cause__)
    return None, unread


def _agree(a: Outcome, b: Outcome, unread: Unread = Unread()) -> bool:  # noqa: B008
    """Whether two calls have done the same; before the second, attributes were missing."""
    if (a.mutated, a.printed) != (b.mutated, b.printed) or not is_same(a.result, b.result):
        return False
    for path in unread.refilled:
        if not a.touched.get(path, set()) <= b.touched.get(path, set()):
            return False  # others are set to what they were
    ours, theirs = (
        {place: t for place, t in c.writes.items() if place[0] not in unread.refilled}
        for c in (a, b)
    )
    again = {place for place in theirs if ".".join(map(str, place)) in unread.replaced}
    if not ours.keys() <= theirs.keys() or not theirs.keys() - ours.keys() <= again:
        return False
    if not all(isinstance(t, Unknown) or is_same(t, theirs[place]) for place, t in ours.items()):
        return False
    names = {
        *fresh_in(a.result),
        *a.mutated,
        *(name for t in ours.values() for name in fresh_in(t)),
    }
    return all(same_bits(a.arrays[name], b.arrays[name]) for name in names)


def is_same(a: Template, b: Template) -> bool:
    """Whether two templates make the same values."""
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return type(a.value) is type(b.value) and bool(a.value == b.value)
    if isinstance(a, Build) and isinstance(b, Build):
        if a.items is None or b.items is None:
            return a.name == b.name and a.items is b.items
        return (a.kind, a.keys) == (b.kind, b.keys) and all(map(is_same, a.items, b.items))
    return a == b


def is_costly(template: Template) -> bool:
    """Whether a value has new arrays, or cannot be made."""
    return any(isinstance(item, (Fresh, Number, Unknown)) for item in items_in(template))


def is_finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())


def items_in(template: Template) -> list[Template]:
    if isinstance(template, Build):
        return [inner for item in template.items or () for inner in items_in(item)]
    return [template]


def fresh_in(template: Template) -> list[str]:
    """Names of the new arrays and numbers in a value."""
    found = []
    for item in items_in(template):
        item = item.of if isinstance(item, View) else item
        if isinstance(item, (Fresh, Number)):
            found.append(item.name)
    return found
