import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stylegans.data.sources import open_source
from stylegans.errors import MissingFile, UserError


def by_name(path: Path, labels: str | None = None) -> dict[str, object]:
    return {image.name: image.label for image in open_source(path, labels=labels).images}


def test_a_folder_and_its_zip_are_the_same_source(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    archive = zipped(uniform)
    assert by_name(uniform, "folders") == by_name(archive, "folders")
    for one, other in zip(open_source(uniform).images, open_source(archive).images, strict=True):
        with one.open() as a, other.open() as b:
            assert a.read() == b.read()


def test_first_level_folders_are_classes(uniform: Path) -> None:
    (uniform / "loose.png").touch()
    (uniform / "1" / "deeper").mkdir()
    (uniform / "1" / "deeper" / "x.png").touch()
    found = by_name(uniform, "folders")
    assert (found["0/0.png"], found["1/1.png"], found["1/deeper/x.png"], found["loose.png"]) == ("0", "1", "1", None)


def test_one_folder_is_no_classes(uniform: Path) -> None:
    with pytest.raises(UserError, match=r"^--labels folders: .* all lie in 'uniform'"):
        open_source(uniform.parent, labels="folders")
    with pytest.raises(UserError, match=r"^--labels folders: .* there are none"):
        open_source(uniform / "0", labels="folders")


def test_the_sources_own_labels_are_used_unless_others_are_named(uniform: Path, tmp_path: Path) -> None:
    assert open_source(uniform).labels_from is None
    (uniform / "dataset.json").write_text(json.dumps({"labels": [["0/0.png", 3]], "label_names": list("abcd")}))
    own = open_source(uniform)
    assert (own.labels_from, own.class_names) == ("dataset.json", ("a", "b", "c", "d"))
    assert by_name(uniform)["0/0.png"] == 3
    assert by_name(uniform)["0/2.png"] is None
    (tmp_path / "mine.csv").write_text("name,label\n0/2.png,cat\n")
    assert by_name(uniform, str(tmp_path / "mine.csv"))["0/2.png"] == "cat"


def test_a_file_of_labels_must_exist_and_hold_some(uniform: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^--labels: '.*nope.csv' is not a file"):
        open_source(uniform, labels=str(tmp_path / "nope.csv"))
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    with pytest.raises(UserError, match='"labels": null'):
        open_source(uniform, labels=str(tmp_path / "dataset.json"))


def test_an_embedded_subset_is_a_source_of_its_own_pictures() -> None:
    source = open_source("emoji-people")
    assert len(source.images) == 997
    assert all(image.label is not None for image in source.images)
