"""How many threads this process should use: what affinity, cgroup quota and cores allow.

Machines hand out fractions of themselves: a container with a quota of two cores still sees all of
them, and a pool as large as the machine then spends its time being throttled.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path


def default_num_threads(root: Path = Path("/")) -> int:
    """Physical cores within the affinity, or the cgroup quota if it is less; at least one."""
    cores, quota = _physical_cores(_affinity(), root), cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(cpus: set[int], root: Path) -> int:
    """Cores behind these CPUs: hyper-threads of one core share its arithmetic."""
    siblings = set()
    for cpu in cpus:
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        siblings.add(_read(topology) or str(cpu))
    return len(siblings)


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """CPUs' worth of time this process may use, or None without a limit.

    A limit anywhere above the process counts: the smallest on the way to the root is returned.
    """
    quotas = []
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0" and not controllers:
            for mount in (".", "unified"):  # on its own, or beside version 1
                quotas += _quotas_above(root / "sys/fs/cgroup" / mount, path, _quota_v2)
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                quotas += _quotas_above(root / "sys/fs/cgroup" / mount, path, _quota_v1)
    return min(quotas, default=None)


def _quotas_above(
    mount: Path, path: str, read_quota: Callable[[Path], float | None]
) -> list[float]:
    folder = mount / path.lstrip("/")
    quotas = []
    while True:
        quota = read_quota(folder)
        if quota is not None:
            quotas.append(quota)
        if folder == mount or mount not in folder.parents:
            return quotas
        folder = folder.parent


def _quota_v2(folder: Path) -> float | None:
    """cpu.max holds "<quota or max> <period>", in microseconds."""
    return _ratio(*(_read(folder / "cpu.max") or "").split()[:2])


def _quota_v1(folder: Path) -> float | None:
    return _ratio(
        _read(folder / "cpu.cfs_quota_us") or "", _read(folder / "cpu.cfs_period_us") or ""
    )


def _ratio(quota: str = "", period: str = "") -> float | None:
    """Quota over period, if both are numbers that make sense."""
    try:
        ratio = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if float(quota) > 0 and 0 < ratio < math.inf else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
