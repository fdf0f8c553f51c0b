import pytest
import torch

from stylegans.cli.label import label_of
from stylegans.config import Mapping, StyleGAN2
from stylegans.errors import UserError
from stylegans.files.model_file import read_model_info, write_model
from stylegans.networks.stylegan2 import StyleGAN2Generator


@pytest.fixture
def generator() -> StyleGAN2Generator:
    mapping = Mapping(z_dim=8, w_dim=8, c_dim=3, num_layers=2)
    return StyleGAN2Generator(StyleGAN2(mapping=mapping, resolution=(8, 8), channel_base=32, channel_max=8))


def saved(generator, path, **about):
    part = {"generator_ema": (generator.config, generator.state_dict())}
    write_model(path, part, family="stylegan2", **about)
    return str(path)


def test_a_class_or_numbers_are_taken_as_they_are(generator, tmp_path) -> None:
    model = saved(generator, tmp_path / "m.safetensors", labels="vectors")
    assert label_of(generator, model, "2") == 2
    assert label_of(generator, model, "0,1,0.5") == (0.0, 1.0, 0.5)


@pytest.mark.parametrize("kind", ["", "classes"])
def test_without_it_each_seed_draws_its_class(generator, tmp_path, kind) -> None:
    model = saved(generator, tmp_path / "m.safetensors", labels=kind)
    assert read_model_info(model).labels == kind
    assert label_of(generator, model, None) is None


def test_vectors_are_not_drawn_but_asked_for(generator, tmp_path) -> None:
    model = saved(generator, tmp_path / "m.safetensors", labels="vectors")
    with pytest.raises(UserError, match=r"--class: this model takes labels of 3 numbers; give them, like 0.5,0.5,0.5"):
        label_of(generator, model, None)


def test_a_model_without_labels_needs_none(tmp_path) -> None:
    torch.manual_seed(0)
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    plain = StyleGAN2Generator(StyleGAN2(mapping=mapping, resolution=(8, 8), channel_base=32, channel_max=8))
    assert label_of(plain, saved(plain, tmp_path / "m.safetensors"), None) is None
