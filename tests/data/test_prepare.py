import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.config.sizes import halvings
from stylegans.data import prepare
from stylegans.data.images import open_dataset
from stylegans.data.prepare import build
from stylegans.errors import MissingFile, UserError

Photo = Callable[..., Image.Image]


def test_a_folder_of_everything_becomes_a_data_set_and_says_what_it_left_out(
    adversarial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # of itself PIL would refuse every one of them as a bomb
    report = build(adversarial, tmp_path / "out.zip", size=(32, 32))
    skipped = dict(report.skipped)
    assert sorted(skipped) == sorted(path.name for path in adversarial.glob("bad-*"))
    assert "is no picture" in skipped["bad-text.png"]
    assert "is no picture" in skipped["bad-empty.png"]
    assert "is no picture" in skipped["bad-script.png"]
    assert "has more than 400 million pixels: too large" in skipped["bad-huge.png"]
    assert "truncated" in skipped["bad-truncated.jpg"]
    assert "no agreed range" in skipped["bad-float.tif"]
    assert "no agreed range" in skipped["bad-int32.tif"]
    assert all(reason and "\n" not in reason for reason in skipped.values())
    assert (report.kept, report.size, report.channels, report.classes) == (18, (32, 32), 3, ())
    assert len(open_dataset(tmp_path / "out.zip")) == 18
    assert not list(tmp_path.glob(".tmp-*"))


def only(folder: Path, name: str, tmp_path: Path, **options: object) -> np.ndarray:
    """What becomes of one file (and of a grey companion, since a set has two), [C, H, W]."""
    source = tmp_path / "only"
    source.mkdir()
    (source / name).write_bytes((folder / name).read_bytes())
    Image.new("L", (60, 40)).save(source / "~.png")
    build(source, tmp_path / "only.zip", **{"size": (32, 48), "channels": 3, **options})  # type: ignore[arg-type]
    return open_dataset(tmp_path / "only.zip").image(0)


@pytest.mark.parametrize(("name", "value"), [("white16.png", 255), ("middle16.tif", 128)])
def test_16_bits_are_scaled(adversarial: Path, tmp_path: Path, name: str, value: int) -> None:
    assert (only(adversarial, name, tmp_path) == value).all()


def test_a_transparent_palette_is_laid_on_white(adversarial: Path, tmp_path: Path) -> None:
    pixels = only(adversarial, "palette-transparent.png", tmp_path, size=(40, 60), crop="none")
    transparent = np.asarray(Image.open(adversarial / "palette-transparent.png")) == 0
    assert (pixels[:, transparent] == 255).all()
    assert transparent.any()


def test_exif_turns_a_picture_before_it_is_cut(adversarial: Path, tmp_path: Path, photo: Photo) -> None:
    pixels = only(adversarial, "turned.jpg", tmp_path, size=(60, 40), crop="center").astype(int)
    expected = np.asarray(photo(40, 60).transpose(Image.Transpose.ROTATE_270)).transpose(2, 0, 1)
    assert np.abs(pixels - expected).mean() < 5


def test_a_broken_exif_block_costs_nothing(adversarial: Path, tmp_path: Path, photo: Photo) -> None:
    pixels = only(adversarial, "broken-exif.jpg", tmp_path, size=(40, 60)).astype(int)
    assert np.abs(pixels - np.asarray(photo(40, 60)).transpose(2, 0, 1)).mean() < 5


def test_of_an_animation_the_first_frame_counts(adversarial: Path, tmp_path: Path, photo: Photo) -> None:
    pixels = only(adversarial, "moving.gif", tmp_path, size=(40, 60)).astype(int)
    assert np.abs(pixels - np.asarray(photo(40, 60)).transpose(2, 0, 1)).mean() < 12


def test_names_that_occur_twice_stay_apart(adversarial: Path, hostile_zip: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (40, 40), "red" if name == "a" else "blue").save(adversarial / name / "same.png")
    build(adversarial / "a", tmp_path / "a.zip", size=(32, 32))
    report = build(hostile_zip, tmp_path / "b.zip", size=(32, 32))
    dataset = open_dataset(tmp_path / "b.zip")
    assert report.kept == 4
    assert [name for name, _ in report.skipped] == ["broken.png"]
    assert len({dataset.image(index).tobytes() for index in range(4)}) == 4


def test_nothing_is_written_outside_the_destination(hostile_zip: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    build(hostile_zip, tmp_path / "deep" / "out", size=(32, 32))
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path not in before}
    assert written == {"deep", "deep/out", "deep/out/00000", "deep/out/dataset.json"} | {
        f"deep/out/00000/img0000000{n}.png" for n in range(4)
    }


def test_the_zip_has_the_fields_layout(uniform: Path, tmp_path: Path) -> None:
    build(uniform, tmp_path / "out.zip", size=(16, 24), labels="folders")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == [f"00000/img{n:08d}.png" for n in range(8)] + ["dataset.json"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        document = json.loads(archive.read("dataset.json"))
    assert document["labels"] == [[f"00000/img{n:08d}.png", n // 4] for n in range(8)]
    assert document["label_names"] == ["0", "1"]


def test_a_set_without_labels_says_null(uniform: Path, tmp_path: Path) -> None:
    build(uniform, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "dataset.json").read_text()) == {"labels": None}


def test_the_same_source_gives_the_same_bytes(adversarial: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        build(adversarial, tmp_path / name, size=(16, 16))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_pictures_that_fit_already_keep_every_pixel(uniform: Path, tmp_path: Path) -> None:
    build(uniform, tmp_path / "out.zip", size=(16, 24))
    before, after = open_dataset(uniform), open_dataset(tmp_path / "out.zip")
    assert all((before.image(index) == after.image(index)).all() for index in range(8))


def test_built_sets_build_again_with_their_labels(uniform: Path, tmp_path: Path) -> None:
    build(uniform, tmp_path / "one.zip", size=(16, 24), labels="folders")
    report = build(tmp_path / "one.zip", tmp_path / "two.zip", size=(8, 12))
    assert report.classes == (("0", 4), ("1", 4))
    assert open_dataset(tmp_path / "two.zip", labels=True).label_names == ["0", "1"]


def test_classes_left_without_pictures_are_not_classes(uniform: Path, tmp_path: Path) -> None:
    (uniform / "00-empty").mkdir()
    (uniform / "00-empty" / "broken.png").touch()
    (uniform / "loose.png").write_bytes((uniform / "0" / "0.png").read_bytes())
    report = build(uniform, tmp_path / "out.zip", size=(16, 24), labels="folders")
    assert report.classes == (("0", 4), ("1", 4))
    assert dict(report.skipped)["loose.png"] == "has no label in --labels folders"


def test_default_channels_are_3_unless_every_picture_is_grey(tmp_path: Path, photo: Photo) -> None:
    for name, mode in (("1", "L"), ("2", "LA"), ("3", "1"), ("4", "RGBA")):
        (tmp_path / "src").mkdir(exist_ok=True)
        photo(16, 16, mode).save(tmp_path / "src" / f"{name}.png")
        report = build(tmp_path / "src", tmp_path / f"{name}.zip")
        assert (report.channels, report.size) == (3 if mode == "RGBA" else 1, (16, 16))
    assert build(tmp_path / "src", tmp_path / "rgba.zip", channels=4).channels == 4
    assert open_dataset(tmp_path / "rgba.zip").channels == 4


def test_crop_wide_reports_the_square(uniform: Path, tmp_path: Path) -> None:
    assert build(uniform, tmp_path / "out.zip", size=(12, 16), crop="wide").size == (16, 16)
    assert open_dataset(tmp_path / "out.zip").resolution == (16, 16)


def test_crop_none_leaves_out_what_has_another_shape(uniform: Path, tmp_path: Path, photo: Photo) -> None:
    photo(20, 24).save(uniform / "other.png")
    report = build(uniform, tmp_path / "out.zip", size=(8, 12), crop="none")
    assert report.kept == 8
    assert report.skipped == (("other.png", "24x20 has another shape than 12x8, and --crop none cuts nothing"),)


def test_enlarged_pictures_are_counted(uniform: Path, tmp_path: Path) -> None:
    assert build(uniform, tmp_path / "out.zip", size=(32, 32)).enlarged == 8
    assert build(uniform, tmp_path / "smaller.zip", size=(16, 16)).enlarged == 0


def arrays_in(folder: Path, *shape: int, dtype: type = np.uint16, count: int = 4) -> np.ndarray:
    folder.mkdir(exist_ok=True)
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (count, *shape)).astype(dtype)
    for number, array in enumerate(values):
        np.save(folder / f"{number}.npy", array)
    return values


@pytest.mark.parametrize("name", ["out.zip", "out"])
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint16), (3, np.uint16), (5, np.uint8), (2, np.uint16)])
def test_arrays_keep_every_number_in_a_set_of_their_depth(
    tmp_path: Path, channels: int, dtype: type, name: str
) -> None:
    values = arrays_in(tmp_path / "src", channels, 16, 24, dtype=dtype)
    depth = 8 * values.itemsize
    report = build(tmp_path / "src", tmp_path / name, size=(16, 24), channels=channels, depth=depth)
    dataset = open_dataset(tmp_path / name)
    assert (report.channels, report.depth, report.rounded) == (channels, depth, 0)
    assert (dataset.channels, dataset.depth) == (channels, depth)
    np.testing.assert_array_equal([dataset.image(index) for index in range(4)], values)


@pytest.mark.parametrize("form", ["png", "tif"])
def test_grey_of_16_bits_keeps_them(tmp_path: Path, form: str) -> None:
    (tmp_path / "src").mkdir()
    values = np.random.default_rng(0).integers(0, 65536, (2, 16, 16), dtype=np.uint16)
    for number in range(2):
        Image.fromarray(values[number]).save(tmp_path / "src" / f"{number}.{form}")
    report = build(tmp_path / "src", tmp_path / "out.zip", depth=16)
    dataset = open_dataset(tmp_path / "out.zip")
    assert (report.channels, report.depth, report.rounded) == (1, 16, 0)
    np.testing.assert_array_equal([dataset.image(index)[0] for index in range(2)], values)
    assert build(tmp_path / "src", tmp_path / "eight.zip").rounded == 2


def test_arrays_of_8_bits_and_1_3_or_4_channels_become_pngs(tmp_path: Path) -> None:
    for channels in (1, 3, 4):
        values = arrays_in(tmp_path / f"{channels}", channels, 16, 16, dtype=np.uint8)
        report = build(tmp_path / f"{channels}", tmp_path / f"{channels}.zip", channels=channels)
        with zipfile.ZipFile(tmp_path / f"{channels}.zip") as archive:
            assert archive.namelist()[0] == "00000/img00000000.png"
        dataset = open_dataset(tmp_path / f"{channels}.zip")
        assert report.channels == dataset.channels == channels
        np.testing.assert_array_equal([dataset.image(index) for index in range(4)], values)


@pytest.mark.parametrize(("channels", "default"), [(1, 1), (2, 2), (3, 3), (4, 3), (6, 6)])
def test_the_default_channels_of_arrays(tmp_path: Path, channels: int, default: int) -> None:
    arrays_in(tmp_path / "src", channels, 16, 16)
    assert build(tmp_path / "src", tmp_path / "out.zip").channels == default


def test_other_channels_than_most_have_are_left_out_and_named(tmp_path: Path, photo: Photo) -> None:
    arrays_in(tmp_path / "src", 5, 16, 16)
    photo(16, 16).save(tmp_path / "src" / "z.png")
    np.save(tmp_path / "src" / "y.npy", np.zeros((2, 16, 16), np.uint8))
    report = build(tmp_path / "src", tmp_path / "out.zip")
    assert report.skipped == (("y.npy", "has 2 channels, not 5"), ("z.png", "has 3 channels, not 5"))


def test_deep_sets_of_the_same_source_are_the_same_bytes(adversarial: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        build(adversarial, tmp_path / name, size=(16, 16), depth=16, channels=3)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert open_dataset(tmp_path / "one.zip").depth == 16


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (384, 640), (32, 32), (28, 28)])
def test_rectangles_of_rgba(tmp_path: Path, photo: Photo, size: tuple[int, int]) -> None:
    (tmp_path / "src").mkdir()
    for number in range(2):
        sprite = photo(90, 120, "RGBA", seed=number)
        sprite.putalpha(photo(90, 120, "L", seed=number + 9))
        sprite.save(tmp_path / "src" / f"{number}.png")
    report = build(tmp_path / "src", tmp_path / "out.zip", size=size, channels=4)
    dataset = open_dataset(tmp_path / "out.zip")
    assert (report.size, dataset.resolution, dataset.channels) == (size, size, 4)
    assert dataset.image(0)[3].std() > 0
    assert min(halvings(size)) in (3, 4, 7)


@pytest.mark.parametrize(
    "vectors",
    [[[n % 2, 1 - n % 2, 1] for n in range(8)], [[n / 3, -1.2] for n in range(8)]],
    ids=["multi", "continuous"],
)
def test_label_vectors_come_through_with_their_names(uniform: Path, tmp_path: Path, vectors: list[list[float]]) -> None:
    names = ["a", "b", "c"][: len(vectors[0])]
    rows = [[f"{n % 2}/{n}.png", vectors[n]] for n in range(8)]
    (uniform / "dataset.json").write_text(json.dumps({"labels": rows, "label_names": names}))
    table = "".join(f"{name},{','.join(map(str, vector))}\n" for name, vector in rows)
    (tmp_path / "labels.csv").write_text(f"name,{','.join(names)}\n{table}")
    for name, labels in (("json.zip", None), ("csv.zip", str(tmp_path / "labels.csv"))):
        report = build(uniform, tmp_path / name, size=(16, 24), labels=labels)
        assert (report.label_length, report.classes) == (len(names), ())
        dataset = open_dataset(tmp_path / name, labels=True)
        assert (dataset.c_dim, dataset.label_names) == (len(names), names)
        found = [dataset.label(index) for index in range(8)]
        np.testing.assert_array_equal(found, np.array(vectors, np.float32)[[0, 2, 4, 6, 1, 3, 5, 7]])
    assert (tmp_path / "json.zip").read_bytes() == (tmp_path / "csv.zip").read_bytes()


def test_an_existing_destination_is_refused(uniform: Path, tmp_path: Path) -> None:
    for name in ("out.zip", "out"):
        build(uniform, tmp_path / name)
        with pytest.raises(UserError, match=r"^DST: '.*' exists"):
            build(uniform, tmp_path / name)


def test_a_failure_leaves_nothing_behind(uniform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(prepare, "write_stored", full)
    monkeypatch.setattr(prepare, "_write_file", full)
    for name in ("out.zip", "out"):
        with pytest.raises(OSError, match=r"No space"):
            build(uniform, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["uniform"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size": (50, 50)}, "^--size: 50x50 .* 48x48 or 52x52"),
        ({"crop": "wide"}, "^--crop wide: needs a --size that is not square"),
        ({"crop": "wide", "size": (64, 64)}, "^--crop wide: needs"),
        ({"channels": 0}, "^--channels: 0 should be at least 1"),
        ({"depth": 12}, "^--depth: 12 is neither 8 nor 16"),
        ({"labels": "nope.csv"}, "^--labels: 'nope.csv' is not a file"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    uniform: Path, tmp_path: Path, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        build(uniform, tmp_path / "out.zip", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out.zip").exists()


def test_a_destination_inside_the_source_is_refused(uniform: Path) -> None:
    with pytest.raises(UserError, match=r"^DST: .* lies inside SRC"):
        build(uniform, uniform / "out")


def test_no_source_no_pictures_and_no_usable_pictures_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^SRC: nothing at"):
        build(tmp_path / "nope", tmp_path / "out.zip")
    (tmp_path / "src").mkdir()
    with pytest.raises(UserError, match=r"^SRC: no pictures in"):
        build(tmp_path / "src", tmp_path / "out.zip")
    (tmp_path / "src" / "a.png").write_text("x")
    with pytest.raises(UserError, match=r"^SRC: none of the 1 pictures .* a\.png: is no picture"):
        build(tmp_path / "src", tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_an_embedded_set_can_be_built_smaller(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = build("emoji-people", tmp_path / "out.zip", size=(8, 8), progress=lambda *step: steps.append(step))
    assert (report.kept, len(report.classes)) == (997, 4)
    assert steps[-1] == ("converting", 997, 997)
