"""What has been learned about a watched function, and the calls that cnet computes."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from .._warning import warn
from . import _deferred
from ._compare import Mismatch, compare, run_original
from ._fewer import Different
from ._learning import Unfinished, learn
from ._plans import Plan, Values, is_finite
from ._recorded import Recorded, local
from ._values import Impure, Refused
from ._verdict import verdict
from ._watched import NO_GAIN, AccelerateError, AccelerateWarning, owner_of

if TYPE_CHECKING:
    from ._watched import Situation, Watched
    from .explain import Expression

FIRST_CALLS = 10
"""Calls after which a plan must be faster than the original, and at each check later."""
MOST_READS = 3
"""Calls after which attributes that a plan leaves out are computed after all, at most."""


@dataclass
class Use:
    """What a plan has done."""

    situation: "Situation"
    calls: int = 1
    """With the first one, which the original has made."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=FIRST_CALLS))
    """Of its last calls."""
    reads: int = 0
    """Calls after which attributes that it leaves out were computed after all."""

    def is_slower(self) -> bool:
        """Whether the plan takes longer than the original, each in its fastest call."""
        return min(self.seconds, default=0.0) > self.situation.least


class Learned:
    """The plans of a watched function, and what they have done."""

    def __init__(self, watched: "Watched") -> None:
        self.watched = watched
        self.used: dict[Plan, Use] = {}

    # ---- Learning --------------------------------------------------------------------------------

    def learn(
        self, situation: "Situation", args: Any, kwargs: Any, seconds: float
    ) -> Plan | None:  # fmt: skip
        """A plan for calls like this one, before it is made; None if there is no explanation."""
        own, plan = self.watched, None
        while plan is None:
            start, by_few = thread_time(), situation.is_by_few
            try:
                plan = self._plan(args, kwargs, seconds, by_few)
            except Different:
                situation.images, situation.next = 0, situation.misses + 1
            except Unfinished:
                if own.budget.is_patient:
                    situation.price = 4 * (thread_time() - start)
                    situation.next = situation.misses + 1
                else:
                    own.refuse(situation, f"it is not explained in {seconds:.1f} s", False, args)
            except Refused as refusal:
                self._refuse(refusal, situation, args)
            except Exception as error:  # a mistake here must not stop the user's program
                reason = f"learning failed, {type(error).__name__}: {error}"
                own.refuse(situation, reason, True, args)
            finally:
                own.spend(thread_time() - start, plan is None)
                own.budget.lead += 1 if plan is not None else -1
            if own.budget.is_patient or not by_few or situation.is_by_few:
                break
        return plan

    def _plan(self, args: Any, kwargs: Any, seconds: float, by_few: bool) -> Plan:
        own = self.watched
        forward, forward_plan = own.forward_call(args)
        call = Recorded(own.original, args, kwargs)
        keep = own.keep if own.role == "forward" else None
        return learn(call, forward, forward_plan, keep, self.hints(args), seconds, by_few)

    def _refuse(self, refusal: Refused, situation: "Situation", args: Any) -> None:
        own = self.watched
        _, forward_plan = own.forward_call(args)
        is_impure = isinstance(refusal, Impure)
        if forward_plan and forward_plan.deferred and not is_impure:
            own.keep_state(args)  # what the forward call leaves out may explain it
        else:
            own.refuse(situation, str(refusal), is_impure, args)

    def hints(self, args: Any) -> "Sequence[Expression]":
        """What is known of related functions."""
        plans = [plan for one in self.watched.relatives(args) for plan in one.plans]
        return [expression for plan in plans for expression in plan.expressions.values()]

    def confirm(self, plan: Plan, situation: "Situation", args: Any, kwargs: Any) -> Any:
        """Call the original, and use the plan from now on if it agrees."""
        own = self.watched
        values = plan.read(args, kwargs)
        made = None
        if values is not None:
            made = plan.compute(values)
            made = made if is_finite(made) else None
        if values is None or made is None:
            own.refuse(situation, "its state differs from that of copies", False, args)
            return own.observed(situation, args, kwargs)
        own.plans = [plan, *own.plans]
        if plan.forward is not None:
            plan.forward.is_followed = True
        use = self.used[plan] = Use(situation)
        situation.waits = False
        result = self.checked_call(plan, use, values, made, args, kwargs)
        if (partner := own.partner(args)) is not None:
            partner.latest.pop(id(args[0]) if plan.own else None, None)
        return result

    # ---- Calls -----------------------------------------------------------------------------------

    def call(self, plan: Plan, values: Values, start: float, args: Any, kwargs: Any) -> Any:
        """A call for which there is a plan."""
        own, use = self.watched, self.used.get(plan)
        if use is not None and plan.recomputed:
            self.count_read(plan, use)
            use = self.used.get(plan)
        if use is None or plan.is_resting:  # it is also None if another thread has dropped the plan
            return own.by_original(args, kwargs, learns=False)
        try:
            made = plan.compute(values)
        except Exception as error:  # a mistake here must not stop the user's program
            use.situation.refusal = f"cnet failed, {type(error).__name__}: {error}"
            self.drop(plan)
            made = None
        if made is None or not is_finite(made):
            return own.by_original(args, kwargs, learns=False)
        use.calls += 1
        if self._is_due(use.calls):
            return self.checked_call(plan, use, values, made, args, kwargs)
        result = plan.commit(values, made)
        seconds = perf_counter() - start
        local.inner += seconds
        if local.others is not None:
            local.others.add(own)
        own.calls += 1
        own.by_cnet += 1
        own.cnet_seconds += seconds
        use.situation.replaced += use.situation.work
        saved = use.situation.seconds - seconds
        own.saved += saved
        own.budget.left += use.situation.work - seconds
        use.seconds.append(seconds)
        if own.noting:
            own.note(plan, args, kwargs, result)
        if (use.calls == FIRST_CALLS or use.calls & 1023 == 0) and use.is_slower():
            self.drop_slower(plan, use)
        return result

    def _is_due(self, count: int) -> bool:
        """Whether a call is checked: the second, the fourth, the sixteenth, ..."""
        verify = self.watched.options.verify
        if verify == "log":
            return not count & (count - 1) and (count < 4 or count.bit_length() % 2 == 1)
        return verify == "always"

    def checked_call(
        self, plan: Plan, use: Use, values: Values, made: Any, args: Any, kwargs: Any
    ) -> Any:  # fmt: skip
        """A call by the original, whose results are compared with those of the plan."""
        own = self.watched
        if plan.own:
            _deferred.restore(args[0])
        result, outcome, seconds = run_original(plan, args, kwargs)
        use.situation.time(seconds)
        local.inner += seconds
        if local.others is not None:
            local.others.add(own)
        own.calls += 1
        own.checked += 1
        try:
            compare(plan, values, made, outcome(), own.options.rtol)
        except (Mismatch, Refused) as mismatch:
            if use.calls == 1:
                self.drop(plan)
                own.refuse(use.situation, f"{mismatch} from what it is for copies", False, args)
            else:
                self.mismatch(mismatch, args)
            return result
        if plan.deferred:
            _deferred.defer(args[0], plan, values)
        if own.noting:
            own.note(plan, args, kwargs, result)
        if use.calls > FIRST_CALLS and use.is_slower():
            self.drop_slower(plan, use)
        return result

    def mismatch(self, mismatch: Exception, args: tuple[Any, ...]) -> None:
        """Give the function back for good, and say so."""
        own = self.watched
        forward, _ = own.forward_call(args)
        _, rest = owner_of(args)
        text = (
            f"cnet.accelerate: {own.label}: {mismatch}. The result of your code is returned, and "
            f"from now on it computes {own.label}.{verdict(mismatch, forward, *rest[:1])}"
        )
        own.stop(f"{mismatch}")
        if own.options.on_mismatch == "raise":
            raise AccelerateError(text)
        warn(text, AccelerateWarning)

    # ---- Attributes that are left out ------------------------------------------------------------

    def count_read(self, plan: Plan, use: Use) -> None:
        """Attributes that a plan has left out were read, so that the original has computed them.

        Then nothing is saved. In a script, the backward function may be learned later: until then,
        the original computes the calls of both. Otherwise something else reads the attributes, and
        after some calls none are left out any more.
        """
        own, seconds = self.watched, plan.recomputed
        plan.recomputed = 0.0
        own.saved -= seconds
        own.budget.left -= seconds
        use.situation.replaced -= seconds
        use.situation.so_far += seconds
        use.reads += 1
        may_rest = own.budget.is_patient and not plan.is_followed
        if use.reads < MOST_READS and (own.noting or not may_rest):
            return
        if may_rest:
            plan.is_resting, use.reads, use.situation.waits = True, 0, True
        else:
            self.compute_all()

    def wake(self) -> bool:
        """Use all plans, since the backward function is to be learned; whether one has rested."""
        resting = [plan for plan in self.watched.plans if plan.is_resting]
        for plan in resting:
            plan.is_resting = self.used[plan].situation.waits = False
        return bool(resting)

    # ---- Dropping --------------------------------------------------------------------------------

    def drop_slower(self, plan: Plan, use: Use) -> None:
        use.situation.refusal = f"{NO_GAIN}cnet is not faster"
        self.drop(plan)

    def drop(self, plan: Plan) -> None:
        if plan.deferred:
            for one in [*_deferred.pending.values()]:
                if one.plan is plan:
                    _deferred.restore(one.owner())
        self.watched.plans = [other for other in self.watched.plans if other is not plan]
        self.used.pop(plan, None)

    def compute_all(self) -> None:
        """Leave no attributes out from now on, since the original backward function reads them."""
        for plan in [plan for plan in self.watched.plans if plan.deferred]:
            self.watched.keep |= plan.deferred
            self.drop(plan)
