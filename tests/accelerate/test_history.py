"""What earlier runs of a script have found out: it says when to learn, and nothing else."""

import os
from pathlib import Path

import pytest
from written_scripts import NET, SCRIPT, run

from cnet.accelerate import _budget, _history
from cnet.accelerate._budget import Budget, Price
from cnet.accelerate._history import History, Past
from cnet.accelerate._watched import Situation

PLACE = "Layer.forward", "(<class 'net.Layer'>, 3)"
KNOWN = {PLACE: Past(3.0, 2.0, "return is not explained", 0.5)}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name in ("train.py", "net.py"):
        (tmp_path / name).write_text("x = 1\n")
    return [str(tmp_path / name) for name in ("train.py", "net.py")]


def kept(files: list[str], arguments: tuple[str, ...] = ("--fast",)) -> History:
    History.of(files[0], arguments).save(files, 4.0, KNOWN)
    return History.of(files[0], ("--fast",))


def test_what_is_kept(files: list[str]) -> None:
    history = kept(files)
    assert history.known == KNOWN
    assert history.total == 6.0  # with what cnet has replaced
    assert history.lead == -1
    assert os.listdir(os.path.dirname(history.path)) == [os.path.basename(history.path)]


def test_files_that_have_changed(files: list[str]) -> None:
    path = kept(files).path
    Path(files[1]).write_text("x = 2222\n")
    assert not History.of(files[0], ("--fast",)).known
    os.remove(files[1])
    assert not History.of(files[0], ("--fast",)).known
    assert os.path.exists(path)


def test_other_arguments_and_versions(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not kept(files, ("--slow",)).known
    assert kept(files).known
    monkeypatch.setattr(_history, "__version__", "another")
    assert not History.of(files[0], ("--fast",)).known


@pytest.mark.parametrize(
    "text", ["", "(", "1", "(1, 2)", "__import__('os')", "\0", "([], {}, 0, 0)", "(" * 9999]
)
def test_files_that_are_damaged(text: str, files: list[str]) -> None:
    path = kept(files).path
    Path(path).write_text(text)
    history = History.of(files[0], ("--fast",))
    assert not history.known
    assert history.total == 0


def test_nothing_is_kept_of_short_runs(files: list[str]) -> None:
    history = History.of(files[0], ())
    history.save(files, 0.5 * _history.LEAST_TOTAL, {})
    assert not os.path.exists(history.path)


def test_a_folder_that_cannot_be_written(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNET_CACHE", str(tmp_path / "net.py" / "cnet"))
    assert not kept(files).known


def test_expected_seconds_count_once() -> None:
    budget, share = Budget(is_patient=True), _budget.SHARE
    budget.expect(10.0, lead=0)
    assert budget.left == pytest.approx(10 * share)
    budget.worked(8.0)
    assert budget.left == pytest.approx(10 * share)
    budget.worked(3.0)
    assert budget.left == pytest.approx(11 * share)
    assert budget.total == pytest.approx(11.0)
    assert budget.allows(Price(11 * share, 11 * share), can_save=100.0)


CONV = "(<class '__main__.Conv3x3'>, ((14, 14), (112, 8), dtype('float64')))"


@pytest.mark.parametrize(
    ("refusal", "option", "is_learned"),
    [
        ("", "--report", True),
        ("it was refused", "--report", False),
        ("waits", "--report", False),
        ("", "--no-history", False),
    ],
)
def test_a_script_that_has_run_before(
    refusal: str, option: str, is_learned: bool, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "net.py").write_text(NET)
    files = [str(tmp_path / name) for name in ("train.py", "net.py")]
    past = {("Conv3x3.forward", CONV): Past(100.0, 0.0, refusal)}
    if refusal == "waits":  # its backward function is not known to be long
        refusal, past = "", {("Conv3x3.forward", CONV): Past(100.0, waits=True)}
    History.of(files[0], ("a",)).save(files, 100.0, past)
    own = run(tmp_path, "train.py", "a")
    got = run(tmp_path, "-m", "cnet.accelerate", option, "--report", "train.py", "a")
    assert got.stdout == own.stdout
    (line,) = [line for line in got.stderr.splitlines() if line.startswith("Conv3x3.forward")]
    assert ("by cnet" in line) is is_learned
    assert not refusal or refusal in line


def test_calls_to_come() -> None:
    situation = Situation()
    situation.so_far, situation.work = 2.0, 0.1
    assert situation.to_come == 2.0
    situation.expected = 10.0
    assert situation.to_come == pytest.approx(10.0 - 2.0 - 4 * 0.1)
    situation.so_far = 9.8
    assert situation.to_come == 0.0
    situation.so_far = 11.0
    assert situation.to_come == 11.0
