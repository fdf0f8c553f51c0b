from pathlib import Path

import torch

from stylegans.config import Mapping, StyleGAN2
from stylegans.files.model_file import write_model
from stylegans.interop import rosinality_export
from stylegans.interop.foreign import Part
from stylegans.networks.families import build_generator
from stylegans.tools.export import origin

CONFIG = StyleGAN2(mapping=Mapping(z_dim=8, w_dim=8, num_layers=2), resolution=(8, 8), channel_base=64, channel_max=8)


def test_a_model_of_ours_says_what_it_was_trained_on_and_its_licence(tmp_path: Path) -> None:
    state = build_generator(CONFIG).state_dict()
    write_model(tmp_path / "a.safetensors", {"generator_ema": (CONFIG, state)}, family="stylegan2", data="dots")
    assert origin(tmp_path / "a.safetensors") == {"data": "dots"}


def test_a_foreign_checkpoint_says_which_program_wrote_it_and_its_licence(tmp_path: Path) -> None:
    torch.manual_seed(0)
    parts = {"generator_ema": Part(CONFIG, build_generator(CONFIG).state_dict())}
    rosinality_export.write(tmp_path / "a.pt", parts, licence="non-commercial use only")
    said = origin(tmp_path / "a.pt")
    assert "rosinality" in said["source"]
    assert said["licence"] == "non-commercial use only"
