"""The report: who has computed each watched function, and how much time that has saved."""

from collections.abc import Iterable

from ._watched import NO_GAIN, Watched


def report_of(watched: Iterable[Watched]) -> str:
    """A table with a line for each function that was called, and the times of all."""
    called = [one for one in watched if one.calls]
    rows = [_row(one) for one in called]
    if not rows:
        return "cnet.accelerate: no watched function was called"
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[3]]).rstrip())
    saved, spent, failed = (sum(times) for times in zip(*map(_times, called), strict=True))
    failures = f", {_seconds(failed)} of that without success" if failed else ""
    lines.append(f"in all: saved {_seconds(saved)}, learned in {_seconds(spent)}{failures}")
    by_cnet = sum(bool(one.plans) for one in called)
    gainless = sum(not one.plans and reason_of(one).startswith(NO_GAIN) for one in called)
    lines.append(
        f"of {len(called)} functions, cnet computes {by_cnet}, and {gainless} have nothing to gain"
    )
    return "\n".join(lines)


def _row(one: Watched) -> tuple[str, str, str, str]:
    what = one.plans[0].describe() if one.plans else reason_of(one)
    if not one.by_cnet:
        return one.label, what, "own code", f"learning took {_seconds(one.spent)}" * bool(one.spent)
    calls = f"by cnet {_count(one.by_cnet)} of {_count(one.calls)}"
    per_call = one.cnet_seconds / one.by_cnet
    factor = (one.saved + one.cnet_seconds) / one.by_cnet / per_call
    times = f"{factor:.3g}" if factor < 999.5 else _count(round(factor))
    saved = f"x{times}, saved {_seconds(one.saved)}, learned in {_seconds(one.spent)}"
    return one.label, what, calls, saved


def _times(one: Watched) -> tuple[float, float, float]:
    return one.saved, one.spent, one.failed


def reason_of(one: Watched) -> str:
    """Why the original computes a function."""
    refusals = [s.refusal for s in one.situations.values() if s.refusal]
    if any(not w.is_hopeless() for s in one.situations.values() for w in s.inner):
        refusals = ["its time is spent in other watched functions"]
    if one.reason or refusals:
        return one.reason or refusals[-1]
    so_far = sum(s.so_far for s in one.situations.values())
    return f"too few calls to learn from, {_seconds(so_far)} in all"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if abs(seconds) >= 0.1 else f"{1000 * seconds:.1f} ms"
