from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.errors import UserError
from stylegans.files.pictures import (
    as_image,
    enlarge,
    on_white,
    quantise,
    save_picture,
    save_png,
    tile,
    to_8_bits,
    to_uint8,
    visible,
)


def random_picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_png_value_is_the_published_rounding_of_x() -> None:
    x = torch.linspace(-1.2, 1.2, 4001)
    expected = np.clip(x.numpy() * np.float32(127.5) + np.float32(128), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(to_uint8(x.view(1, 1, 1, -1)).ravel(), expected)
    assert to_uint8(torch.tensor([-1.0, 0, 1]).view(1, 1, 1, 3)).ravel().tolist() == [0, 128, 255]


@given(st.integers(0, 255))
def test_a_training_value_comes_back_as_the_byte_it_was(byte: int) -> None:
    x = torch.full((1, 1, 1, 1), byte, dtype=torch.float32) / 127.5 - 1
    assert int(to_uint8(x)[0, 0, 0, 0]) == byte


def test_what_is_not_a_number_is_black_and_what_is_infinite_is_clipped() -> None:
    x = torch.tensor([torch.nan, torch.inf, -torch.inf]).view(1, 1, 1, 3)
    assert to_uint8(x).ravel().tolist() == [0, 255, 0]


def test_channels_come_last_and_half_precision_is_widened_first() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert to_uint8(x).shape == (2, 4, 5, 3)
    half = x.bfloat16()
    assert torch.equal(quantise(half), quantise(half.float()))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_a_png_holds_grey_rgb_and_rgba_exactly(tmp_path: Path, channels: int, mode: str) -> None:
    picture = random_picture(5, 7, channels)
    save_png(tmp_path / "new" / "a.png", picture)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == mode
        assert image.size == (7, 5)
        np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


def test_a_failed_write_leaves_the_old_picture_and_nothing_beside_it(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", random_picture(5, 7, 3))
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match="1, 3 or 4 channels, not 2"):
        save_png(tmp_path / "a.png", random_picture(5, 7, 2))
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_png_cannot_hold_is_saved_as_an_array_channels_first(tmp_path: Path) -> None:
    assert save_picture(tmp_path / "seed0001.5", random_picture(5, 7, 3)).name == "seed0001.5.png"
    path = save_picture(tmp_path / "seed0001", random_picture(5, 7, 6))
    assert path.name == "seed0001.npy"
    np.testing.assert_array_equal(np.load(path), random_picture(5, 7, 6).transpose(2, 0, 1))


def test_16_bits_are_saved_as_an_array(tmp_path: Path) -> None:
    picture = random_picture(5, 7, 3).astype(np.uint16) * np.uint16(200)
    path = save_picture(tmp_path / "deep", picture)
    assert path.name == "deep.npy"
    np.testing.assert_array_equal(np.load(path), picture.transpose(2, 0, 1))


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 4), (5, 3), (9, 3)])
def test_of_any_channels_something_can_be_shown(channels: int, shown: int) -> None:
    pictures = random_picture(2, 5, 7, channels)
    np.testing.assert_array_equal(visible(pictures), pictures[..., :shown])
    np.testing.assert_array_equal(visible(pictures.astype(np.uint16) * np.uint16(257)), pictures[..., :shown])
    as_image(visible(pictures[0]))


@given(st.integers(0, 65535))
def test_16_bits_are_rounded_to_the_nearest_8(value: int) -> None:
    assert to_8_bits(np.array([value], np.uint16)) == round(value / 257)


@given(count=st.integers(1, 9), columns=st.integers(1, 4), gap=st.integers(0, 3))
def test_a_tile_holds_every_picture_in_its_cell_and_white_elsewhere(count: int, columns: int, gap: int) -> None:
    pictures = random_picture(count, 3, 2, 1) // 2
    sheet = tile(pictures, columns=columns, gap=gap)
    rows = -(-count // columns)
    assert sheet.shape == (rows * (3 + gap) - gap, columns * (2 + gap) - gap, 1)
    white = np.ones_like(sheet, dtype=bool)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (3 + gap), (i % columns) * (2 + gap)
        np.testing.assert_array_equal(sheet[top : top + 3, left : left + 2], picture)
        white[top : top + 3, left : left + 2] = False
    assert (sheet[white] == 255).all()


def test_the_default_tile_is_the_squarest() -> None:
    assert tile(random_picture(5, 3, 2, 3)).shape == (6, 6, 3)


def test_enlarging_repeats_pixels() -> None:
    picture = random_picture(2, 3, 3)
    large = enlarge(picture, 4)
    assert large.shape == (8, 12, 3)
    np.testing.assert_array_equal(large[::4, ::4], picture)
    np.testing.assert_array_equal(large[3::4, 3::4], picture)
    np.testing.assert_array_equal(enlarge(picture, 1), picture)


def test_laid_on_white_transparent_is_white_and_opaque_itself() -> None:
    picture = random_picture(4, 4, 4)
    picture[0, :, 3], picture[1, :, 3] = 0, 255
    flat = on_white(picture)
    assert (flat[0] == 255).all()
    np.testing.assert_array_equal(flat[1], picture[1, :, :3])
    np.testing.assert_array_equal(on_white(picture[:, :, :3]), picture[:, :, :3])
