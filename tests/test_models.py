import json
from pathlib import Path

import pytest
import torch

import stylegans
from stylegans import models
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import read_model_info, write_model
from stylegans.files.tensors import write_tensors
from stylegans.training.setup import start


@pytest.fixture
def state(small_run):
    return start(small_run(labels=2), device=torch.device("cpu"))[0]


def save(state, path, *parts):
    content = {part: (getattr(state, part).config, getattr(state, part).state_dict()) for part in parts}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_model(path, content, family="stylegan2", data="emoji")
    return path


def test_a_loaded_model_makes_the_same_pictures(state, tmp_path):
    path = save(state, tmp_path / "m.safetensors", "generator_ema", "discriminator")
    z, c = torch.randn(3, 8), torch.eye(2)[[0, 1, 0]]
    generator = stylegans.load(path)
    images = generator(z, c)
    assert torch.equal(images, state.generator_ema(z, c))
    assert not generator.training
    assert not any(p.requires_grad for p in generator.parameters())
    scores = stylegans.load(path, part="discriminator")(images, c)
    torch.testing.assert_close(scores, state.discriminator(images, c).detach())


def test_loading_draws_nothing_from_the_callers_random_numbers(state, tmp_path):
    path = save(state, tmp_path / "m.safetensors", "generator")
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    stylegans.load(path)
    assert torch.equal(torch.randn(3), expected)


def test_the_default_part_is_the_average_then_the_generator(state, tmp_path):
    path = save(state, tmp_path / "m.safetensors", "generator")
    assert stylegans.load(path)(torch.zeros(1, 8), torch.eye(2)[:1]).shape == (1, 3, 16, 16)
    only = save(state, tmp_path / "d.safetensors", "discriminator")
    with pytest.raises(UserError, match="discriminator"):
        stylegans.load(only)
    with pytest.raises(UserError, match=r"no part 'discriminator'; it holds generator"):
        stylegans.load(path, part="discriminator")


def run_directory(state, tmp_path, metrics=()):
    for name in ("000100", "000200", "000300.512", "000300"):
        save(state, tmp_path / "run" / "snapshots" / f"{name}.safetensors", "generator_ema")
    by = {"metric": "fd", "better": "lower"}
    lines = [
        {"images": int(name) * 1000, "snapshot": name, "metrics": {"fd": value}, "compared_by": by}
        for name, value in metrics
    ]
    (tmp_path / "run" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut')
    return tmp_path / "run"


def test_a_run_means_its_newest_snapshot_until_a_metric_knows_better(state, tmp_path):
    run = run_directory(state, tmp_path)
    assert models.find(run).stem == "000300.512"  # later than 000300
    with pytest.raises(UserError, match="no metric"):
        models.find(f"{run}@best")
    run = run_directory(state, tmp_path, metrics=[("000100", 9.0), ("000200", 3.0), ("000300", 5.0)])
    assert models.find(run).stem == models.find(f"{run}@best").stem == "000200"
    assert models.find(f"{run}@newest").stem == "000300.512"
    assert models.find(f"{run}@000100").stem == "000100"
    with pytest.raises(UserError, match=r"000100, 000200, 000300, 000300\.512"):
        models.find(f"{run}@000999")


def test_what_is_not_there_or_no_model_is_named(tmp_path):
    with pytest.raises(MissingFile, match="nowhere"):
        stylegans.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no snapshots"):
        stylegans.load(tmp_path)
    write_tensors(tmp_path / "other.safetensors", {"x": torch.ones(1)}, metadata={})
    with pytest.raises(UserError, match="not a stylegans model"):
        stylegans.load(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(UserError, match=r"text\.safetensors"):
        stylegans.load(tmp_path / "text.safetensors")


def test_a_copy_of_a_repository_of_the_hub_is_its_model(state, tmp_path):
    path = save(state, tmp_path / "copy" / "model.safetensors", "generator")
    assert models.find(tmp_path / "copy") == path
    with pytest.raises(UserError, match="no snapshots"):
        models.find(f"{tmp_path / 'copy'}@best")


def test_what_is_on_the_hub_is_fetched_for_every_use(state, tmp_path, monkeypatch):
    path = save(state, tmp_path / "m.safetensors", "generator")
    monkeypatch.setattr("stylegans.interop.hub.fetch", lambda address: path)
    for address in ("hf://ana/cats", Path("hf://ana/cats")):
        assert models.find(address) == path
        assert stylegans.load(address).config == state.generator.config
        assert models.read(address).source == "stylegans"
        assert models.kind_of_labels(address) == ""


def test_a_checkpoint_of_nvidias_loads_and_says_once_that_its_use_is_restricted(nvidia, write_nvidia, golden):
    vectors = golden("ada_G_skip_c0")
    networks = {"G": nvidia("ada_G_resnet_c0"), "D": nvidia("ada_D_resnet_c0"), "G_ema": nvidia("ada_G_skip_c0")}
    path = write_nvidia(networks)
    with pytest.warns(UserWarning, match=r"network\.pkl: NVIDIA Source Code License: for non-commercial use only"):
        G = stylegans.load(path)
    pictures = G(vectors.inputs["z"], vectors.inputs["c"])
    torch.testing.assert_close(pictures, vectors.outputs["img_const_psi1"], rtol=1e-4, atol=1e-4)
    assert not G.training
    assert not any(p.requires_grad for p in G.parameters())
    assert stylegans.load(path, part="generator").config.architecture == "resnet"  # without a second warning
    assert stylegans.load(path, part="discriminator")(pictures[:, :, :32, :32]).shape == (2, 1)
    with pytest.raises(UserError, match="no part 'augment'; it holds generator_ema, generator, discriminator"):
        stylegans.load(path, part="augment")


def test_the_kind_of_a_checkpoint_is_told_by_its_content(golden, state, tmp_path):
    vectors = golden("rosinality_G")
    torch.save({"g": vectors.state}, tmp_path / "named-by-a-fool.png")
    assert stylegans.load(tmp_path / "named-by-a-fool.png").config.resolution == (32, 32)
    ours = save(state, tmp_path / "m.safetensors", "generator").rename(tmp_path / "ours.pkl")
    assert stylegans.load(ours).config.resolution == (16, 16)
    assert models.kind_of_labels(ours) == models.kind_of_labels(tmp_path / "named-by-a-fool.png") == ""


def test_a_converted_model_says_what_its_source_said(state, tmp_path):
    parts = {"generator": (state.generator.config, state.generator.state_dict())}
    write_model(tmp_path / "m.safetensors", parts, family="stylegan2", licence="X: for non-commercial use only")
    with pytest.warns(UserWarning, match="X: for non-commercial use only"):
        stylegans.load(tmp_path / "m.safetensors")
    free = tmp_path / "free.safetensors"
    write_model(free, parts, family="stylegan2", licence="Apache-2.0")
    stylegans.load(free)  # where a warning would be an error


def test_every_part_of_any_model_is_read_as_configs_and_tensors(state, tmp_path):
    path = save(state, tmp_path / "m.safetensors", "generator_ema", "discriminator")
    model = models.read(path)
    assert (model.source, model.family, model.data) == ("stylegans", "stylegan2", "emoji")
    assert model.parts["discriminator"].config == state.discriminator.config
    assert model.parts["generator_ema"].state.keys() == state.generator_ema.state_dict().keys()


def test_a_config_from_a_newer_version_is_refused_by_its_field(state, tmp_path):
    path = save(state, tmp_path / "m.safetensors", "generator")
    info = read_model_info(path)
    config = info.configs["generator"] | {"hyperspace": 1}
    tensors = {f"generator.{k}": v for k, v in state.generator.state_dict().items()}
    metadata = info.header.metadata | {"config.generator": json.dumps(config)}
    write_tensors(path, tensors, metadata=metadata)
    with pytest.raises(UserError, match="hyperspace"):
        stylegans.load(path)
