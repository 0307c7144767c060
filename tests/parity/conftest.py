"""PyTorch's samples, imported when a test needs them: the import takes seconds."""

import pytest


@pytest.fixture(scope="session")
def samples():
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    from parity import samples

    return samples
