"""Everything that a test has replaced is put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cnet


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    yield
    cnet.accelerate.off()


@pytest.fixture(autouse=True)
def _small_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of tests are small: learn them, however fast they are and however busy the machine."""
    monkeypatch.setattr("cnet.accelerate._budget.LEAST_SECONDS", 0)
    monkeypatch.setattr("cnet.accelerate._budget.MOST_SECONDS", 10)


@pytest.fixture(autouse=True)
def _own_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What scripts find out is kept in a folder of the test."""
    monkeypatch.setenv("CNET_CACHE", str(tmp_path / "cache"))
