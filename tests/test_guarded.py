"""The guards around arrays, on which the tests of the kernels rely."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import guarded


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.parametrize(("place", "offset"), [(guarded.ENDING, 8), (guarded.BEGINNING, -1)])
def test_guards_stop_an_overread(place: str, offset: int) -> None:
    code = (
        "import ctypes, guarded, sys\n"
        f"x = guarded.Guarded((1,), float, {place!r}).array\n"
        "ctypes.string_at(x.ctypes.data + int(sys.argv[1]), 1)\n"
    )
    inside, beyond = (
        subprocess.run([sys.executable, "-c", code, at], cwd=Path(__file__).parent)
        for at in ("0", str(offset))
    )
    assert inside.returncode == 0
    assert beyond.returncode == -signal.SIGSEGV


@pytest.mark.parametrize("place", guarded.PLACES)
def test_guards_see_what_is_written_beside_an_array(place: str) -> None:
    allocate = guarded.Allocator(place)
    x = allocate((3,), np.float32)
    assert np.isnan(x).all()
    x[:] = 0
    assert allocate.intact()
    beside = x.base
    beside[-1 if place == guarded.BEGINNING else 0] = 0
    assert not allocate.intact()
