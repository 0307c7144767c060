"""A watched function: its wrapper, its calls by the original, and the decision to learn it."""

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from time import perf_counter, thread_time
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._locks import free_after_fork
from . import _budget
from ._budget import (
    IMPORT_SECONDS,
    Budget,
    Price,
    count_elements,
    count_images,
    is_by_few,
    price_of,
    saved_share,
)
from ._recorded import Recorded, local
from ._values import is_plain

if TYPE_CHECKING:
    from ._history import Past
    from ._learned import Learned
    from ._plans import Plan

LEARNED = f"{__package__}._learned"
"""The module that learns, which is imported for the first function."""
CHECKED = 4
"""Calls of a function that is learned which the original computes in most cases."""
MOST_REFUSALS = 3
MOST_SITUATIONS = 1000
MOST_MISSES = 64
"""Calls of a situation without a plan, after which no other is learned but in a script."""
MOST_NOTED = 64
"""Forward calls that are kept for a backward call."""
MOST_AWAITED = 8
"""Backward calls that are not learned since the forward calls before them were not kept."""
MOST_SHORT = 32
"""Observed calls after which a function of a script is given back, if all of them were short."""
OBSERVED_SECONDS = 3e-3
"""Of this time of the original, one call is observed: so observing takes less than 1 % of it."""


NO_GAIN = "nothing to gain: "
"""Begins the reasons why cnet would not be faster."""


class AccelerateWarning(RuntimeWarning):
    """cnet and the original have computed different results."""


class AccelerateError(ArithmeticError):
    """The same, with ``on_mismatch="raise"``."""


class Options(NamedTuple):
    """The arguments of `cnet.accelerate`."""

    keep: frozenset[str] = frozenset()
    verify: str = "log"
    on_mismatch: str = "warn"
    rtol: float | None = None
    budget: Budget | None = None
    """That of a whole script; by default, each function has its own."""
    known: "Mapping[tuple[str, str], Past]" = MappingProxyType({})
    """What earlier runs of the script have found out."""


class Situation:
    """Calls with arguments of the same types and shapes."""

    def __init__(self) -> None:
        self.misses = 0
        """Calls for which there was no plan."""
        self.next = 2
        """The number of misses at which one is learned; it doubles each time."""
        self.timed: tuple[float, ...] = ()
        """Seconds of the last three calls of the original."""
        self.seconds = 0.0
        """Their median."""
        self.least = float("inf")
        """Those of the shortest call."""
        self.so_far = 0.0
        """Seconds of the processor in all calls of the original."""
        self.replaced = 0.0
        """Those that it would have taken for calls that cnet has computed."""
        self.expected = 0.0
        """Those of an earlier run."""
        self.work = float("inf")
        """The least in a call."""
        self.elements = 0
        """Those of the arrays that a call can read or has returned."""
        self.copied = 0
        """Those of all arrays that it can read after a call."""
        self.images: int | None = None
        """The number of images; 0 if samples must have all of them, None if no call was seen."""
        self.price = 0.0
        """Seconds for learning, if it did not end in fewer."""
        self.refusal = ""
        self.waits = False
        """Whether a plan saves nothing until the backward function is learned, which decides."""
        self.inner: frozenset[Watched] = frozenset()
        """Watched functions inside of the call that take most of its time."""
        self.inside: set[Watched] = set()
        """All watched functions inside of calls."""
        self.pairs: dict[Watched, Situation] = {}
        """The forward or backward function of the same object, and its calls."""
        self.is_wanted = False
        """Whether calls are learned for the sake of these."""

    @property
    def is_by_few(self) -> bool:
        return is_by_few(self.work, self.images or 0, self.elements)

    @property
    def to_come(self) -> float:
        """Seconds of calls to come that cnet could compute, if they are as many as before.

        That is in an earlier run, or in this one if it was longer.
        """
        if self.so_far >= self.expected:
            return self.so_far
        return max(0.0, self.expected - self.so_far - CHECKED * self.work)

    def time(self, seconds: float) -> None:
        self.timed = (*self.timed[-2:], seconds)
        self.least = min(self.least, seconds)
        self.seconds = sorted(self.timed)[(len(self.timed) - 1) // 2]

    @property
    def saved_share(self) -> float:
        """The share of the time of the original that cnet is expected to save."""
        return saved_share(self.work, self.elements)


class Active:
    """Whether wrappers may use plans."""

    paused = 0


learning = free_after_fork(threading.Lock())
"""One function is learned at a time: learning restores what its calls of the originals change, and
adds methods to classes."""


class Watched:
    """One function of the user."""

    def __init__(
        self, label: str, original: FunctionType, role: str, options: Options,
        partner: "Callable[[Any], Watched | None]",
    ) -> None:  # fmt: skip
        self.label, self.original, self.role, self.options = label, original, role, options
        self.partner_of = partner
        """The watched forward function that belongs to the first argument of a backward call."""
        self.keep = options.keep
        self.budget = (
            Budget(left=_budget.MOST_SECONDS) if options.budget is None else options.budget
        )
        self.learned: Learned | None = None
        self.plans: list[Plan] = []
        self.situations: dict[Any, Situation] = {}
        self.latest: dict[Any, tuple[Any, Recorded, Plan | None]] = {}
        """The last forward call by the id of the instance, until the backward call is learned."""
        self.noting = MOST_NOTED if role == "forward" and not self.budget.is_patient else 0
        """The number of forward calls that are still noted there."""
        self.of_objects: dict[int, Situation] = {}
        """The last situation by the id of the instance."""
        self.is_waiting = False
        """Whether it is learned as soon as the forward function is known."""
        self.awaited = 0
        """Calls before which no forward call was kept."""
        self.resting = self.rested = 0
        """Calls that are not observed: those to come, and those since the last observed one."""
        self.short = 0
        """Observed calls that were too short for cnet, since the last other one."""
        self.reason = ""
        """Why the original computes everything, if it does."""
        self.calls = self.by_cnet = self.checked = 0
        self.saved = self.spent = self.failed = self.cnet_seconds = 0.0
        """Seconds; `failed` are those of `spent` after which there was no plan."""
        self.give_back: Callable[[], None] = lambda: None
        """Puts the original back in its place."""
        self.wrapper = self._wrapper()

    def _wrapper(self) -> Callable[..., Any]:
        original, own = self.original, self

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if own.resting:
                own.resting -= 1
                return original(*args, **kwargs) if kwargs else original(*args)
            if local.is_learning or Active.paused or own.reason:
                return original(*args, **kwargs)
            start = perf_counter()
            for plan in own.plans:
                values = plan.read(args, kwargs)
                if values is not None and own.learned is not None:
                    return own.learned.call(plan, values, start, args, kwargs)
            return own.by_original(args, kwargs)

        call.cnet_watched = self  # type: ignore[attr-defined]
        return call

    # ---- Calls of the original -------------------------------------------------------------------

    def by_original(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], learns: bool = True
    ) -> Any:
        situation = self.situation(args, kwargs)
        situation.misses += 1
        if learns and self._may_learn(situation, args):
            learned = self.learner()
            with learning:
                situation.next = 2 * situation.misses
                seconds = self.budget.most_seconds(self.price(situation).risk)
                plan = learned.learn(situation, args, kwargs, seconds)
            if plan is not None:
                for other, calls in situation.pairs.items() if plan.deferred else ():
                    calls.is_wanted = True  # until it is learned, the plan saves nothing
                    other.wake()
                return learned.confirm(plan, situation, args, kwargs)
        return self.observed(situation, args, kwargs)

    def learner(self) -> "Learned":
        """What learns this function; its modules are imported when the first one is learned."""
        if self.learned is None:
            start = thread_time()
            from ._learned import Learned

            self.learned = Learned(self)
            self.spend(thread_time() - start)
        return self.learned

    def situation(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Situation:
        key = tuple([_seen(value) for value in (*args, *kwargs.values())])
        found = self.situations.get(key)
        if found is None:
            if len(self.situations) > MOST_SITUATIONS:
                self.situations.clear()
                self.of_objects.clear()
            found = self.situations[key] = Situation()
            if past := self.options.known.get((self.label, repr(key))):
                found.expected, found.refusal, found.price = past.all, past.refusal, past.price
                found.waits = past.waits
        return found

    def observed(self, situation: Situation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the original, and note how long it takes."""
        is_first = situation.images is None
        if is_first:
            situation.elements = count_elements((*args, *kwargs.values()))
        outer, others = local.inner, local.others
        inside: set[Watched] = set()
        local.inner, local.others = 0.0, inside
        start, started = perf_counter(), thread_time()
        try:
            result = self.original(*args, **kwargs)
        finally:
            worked, seconds = thread_time() - started, perf_counter() - start
            inner = local.inner
            local.inner, local.others = outer + seconds, others
            if others is not None:
                others.add(self)
            count = 1 + self.rested - self.resting
            self.calls += count
            self.resting = self.rested = 0
        if situation.misses <= MOST_MISSES or self.budget.is_patient:
            situation.time(seconds)
            situation.inside |= inside
            if 2 * inner > seconds:
                situation.inner |= inside
        if is_first:
            situation.elements += count_elements((result,))
            situation.copied = count_elements((*args, *kwargs.values(), result))
            last = result if self.role == "forward" else None
            situation.images = count_images((*args, *kwargs.values()), last)
        self._pair(situation, args, is_first)
        situation.work = min(situation.work, worked)
        situation.so_far += count * worked
        if others is None:
            self.budget.worked(count * worked)
        if self.noting:
            self.note(None, args, kwargs, result)
        elif self._may_rest(situation):
            self.resting = self.rested = int(OBSERVED_SECONDS / max(situation.seconds, 1e-6))
            self._count_short(situation)
        return result

    def _count_short(self, situation: Situation) -> None:
        """Give the function back if its calls are short, so that they cost nothing more."""
        if not self.budget.is_patient:
            return
        self.short = 0 if situation.saved_share else self.short + 1
        if self.short >= MOST_SHORT:
            self.stop(_short(situation))

    def _may_rest(self, situation: Situation) -> bool:
        is_open = self.plans or self.is_waiting
        return not is_open and (bool(situation.refusal) or self.budget.is_patient)

    def wake(self) -> None:
        """Observe the next call."""
        self.rested -= self.resting
        self.resting = 0

    # ---- The decision to learn -------------------------------------------------------------------

    def _may_learn(self, situation: Situation, args: tuple[Any, ...]) -> bool:
        is_due = situation.next <= situation.misses
        is_late = situation.next > MOST_MISSES and not self.budget.is_patient
        waits = situation.waits and not situation.is_wanted
        if not is_due or is_late or waits or situation.refusal or learning.locked():
            return False
        if situation.seconds < _budget.LEAST_SECONDS:
            situation.refusal = _short(situation)
            self.keep_state(args)
            return False
        if not all(other.is_hopeless() for other in situation.inner):
            return False
        is_unlikely = situation.price > 0 or self._is_without_forward(args)
        gain = float("inf") if situation.is_wanted else situation.to_come * situation.saved_share
        if not self.budget.allows(self.price(situation), gain, is_unlikely):
            return False
        self.is_waiting = not self._is_prepared(situation, args)
        return not self.is_waiting

    def _pair(self, situation: Situation, args: tuple[Any, ...], is_first: bool) -> None:
        """Note which calls of the forward and the backward function are of the same object."""
        owner, _ = owner_of(args)
        if owner is None or not self.budget.is_patient:
            return
        if self.role == "forward":
            self.of_objects[id(owner)] = situation
        elif is_first and (partner := self.partner(args)) and partner.situations:
            known = partner.of_objects.get(id(owner))
            forward = known or next(reversed(partner.situations.values()))
            forward.pairs[self], situation.pairs[partner] = situation, forward

    def price(self, situation: Situation) -> Price:
        """Seconds that learning takes, if nothing is unusual."""
        first = 0.0 if LEARNED in sys.modules else IMPORT_SECONDS
        is_backward = self.role == "backward"
        price = price_of(
            situation.work, situation.images or 0, situation.elements, situation.copied, is_backward
        )
        return Price(*(first + (situation.price or seconds) for seconds in price))

    def _is_without_forward(self, args: tuple[Any, ...]) -> bool:
        """Whether learning the forward function that belongs to it was in vain."""
        partner = self.partner(args)
        return partner is not None and partner.failed > 0 and partner.is_hopeless()

    def _is_prepared(self, situation: Situation, args: tuple[Any, ...]) -> bool:
        """Whether what is known of the forward function is enough to learn the backward one."""
        partner = self.partner(args)
        if partner is None:
            return True
        if self.budget.is_patient and not partner.plans and not partner.is_hopeless():
            for forward in situation.pairs.values() or partner.situations.values():
                forward.is_wanted = True
            partner.wake()
            return False
        has_rested = partner.learned is not None and partner.learned.wake()
        if has_rested or not partner.noting:
            partner.noting = MOST_NOTED
            partner.latest.clear()
            partner.wake()
            return False
        if partner.reason or self.forward_call(args)[0] is not None:
            return True
        self.awaited += 1
        return self.awaited > MOST_AWAITED

    def is_hopeless(self) -> bool:
        """Whether the original will compute everything."""
        refusals = [situation.refusal for situation in self.situations.values()]
        return bool(self.reason) or (not self.plans and any(refusals))

    def partner(self, args: tuple[Any, ...]) -> "Watched | None":
        """The forward function of a backward one."""
        return self.partner_of(args[0] if args else None) if self.role == "backward" else None

    def relatives(self, args: tuple[Any, ...]) -> "list[Watched]":
        """This function, the forward function that belongs to it, and those inside of that."""
        partner = self.partner(args)
        situations = {} if partner is None else partner.situations
        inside = dict.fromkeys(one for s in situations.values() for one in s.inside)
        return [self, *([] if partner is None else [partner]), *inside]

    def note(self, plan: "Plan | None", args: Any, kwargs: Any, result: Any) -> None:
        """Keep a forward call until its backward call has been learned."""
        self.noting -= 1
        if not self.noting:
            self.latest.clear()
            return
        owner, rest = owner_of(args)
        call = Recorded(self.original, rest, kwargs, result)
        key = id(owner) if owner is not None else None
        weak = None if owner is None else weakref.ref(owner, lambda _: self.latest.pop(key, None))
        self.latest[key] = (weak, call, plan)

    def forward_call(self, args: Any) -> "tuple[Recorded | None, Plan | None]":
        """The forward call before a backward call."""
        partner = self.partner(args)
        owner, _ = owner_of(args)
        if partner is None:
            return None, None
        weak, call, plan = partner.latest.get(
            id(owner) if owner is not None else None, (None, None, None)
        )
        if call is None or (owner is not None and (weak is None or weak() is not owner)):
            return None, None
        held = () if owner is None else (owner,)
        return Recorded(call.function, (*held, *call.args), call.kwargs, call.result), plan

    # ---- Ends ------------------------------------------------------------------------------------

    def spend(self, seconds: float, is_in_vain: bool = False) -> None:
        """Learning has taken this long."""
        self.spent += seconds
        self.failed += seconds * is_in_vain
        self.budget.left -= seconds

    def refuse(self, situation: Situation, reason: str, for_good: bool, args: Any) -> None:
        """The original computes calls of this situation from now on."""
        situation.refusal = reason
        refusals = [s.refusal for s in self.situations.values() if s.refusal]
        if not self.plans and (for_good or len(refusals) >= MOST_REFUSALS):
            self.stop(reason)
        self.keep_state(args)

    def keep_state(self, args: Any) -> None:
        """Let the forward function of a backward one compute all attributes."""
        partner = self.partner(args)
        if partner is not None and partner.learned is not None:
            partner.learned.compute_all()

    def stop(self, reason: str) -> None:
        """The original computes everything from now on."""
        if self.learned is not None:
            for plan in self.plans:
                self.learned.drop(plan)
        self.reason = reason
        self.latest.clear()
        self.give_back()


def _short(situation: Situation) -> str:
    elements = f" for {situation.elements} elements" if situation.elements else ""
    return f"{NO_GAIN}it takes only {1e6 * situation.seconds:.0f} µs{elements}"


def _seen(value: Any) -> Any:
    """What tells apart situations, of one argument."""
    if isinstance(value, np.ndarray):
        return value.shape, value.strides, value.dtype
    if isinstance(value, (int, float, str)):
        return value
    return type(value)


def owner_of(args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The instance of a method call and the other arguments."""
    if args and is_plain(type(args[0])):
        return args[0], args[1:]
    return None, args
