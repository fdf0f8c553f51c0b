import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.config import Mapping, StyleGAN2
from stylegans.errors import MissingFile
from stylegans.files.model_file import write_model
from stylegans.metrics.reals import RealFeatures
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.measure import is_pictures, open_subject

CPU = torch.device("cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(np.full((16, 16, 3), number * 40, dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "dataset.json").write_text(json.dumps({"labels": [[f"{n}.png", n % 2] for n in range(6)]}))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = StyleGAN2(mapping=Mapping(z_dim=8, w_dim=8), resolution=(8, 8), channel_base=64, channel_max=8)
    path = tmp_path / "models" / "some.safetensors"
    parts = {"generator_ema": (config, StyleGAN2Generator(config).state_dict())}
    write_model(path, parts, family="stylegan2")
    return path


def test_a_model_is_compared_at_its_own_size_and_its_records_lie_beside_it(model: Path, pictures: Path) -> None:
    opened = open_subject(str(model), data=str(pictures), device=CPU)
    assert opened.reals is not None
    assert opened.reals.shape == (3, 8, 8)
    assert (opened.name, opened.home) == ("some", model.parent)
    assert opened.subject.data == "pictures"
    assert len(opened.subject.model_sha256) == len(opened.subject.data_hash) == 64
    assert open_subject(str(model), device=CPU).reals is None


def test_labels_are_opened_when_they_are_asked_for(model: Path, pictures: Path) -> None:
    plain, labelled = (
        open_subject(str(model), data=str(pictures), labels=asked, device=CPU) for asked in (False, True)
    )
    assert plain.reals is not None
    assert labelled.reals is not None
    assert (len(plain.reals.dataset.label(0)), len(labelled.reals.dataset.label(0))) == (0, 2)


def test_a_folder_of_pictures_is_measured_as_it_is(pictures: Path, model: Path) -> None:
    opened = open_subject(str(pictures), data="emoji-people", device=CPU)
    assert isinstance(opened.measured, RealFeatures)
    assert opened.measured.shape == (3, 16, 16)
    assert opened.reals is not None
    assert opened.reals.shape == (3, 16, 16)
    assert opened.home == pictures.parent
    assert not is_pictures(str(model))
    assert is_pictures("emoji")


@pytest.mark.parametrize("name", ["nothing.zip", "nothing.safetensors", "nothing"])
def test_what_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such model file or run directory"):
        open_subject(str(tmp_path / name), device=CPU)
