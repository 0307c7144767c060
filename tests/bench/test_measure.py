"""Sides are timed in turns, each in its own process, with equal numbers of threads."""

import json
import os
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from cnet.bench import measure
from cnet.bench.sides import Contender

FAKE_SIDE = """
import json, os, threading, time
from cnet.bench.cases import Case

class Fake:
    is_spinning = False

    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds

    def spin_on(self):
        self.is_spinning = True
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        self.is_spinning = False

    def work(self):
        if not self.is_spinning:
            threading.Thread(target=self.spin_on).start()
        self.nap()

    def nap(self):
        start = time.monotonic()
        time.sleep(self.seconds)
        print("output of a side is not an answer")
        threads = [os.environ[name] for name in json.loads(os.environ["FAKE_VARIABLES"])]
        own = os.environ["FAKE"], sorted(getattr(os, "sched_getaffinity", lambda pid: ())(0))
        call = [self.name, start, time.monotonic(), os.getpid(), threads, *own]
        with open(os.environ["FAKE_LOG"], "a") as log:
            log.write(json.dumps(call) + "\\n")

class Broken:
    def nap(self):
        raise ArithmeticError("broken")

CASES = {"nap": Case("a nap", lambda side, batch: side.nap)}
BUSY = {"work": Case("work", lambda side, batch: side.work)}

fast, slow, broken = Fake("fast", 0.001), Fake("slow", 0.03), Broken()
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the sides of the module fake_side log every call."""
    (tmp_path / "fake_side.py").write_text(FAKE_SIDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FAKE_VARIABLES", json.dumps(measure.THREAD_VARIABLES))
    return tmp_path / "log"


def _measure(*sides: str, rounds: int = 1, cases: str = "CASES", threads: int = 3) -> list[Any]:
    contenders = {side: Contender(f"fake_side:{side}", {"FAKE": side}) for side in sides}
    comparison = measure.Comparison(f"fake_side:{cases}", contenders)
    return list(measure.measure(comparison, threads=threads, rounds=rounds))


def test_sides_take_turns_and_never_overlap(log):
    ((case, runs),) = _measure("fast", "slow", rounds=3)
    assert case == "nap"
    assert {side: len(figures) for side, figures in runs.items()} == {"fast": 3, "slow": 3}
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(end <= start for (_, _, end, *_), (_, start, *_) in pairwise(calls))
    turns = [(name, len(list(group))) for name, group in groupby(calls, key=lambda call: call[0])]
    assert [name for name, _ in turns] == ["fast", "slow"] * 4
    # Each turn begins with a warm-up call; slow work is repeated less often.
    assert {count for name, count in turns[2:] if name == "slow"} == {2}
    assert min(count for name, count in turns[2:] if name == "fast") > 2
    assert len({(name, process) for name, _, _, process, *_ in calls}) == 2
    assert all(threads == ["3"] * 4 and own == name for name, *_, threads, own, _ in calls)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be moved here")
@pytest.mark.parametrize("threads", [1, 2])
def test_sides_with_one_thread_share_a_cpu_in_each_round(log, threads):
    available = sorted(os.sched_getaffinity(0))
    _measure("fast", "slow", rounds=3, threads=threads)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    turns = [next(group)[-1] for _, group in groupby(calls, key=lambda call: call[0])]
    if threads == 1:
        rounds = [[available[turn % len(available)]] for turn in range(3)]
        assert turns[2:] == [cpus for cpus in rounds for _ in range(2)]
    else:
        assert turns[2:] == [available] * 6


def test_a_turn_ends_when_no_thread_computes(log):
    _measure("slow", "fast", rounds=2, cases="BUSY")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    pauses = [
        start - end for (before, _, end, *_), (name, start, *_) in pairwise(calls) if before != name
    ]
    assert len(pauses) == 5
    # The rest of 0.2 s after 0.05 to 0.1 s of calls; a busy machine stretches some of the calls.
    assert median(pauses) > 0.05


def test_figures_are_milliseconds_of_one_call(log):
    ((_, runs),) = _measure("slow")
    assert 30 <= runs["slow"][0] < 3000


def test_a_side_that_fails_is_named(log, capfd):
    with pytest.raises(ChildProcessError, match=r"'broken' ended at 'nap' \(exit status 1\)"):
        _measure("fast", "broken")
    assert "ArithmeticError: broken" in capfd.readouterr().err
