"""The files written from the records: README's table, the pages, the plots, the goals."""

import json
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from xml.etree import ElementTree

import pytest

import plot
import report
import suites
from cnet.bench.table import TIMES
from figures import MISSING, Records, fastest, folder, machine, mean_ratio, rate, ratio
from goals import GOALS
from summary import ABSENT
from verdicts import LISTED

README = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n"


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """Records of all suites with every peer: cnet takes 1 ms, the others 4, 5, ... ."""
    monkeypatch.setattr(suites, "find_spec", lambda name: True)
    monkeypatch.setattr(suites.shutil, "which", lambda name: name)
    monkeypatch.setattr(suites, "SEEDS", Path(__file__))
    taken = {
        suite: [_record(part, threads) for part in parts for threads in part.threads]
        for suite, parts in suites.suites().items()
    }
    parts = [suites.suites()[suite][0] for suite in ("training", "networks")]
    records = [_record(part._replace(name="memory"), 2) for part in parts]
    cases = [case for record in records for case in record["cases"]]
    return taken | {"memory": [records[1] | {"unit": "MB", "cases": cases}]}


def _record(part: suites.Part, threads: int) -> dict[str, Any]:
    sides = list(part.comparison.sides)
    others = iter(range(4, 99))
    figures = {side: 1.0 if side[:4] in ("cnet", "mach") else next(others) for side in sides}
    timings = {
        side: {"median": figure, "min": figure / 2, "runs": [figure]}
        for side, figure in figures.items()
    }
    cases = [
        {
            "name": name, "title": case.title, "batch": case.batch, "resource": case.resource,
            "amount": case.amount * case.batch, "timings": timings,
        }
        for name, case in resolve_name(part.comparison.cases).items()
    ]  # fmt: skip
    return {
        "part": part.name, "threads": threads, "rounds": 15, "sides": sides, "cases": cases,
        "unit": "ms", "commit": "c0ffee", "date": "2026-01-02T03:04:05", "load_average": 0.25,
        "config": {"cnet": "1.2", "isa": "avx2", "cpu": "Any(R) CPU @ 3 GHz", "compiler": "cc 1"},
        "numpy": {"version": "2.4", "blas": "a BLAS"}, "versions": {"torch": "9.8"},
    }  # fmt: skip


def _save(path: Path, taken: dict[str, Any]) -> Records:
    path.mkdir(parents=True, exist_ok=True)
    for suite, records in taken.items():
        (path / f"{suite}.json").write_text(json.dumps(records))
    return Records(path)


def _without_avx2(taken: dict[str, Any]) -> dict[str, Any]:
    """The same records, taken with AVX-512."""
    return {
        suite: [record | {"config": record["config"] | {"isa": "avx512"}} for record in records]
        for suite, records in taken.items()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "bench").mkdir()
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs" / "dropin.md").write_text(README)
    return tmp_path


def _main(monkeypatch: pytest.MonkeyPatch, root: Path, *words: str) -> int:
    folders = "--results", str(root / "results"), "--root", str(root)
    monkeypatch.setattr(sys, "argv", ["report.py", *folders, *words])
    return report.main()


def test_files_are_written_and_checked(root, everything, monkeypatch, capsys):
    _save(root / "results" / "first", everything)
    _save(root / "results" / "second", _without_avx2({"dropin": everything["dropin"]}))
    assert _main(monkeypatch, root, "--check") == 1
    assert (root / "README.md").read_text() == README
    assert _main(monkeypatch, root) == 0
    assert _main(monkeypatch, root, "--check") == 0

    readme = (root / "README.md").read_text()
    assert readme.startswith("before\n<!-- bench:begin -->\n| work | Any, AVX2 | Any, AVX-512 |")
    assert readme.endswith("(docs/benchmarks/any-avx2.svg)\n<!-- bench:end -->\nafter\n")
    rows = [
        f"| inference, reference CNN, batch 1 | **4.00{TIMES}** (1.00 ms) | {ABSENT} |",
        f"| 28 convolutions, backward | **4.00{TIMES}** | {ABSENT} |",
    ]
    assert all(row in readme.splitlines() for row in rows)
    styles = (root / "docs" / "dropin.md").read_text().splitlines()
    speed_up = "**4.00** (1.00 ms)"
    assert f"| `node`: training step, batch 256 | {speed_up} | {speed_up} |" in styles
    overview = (root / "docs" / "benchmarks.md").read_text()
    assert "- [Any, AVX2](benchmarks/any-avx2.md)" in overview.splitlines()
    pages = root / "docs" / "benchmarks"
    assert "`node`" not in (pages / "any-avx-512.md").read_text()
    page = (pages / "any-avx2.md").read_text()
    assert "commit c0ffee, 2026-01-02" in page
    for parts in suites.suites().values():
        for part in parts:
            for case in resolve_name(part.comparison.cases).values():
                assert f"| {case.title} |" in page
    for name in ("any-avx2.svg", "any-avx2-convolutions.svg"):
        assert f"]({name})" in page
        ElementTree.parse(pages / name)

    capsys.readouterr()
    everything["busy"][0]["cases"][0]["timings"]["cnet"]["median"] = 2.0
    _save(root / "results" / "first", everything)
    (root / "results" / "second" / "dropin.json").unlink()
    assert _main(monkeypatch, root, "--check") == 1
    said = capsys.readouterr().out.splitlines()
    assert {
        "docs/benchmarks/any-avx2.md",
        "docs/benchmarks/any-avx-512.md",
        "bench/goals.md",
    } <= {line.split()[0] for line in said}
    assert all("differs from the records" in line for line in said)
    assert _main(monkeypatch, root) == 0
    assert sorted(path.name for path in pages.iterdir()) == [
        "any-avx2-convolutions.svg",
        "any-avx2.md",
        "any-avx2.svg",
    ]


def test_verdicts_say_where_cnet_is_slower(root, everything, monkeypatch):
    case = everything["convolutions"][0]["cases"][0]
    slow = {"median": 2.0, "min": 2.0, "runs": [2.0 * max(case["timings"]["cnet"]["runs"]) * 4]}
    case["timings"] = case["timings"] | {"cnet": slow}
    _save(root / "results" / "any", everything)
    assert _main(monkeypatch, root) == 0
    page = (root / "docs" / "speed.md").read_text()
    rows = page.splitlines()
    assert f"- {case['title']}, 1 thread: 0.50{TIMES}" in rows
    assert sum(row.startswith("- ") and row.endswith(TIMES) for row in rows) == 1


def test_long_lists_of_slower_cases_end_with_a_link(root, everything, monkeypatch):
    cases = everything["convolutions"][0]["cases"]
    for case in cases:
        runs = [8.0 * max(case["timings"]["cnet"]["runs"])]
        case["timings"] = case["timings"] | {"cnet": {"median": 2.0, "min": 2.0, "runs": runs}}
    _save(root / "results" / "any", everything)
    assert _main(monkeypatch, root) == 0
    page = (root / "docs" / "speed.md").read_text()
    lines = [line for line in page.splitlines() if line.endswith(f", 1 thread: 0.50{TIMES}")]
    assert len(lines) == LISTED
    assert f"- and {len(cases) - LISTED} more: [all results](benchmarks/any-avx2.md)" in page


def test_few_records_are_enough(root, everything, monkeypatch):
    _save(root / "results" / "any", {"numpy": everything["numpy"]})
    assert _main(monkeypatch, root) == 0
    assert _main(monkeypatch, root, "--check") == 0
    page = (root / "docs" / "benchmarks" / "any-avx2.md").read_text()
    assert "The peak of the machine has not been measured" in page
    goals = (root / "bench" / "goals.md").read_text()
    assert goals.count(f"| {ABSENT} |") == len(GOALS) - 1
    assert not (root / "docs" / "benchmarks" / "any-avx2-convolutions.svg").exists()


def test_no_records_say_so(root, monkeypatch):
    assert _main(monkeypatch, root) == 0
    assert "Nothing has been measured" in (root / "README.md").read_text()


@pytest.mark.parametrize(
    "text", ["", "<!-- bench:begin -->", "<!-- bench:end --><!-- bench:begin -->"]
)
def test_readme_without_markers_is_refused(text):
    with pytest.raises(ValueError, match="bench:begin"):
        report.replace(text, "new")


def _values(records: Records) -> dict[str, float]:
    return {goal.work: goal.measured(records) for goal in GOALS if goal.applies(records)}


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_every_goal_finds_its_records(tmp_path, everything, isa):
    taken = everything if isa == "avx2" else _without_avx2(everything)
    values = _values(_save(tmp_path, taken))
    assert len(values) == len({goal.work for goal in GOALS})
    # cnet takes 1 ms (1000 µs), or 1 MB, PyTorch NCHW 4, ONNX Runtime 6, loops 5.
    others = {
        "hand-written NumPy": 5,
        "8-bit": 4,
        "ONNX Runtime": 6,
        "second thread": 1,
        "peak memory": 0.25,
        "busy process": 1,
        "channels first": 0.25,
        "µs, the longest": 1000,
    }
    for work, value in values.items():
        if "bandwidth" in work:
            assert 0 < value < 1
        else:
            known = [figure for words, figure in others.items() if words in work]
            assert value == pytest.approx(known[0] if known else 4), work


def test_goals_follow_the_worst_and_the_mean(tmp_path, everything):
    common, *_ = (r for r in everything["convolutions"] if r["threads"] == 2)
    for case in common["cases"]:
        if case["name"] == "vgg 64>64 k3 56x56 n8, forward":
            fast = {"median": 0.5, "min": 0.5, "runs": [0.5]}
            case["timings"] = case["timings"] | {"PyTorch channels_last": fast}
    values = _values(_save(tmp_path, everything))
    worst = [value for work, value in values.items() if "the worst" in work and value == 0.5]
    assert len(worst) == 2
    mean = values["28 convolutions, forward, mean"]
    assert mean == pytest.approx((4**27 * 0.5) ** (1 / 28))
    assert values["28 convolutions, backward, mean"] == 4


def test_a_goal_is_reached_from_its_side():
    goals = {goal.at_most: goal for goal in GOALS}
    assert goals[False].reached(99)
    assert not goals[False].reached(0)
    assert goals[True].reached(0)
    assert not goals[True].reached(99)


def test_figures_of_a_case():
    timings = {"cnet": 2.0, "cnet plan": 1.0, "a": 3.0, "b": 1.5}
    case = {
        "title": "work", "amount": 4e9,
        "timings": {side: {"median": figure, "runs": [figure]} for side, figure in timings.items()},
    }  # fmt: skip
    assert fastest(case) == "b"
    assert fastest(case, "a") == "a"
    assert ratio(case, "a") == 1.5
    assert ratio(case, "a", "cnet plan") == 3
    assert mean_ratio([case, case]) == pytest.approx(0.75)
    captured = {"median": 1.5, "runs": [1.5]}
    assert ratio(case | {"timings": case["timings"] | {"cnet captured": captured}}, "a") == 2
    assert rate(case, "cnet") == 2000
    with pytest.raises(MISSING):
        fastest(case, "c")
    with pytest.raises(MISSING):
        rate(case | {"amount": 0}, "cnet")


@pytest.mark.parametrize(
    ("cpu", "isa", "title", "name"),
    [
        ("Intel(R) Xeon(R) Processor", "avx512", "Intel Xeon, AVX-512", "intel-xeon-avx-512"),
        ("Intel(R) Core(TM) i7-8750H CPU @ 2.20GHz", "avx2", "Intel Core i7-8750H, AVX2",
         "intel-core-i7-8750h-avx2"),
        ("AMD EPYC", "generic", "AMD EPYC, generic", "amd-epyc-generic"),
    ],
)  # fmt: skip
def test_the_name_of_a_machine(cpu, isa, title, name):
    assert machine({"cpu": cpu, "isa": isa}) == title
    assert folder(title) == name


def test_marks_stand_where_the_ratios_are():
    rows = [plot.Row("a < b", "1 ms", {"x": 1.0, "y": 2.0}), plot.Row("c", "", {"x": 0.5})]
    root = ElementTree.fromstring(plot.dots("title", "axis", ("x", "y"), rows))
    name = "{http://www.w3.org/2000/svg}"
    _legend, one, half = (float(c.get("cx")) for c in root.iter(f"{name}circle"))
    squares = [polygon.get("points").split()[0] for polygon in root.iter(f"{name}polygon")]
    double = float(squares[1].split(",")[0]) + plot.RADIUS
    assert double - one == pytest.approx(one - half, abs=0.2)
    assert "a < b" in [text.text for text in root.iter(f"{name}text")]
