from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans import models
from stylegans.config import DCGAN, ProGAN
from stylegans.errors import UserError
from stylegans.files.model_file import read_model_info, write_model
from stylegans.interop.foreign import Part
from stylegans.networks.families import build_generator
from stylegans.tools.weights import (
    Notes,
    Outline,
    Weights,
    as_part,
    joined,
    quick_outline,
    read_generator,
    refuse_difference,
    write_generator,
)

CONFIG = DCGAN(z_dim=4, resolution=(8, 8), channel_base=16, channel_max=4)
WORDS = st.lists(st.sampled_from(["CC0", "for non-commercial use only", "MIT"]), max_size=3).map("; ".join)


def weights(**notes: str) -> Weights:
    torch.manual_seed(0)
    return Weights(CONFIG, dict(build_generator(CONFIG).state_dict()), Notes(**notes))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    mine = weights(data="dots", licence="CC0", labels="classes")
    write_generator(tmp_path / "a.safetensors", mine)
    again = read_generator(tmp_path / "a.safetensors")
    assert (again.config, again.notes) == (mine.config, mine.notes)
    assert again.state.keys() == mine.state.keys()
    assert all(torch.equal(again.state[name], tensor) for name, tensor in mine.state.items())
    assert quick_outline(tmp_path / "a.safetensors") == again.outline == mine.outline
    z = torch.randn(2, 4)
    assert torch.equal(models.build(as_part(mine))(z), models.load(tmp_path / "a.safetensors")(z))


def test_the_average_is_read_before_the_trained_generator(tmp_path: Path) -> None:
    parts: Mapping[str, Any] = {
        "generator": (CONFIG, {"w": torch.zeros(2)}),
        "generator_ema": (CONFIG, {"w": torch.ones(2)}),
    }
    write_model(tmp_path / "a.safetensors", parts, family="dcgan")
    assert read_generator(tmp_path / "a.safetensors").state["w"].tolist() == [1, 1]
    assert read_generator(tmp_path / "a.safetensors", "generator").state["w"].tolist() == [0, 0]
    assert read_model_info(tmp_path / "a.safetensors").parts == ("generator", "generator_ema")


def test_a_file_without_a_generator_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "a.safetensors", {"other": (CONFIG, {})}, family="dcgan")
    for read in (quick_outline, read_generator):
        with pytest.raises(UserError, match=r"a\.safetensors: holds no generator"):
            read(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Outline(ProGAN(z_dim=4), {}), "b: its family is progan, that of a dcgan; so"),
        (Outline(DCGAN(z_dim=5, resolution=(8, 8), channel_base=16, channel_max=4), {}), "its z_dim is 5"),
        (Outline(CONFIG, {"x": (2,)}), r"its x is \(2,\), that of a \(1,\); so"),
        (Outline(CONFIG, {}), r"its x is None, that of a \(1,\); so"),
        (Outline(CONFIG, {"x": (1,), "y": ()}), r"its y is \(\), that of a None; so"),
    ],
)
def test_the_first_difference_is_named(other: Outline, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        refuse_difference(Outline(CONFIG, {"x": (1,)}), other, names=("a", "b"), why="so")
    assert "\n" not in str(caught.value)


def test_what_may_differ_is_let_through() -> None:
    refuse_difference(Outline(CONFIG, {"x.y": ()}), Outline(CONFIG, {}), names=("a", "b"), why="so", but=("x.",))
    refuse_difference(Outline(CONFIG, {}), Outline(CONFIG, {}), names=("a", "b"), why="so")


@given(st.lists(WORDS, max_size=4))
def test_each_licence_is_told_once_and_none_is_lost(licences: list[str]) -> None:
    told = joined(Notes(licence=licence) for licence in licences).licence
    parts = [part for part in told.split("; ") if part]
    assert len(parts) == len(set(parts))
    assert set(parts) == {part for licence in licences for part in licence.split("; ") if part}


def test_data_sets_are_joined_and_labels_kept_where_they_agree() -> None:
    a, b = Notes(data="faces", labels="classes"), Notes(data="cats, faces")
    assert joined([a, b]) == Notes(data="faces, cats", labels="classes")
    assert joined([a, Notes(labels="vectors")]).labels == ""
    assert joined([]) == Notes()


def test_a_part_is_the_weights_without_notes() -> None:
    mine = weights(data="dots")
    assert as_part(mine) == Part(mine.config, mine.state)
