"""What this process may use of the machine: cores and memory, within the limits of its container."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use (control groups, version 2)."""


def cores() -> int:
    """Cores that this process may keep busy, at least 1: those it may run on, or the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    match _limit("cpu.max"):
        case [quota, period] if quota.isdigit() and int(period) > 0:
            return max(min(allowed, int(quota) // int(period)), 1)
    return allowed


def memory() -> int | None:
    """Bytes that this process may hold at most: the machine's, or its container's. None: not known."""
    known = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    match _limit("memory.max"):
        case [most] if most.isdigit():
            known.append(int(most))
    return min(known, default=None)


def _limit(name: str) -> list[str]:
    """The words of a limit; none where there is no such file."""
    try:
        return (CGROUP / name).read_text().split()
    except OSError:
        return []
