"""The circumstances that a record names."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cnet.bench import record


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a module `record.py` and a record, both committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for path in ("src/record.py", "bench/results/training.json"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("{}\n")
    identity = ("-c", "user.name=cnet", "-c", "user.email=cnet@example.org")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    monkeypatch.setattr(record, "__file__", str(tmp_path / "src/record.py"))
    return tmp_path


def test_changed_code_makes_the_commit_dirty(checkout: Path) -> None:
    commit = record._commit()
    assert commit
    (checkout / "src/record.py").write_text("[]\n")
    assert record._commit() == f"{commit}-dirty"


def test_a_changed_record_does_not_make_the_commit_dirty(checkout: Path) -> None:
    commit = record._commit()
    (checkout / "bench/results/training.json").write_text("[]\n")
    assert record._commit() == commit
    (checkout / "notes.txt").write_text("not tracked\n")
    assert record._commit() == commit


def test_a_module_outside_the_checkout_has_no_commit(checkout: Path) -> None:
    subprocess.run(
        ["git", "-C", str(checkout), "rm", "-q", "--cached", "src/record.py"], check=True
    )
    assert record._commit() is None
