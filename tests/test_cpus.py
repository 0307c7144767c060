"""The default number of threads, on machines that are described by files."""

import os
from pathlib import Path

import pytest

from cnet import _cpus

SELF = "proc/self/cgroup"
MOUNT = "sys/fs/cgroup"
Files = dict[str, str | bytes]


def _make(root: Path, files: Files) -> str:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(root)


def _v2(path: str, **limits: str | bytes) -> Files:
    """A process in the group `path`. Keywords are groups: `__` for slashes, `root` for the top."""
    files: Files = {SELF: f"0::{path}\n"}
    for name, content in limits.items():
        group = "" if name == "root" else name.replace("__", "/") + "/"
        files[f"{MOUNT}/{group}cpu.max"] = content
    return files


def _v1(line: str, **limits: tuple[str, str]) -> Files:
    files: Files = {SELF: f"12:memory:/\n{line}\n1:name=systemd:/\n"}
    for name, (quota, period) in limits.items():
        group = name.replace("__", "/").replace("and", ",")
        files[f"{MOUNT}/{group}/cpu.cfs_quota_us"] = quota + "\n"
        files[f"{MOUNT}/{group}/cpu.cfs_period_us"] = period + "\n"
    return files


QUOTAS: dict[str, tuple[Files, float | None]] = {
    "no files": ({}, None),
    "v2, two CPUs": (_v2("/", root="200000 100000\n"), 2.0),
    "v2, other period": (_v2("/", root="50000 25000\n"), 2.0),
    "v2, fraction": (_v2("/", root="150000 100000\n"), 1.5),
    "v2, less than one": (_v2("/", root="50000 100000\n"), 0.5),
    "v2, max": (_v2("/", root="max 100000\n"), None),
    "v2, topmost group has no file": (_v2("/"), None),
    "v2, group": (_v2("/a", a="300000 100000\n"), 3.0),
    "v2, limited above": (_v2("/a/b", a="300000 100000\n", a__b="max 100000\n"), 3.0),
    "v2, less above": (_v2("/a/b", a="100000 100000\n", a__b="400000 100000\n"), 1.0),
    "v2, less below": (_v2("/a/b", a="400000 100000\n", a__b="100000 100000\n"), 1.0),
    "v2, neighbour limited": (_v2("/a", a="max 100000\n", b="100000 100000\n"), None),
    "v2, colon in name": (_v2("/a:b", **{"a:b": "200000 100000\n"}), 2.0),
    "v2, removed group": (_v2("/a/gone (deleted)", a="200000 100000\n"), 2.0),
    "v2, group beside the visible ones": (_v2("/../other", root="200000 100000\n"), 2.0),
    "v2, nothing in file": (_v2("/", root=""), None),
    "v2, one number": (_v2("/", root="100000\n"), None),
    "v2, no numbers": (_v2("/", root="some words\n"), None),
    "v2, period zero": (_v2("/", root="100000 0\n"), None),
    "v2, negative": (_v2("/", root="-100000 100000\n"), None),
    "v2, negative period": (_v2("/", root="100000 -100000\n"), None),
    "v2, infinite": (_v2("/", root="inf 100000\n"), None),
    "v2, bytes": (_v2("/", root=b"\xff\xfe \x80"), None),
    "v1, two CPUs": (_v1("4:cpu:/", cpu=("200000", "100000")), 2.0),
    "v1, no limit": (_v1("4:cpu:/", cpu=("-1", "100000")), None),
    "v1, fraction": (_v1("4:cpu:/", cpu=("250000", "100000")), 2.5),
    "v1, controllers together": (
        _v1("4:cpu,cpuacct:/", cpuandcpuacct=("200000", "100000")), 2.0,
    ),
    "v1, together in another order": (_v1("4:cpuacct,cpu:/", cpu=("200000", "100000")), 2.0),
    "v1, group": (_v1("4:cpu:/a", cpu__a=("300000", "100000")), 3.0),
    "v1, less above": (
        _v1("4:cpu:/a/b", cpu__a=("100000", "100000"), cpu__a__b=("300000", "100000")), 1.0,
    ),
    "v1, group not visible in the container": (
        _v1("4:cpu:/docker/0123", cpu=("200000", "100000")), 2.0,
    ),
    "v1, controller of another name": (_v1("4:cpuset:/", cpuset=("200000", "100000")), None),
    "v1, no period": ({SELF: "4:cpu:/\n", f"{MOUNT}/cpu/cpu.cfs_quota_us": "200000\n"}, None),
    "v1 and v2": (
        _v1("0::/\n4:cpu:/", cpu=("300000", "100000")) | {f"{MOUNT}/cpu.max": "200000 100000\n"},
        2.0,
    ),
    "v2 beside v1": (
        _v1("0::/a\n4:cpu:/", cpu=("300000", "100000"))
        | {f"{MOUNT}/unified/a/cpu.max": "150000 100000\n"},
        1.5,
    ),
    "not a list of groups": ({SELF: "some words\n\n:\n"}, None),
    "a folder in the place of the list": ({f"{SELF}/file": ""}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTAS)
def test_cgroup_quota(tmp_path: Path, name: str) -> None:
    files, expected = QUOTAS[name]
    assert _cpus.cgroup_quota(_make(tmp_path, files)) == expected


def _siblings(*cores: str) -> Files:
    """A machine with these CPUs in its cores: ("0,2", "1,3")."""
    return {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": core + "\n"
        for core in cores
        for cpu in core.split(",")
    }


DEFAULTS: dict[str, tuple[set[int], Files, int]] = {
    "one CPU": ({0}, {}, 1),
    "unknown cores": ({0, 1, 2, 3}, {}, 4),
    "a core for each": ({0, 1, 2, 3}, _siblings("0", "1", "2", "3"), 4),
    "hyper-threads": ({0, 1, 2, 3}, _siblings("0,2", "1,3"), 2),
    "both hyper-threads of one core": ({1, 3}, _siblings("0,2", "1,3"), 1),
    "one hyper-thread of each core": ({2, 3}, _siblings("0,2", "1,3"), 2),
    "some cores known": ({0, 1, 2}, _siblings("0,1"), 2),
    "CPUs far up": ({64, 200}, {}, 2),
    "quota below affinity": ({0, 1, 2, 3}, _v2("/", root="200000 100000"), 2),
    "quota above affinity": ({0, 1}, _v2("/", root="800000 100000"), 2),
    "quota is rounded down": (set(range(8)), _v2("/", root="390000 100000"), 3),
    "quota below one": ({0, 1}, _v2("/", root="50000 100000"), 1),
    "quota not known": ({0, 1}, _v2("/", root="inf 100000"), 2),
    "quota and hyper-threads": (
        {0, 1, 2, 3}, _siblings("0,2", "1,3") | _v2("/", root="300000 100000"), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFAULTS)
def test_default_num_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    cpus, files, expected = DEFAULTS[name]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cpus, raising=False)
    assert _cpus.default_num_threads(_make(tmp_path, files)) == expected


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_default_num_threads_without_affinity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert _cpus.default_num_threads(str(tmp_path)) == expected


def test_this_machine_has_a_default() -> None:
    assert 1 <= _cpus.default_num_threads() <= (os.cpu_count() or 1)
