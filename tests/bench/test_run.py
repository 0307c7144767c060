"""bench/run.py measures suites and writes their records."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import busy
import run as script
from cnet import runtime
from cnet.bench.measure import AGAINST_NUMPY, Comparison
from cnet.bench.sides import Contender
from figures import folder, machine
from suites import AVX2, Part

MACHINE = folder(machine(runtime.config()))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Part, ...]]:
    """A short table of suites; `take` returns its arguments instead of measuring."""
    ours = Comparison("work.networks:BUSY_CASES", {"cnet": Contender("peers.ours")})
    table = {
        "first": (Part("all", AGAINST_NUMPY), Part("busy", ours, threads=(2,), busy=3)),
        "second": (Part("second", ours, threads=(1,)),),
        "networks": (Part("training", ours),),
        "absent": (),
    }
    monkeypatch.setattr(script, "suites", lambda: table)
    monkeypatch.setattr(script.table, "circumstances", str)
    monkeypatch.setattr(script, "_versions", dict)
    monkeypatch.setattr(script.table.Printer, "row", None)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")

    around = []

    @contextmanager
    def neighbours(number: int) -> Iterator[None]:
        around.append(number)
        yield
        around.pop()

    def take(comparison: Comparison, *, threads: int, rounds: int, report: Any) -> dict[str, Any]:
        sides = list(comparison.sides)
        return {"threads": threads, "rounds": rounds, "sides": sides, "around": around[-1]}

    monkeypatch.setattr(script.record, "take", take)
    monkeypatch.setattr(script, "busy_processes", neighbours)
    return table


def _main(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    script.main()


def test_a_file_for_each_suite(tmp_path, monkeypatch, table):
    _main(monkeypatch, "first", "absent", "--rounds", "4", "--results", str(tmp_path / "new"))
    (path,) = (tmp_path / "new" / MACHINE).iterdir()
    assert path.name == "first.json"
    kept = [
        (taken["part"], taken["threads"], taken["rounds"], taken["around"], taken["sides"])
        for taken in json.loads(path.read_text())
    ]
    everyone = list(AGAINST_NUMPY.sides)
    assert kept == [
        ("all", 1, 4, 0, everyone),
        ("all", 2, 4, 0, everyone),
        ("busy", 2, 4, 3, ["cnet"]),
    ]
    # The processes of the sides can import the modules beside the script.
    assert os.environ["PYTHONPATH"] == f"{script.HERE}{os.pathsep}elsewhere"


def test_memory_is_measured_without_the_variants_of_the_environment(tmp_path, monkeypatch, table):
    asked = []

    def take(sides: Any, case: str, threads: int, rounds: int) -> dict[str, list[float]]:
        asked.append((list(sides), case, threads, rounds))
        return {"peers.ours": [100.0, 90.0, 110.0]}

    monkeypatch.setattr(script.memory, "take", take)
    _main(monkeypatch, "memory", "--results", str(tmp_path))
    assert asked == [(["peers.ours"], case, 2, 3) for case in script.MEMORY_CASES]
    (taken,) = json.loads((tmp_path / MACHINE / "memory.json").read_text())
    assert (taken["part"], taken["threads"], taken["unit"]) == ("memory", 2, "MB")
    assert taken["cases"][0]["timings"]["cnet"]["median"] == 100


@pytest.mark.skipif("avx2" not in runtime.available_isas(), reason="this CPU has no AVX2")
def test_a_machine_can_be_held_to_avx2(tmp_path, monkeypatch, table):
    table["training"] = table["second"]
    for name in AVX2:
        monkeypatch.setenv(name, "")  # restored after the test
    with runtime.use_isa(runtime.config()["isa"]):
        _main(monkeypatch, "training", "--avx2", "--results", str(tmp_path))
    assert {name: os.environ[name] for name in AVX2} == AVX2
    (path,) = tmp_path.glob("*/training.json")
    assert path.parent.name.endswith("-avx2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no such"], "unknown suite: no such"),
        (["networks", "--avx2"], "--avx2 does not limit all sides of networks"),
    ],
)
def test_unknown_suites_are_refused(monkeypatch, table, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        _main(monkeypatch, *words)
    assert message in capsys.readouterr().err


def test_busy_processes_end_with_the_block(monkeypatch):
    started = []
    popen = busy.subprocess.Popen

    def start(command: list[str]) -> Any:
        started.append(popen(command))
        return started[-1]

    monkeypatch.setattr(busy.subprocess, "Popen", start)
    with busy.busy_processes(2):
        assert [process.poll() for process in started] == [None, None]
    assert None not in [process.poll() for process in started]
