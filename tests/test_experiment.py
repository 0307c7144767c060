"""The comparison of training rules."""

import json

import numpy as np
import pytest

from cnet import cli, experiment
from cnet.experiment import BASELINE, Comparison, Settings
from cnet.utils.data import ArrayDataset


def _sets():
    rng = np.random.default_rng(0)
    target = np.arange(60) % 10
    images = rng.random((60, 1, 8, 8), dtype=np.float32)
    images[np.arange(60), 0, target % 8, target // 8] += 3
    return ArrayDataset(images, target), ArrayDataset(images[:20], target[:20])


def _histories(**accuracies):
    return {
        rule: [[{"epoch": 1, "test_accuracy": a / 100}] for a in values]
        for rule, values in accuracies.items()
    }


def test_all_rules_start_alike_and_differ_later():
    settings = Settings(epochs=2, batch_size=20, lr=3e-3, circular_strength=0.5)
    seen = []
    histories = experiment.run(*_sets(), [0, 1], settings, lambda *report: seen.append(report))
    assert set(histories) == {"baseline", "literal", "feedback"}
    assert len(seen) == 2 * 3 * 2
    for seed in range(2):
        losses = [histories[rule][seed][-1]["train_loss"] for rule in histories]
        assert len({*losses}) == 3
    again = experiment.run(*_sets(), [0, 1], settings)
    for rule in histories:
        for one, other in zip(histories[rule], again[rule], strict=True):
            assert [row["train_loss"] for row in one] == [row["train_loss"] for row in other]


def test_the_baseline_is_adam():
    settings = Settings(epochs=1, batch_size=20)
    silent = Settings(epochs=1, batch_size=20, circular_strength=1e-30, neumann_steps=1)
    losses = [
        experiment.run(*_sets(), [3], s)[rule][0][-1]["test_loss"]
        for s, rule in ((settings, BASELINE), (silent, "literal"), (silent, "feedback"))
    ]
    assert losses[0] == losses[1] == losses[2]


def test_comparison_by_students_t():
    pytest.importorskip("scipy", reason="the interval is SciPy's")
    histories = _histories(baseline=[90, 91, 92], literal=[92, 93, 95], feedback=[90, 92, 91])
    baseline, literal, feedback = experiment.compare(histories)
    assert (baseline.mean, baseline.deviation, baseline.difference) == pytest.approx((91, 1, 0))
    differences = np.array([2, 2, 3])
    margin = 4.302653 * differences.std(ddof=1) / np.sqrt(3)
    mean = differences.mean()
    found = literal.difference, literal.low, literal.high
    assert found == pytest.approx((mean, mean - margin, mean + margin), rel=1e-6)
    assert literal.verdict == "better than the baseline by 2.33 points"
    assert feedback.verdict == "no difference beyond noise"


def test_verdicts_and_table():
    worse = Comparison("literal", 88.0, 1.0, -2.0, -3.0, -1.0)
    assert worse.verdict == "worse than the baseline by 2.00 points"
    rows = [Comparison(BASELINE, 90.0, 0.5, 0.0, 0.0, 0.0), worse]
    text = experiment.table(rows, 5).splitlines()
    assert text[0] == "test accuracy after the last epoch, 5 seeds"
    assert text[2].split() == ["baseline", "90.00", "±", "0.50"]
    assert text[3].split() == ["literal", "88.00", "±", "1.00", "-2.00", "[-3.00,", "-1.00]"]
    assert text[-1] == "literal: worse than the baseline by 2.00 points"


def test_one_seed_gives_no_verdict():
    text = experiment.table(
        experiment.compare(_histories(baseline=[90], literal=[91], feedback=[92])), 1
    )
    assert "one seed is not enough" in text
    assert "beyond noise" not in text


def test_command(tmp_path, capsys, monkeypatch):
    pytest.importorskip("scipy", reason="the interval is SciPy's")
    monkeypatch.setattr("cnet.experiment.cli.datasets", lambda name, folder: _sets())
    folder = tmp_path / "out"
    command = ["experiment", "circular", "--seeds", "2", "--epochs", "1", "--out", str(folder)]
    assert cli.main([*command, "--batch-size", "20", "--circular-strength", "0.1"]) == 0
    out, err = capsys.readouterr()
    assert "feedback: " in out
    assert "epochs 1, batch size 20, lr 0.003, circular strength 0.1" in err
    assert [line.partition(":")[0] for line in err.splitlines()[2:]] == [
        f"seed {seed}, {rule}" for seed in range(2) for rule in experiment.NAMES
    ]
    assert "\r" not in err
    results = json.loads((folder / "results.json").read_text())
    assert results["settings"]["circular_strength"] == 0.1
    assert results["settings"]["lr"] == 3e-3
    assert len(results["histories"]["literal"]) == 2
    assert (folder / "curves.png").read_bytes()[1:4] == b"PNG"
    assert cli.main(command) == 2
    assert "already contains results" in capsys.readouterr().err
