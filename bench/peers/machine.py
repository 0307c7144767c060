"""The machine as a side: `machine.c`, compiled for this processor, on every thread.

ctypes releases the GIL, so Python threads suffice.
"""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).with_name("machine.c")
COMPILER = os.environ.get("CC", "cc")
LINE = 64
THREADS = int(os.environ.get("CNET_NUM_THREADS", "1"))


def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.so"
        # Without the last flag, the compiler replaces the copy loop by a call of memcpy.
        flags = "-O3", "-march=native", "-shared", "-fPIC", "-fno-tree-loop-distribute-patterns"
        subprocess.run([COMPILER, *flags, SOURCE, "-o", path], check=True)
        library = ctypes.CDLL(str(path))
    for dtype, kind in (("float32", ctypes.c_float), ("float64", ctypes.c_double)):
        function = getattr(library, f"fma_{dtype}")
        function.argtypes, function.restype = (ctypes.c_size_t, kind, kind), kind
    for copy in (library.copy, library.copy_streaming):
        copy.argtypes, copy.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t), None
    return library


def _aligned(array: Any) -> Any:
    return array[-array.ctypes.data % LINE :]


class Machine:
    """Divides all work evenly among the threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)

    @cached_property
    def _library(self) -> ctypes.CDLL:
        return _library()

    def fma(self, dtype: str, flops: int) -> None:
        """Multiply and add in registers."""
        function = getattr(self._library, f"fma_{dtype}")
        self._share(lambda _: function(flops // THREADS, 0.999, 0.001))

    def copier(self, name: str, size: int) -> Callable[[], None]:
        """A function that copies `size` bytes, more than the caches hold, over existing memory."""
        copy = getattr(self._library, name)
        source, target = (_aligned(np.full(size + LINE, value, np.uint8)) for value in (1, 2))
        part = size // THREADS // LINE * LINE

        def task(thread: int) -> None:
            pointers = (array[thread * part :].ctypes.data for array in (target, source))
            copy(*pointers, part)

        return lambda: self._share(task)

    def _share(self, task: Callable[[int], Any]) -> None:
        list(self._pool.map(task, range(THREADS)))


MACHINE = Machine()
