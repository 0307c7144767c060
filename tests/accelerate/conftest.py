"""Everything that a test has replaced is put back."""

from collections.abc import Iterator

import pytest

import cnet


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    yield
    cnet.accelerate.off()
