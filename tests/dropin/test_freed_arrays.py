"""Programs that import `cnet.dropin` reuse the memory of the arrays that NumPy has freed."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys

import numpy as np

if sys.argv[1] == "dropin":
    import cnet.dropin.dlfs

def step():
    a = np.ones(400_000)
    return (a + 1) * a

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    step()
before = faults()
for _ in range(10):
    step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries return memory later")
def test_freed_arrays_are_reused(monkeypatch):
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"):
        monkeypatch.delenv(name, raising=False)

    def faults(side):
        command = [sys.executable, "-c", PROGRAM, side]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("dropin") < faults("numpy") / 10
