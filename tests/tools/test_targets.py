from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.data.prepare import build
from stylegans.errors import MissingFile, UserError
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.targets import read_target

Make = Callable[..., StyleGAN2Generator]


def save(path: Path, *shape: int) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def test_a_picture_of_the_models_size_is_taken_as_it_is(make: Make, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", 32, 32, 3)
    target = read_target(path, make())
    expected = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1).float() / 127.5 - 1
    assert torch.equal(target.image, expected)
    assert target.note() is None


@pytest.mark.parametrize(("channels", "resolution"), [(1, (32, 32)), (3, (16, 24)), (4, (16, 16))])
def test_other_pictures_become_what_data_build_makes_of_them(
    make: Make, tmp_path: Path, channels: int, resolution: tuple[int, int]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    path = save(source / "a.png", 50, 70, 4)
    build(source, tmp_path / "built", size=resolution, channels=channels)
    built = np.asarray(Image.open(tmp_path / "built/00000/img00000000.png")).reshape(*resolution, channels)
    target = read_target(path, make(resolution=resolution, channels=channels))
    assert torch.equal(target.image, torch.from_numpy(built.copy()).permute(2, 0, 1).float() / 127.5 - 1)
    assert "70x50; the largest part in its centre" in str(target.note())


def test_arrays_serve_models_of_other_channels(make: Make, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "a.npy", array)
    assert torch.equal(read_target(tmp_path / "a.npy", make(channels=2)).image, torch.from_numpy(array) / 127.5 - 1)
    with pytest.raises(UserError, match=r"^IMAGE: b.png: has 3 channels, not 2$"):
        read_target(save(tmp_path / "b.png", 32, 32, 3), make(channels=2))


def test_what_is_no_picture_is_refused_in_one_line(generator: StyleGAN2Generator, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    whole = save(tmp_path / "whole.png", 32, 32, 3).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("text.png", "cut.png"):
        with pytest.raises(UserError, match=f"^IMAGE: {name}: ") as refused:
            read_target(tmp_path / name, generator)
        assert "\n" not in str(refused.value)
    with pytest.raises(MissingFile, match="no such file"):
        read_target(tmp_path / "none.png", generator)
    with pytest.raises(UserError, match="is a folder"):
        read_target(tmp_path, generator)
