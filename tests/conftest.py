"""Fixtures for tests that run on every combination of implementation and other parameters."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The processes of pytest-xdist compete for the cores: more threads of NumPy's BLAS, or threads of
# OpenMP that spin while they wait, take several times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest

from cnet import runtime

DTYPES = np.float32, np.float64
THREADS = 1, 2, 3, 8


def pytest_configure() -> None:
    """Restore Ctrl-C, which background jobs of a shell ignore and which some tests need."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=runtime.available_isas())
def impl(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the active implementation: reference, or an ISA that this machine has."""
    with runtime.use_isa(request.param):
        yield request.param


@pytest.fixture(params=THREADS)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    with runtime.use_threads(request.param):
        yield request.param


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def mnist_folder() -> Path:
    """The folder with the files of MNIST; the test is skipped without it."""
    folder = Path(os.environ.get("CNET_DATA", "."))
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        pytest.skip("no folder with MNIST: set CNET_DATA")
    return folder
