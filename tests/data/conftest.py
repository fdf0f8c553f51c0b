"""Pictures as people have them."""

import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo() -> Callable[..., Image.Image]:
    """A function (height, width, mode='RGB', seed=0) → a picture of smooth noise."""

    def make(height: int, width: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
        noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)

    return make


@pytest.fixture
def uniform(tmp_path: Path, photo: Callable[..., Image.Image]) -> Path:
    """A folder of eight RGB pictures, 16 high and 24 wide."""
    folder = tmp_path / "uniform"
    for number in range(8):
        path = folder / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(16, 24, seed=number).save(path)
    return folder


@pytest.fixture
def zipped() -> Callable[[Path], Path]:
    """A function that zips a folder and returns the zip beside it."""

    def make(folder: Path) -> Path:
        return Path(shutil.make_archive(str(folder), "zip", folder))

    return make


GOOD = {
    "1bit.png": "1",
    "grey.png": "L",
    "grey-alpha.png": "LA",
    "palette.png": "P",
    "rgb.bmp": "RGB",
    "rgba.webp": "RGBA",
    "cmyk.jpg": "CMYK",
    "ycbcr.tif": "YCbCr",
    "a/same.png": "RGB",
    "b/same.png": "RGB",
    "Ünï cödé [x].PNG": "RGB",
}
"""File → mode: what can be used."""


def claiming(width: int, height: int) -> bytes:
    """A small PNG whose header says that it is a large one."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "png")
    header = b"IHDR" + struct.pack(">II", width, height) + stream.getvalue()[24:29]
    return stream.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + stream.getvalue()[33:]


@pytest.fixture
def adversarial(tmp_path: Path, photo: Callable[..., Image.Image]) -> Path:
    """A folder with every kind of picture, good and bad, that people's folders hold."""
    folder = tmp_path / "mixed"
    for name, mode in GOOD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photo(40, 60, mode).save(folder / name)
    Image.fromarray(np.full((40, 60), 65535, np.uint16)).save(folder / "white16.png")
    Image.fromarray(np.full((40, 60), 32896, np.uint16)).save(folder / "middle16.tif")
    photo(40, 60).quantize(16).save(folder / "palette-transparent.png", transparency=0)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(40, 60).save(folder / "turned.jpg", exif=exif)
    photo(40, 60).save(folder / "broken-exif.jpg", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")
    photo(40, 60).save(folder / "moving.gif", save_all=True, append_images=[photo(40, 60, seed=1)])
    Image.new("RGB", (20_000, 50), "red").save(folder / "wide.png")
    # What cannot be used:
    (folder / "bad-huge.png").write_bytes(claiming(40_000, 20_000))
    stream = io.BytesIO()
    photo(400, 600).save(stream, "jpeg")
    (folder / "bad-truncated.jpg").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    stream = io.BytesIO()
    photo(40, 60).save(stream, "png")
    (folder / "bad-truncated.png").write_bytes(stream.getvalue()[:300])
    (folder / "bad-text.png").write_text("not a picture")
    (folder / "bad-empty.png").touch()
    (folder / "bad-script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    Image.fromarray(np.zeros((40, 60), np.float32)).save(folder / "bad-float.tif")
    Image.fromarray(np.full((40, 60), 1 << 20, np.int32)).save(folder / "bad-int32.tif")
    # What is not looked at:
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "rgb.png").write_text("x")
    (folder / ".hidden").mkdir()
    photo(40, 60).save(folder / ".hidden" / "rgb.png")
    (folder / "._rgb.png").write_text("x")
    (folder / "readme.txt").write_text("x")
    return folder


@pytest.fixture
def hostile_zip(tmp_path: Path, photo: Callable[..., Image.Image]) -> Path:
    """A zip with two pictures of one name, names that lead outside, a folder named like a picture, a false length."""
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for seed, name in enumerate(("a.png", "a.png", "../outside.png", "/absolute.png", "C:\\windows.png")):
            stream = io.BytesIO()
            photo(40, 40, seed=seed).save(stream, "png")
            if name == "a.png" and seed:
                with pytest.warns(UserWarning, match="Duplicate name"):
                    archive.writestr(name, stream.getvalue())
            else:
                archive.writestr(name, stream.getvalue())
        archive.writestr("folder.png/", "")
        archive.writestr("broken.png", b"x" * 1000)
    return path
