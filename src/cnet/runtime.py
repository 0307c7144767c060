"""The instruction set and the number of threads that kernels run with.

Three environment variables, read at import, set them for a process:

- ``CNET_ISA``: ``generic``, ``avx2``, ``avx512``, or ``reference`` for the plain NumPy
  implementation. Default: the fastest that this machine supports.
- ``CNET_AMX``: ``0`` keeps plans of 8-bit integers and bfloat16 from using AMX, ``1`` is the
  default: use it where the processor and Linux support it. Results of 8-bit integers are the same,
  those of bfloat16 differ by rounding.
- ``CNET_NUM_THREADS``: default is the first number in ``OMP_NUM_THREADS``, else the number that
  affinity, cgroup quota and cores allow.

An empty variable counts as not set. Results do not depend on the number of threads, bit for bit;
between instruction sets they differ by rounding.
"""

import os
import platform
import re
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._cpus import default_num_threads, omp_num_threads
from ._locks import free_after_fork
from .arrays import boolean

__all__ = [
    "available_isas",
    "config",
    "current_isa",
    "empty_cache",
    "exact_is_on",
    "get_num_threads",
    "set_num_threads",
    "show_config",
    "use_exact",
    "use_isa",
    "use_threads",
]

REFERENCE = "reference"
DOTS = "pairs", "vnni", "amx"
"""How 8-bit kernels add products, slowest first."""

_compiled = dict(_core.isas())
_names = tuple(_compiled)
_reference = False
_reasons: set[object] = set()
_redirecting = free_after_fork(Lock())
_exact = False
_amx = True


class _Restore:
    """The result of a `use_…` function: a context manager that undoes the change."""

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo = undo

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo()


def available_isas() -> tuple[str, ...]:
    """Names that `use_isa` accepts on this machine, from the slowest to the fastest.

    Examples
    --------
    >>> import cnet
    >>> cnet.available_isas()[:2]
    ('reference', 'generic')
    """
    return (REFERENCE, *(name for name, supported in _compiled.items() if supported))


def current_isa() -> str:
    """The instruction set that kernels use now.

    Examples
    --------
    >>> import cnet
    >>> cnet.current_isa() in cnet.available_isas()
    True
    """
    return REFERENCE if _reference else _names[_core.active_isa()]


def reference_is_active() -> bool:
    """Whether kernels are computed by `cnet.reference`."""
    return _reference


def use_isa(name: str) -> _Restore:
    """Run kernels with another instruction set, for the whole process.

    Parameters
    ----------
    name : str
        One of `available_isas`; ``"reference"`` is the plain NumPy implementation.

    Returns
    -------
    context manager
        In a ``with`` statement, it restores the former choice at the end.

    Raises
    ------
    ValueError
        If the name is unknown, or this machine does not support it.

    Examples
    --------
    >>> import cnet
    >>> with cnet.use_isa("generic"):
    ...     cnet.current_isa()
    'generic'
    """
    former = current_isa()
    _set_isa("use_isa: name", name)
    return _Restore(lambda: _set_isa("use_isa: name", former))


def _set_isa(argument: str, name: str) -> None:
    global _reference
    if name != REFERENCE:
        if name not in tuple(_compiled):  # a tuple, because `name` may not be hashable
            known = ", ".join((REFERENCE, *_names))
            raise ValueError(f"{argument} must be one of {known} (got {name!r})")
        if not _compiled[name]:
            usable = ", ".join(available_isas())
            raise ValueError(
                f"{argument}: this machine does not support {name!r}; it supports {usable}"
            )
        _core.set_active_isa(_names.index(name))
    is_reference = name == REFERENCE
    redirect_kernels(REFERENCE, is_reference)
    _reference = is_reference


def redirect_kernels(reason: object, holds: bool) -> None:
    """Note whether there is a reason for which calls of kernels are not made directly.

    Reasons are the reference implementation, and recorders (`kernels._dispatch`).
    """
    with _redirecting:
        if holds:
            _reasons.add(reason)
        else:
            _reasons.discard(reason)
        _core.redirect(len(_reasons) > 0)


def int8_dots() -> int:
    """How 8-bit kernels add products: the number of a ``cnet_dots`` in csrc/cnet.h."""
    dots = _core.active_dots()
    return dots if _amx else min(dots, DOTS.index("vnni"))


def amx_is_used() -> bool:
    """Whether kernels of 8-bit integers and bfloat16 use AMX."""
    return DOTS[int8_dots()] == "amx"


def exact_is_on() -> bool:
    """Whether convolutions are computed without Winograd's algorithm.

    Examples
    --------
    >>> import cnet
    >>> cnet.exact_is_on()
    False
    """
    return _exact


def use_exact(exact: bool = True) -> _Restore:
    """Compute convolutions without Winograd's algorithm, which is fast but less accurate.

    Parameters
    ----------
    exact : bool, default True
        False allows the algorithm again.

    Returns
    -------
    context manager
        In a ``with`` statement, it restores the former choice at the end.

    Examples
    --------
    >>> import cnet
    >>> with cnet.use_exact():
    ...     cnet.exact_is_on()
    True
    """
    former = _exact
    _set_exact(exact)
    return _Restore(lambda: _set_exact(former))


def _set_exact(exact: bool) -> None:
    global _exact
    _exact = boolean("use_exact", "exact", exact)


def empty_cache() -> None:
    """Return the memory that is cached for results and workspaces to the system.

    Together with the memory in use, the cache holds at most a quarter more than was in use at the
    same time recently, plus 64 MB: in training, what one step needs.

    Examples
    --------
    >>> import cnet
    >>> cnet.empty_cache()
    """
    _core.empty_cache()


def get_num_threads() -> int:
    """The number of threads that kernels may use.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


def set_num_threads(threads: int) -> None:
    """Set the maximal number of threads of kernels, for the whole process.

    Parameters
    ----------
    threads : int
        Between 1 and 256. Results do not depend on it.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_num_threads(cnet.get_num_threads())
    """
    _set_num_threads("set_num_threads: threads", threads)


def use_threads(threads: int) -> _Restore:
    """Like `set_num_threads`, as a context manager that restores the former number.

    Examples
    --------
    >>> import cnet
    >>> with cnet.use_threads(1):
    ...     cnet.get_num_threads()
    1
    """
    former = get_num_threads()
    _set_num_threads("use_threads: threads", threads)
    return _Restore(lambda: _core.set_num_threads(former))


def _set_num_threads(argument: str, threads: int) -> None:
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"{argument} must be an int (got {threads!r})")
    if not 1 <= threads <= _core.max_threads:
        raise ValueError(f"{argument} must be between 1 and {_core.max_threads} (got {threads})")
    _core.set_num_threads(int(threads))


class Region(NamedTuple):
    """A parallel region of a kernel. Times are nanoseconds of a monotonic clock.

    `threads` is the number of threads that the kernel may use, `chunks` the time of each part of
    its work.
    """

    begin: int
    end: int
    threads: int
    chunks: list[int]


def record_regions(work: Callable[[], object], capacity: int = 1 << 20) -> list[Region]:
    """Call `work` on one thread, and return how long each part of each parallel region takes.

    Kernels divide their work as they do for `get_num_threads` threads, so the list says what more
    processors than this machine has would have to do.

    Parameters
    ----------
    work : callable
        Without arguments. Only the regions of the calling thread are recorded.
    capacity : int, default 2**20
        The most values to record: four for each region, and one for each chunk.

    Raises
    ------
    MemoryError
        If `capacity` is too small.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels, runtime
    >>> x = np.ones(1 << 20, np.float32)
    >>> with runtime.use_threads(8):
    ...     (region,) = runtime.record_regions(lambda: kernels.relu(x))
    >>> region.threads
    8
    """
    log = np.empty(capacity, np.int64)
    _core.record_regions(log)
    try:
        work()
    finally:
        used = _core.stop_recording()
    if used > capacity:
        raise MemoryError(f"record_regions: capacity must be at least {used} (got {capacity})")
    values: list[int] = log[:used].tolist()
    regions = []
    position = 0
    while position < used:
        begin, threads, count = values[position : position + 3]
        last = position + 3 + count
        regions.append(Region(begin, values[last], threads, values[position + 3 : last]))
        position = last + 1
    return regions


def config() -> dict[str, Any]:
    """Versions, processor, instruction sets and threads, as a dict that JSON can store.

    Examples
    --------
    >>> import cnet
    >>> cnet.config()["isa"] == cnet.current_isa()
    True
    """
    from importlib.metadata import version

    return {
        "cnet": version("cnet-nn"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "isa": current_isa(),
        "available_isas": list(available_isas()),
        "int8": DOTS[int8_dots()],
        "bfloat16": "amx" if amx_is_used() else "float32",
        "threads": get_num_threads(),
        "default_threads": _default_threads(),
        "compiler": _core.compiler,
    }


def show_config() -> None:
    """Print `config`, one line for each entry.

    Examples
    --------
    >>> import cnet
    >>> cnet.show_config()  # doctest: +ELLIPSIS
    cnet ...
    """
    for name, value in config().items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):16} {text}")


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _variable(name: str) -> str:
    """An environment variable; empty if it is not set."""
    return os.environ.get(name, "").strip()


def _default_threads() -> int:
    """The number of threads where ``CNET_NUM_THREADS`` is not set."""
    threads = omp_num_threads(_variable("OMP_NUM_THREADS")) or default_num_threads()
    return min(threads, _core.max_threads)


def _from_environment() -> None:
    global _amx
    _set_isa("CNET_ISA", _variable("CNET_ISA") or available_isas()[-1])
    amx = _variable("CNET_AMX") or "1"
    if amx not in ("0", "1"):
        raise ValueError(f"CNET_AMX must be 0 or 1 (got {amx!r})")
    _amx = amx == "1"
    threads = _variable("CNET_NUM_THREADS")
    if not threads:
        _core.set_num_threads(_default_threads())
    elif re.fullmatch(r"[+-]?\d+", threads):
        _set_num_threads("CNET_NUM_THREADS", int(threads))
    else:
        raise ValueError(f"CNET_NUM_THREADS must be an int (got {threads!r})")


_from_environment()
