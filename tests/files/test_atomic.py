import pytest

from stylegans.files import atomic


def test_a_file_appears_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "a" / "file.txt"
    for text in ("one", "two"):
        with atomic.atomic_file(path) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() != text
        assert path.read_text() == text
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fill_the_disk():
        with atomic.atomic_file(path) as temporary:
            temporary.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "folder"
    for name in ("one", "two"):
        with atomic.atomic_folder(path) as temporary:
            (temporary / name).write_text(name)
        assert [p.name for p in path.iterdir()] == [name]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_failure_leaves_the_old_folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()

    def fail():
        with atomic.atomic_folder(path) as temporary:
            (temporary / "new").touch()
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_leftovers_of_a_crash_are_removed_and_nothing_else(tmp_path):
    (tmp_path / ".tmp-x").mkdir()
    (tmp_path / ".tmp-y").touch()
    (tmp_path / "kept").touch()
    atomic.remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
