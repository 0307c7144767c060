"""``cnet bench`` prints a table and writes a record."""

import argparse
import json
from functools import partial

import pytest

from cnet import runtime
from cnet._commands import UsageError
from cnet.bench import cli, measure, record, table
from cnet.bench.cases import CASES
from cnet.bench.sides import SIDES


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)


def test_table_and_record(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "TURN", 0)
    monkeypatch.setattr(record, "take", partial(record.take, batch=2))
    path = tmp_path / "record.json"
    assert cli.run(_parse("--threads", "1", "--rounds", "2", "--json", str(path))) == 0

    head, *rows, circumstances = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()) == "work cnet ms NumPy best ms ratio NumPy loops ms ratio"
    assert len({len(line) for line in (head, *rows)}) == 1
    for row, case in zip(rows, CASES.values(), strict=True):
        assert row.startswith(case.title)

    kept = json.loads(path.read_text())
    assert circumstances == table.circumstances(kept)
    assert {key: kept[key] for key in ("threads", "rounds", "unit", "sides")} == {
        "threads": 1, "rounds": 2, "unit": "ms", "sides": list(SIDES),
    }  # fmt: skip
    assert kept["config"] == runtime.config() | {"threads": 1}
    assert {"date", "commit", "numpy", "load_average"} <= kept.keys()
    assert [case["name"] for case in kept["cases"]] == list(CASES)
    assert {case["batch"] for case in kept["cases"]} == {2}
    for case in kept["cases"]:
        for timing in case["timings"].values():
            assert len(timing["runs"]) == 2
            assert 0 < timing["min"] <= timing["median"] <= timing["max"]


@pytest.mark.parametrize("rounds", [(), ("--quick",), ("--rounds", "7"), ("--quick", "--rounds=7")])
def test_rounds(rounds, monkeypatch):
    asked = []

    def take(*args, **options):
        asked.append(options["rounds"])
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "take", take)
    with pytest.raises(KeyboardInterrupt):
        cli.run(_parse(*rounds))
    expected = 7 if any("7" in word for word in rounds) else 5 if rounds else 15
    assert asked == [expected]


@pytest.mark.parametrize(
    "words",
    [
        ("--threads", "0"),
        ("--threads", "999"),
        ("--rounds", "x"),
        ("--json", "no/file"),
        ("--json", "."),
    ],
)
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        _parse(*words)
    assert f"argument {words[0]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (1.2, "1.20"), (12.34, "12.3"), (99.96, "100"), (1234.5, "1234")],
)
def test_three_digits(value, text):
    assert table.three_digits(value) == text


def test_row_gives_ratios_to_the_first_side():
    """The median of the ratios of the rounds; the ratio of the medians would be 2.5."""
    runs = {"a": [1.0, 2.0, 9.0], "b": [4.0, 5.0, 27.0], "c": [30.0, 30.0, 30.0]}
    timings = {side: record.summary(figures) for side, figures in runs.items()}
    cells = table.row({"title": "work", "timings": timings})
    assert cells == ["work", "2.00", "5.00", "3.00" + table.TIMES, "30.0", "15.0" + table.TIMES]
    assert len(cells) == len(table.head(list(timings)))


def test_one_network(tmp_path, capsys):
    path = tmp_path / "record.json"
    words = "--network", "small_cnn", "--input", "3x12x12", "--batch", "2", "--rounds", "2"
    assert cli.run(_parse(*words, "--threads", "1", "--json", str(path))) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["work", "ms", "fastest", "images/s"]
    works = ["training step", "training step, captured", "inference", "inference, compiled"]
    assert [row[: len(work)] for row, work in zip(rows, works, strict=True)] == works
    assert last.startswith("small_cnn, 2 images of 3x12x12, 1 thread, median of 2 rounds; peak")
    kept = json.loads(path.read_text())
    assert list(kept["timings"]) == works
    assert {len(timing["runs"]) for timing in kept["timings"].values()} == {2}
    assert (kept["network"], kept["input"]) == ("small_cnn", [3, 12, 12])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--network", "small"), "model must be in list_models"),
        (("--network", "unet", "--input", "3x9x9"), "unet cannot take images of 3x9x9"),
    ],
)
def test_networks_that_cannot_be_measured(words, message):
    with pytest.raises(UsageError, match=message):
        cli.run(_parse(*words))
