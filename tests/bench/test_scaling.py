"""bench/scaling.py simulates a step on more processors."""

import json
import sys

import pytest

import scaling
from cnet.runtime import Region


@pytest.mark.parametrize(
    ("chunks", "processors", "expected"),
    [
        ([4, 4, 4, 4], 1, 16),
        ([4, 4, 4, 4], 2, 9),  # the worker starts late, and ends last
        ([4, 4, 4], 2, 8),
        ([10, 1, 1], 8, 10),
        ([10, 1, 1], 2, 10),
        ([5], 4, 5),
        ([], 4, 0),
    ],
)
def test_the_next_chunk_goes_to_the_processor_that_is_free_first(chunks, processors, expected):
    region = Region(0, sum(chunks), 64, chunks)
    assert scaling.region_time(region, processors, delay=1) == expected


def test_a_region_has_no_more_threads_than_its_kernel_wants():
    assert scaling.region_time(Region(0, 8, 2, [2, 2, 2, 2]), 4, delay=0) == 4


def test_the_time_between_regions_is_serial():
    step = scaling.Recording(
        [Region(10, 18, 8, [4, 4]), Region(20, 26, 8, [3, 3])], gaps=[10, 2, 4]
    )
    assert scaling.simulate(step, 2, delay=0) == (16 + 4 + 3, 16, 0)
    assert scaling.simulate(step, 4, delay=0) == (16 + 4 + 3, 16, 3.5)


def test_gaps_are_the_times_before_between_and_after_regions(monkeypatch):
    regions = [Region(10, 18, 8, [8]), Region(20, 26, 8, [6])]
    clock = iter([7, 30])
    monkeypatch.setattr(scaling, "perf_counter_ns", lambda: next(clock))
    monkeypatch.setattr(scaling.runtime, "record_regions", lambda work: regions)
    assert scaling._record(lambda: None) == (regions, [3, 2, 4])


def test_the_least_times_of_several_recordings_count():
    recordings = [
        scaling.Recording([Region(10, 18, 8, [4, 9])], gaps=[10, 3]),
        scaling.Recording([Region(50, 58, 8, [6, 2])], gaps=[5, 20]),
    ]
    regions, gaps = scaling.least(recordings)
    assert [region.chunks for region in regions] == [[4, 2]]
    assert gaps == [5, 3]


def test_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(scaling, "start_delay", lambda: 1000.0)
    file = tmp_path / "scaling.json"
    arguments = ["scaling.py", "reference 32", "--rounds", "1", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    scaling.main()
    assert "reference CNN, batch 32, captured" in capsys.readouterr().out
    cases = json.loads(file.read_text())["cases"]
    assert [case["side"] for case in cases] == ["eager", "captured"]
    for case in cases:
        assert set(case["simulated"]) == {"2", "4", "8", "16", "32", "64"}
