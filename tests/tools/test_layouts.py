import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.data.images import open_dataset
from stylegans.tools.bulk import jobs
from stylegans.tools.layouts import Catalogue, DatasetFolder, DatasetZip, Layout, Loose, Shards, encode, suffix_of
from stylegans.tools.unfinished import unfinished

SEEDS = (3, 7, 1_000_000_007, 8, 0)


def catalogue(labels: Any = None, *, suffix: str = ".png") -> Catalogue:
    return Catalogue(SEEDS, labels, suffix)


def pictures(channels: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (6, 8, channels), dtype=np.uint8) for _ in SEEDS]


def fill(layout: Layout, made: list[np.ndarray], *, backwards: bool = False) -> None:
    """Write everything, in pieces of two."""
    todo = jobs(len(made), batch=64, job_size=layout.job_size or 2)
    layout.target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(layout.target.with_name(f"work-{layout.target.name}"), {}) as work:
        if layout.target.suffix != ".zip":
            layout.target.mkdir()
        for job in reversed(todo) if backwards else todo:
            for piece in reversed(job.pieces) if backwards else job.pieces:
                layout.write(work, piece, [encode(picture) for picture in made[piece.start : piece.stop]])
            layout.seal(work, job)
            layout.discard(work, job)
        layout.finish(work, todo, '{"--truncation": 1.0}')
        work.finish()
    assert all(path.is_file() for path in layout.files(todo))


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.name: file.read_bytes() for file in files}


@given(
    channels=st.sampled_from([1, 2, 3, 4, 5]), height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 9)
)
def test_a_file_holds_every_number_of_the_picture(channels: int, height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    stream = io.BytesIO(encode(picture))
    assert encode(picture) == stream.getvalue()
    if suffix_of(channels) == ".npy":
        assert np.array_equal(np.load(stream), picture.transpose(2, 0, 1))
    else:
        assert np.array_equal(np.asarray(Image.open(stream)).reshape(picture.shape), picture)


@pytest.mark.parametrize("make", [Loose, DatasetFolder, DatasetZip, lambda *words: Shards(*words, size=2)])
def test_the_bytes_do_not_depend_on_the_order_of_writing(tmp_path: Path, make: Any) -> None:
    made = pictures(3)
    name = "out.zip" if make is DatasetZip else "out"
    for folder, backwards in (("a", False), ("b", True)):
        fill(make(tmp_path / folder / name, catalogue([0, 1, 2, 1, 0])), made, backwards=backwards)
    first, second = (content(next((tmp_path / folder).iterdir())) for folder in "ab")
    assert first == second


def test_loose_files_are_named_by_their_seeds(tmp_path: Path) -> None:
    fill(Loose(tmp_path / "out", catalogue()), pictures(1))
    names = ["seed0000.png", "seed0003.png", "seed0007.png", "seed0008.png", "seed1000000007.png"]
    assert sorted(content(tmp_path / "out")) == names
    assert Loose(tmp_path, catalogue()).outline() == "seed0003.png to seed0000.png"


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize(
    ("channels", "labels", "read"),
    [
        (3, None, None),
        (4, [0, 1, 2, 1, 0], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]),
        (5, [(0.5, -1.0)] * 5, [[0.5, -1.0]] * 5),
    ],
)
def test_a_data_set_is_read_back_with_its_labels(
    tmp_path: Path, name: str, channels: int, labels: Any, read: Any
) -> None:
    made = pictures(channels)
    make = DatasetZip if name.endswith(".zip") else DatasetFolder
    fill(make(tmp_path / name, catalogue(labels, suffix=suffix_of(channels))), made)
    dataset = open_dataset(str(tmp_path / name), labels=labels is not None)
    order = np.argsort([f"{seed:08d}" for seed in SEEDS])
    assert len(dataset) == len(SEEDS)
    for row, position in enumerate(order):
        assert np.array_equal(dataset.image(row), made[position].transpose(2, 0, 1))
        if read is not None:
            assert dataset.label(row).tolist() == read[position]


def test_a_zip_is_uncompressed_and_dated_alike(tmp_path: Path) -> None:
    fill(DatasetZip(tmp_path / "out.zip", catalogue()), pictures(3))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        assert {(info.compress_type, info.date_time) for info in archive.infolist()} == {(0, (1980, 1, 1, 0, 0, 0))}
        assert archive.namelist()[:3] == [f"00000/seed{seed:08d}.png" for seed in SEEDS[:3]]
        assert json.loads(archive.read("dataset.json")) == {"labels": None}


@pytest.mark.parametrize("labels", [None, [0, 1, 2, 1, 0], [(0.5, -1.0)] * 5])
def test_shards_are_tars_of_so_many_samples_with_their_labels(tmp_path: Path, labels: Any) -> None:
    made = pictures(3)
    fill(Shards(tmp_path / "out", catalogue(labels), size=2), made)
    read: dict[str, bytes] = {}
    for number, count in enumerate((2, 2, 1)):
        with tarfile.open(tmp_path / "out" / f"shard-{number:06d}.tar") as shard:
            members = {member.name: shard.extractfile(member).read() for member in shard}  # type: ignore[union-attr]
        assert len({name.partition(".")[0] for name in members}) == count
        read |= members
    for position, seed in enumerate(SEEDS):
        key = f"seed{seed:08d}"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(read[f"{key}.png"]))), made[position])
        note = json.loads(read[f"{key}.json"])
        assert note.pop("seed") == seed
        assert note == ({} if labels is None else {"label": json.loads(json.dumps(labels[position]))})
        classes = labels is not None and isinstance(labels[position], int)
        assert read.get(f"{key}.cls") == (str(labels[position]).encode() if classes else None)


@pytest.mark.parametrize("make", [DatasetFolder, DatasetZip, Shards])
def test_a_finished_one_says_what_it_is(tmp_path: Path, make: Any) -> None:
    layout = make(tmp_path / ("out.zip" if make is DatasetZip else "out"), catalogue())
    assert layout.record() is None
    fill(layout, pictures(3))
    assert json.loads(layout.record()) == {"--truncation": 1.0}


def test_a_zip_of_something_else_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    assert DatasetZip(tmp_path / "a.zip", catalogue()).record() is None
    zipfile.ZipFile(tmp_path / "b.zip", "w").close()
    assert DatasetZip(tmp_path / "b.zip", catalogue()).record() is None


def test_a_catalogue_starts_a_folder_at_every_thousandth_picture() -> None:
    many = Catalogue(range(2001), None, ".png")
    assert [many.name(i) for i in (0, 999, 1000, 2000)] == [
        "00000/seed00000000.png",
        "00000/seed00000999.png",
        "00001/seed00001000.png",
        "00002/seed00002000.png",
    ]
