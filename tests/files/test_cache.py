import os
from pathlib import Path

import pytest

from stylegans.files.cache import cache_folder, prune


def test_the_folder_is_the_users_choice_then_the_desktops_then_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGANS_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder("features") == Path("/a/features")
    monkeypatch.delenv("STYLEGANS_CACHE")
    assert cache_folder("features") == Path("/b/stylegans/features")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder("weights") == Path.home() / ".cache/stylegans/weights"


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate("abc"):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path, most_bytes=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    prune(tmp_path, most_bytes=20)
    assert len(list(tmp_path.iterdir())) == 2
