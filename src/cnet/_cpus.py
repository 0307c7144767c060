"""How many threads this process should use: what affinity, cgroup quota and cores allow.

Machines hand out fractions of themselves: a container with a quota of two cores still sees all of
them, and a pool as large as the machine then spends its time being throttled.
"""

import math
import os
from collections.abc import Callable
from itertools import accumulate
from os.path import join


def default_num_threads(root: str = "/") -> int:
    """Physical cores within the affinity, or the cgroup quota if it is less; at least one."""
    cores, quota = _physical_cores(_affinity(), root), cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(cpus: set[int], root: str) -> int:
    """Cores behind these CPUs: hyper-threads of one core share its arithmetic."""
    siblings = set()
    for cpu in cpus:
        topology = f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        siblings.add(_read(root, topology) or str(cpu))
    return len(siblings)


def cgroup_quota(root: str = "/") -> float | None:
    """CPUs' worth of time this process may use, or None without a limit.

    A limit anywhere above the process counts: the smallest on the way to the root is returned.
    """
    quotas = []
    for line in (_read(root, "proc/self/cgroup") or "").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0" and not controllers:
            for mount in (".", "unified"):  # on its own, or beside version 1
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
    """Quota over period, if both are numbers that make sense."""
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
