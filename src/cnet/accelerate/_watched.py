"""A watched function: its wrapper, what has been learned about it, and what it has done."""

import functools
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median, median_low
from time import perf_counter
from types import FunctionType
from typing import Any

import numpy as np

from . import _deferred
from ._compare import Mismatch, compare, run_original
from ._episodes import Recorded, local
from ._learning import learn
from ._plans import Plan, Values, is_finite
from ._values import Impure, Refused, is_plain
from ._verdict import verdict

MOST_SECONDS = 2.0
"""Seconds for learning, beyond those that have been saved."""
LEAST_SECONDS = 15e-6
"""The shortest call of an original that cnet may replace."""
MOST_REFUSALS = 3
MOST_SITUATIONS = 1000
MOST_MISSES = 64
"""Calls of a situation without a plan, after which no other is learned."""
FIRST_CALLS = 10
"""Calls after which a plan must be faster than the original, and at each check later."""
LAST_CALLS = 3
"""Calls of the original whose median is compared with those of the plan."""


class AccelerateWarning(RuntimeWarning):
    """cnet and the original have computed different results."""


class AccelerateError(ArithmeticError):
    """The same, with ``on_mismatch="raise"``."""


@dataclass(frozen=True)
class Options:
    """The arguments of `cnet.accelerate`."""

    keep: frozenset[str] = frozenset()
    verify: str = "log"
    on_mismatch: str = "warn"
    rtol: float | None = None


@dataclass
class Situation:
    """Calls with arguments of the same types and shapes."""

    misses: int = 0
    """Calls for which there was no plan. At the second, fourth, eighth one is learned."""
    timed: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_CALLS))
    """Seconds of the last calls of the original."""
    seconds: float = 0.0
    """Their median."""
    refusal: str = ""
    inner: "frozenset[Watched]" = frozenset()
    """Watched functions inside of the call that take most of its time."""
    inside: "set[Watched]" = field(default_factory=set)
    """All watched functions inside of calls."""

    def time(self, seconds: float) -> None:
        self.timed.append(seconds)
        self.seconds = median_low(self.timed)


@dataclass
class Use:
    """What a plan has done."""

    situation: Situation
    calls: int = 1
    """With the first one, which the original has made."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=FIRST_CALLS))
    """Of its last calls."""

    def is_slower(self, now: float = 0.0) -> bool:
        """Whether the plan takes longer than the original, also than its call `now`."""
        return bool(self.seconds) and median(self.seconds) > max(self.situation.seconds, now)


class Active:
    """Whether wrappers may use plans."""

    paused = 0


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
        self.plans: list[Plan] = []
        self.used: dict[Plan, Use] = {}
        self.situations: dict[Any, Situation] = {}
        self.latest: dict[Any, tuple[Any, Recorded, Plan | None]] = {}
        """The last forward call by the id of the instance, until the backward call is learned."""
        self.reason = ""
        """Why the original computes everything, if it does."""
        self.calls = self.by_cnet = self.checked = 0
        self.saved = self.spent = self.own_seconds = self.cnet_seconds = 0.0
        self.lock = threading.Lock()
        self.give_back: Callable[[], None] = lambda: None
        """Puts the original back in its place."""
        self.wrapper = self._wrapper()

    def _wrapper(self) -> Callable[..., Any]:
        original, own = self.original, self

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if local.is_learning or Active.paused or own.reason:
                return original(*args, **kwargs)
            start = perf_counter()
            for plan in own.plans:
                values = plan.read(args, kwargs)
                if values is not None:
                    return own.by_plan(plan, values, start, args, kwargs)
            return own.by_original(args, kwargs)

        call.cnet_watched = self  # type: ignore[attr-defined]
        return call

    # ---- By a plan -------------------------------------------------------------------------------

    def by_plan(self, plan: Plan, values: Values, start: float, args: Any, kwargs: Any) -> Any:
        use = self.used.get(plan)
        if use is None:  # another thread has dropped the plan
            return self.by_original(args, kwargs, learns=False)
        try:
            made = plan.compute(values)
        except Exception as error:  # a mistake here must not stop the user's program
            use.situation.refusal = f"cnet failed, {type(error).__name__}: {error}"
            self.drop(plan)
            made = None
        if made is None or not is_finite(made):
            return self.by_original(args, kwargs, learns=False)
        use.calls += 1
        if self._is_due(use.calls):
            return self.checked_call(plan, use, values, made, args, kwargs)
        result = plan.commit(values, made)
        seconds = perf_counter() - start
        local.inner += seconds
        if local.others is not None:
            local.others.add(self)
        self.calls += 1
        self.by_cnet += 1
        self.cnet_seconds += seconds
        self.saved += use.situation.seconds - seconds
        use.seconds.append(seconds)
        if use.calls <= FIRST_CALLS or use.calls & 1023 == 0:
            self.note(plan, args, kwargs, result)
            if use.calls >= FIRST_CALLS and use.is_slower():
                self.drop_slower(plan, use)
        return result

    def _is_due(self, count: int) -> bool:
        """Whether a call is checked: the second, the fourth, the sixteenth, ..."""
        if self.options.verify == "log":
            return _is_power_of_two(count) and (count < 4 or count.bit_length() % 2 == 1)
        return self.options.verify == "always"

    def checked_call(
        self, plan: Plan, use: Use, values: Values, made: Any, args: Any, kwargs: Any
    ) -> Any:  # fmt: skip
        """A call by the original, whose results are compared with those of the plan."""
        if plan.own:
            _deferred.restore(args[0])
        result, outcome, seconds = run_original(plan, args, kwargs)
        use.situation.time(seconds)
        local.inner += seconds
        if local.others is not None:
            local.others.add(self)
        self.calls += 1
        self.checked += 1
        try:
            compare(plan, values, made, outcome(), self.options.rtol)
        except (Mismatch, Refused) as mismatch:
            if use.calls == 1:
                self.drop(plan)
                self.refuse(use.situation, f"{mismatch} from what it is for copies", False, args)
            else:
                self.mismatch(mismatch, args)
            return result
        if plan.deferred:
            _deferred.defer(args[0], plan, values)
        self.note(plan, args, kwargs, result)
        if use.calls > FIRST_CALLS and use.is_slower(seconds):
            self.drop_slower(plan, use)
        return result

    def drop_slower(self, plan: Plan, use: Use) -> None:
        use.situation.refusal = "cnet is not faster"
        self.drop(plan)

    def mismatch(self, mismatch: Exception, args: tuple[Any, ...]) -> None:
        """Give the function back for good, and say so."""
        _, rest = _owner(args)
        forward, _ = self.forward_call(args)
        text = (
            f"cnet.accelerate: {self.label}: {mismatch}. The result of your code is returned, and "
            f"from now on it computes {self.label}.{verdict(mismatch, forward, *rest[:1])}"
        )
        self.stop(f"{mismatch}")
        if self.options.on_mismatch == "raise":
            raise AccelerateError(text)
        warnings.warn(text, AccelerateWarning, stacklevel=5)

    def drop(self, plan: Plan) -> None:
        if plan.deferred:
            for one in [*_deferred.pending.values()]:
                if one.plan is plan:
                    _deferred.restore(one.owner())
        self.plans = [other for other in self.plans if other is not plan]
        self.used.pop(plan, None)

    def stop(self, reason: str) -> None:
        """The original computes everything from now on."""
        for plan in self.plans:
            self.drop(plan)
        self.reason = reason
        self.latest.clear()
        self.give_back()

    # ---- By the original -------------------------------------------------------------------------

    def by_original(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], learns: bool = True
    ) -> Any:
        situation = self.situation(args, kwargs)
        situation.misses += 1
        if learns and self._may_learn(situation):
            with self.lock:
                plan = self.learned(situation, args, kwargs)
            if plan is not None:
                return self.confirmed(plan, situation, args, kwargs)
        return self.observed(situation, args, kwargs)

    def situation(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Situation:
        key = tuple([_seen(value) for value in (*args, *kwargs.values())])
        if len(self.situations) > MOST_SITUATIONS:
            self.situations.clear()
        return self.situations.setdefault(key, Situation())

    def _may_learn(self, situation: Situation) -> bool:
        is_due = 2 <= situation.misses <= MOST_MISSES and _is_power_of_two(situation.misses)
        is_open = is_due and not situation.refusal and not self.lock.locked()
        if is_open and situation.seconds < LEAST_SECONDS:
            situation.refusal = f"it takes only {1e6 * situation.seconds:.0f} µs"
        is_open = is_open and not situation.refusal
        is_open = is_open and all(other.is_hopeless() for other in situation.inner)
        return is_open and self.spent < MOST_SECONDS + max(self.saved, 0.0)

    def observed(self, situation: Situation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the original, and note how long it takes."""
        outer, local.inner = local.inner, 0.0
        others, inside = local.others, set[Watched]()
        local.others = inside
        start = perf_counter()
        try:
            result = self.original(*args, **kwargs)
        finally:
            seconds = perf_counter() - start
            inner, local.inner = local.inner, outer + seconds
            local.others = others
            if others is not None:
                others.add(self)
            self.calls += 1
            self.own_seconds += seconds
        if situation.misses <= MOST_MISSES:
            situation.time(seconds)
            situation.inner = frozenset(inside if 2 * inner > seconds else ())
            situation.inside |= inside
            self.note(None, args, kwargs, result)
        return result

    def is_hopeless(self) -> bool:
        """Whether the original will compute everything."""
        refusals = [situation.refusal for situation in self.situations.values()]
        return bool(self.reason) or (not self.plans and any(refusals))

    def note(self, plan: Plan | None, args: Any, kwargs: Any, result: Any) -> None:
        """Keep a forward call until its backward call has been learned."""
        if self.role != "forward" or len(self.latest) > 100:
            return
        owner, rest = _owner(args)
        call = Recorded(self.original, rest, kwargs, result)
        key = id(owner) if owner is not None else None
        weak = None if owner is None else weakref.ref(owner, lambda _: self.latest.pop(key, None))
        self.latest[key] = (weak, call, plan)

    def learned(self, situation: Situation, args: Any, kwargs: Any) -> Plan | None:
        start = perf_counter()
        try:
            forward, forward_plan = self.forward_call(args)
            hints = [e for one in self.relatives(args) for plan in one.plans
                     for e in plan.expressions.values()]  # fmt: skip
            call = Recorded(self.original, args, kwargs)
            left = MOST_SECONDS + max(self.saved, 0.0) - self.spent
            keep = self.keep if self.role == "forward" else None
            return learn(call, forward, forward_plan, keep, hints, min(left, MOST_SECONDS))
        except Refused as refusal:
            self.refuse(situation, str(refusal), isinstance(refusal, Impure), args)
        except Exception as error:  # a mistake here must not stop the user's program
            self.refuse(situation, f"learning failed, {type(error).__name__}: {error}", True, args)
        finally:
            self.spent += perf_counter() - start
        return None

    def relatives(self, args: Any) -> "list[Watched]":
        """This function, the forward function that belongs to it, and those inside of that."""
        partner = self.partner_of(args[0] if args else None) if self.role == "backward" else None
        situations = {} if partner is None else partner.situations
        inside = dict.fromkeys(one for s in situations.values() for one in s.inside)
        return [self, *([] if partner is None else [partner]), *inside]

    def forward_call(self, args: Any) -> tuple[Recorded | None, Plan | None]:
        """The forward call before a backward call."""
        partner = self.partner_of(args[0] if args else None) if self.role == "backward" else None
        owner, _ = _owner(args)
        if partner is None:
            return None, None
        weak, call, plan = partner.latest.get(
            id(owner) if owner is not None else None, (None, None, None)
        )
        if call is None or (owner is not None and (weak is None or weak() is not owner)):
            return None, None
        held = () if owner is None else (owner,)
        return Recorded(call.function, (*held, *call.args), call.kwargs, call.result), plan

    def refuse(self, situation: Situation, reason: str, for_good: bool, args: Any) -> None:
        situation.refusal = reason
        refusals = [s.refusal for s in self.situations.values() if s.refusal]
        if not self.plans and (for_good or len(refusals) >= MOST_REFUSALS):
            self.stop(reason)
        partner = self.partner_of(args[0] if args else None) if self.role == "backward" else None
        if partner is not None:
            partner.compute_all()

    def compute_all(self) -> None:
        """Leave no attributes out from now on, since the original backward function reads them."""
        for plan in [plan for plan in self.plans if plan.deferred]:
            self.keep |= plan.deferred
            self.drop(plan)

    def confirmed(self, plan: Plan, situation: Situation, args: Any, kwargs: Any) -> Any:
        """Call the original, and use the plan from now on if it agrees."""
        values = plan.read(args, kwargs)
        made = None
        if values is not None:
            made = plan.compute(values)
            made = made if is_finite(made) else None
        if values is None or made is None:
            self.refuse(situation, "its state differs from that of copies", False, args)
            return self.observed(situation, args, kwargs)
        self.plans.insert(0, plan)
        use = self.used[plan] = Use(situation)
        result = self.checked_call(plan, use, values, made, args, kwargs)
        if self.role == "backward":
            partner = self.partner_of(args[0] if args else None)
            if partner is not None:
                partner.latest.pop(id(args[0]) if plan.own else None, None)
        return result


def _seen(value: Any) -> Any:
    """What tells apart situations, of one argument."""
    if isinstance(value, np.ndarray):
        return value.shape, value.strides, value.dtype
    if isinstance(value, (int, float, str)):
        return value
    return type(value)


def _is_power_of_two(count: int) -> bool:
    return count & (count - 1) == 0


def _owner(args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The instance of a method call and the other arguments."""
    if args and is_plain(type(args[0])):
        return args[0], args[1:]
    return None, args
