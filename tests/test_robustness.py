"""A folder as people have it: one file in ten is broken, and the others are of every kind."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.data.check import check
from stylegans.data.images import open_dataset
from stylegans.data.pipeline import batches, to_float
from stylegans.data.prepare import build

IS_UNIX = os.name != "nt" and sys.platform != "darwin"


def picture(seed: int, height: int = 48, width: int = 64, mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def turned(seed: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(seed), "jpeg", exif=exif)


def deep(seed: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, (*channels, 48, 64), dtype=np.uint16)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


GOOD: tuple[tuple[str, Callable[[int], bytes]], ...] = (
    ("{}.jpg", lambda n: encoded(picture(n), "jpeg")),
    ("{}.png", lambda n: encoded(picture(n), "png")),
    ("cmyk/{}.jpg", lambda n: encoded(picture(n, mode="CMYK"), "jpeg")),
    ("{} palette.png", lambda n: encoded(picture(n).quantize(16), "png", transparency=0)),
    ("deep/{}.png", lambda n: encoded(Image.fromarray(deep(n)), "png")),
    ("deep/{}.npy", lambda n: npy(deep(n, 3))),
    ("{}.npy", lambda n: npy(np.asarray(picture(n)).transpose(2, 0, 1))),
    ("{}.gif", lambda n: encoded(picture(n), "gif", save_all=True, append_images=[picture(n + 1)])),
    ("{} turned.jpeg", turned),
    ("{} is a png.jpg", lambda n: encoded(picture(n), "png")),
    ("{} point.png", lambda n: encoded(picture(n, 1, 1), "png")),
    ("{} strip.png", lambda n: encoded(picture(n, 2, 3000), "png")),
    ("a folder.png/{}.webp", lambda n: encoded(picture(n), "webp")),
    ("ünï cödé ☃ [bold] {}.png", lambda n: encoded(picture(n), "png")),
    ("two\nlines {}.png", lambda n: encoded(picture(n), "png")),
    ("grey {}.tif", lambda n: encoded(picture(n, mode="LA"), "tiff")),
)
"""Name with the file's number → content: what can be used, whatever it looks like."""

BAD: tuple[tuple[str, Callable[[int], bytes]], ...] = (
    ("cut {}.jpg", lambda n: half(encoded(picture(n, 300, 400), "jpeg"))),
    ("cut {}.png", lambda n: half(encoded(picture(n), "png"))),
    ("cut {}.npy", lambda n: half(npy(deep(n, 3)))),
    ("empty {}.png", lambda n: b""),
    ("text {}.png", lambda n: b"not a picture\n" * 9),
    ("film\n{}.jpg", lambda n: b"\0\0\0\x20ftypisom" + bytes(range(256))),
    ("floats {}.npy", lambda n: npy(deep(n, 3).astype(np.float32))),
    ("objects {}.npy", lambda n: npy(deep(n, 3).astype(">u4"))),
    ("noise {}.gif", lambda n: b"GIF89a" + np.random.default_rng(n).bytes(300)),
)
"""What cannot."""


def fill(folder: Path, count: int) -> set[str]:
    """``count`` files, every tenth broken; the broken ones' names."""
    broken = set()
    for number in range(count):
        tenth, rest = divmod(number, 10)
        name, content = BAD[tenth % len(BAD)] if rest == 9 else GOOD[(number - tenth) % len(GOOD)]
        path = folder / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if rest != 9:
            path.write_bytes(content(number))
            continue
        broken.add(path.relative_to(folder).as_posix())
        path.write_bytes(content(number))
    return broken | unopenable(folder)


def unopenable(folder: Path) -> set[str]:
    """Entries that are named like pictures and cannot even be read."""
    if not IS_UNIX:
        return set()
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nowhere.png").symlink_to("gone.png")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"\xff broken.png")).write_bytes(b"")
    names = {"loop.png", "nowhere.png", "pipe.png", os.fsdecode(b"\xff broken.png")}
    if os.geteuid():  # root may read everything
        (folder / "secret.png").write_bytes(encoded(picture(0), "png"))
        (folder / "secret.png").chmod(0)
        names.add("secret.png")
    return names


def builds_names_every_broken_one_and_feeds_a_training(folder: Path, count: int) -> None:
    broken = fill(folder / "src", count)
    good = count - sum(1 for number in range(count) if number % 10 == 9)
    report = build(folder / "src", folder / "set.zip", size=(16, 24))
    assert {name for name, _ in report.skipped} == broken
    assert all(reason and "\n" not in reason for _, reason in report.skipped)
    assert report.kept == good
    assert report.rounded > 0
    findings = check(folder / "set.zip")
    assert (findings.problems, findings.pictures) == ((), good)
    assert {name for name, _ in check(folder / "src").corrupt} == broken
    dataset = open_dataset(folder / "set.zip", xflip=True)
    batch = next(batches(dataset, batch=good, seed=0, position=0))
    assert to_float(batch.images).abs().max() <= 1


def test_sixty_files_one_in_ten_broken(tmp_path: Path) -> None:
    builds_names_every_broken_one_and_feeds_a_training(tmp_path, 60)


@pytest.mark.long
def test_three_thousand_files_one_in_ten_broken(tmp_path: Path) -> None:
    builds_names_every_broken_one_and_feeds_a_training(tmp_path, 3000)
