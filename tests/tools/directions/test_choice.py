from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from stylegans.errors import MissingFile, UserError
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.choice import read_choice, read_layers, sum_of
from stylegans.tools.directions.files import Direction, write_directions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_directions(tmp_path / "pca.safetensors", [Direction(f"pc{i}", torch.eye(16)[i]) for i in range(3)])
    write_directions(tmp_path / "smile.safetensors", [Direction("smile", torch.ones(16))])
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}/smile.safetensors", [("smile", 1)]),
        ("{}/smile.safetensors=-2", [("smile", -2)]),
        ("{}/pca.safetensors:pc1", [("pc1", 1)]),
        ("{}/pca.safetensors:pc1=1.5,{}/smile.safetensors", [("pc1", 1.5), ("smile", 1)]),
        ("{}/pca.safetensors:pc1, pc2=-1", [("pc1", 1), ("pc2", -1)]),
        ("{}/pca.safetensors", [("pc0", 1), ("pc1", 1), ("pc2", 1)]),
    ],
)
def test_files_names_and_weights_are_read(
    folder: Path, generator: StyleGAN2Generator, text: str, expected: list[tuple[str, float]]
) -> None:
    moves = read_choice(text.replace("{}", str(folder)), generator, option="DIRECTION")
    assert [(move.direction.name, move.strength) for move in moves] == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}/pca.safetensors:pc7", "no direction 'pc7'; there are pc0, pc1, pc2"),
        ("{}/pca.safetensors:pc1=much", "DIRECTION: 'much' in"),
        ("{}/pca.safetensors:pc1=nan", "DIRECTION: 'nan' in"),
        (":pc1", "DIRECTION: ':pc1' names no file"),
    ],
)
def test_what_is_not_there_is_refused(folder: Path, generator: StyleGAN2Generator, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_choice(text.replace("{}", str(folder)), generator, option="DIRECTION")


def test_a_missing_file_and_another_models_are_refused(
    folder: Path, generator: StyleGAN2Generator, one_style: nn.Module
) -> None:
    with pytest.raises(MissingFile):
        read_choice(f"{folder}/none.safetensors:pc0", generator, option="DIRECTION")
    with pytest.raises(UserError, match="pc0 has 16 numbers, but this model's latents have 4"):
        read_choice(f"{folder}/pca.safetensors", one_style, option="DIRECTION")  # type: ignore[arg-type]


def test_a_sum_has_a_name_and_a_file_of_several_must_be_chosen_from(
    folder: Path, generator: StyleGAN2Generator
) -> None:
    text = f"{folder}/pca.safetensors:pc1=-1.5,pc2"
    assert sum_of(read_choice(text, generator, option="DIRECTION"), text) == "−1.5 pc1 + pc2"
    with pytest.raises(UserError, match="DIRECTION: choose one, like FILE:pc0"):
        sum_of(read_choice(f"{folder}/pca.safetensors", generator, option="DIRECTION"), f"{folder}/pca.safetensors")


def test_layers_are_groups_ranges_or_all(make: Callable[..., StyleGAN2Generator], one_style: nn.Module) -> None:
    G = make()
    assert read_layers("0-1,4", G) == (0, 1, 4)
    assert read_layers("coarse", G) == (0, 1, 2, 3)
    assert read_layers("all", G) == tuple(range(G.num_ws))
    assert read_layers(None, G) is None
    with pytest.raises(UserError, match="--layers: this model has one style"):
        read_layers("0", one_style)  # type: ignore[arg-type]
