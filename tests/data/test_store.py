import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stylegans.data.store import Folder, Zip, open_store
from stylegans.errors import MissingFile, UserError


def test_a_folder_and_its_zip_hold_the_same_pictures_in_order(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    folder, archive = Folder(uniform), Zip(zipped(uniform))
    names = [member.name for member in folder.members()]
    assert names == sorted(names)
    assert names == [member.name for member in archive.members()]
    for one, other in zip(folder.members(), archive.members(), strict=True):
        with folder.open(one) as a, archive.open(other) as b:
            assert a.read() == b.read()


def test_hidden_files_and_macos_leftovers_are_not_seen(adversarial: Path) -> None:
    names = [member.name for member in Folder(adversarial).members()]
    assert not [name for name in names if "MACOSX" in name or name.startswith(".") or name.endswith(".txt")]


def test_zip_members_of_one_name_are_both_there_and_folders_are_not(hostile_zip: Path) -> None:
    names = [member.name for member in Zip(hostile_zip).members()]
    assert names == ["/absolute.png", "C:/windows.png", "a.png", "a.png", "broken.png"]


def test_a_pickled_zip_opens_again(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    archive = Zip(zipped(uniform))
    copy = pickle.loads(pickle.dumps(archive))
    with copy.open(copy.members()[0]) as stream:
        assert stream.read(4) == b"\x89PNG"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_regular_file_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    folder = Folder(tmp_path)
    loop, pipe = folder.members()
    with pytest.raises(ValueError, match="no regular file"):
        folder.open(pipe)
    with pytest.raises(OSError, match="symbolic links"):
        folder.open(loop)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="file names are Unicode here")
def test_names_that_are_no_unicode_have_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_text("x")
    folder = Folder(tmp_path)
    assert len(folder.fingerprint(folder.members())) == 64


def test_a_fingerprint_changes_with_content_and_name(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    def prints() -> tuple[str, str]:
        folder, archive = Folder(uniform), Zip(zipped(uniform))
        return folder.fingerprint(folder.members()), archive.fingerprint(archive.members())

    before = prints()
    assert before == prints()
    (uniform / "0" / "0.png").rename(uniform / "0" / "00.png")
    renamed = prints()
    (uniform / "0" / "00.png").write_bytes(b"other")
    changed = prints()
    assert len({before[0], renamed[0], changed[0]}) == 3
    assert len({before[1], renamed[1], changed[1]}) == 3


def test_a_missing_path_names_the_option_and_the_embedded_sets(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^--data: nothing at '.*'; .*emoji, emoji-people"):
        open_store(tmp_path / "nope", option="--data")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match="neither a folder nor a whole zip"):
        open_store(tmp_path / "x.zip", option="--data")


def test_a_broken_central_directory_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", "x")
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x09\x09"))
    with pytest.raises(UserError, match="cannot be read as a zip"):
        open_store(path, option="--data")


def test_a_local_folder_named_like_an_embedded_set_needs_its_dot(
    uniform: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uniform.rename(uniform.with_name("emoji"))
    monkeypatch.chdir(uniform.parent)
    assert isinstance(open_store("emoji", option="--data").store, Zip)
    assert isinstance(open_store("./emoji", option="--data").store, Folder)
