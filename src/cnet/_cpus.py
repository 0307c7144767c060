"""The default number of threads: limited by affinity, cgroup quota and physical cores.

A container with a quota of two cores still sees all cores of the machine. A pool with a thread for
each of these would be throttled most of the time.
"""

import math
import os
import re
from collections.abc import Callable
from itertools import accumulate
from os.path import join


def default_num_threads(root: str = "/") -> int:
    """The smaller of physical cores in the affinity mask and cgroup quota; at least 1."""
    cores, quota = _physical_cores(_affinity(), root), cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def omp_num_threads(value: str) -> int | None:
    """The first number in a value of ``OMP_NUM_THREADS``, or None if it is not valid.

    Examples
    --------
    >>> from cnet._cpus import omp_num_threads
    >>> omp_num_threads("4,2"), omp_num_threads("many")
    (4, None)
    """
    first = value.split(",")[0].strip()
    return int(first) or None if re.fullmatch(r"\+?[0-9]{1,9}", first) else None


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(cpus: set[int], root: str) -> int:
    """The number of cores of these CPUs; hyper-threads of one core share its arithmetic units."""
    siblings = set()
    for cpu in cpus:
        topology = f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        siblings.add(_read(root, topology) or str(cpu))
    return len(siblings)


def cgroup_quota(root: str = "/") -> float | None:
    """The CPU time that this process may use, in CPUs, or None without a limit.

    Each group above the process may have a limit; the smallest is returned.
    """
    quotas = []
    for line in (_read(root, "proc/self/cgroup") or "").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0" and not controllers:
            for mount in (".", "unified"):  # version 2 alone, or together with version 1
                quotas += _quotas_above(join(root, "sys/fs/cgroup", mount), path, _quota_v2)
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                quotas += _quotas_above(join(root, "sys/fs/cgroup", mount), path, _quota_v1)
    return min(quotas, default=None)


def _quotas_above(mount: str, path: str, read_quota: Callable[[str], float | None]) -> list[float]:
    folders = accumulate(filter(None, path.split("/")), join, initial=mount)
    return [quota for folder in folders if (quota := read_quota(folder)) is not None]


def _quota_v2(folder: str) -> float | None:
    """cpu.max holds "<quota or max> <period>", in microseconds."""
    return _ratio(*(_read(folder, "cpu.max") or "").split()[:2])


def _quota_v1(folder: str) -> float | None:
    return _ratio(_read(folder, "cpu.cfs_quota_us") or "", _read(folder, "cpu.cfs_period_us") or "")


def _ratio(quota: str = "", period: str = "") -> float | None:
    """Quota divided by period, if both are valid numbers."""
    try:
        ratio = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if float(quota) > 0 and 0 < ratio < math.inf else None


def _read(folder: str, name: str) -> str | None:
    try:
        with open(join(folder, name), encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return None
