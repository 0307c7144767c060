"""Measurements of statements: what runs how often, and how times are told."""

import pytest

import cnet
from cnet.utils import benchmark


class Clock:
    """A clock on which each execution of `run` takes three microseconds."""

    def __init__(self):
        self.count = 0
        self.threads = set()

    def __call__(self):
        return self.count * 3e-6

    def run(self):
        self.count += 1
        self.threads.add(cnet.get_num_threads())


def test_a_number_of_executions():
    clock, before = Clock(), cnet.get_num_threads()
    variables = {"clock": clock, "started": []}
    timer = benchmark.Timer(
        """
        clock.run()
        x.relu()
        """, "x = cnet.ones(2); started.append(x)", clock, variables, label="relu", num_threads=3,
    )  # fmt: skip
    found = timer.timeit(500)
    assert clock.count == 505
    assert (found.number_per_run, len(found.raw_times)) == (500, 1)
    assert found.mean == found.median == pytest.approx(3e-6)
    assert clock.threads == {3}
    assert cnet.get_num_threads() == before
    assert repr(found) == "relu\n  3.00 us\n  1 measurement, 500 runs per measurement, 3 threads"


def test_blocks_for_a_time():
    clock, blocks = Clock(), []
    timer = benchmark.Timer("clock.run()", timer=clock, globals={"clock": clock})
    found = timer.blocked_autorange(lambda *block: blocks.append(block), min_run_time=0.02)
    assert sum(found.raw_times) >= 0.02
    assert [time for _, time in blocks] == found.raw_times
    assert {number for number, _ in blocks} == {found.number_per_run}
    assert found.times == pytest.approx([3e-6] * len(blocks))
    assert repr(found).startswith("clock.run()\n  Median: 3.00 us\n  IQR:    0.00 us")


@pytest.mark.parametrize("seconds", [3.0, 3e-3, 3e-6, 3e-9, 3e-11])
def test_units(seconds):
    text = repr(benchmark.Measurement(2, [2 * seconds], "x"))
    number, unit = text.splitlines()[1].split()
    assert float(number) * dict(benchmark._UNITS)[unit] == pytest.approx(seconds)
    assert "1 measurement, 2 runs per measurement, 1 thread" in text


def test_threads_are_restored_after_an_error():
    before = cnet.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        benchmark.Timer("1 / 0", num_threads=before + 1).timeit(1)
    assert cnet.get_num_threads() == before
    with pytest.raises(TypeError, match=r"Timer: stmt must be a str \(got int\)"):
        benchmark.Timer(3)
