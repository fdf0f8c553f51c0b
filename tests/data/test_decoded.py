import errno
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stylegans.data import decoded

SHAPE = (3, 2, 4, 5)
KINDS = [decoded.in_memory, decoded.shared]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@given(arrays.arrays(st.sampled_from([np.dtype("u1"), np.dtype("u2")]), arrays.array_shapes(min_dims=4, max_dims=4)))
def test_every_picture_is_decoded_once_and_comes_as_it_was(pictures: np.ndarray) -> None:
    for kind in KINDS:
        asked: list[int] = []

        def decode(number: int, asked: list[int] = asked) -> np.ndarray:
            asked.append(number)
            return np.asarray(pictures[number])

        kept: Any = kind(pictures.shape, pictures.dtype)
        for _ in range(2):
            for number in reversed(range(len(pictures))):
                np.testing.assert_array_equal(kept.picture(number, decode), pictures[number])
        assert sorted(asked) == list(range(len(pictures)))
        if kind is decoded.shared:
            kept.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_cannot_be_decoded_is_not_taken_for_one(kind: Any) -> None:
    def broken(number: int) -> np.ndarray:
        raise ValueError("broken")

    kept = kind(SHAPE, np.dtype("u1"))
    with pytest.raises(ValueError, match="broken"):
        kept.picture(1, broken)
    assert (kept.picture(1, lambda number: np.full(SHAPE[1:], 7)) == 7).all()
    if kind is decoded.shared:
        kept.close()


def sevens(number: int) -> np.ndarray:
    return np.full(SHAPE[1:], 7 + number)


def fill(kept: decoded.Shared) -> None:
    for number in (0, 2):
        kept.picture(number, sevens)


@pytest.mark.parametrize("start", [pytest.param("fork"), pytest.param("forkserver", marks=pytest.mark.long),
                                   pytest.param("spawn", marks=pytest.mark.long)])  # fmt: skip
def test_what_one_process_decodes_another_has_however_it_was_started(start: str, folder: Path) -> None:
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} here")
    kept = decoded.shared(SHAPE, np.dtype("u2"))
    assert kept is not None
    process: Any = multiprocessing.get_context(start).Process(target=fill, args=(kept,))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == 0
    asked: list[int] = []
    found = [kept.picture(number, lambda number: asked.append(number) or sevens(number)) for number in range(3)]  # type: ignore[func-returns-value]
    assert [int(picture.mean()) for picture in found] == [7, 8, 9]
    assert asked == [1]
    kept.close()


def test_nothing_can_be_seen_of_it_even_while_it_is_used(folder: Path) -> None:
    kept = decoded.shared(SHAPE, np.dtype("u1"))
    assert kept is not None
    fill(kept)
    assert list(folder.iterdir()) == []
    kept.close()


def test_its_room_is_taken_at_once_and_given_back(folder: Path) -> None:
    before = shutil.disk_usage(folder).free
    kept = decoded.shared((64, 1, 1024, 1024), np.dtype("u1"))
    assert kept is not None
    if hasattr(os, "posix_fallocate"):
        assert os.fstat(kept._file.fileno()).st_blocks * 512 >= 64 << 20
    kept.close()
    del kept
    assert shutil.disk_usage(folder).free > before - (48 << 20)  # others write too


def test_there_is_none_where_the_disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    assert decoded.shared(SHAPE, np.dtype("u1")) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("memory", "disk", "there"), [(484, 242, True), (483, 242, False), (484, 241, False), (None, 242, True)]
)
def test_it_takes_a_quarter_of_the_memory_and_half_of_the_free_disk_at_most(
    memory: int | None, disk: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded, "memory", lambda: memory)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(disk, 0, disk))  # type: ignore[attr-defined]
    kept = decoded.shared((1, 3, 5, 8), np.dtype("u1"))  # 120 bytes and a flag
    assert (kept is not None) is there
    if kept is not None:
        kept.close()
