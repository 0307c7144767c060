"""Everything that a test has replaced is put back."""

from collections.abc import Iterator

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
