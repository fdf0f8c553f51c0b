import os
from pathlib import Path

import pytest

from stylegans.data import limits


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container whose limits are the files written here, on a machine of eight cores."""
    monkeypatch.setattr(limits, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        (None, 8),
        ("max 100000", 8),
        ("300000 100000", 3),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("1600000 100000", 8),
    ],
)
def test_cores_are_those_allowed_and_paid_for(cgroup: Path, quota: str | None, cores: int) -> None:
    if quota is not None:
        (cgroup / "cpu.max").write_text(f"{quota}\n")
    assert limits.cores() == cores


def test_memory_is_the_machines_or_the_containers(cgroup: Path) -> None:
    machine = limits.memory()
    assert machine is None or machine > 1 << 28
    (cgroup / "memory.max").write_text("max\n")
    assert limits.memory() == machine
    (cgroup / "memory.max").write_text("123456\n")
    assert limits.memory() == 123456
