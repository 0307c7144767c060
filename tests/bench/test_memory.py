"""Peak memory is measured, and that of a training step is bounded."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize("resettable", [True, False])
def test_peak_growth_includes_freed_memory(resettable):
    code = (
        f"import sys; sys.path.insert(0, {str(BENCH)!r})\n"
        "import memory, numpy as np, pathlib\n"
        f"if not {resettable}: memory.CLEAR_REFS = pathlib.Path('/no/such/file')\n"
        "print(memory.peak_growth(lambda: np.ones(50_000_000, np.uint8).sum()))"
    )
    # Through a shell, because a forked process inherits the peak of its parent.
    shell = ["/bin/sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, code]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert 49e6 < int(done.stdout) < 60e6


def test_training_steps_take_less_than_200_megabytes():
    command = [sys.executable, str(BENCH / "memory.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pattern = r"([\d.]+) MB for 3 training steps of peers.ours: reference CNN, batch 256"
    (megabytes,) = re.findall(pattern, done.stdout)
    assert 5 < float(megabytes) < 200
