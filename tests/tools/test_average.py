"""A length chosen from a run's snapshots is the average kept directly; models of one shape have a mean."""

import weakref
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegans import models
from stylegans.config import Discriminator, Mapping, StyleGAN2
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import read_model_info, write_model
from stylegans.files.tensors import read_tensors
from stylegans.interop import nvidia_export, rosinality_export
from stylegans.interop.foreign import NON_COMMERCIAL, NVIDIA, Part
from stylegans.networks.families import build_discriminator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import average as tool
from stylegans.training import posthoc_ema

TRACKS = (0.05, 0.10)
BATCH, SNAPSHOTS, STEPS = 50, 12, 20
"""Pictures of a batch, snapshots, batches from one to the next."""

Error = Callable[[Tensor, Tensor], float]


def network(**changes: Any) -> StyleGAN2Generator:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    config = StyleGAN2(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8)
    return StyleGAN2Generator(replace(config, **changes)).requires_grad_(False)


def write(path: Path, parts: dict[str, StyleGAN2Generator], *, images: int | None = None) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    content = {name: (part.config, part.state_dict()) for name, part in parts.items()}
    write_model(path, content, family="stylegan2", data="noise", licence="CC0", images=images)
    return path


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[float, dict[str, Tensor]]]:
    """A run whose generator walks at random, and at its end the averages that were kept directly."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("walk")
    generator = network()
    averages = {length: deepcopy(generator) for length in (*TRACKS, 0.03, 0.07, 0.15)}
    for step in range(1, SNAPSHOTS * STEPS + 1):
        for name, tensor in generator.state_dict().items():
            if not name.endswith("noise_const"):
                tensor.add_(torch.randn_like(tensor), alpha=0.1)
        images = step * BATCH
        for length, average in averages.items():
            beta = posthoc_ema.decay(images=images, batch=BATCH, length=length)
            posthoc_ema.update(average, generator, beta=beta)
        if step % STEPS == 0:
            parts = {posthoc_ema.part_name(length): averages[length] for length in TRACKS}
            name = f"{images // 1000:06d}.safetensors"
            write(folder / "snapshots" / name, {"generator_ema": generator, **parts}, images=images)
    return folder, {length: average.state_dict() for length, average in averages.items()}


@pytest.mark.parametrize(("length", "limit"), [(0.03, 0.02), (0.05, 1e-6), (0.07, 1e-3), (0.10, 1e-6), (0.15, 2e-3)])
def test_a_length_chosen_afterwards_is_the_average_kept_directly(
    length: float,
    limit: float,
    walk: tuple[Path, dict[float, dict[str, Tensor]]],
    relative_error: Error,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, kept = walk
    monkeypatch.setattr(posthoc_ema, "TOLERANCE", 0.2)
    config, tensors = tool.choose_length(folder, length)
    direct = kept[length]
    assert config == network().config
    assert tensors.keys() == direct.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == direct[name].dtype
        if name.endswith("noise_const"):
            assert tensor.equal(direct[name])
        else:  # w_avg as well
            assert relative_error(tensor, direct[name]) < 10 * limit
    whole = [torch.cat([state[name].flatten() for name in direct]) for state in (tensors, direct)]
    assert relative_error(*whole) < limit


def test_an_earlier_moment_is_made_of_what_was_there_by_then(
    walk: tuple[Path, dict[float, dict[str, Tensor]]],
) -> None:
    folder, _ = walk
    recipe = tool.recipe_of_length(f"{folder}@000004", 0.07)
    assert recipe.terms[0].path.stem == "000004"
    assert {term.path.stem for term in recipe.terms} == {"000001", "000002", "000003", "000004"}
    assert recipe == tool.recipe_of_length(folder / "snapshots" / "000004.safetensors", 0.07)
    _, tensors = tool.choose_length(folder, 0.05, at="000004")
    snapshot = read_tensors(folder / "snapshots" / "000004.safetensors", prefix="generator_power_0.05.")
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, snapshot[name])


def test_the_parts_are_held_one_at_a_time(
    walk: tuple[Path, dict[float, dict[str, Tensor]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[Tensor]] = []

    def read(path: Path, *, prefix: str) -> dict[str, Tensor]:
        assert not [reference for reference in held if reference() is not None]
        tensors = read_tensors(path, prefix=prefix)
        held.extend(weakref.ref(tensor) for name, tensor in tensors.items() if posthoc_ema.is_averaged(name, tensor))
        return tensors

    monkeypatch.setattr("stylegans.tools.weights.read_tensors", read)
    tool.choose_length(walk[0], 0.07)
    assert len(held) > SNAPSHOTS


def test_the_written_model_loads_and_keeps_what_the_file_said(
    walk: tuple[Path, dict[float, dict[str, Tensor]]], tmp_path: Path
) -> None:
    tool.write_average(tmp_path / "new.safetensors", tool.recipe_of_length(walk[0], 0.07))
    info = read_model_info(tmp_path / "new.safetensors")
    assert (info.parts, info.family, info.data, info.licence) == (("generator_ema",), "stylegan2", "noise", "CC0")
    generator = models.load(tmp_path / "new.safetensors")
    assert generator(torch.randn(2, 8)).shape == (2, 3, 16, 16)


def test_a_length_out_of_reach_is_refused_with_the_range(walk: tuple[Path, dict[float, dict[str, Tensor]]]) -> None:
    with pytest.raises(UserError, match=r"--ema-length: 0\.01 is out of reach .* 12 snapshots up to 000012, .* to 0\."):
        tool.choose_length(walk[0], 0.01)
    with pytest.raises(UserError, match=r"--ema-length: 0\.5 is no relative length"):
        tool.choose_length(walk[0], 0.5)


def test_runs_that_cannot_be_chosen_from_are_one_line(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain" / "snapshots" / "000001.safetensors", {"generator_ema": network()}, images=1000)
    with pytest.raises(UserError, match=r"plain: was trained without --training\.ema-power"):
        tool.choose_length(tmp_path / "plain", 0.1)
    alone = plain.rename(tmp_path / "alone.safetensors")
    with pytest.raises(UserError, match=r"--ema-length: .*alone\.safetensors is a model on its own"):
        tool.choose_length(alone, 0.1)
    write(tmp_path / "old" / "snapshots" / "000001.safetensors", {"generator_power_0.1": network()})
    with pytest.raises(UserError, match=r"000001\.safetensors: does not say after how many pictures"):
        tool.choose_length(tmp_path / "old", 0.1)
    with pytest.raises(MissingFile, match="nowhere"):
        tool.choose_length(tmp_path / "nowhere", 0.1)


def test_one_snapshot_gives_the_lengths_that_were_kept(tmp_path: Path) -> None:
    only = network()
    write(tmp_path / "snapshots" / "000001.safetensors", {"generator_power_0.1": only}, images=1000)
    _, tensors = tool.choose_length(tmp_path, 0.1)
    for name, tensor in only.state_dict().items():
        torch.testing.assert_close(tensors[name], tensor)
    with pytest.raises(UserError, match=r"the 1 snapshot up to 000001, which can give 0\.09 to 0\.11$"):
        tool.choose_length(tmp_path, 0.2)


# --- several models -------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    a = write(tmp_path / "a.safetensors", {"generator_ema": network()})
    b = write(tmp_path / "b.safetensors", {"generator": network()})
    return a, b


@pytest.mark.parametrize("weights", [None, (0.3, 0.7), (1.5, -0.5)])
def test_models_are_summed_with_their_weights(pair: tuple[Path, Path], weights: tuple[float, float] | None) -> None:
    _, tensors = tool.average(pair, weights)
    a, b = read_tensors(pair[0], prefix="generator_ema."), read_tensors(pair[1], prefix="generator.")
    share, other = weights or (0.5, 0.5)
    for name, tensor in tensors.items():
        copied = name.endswith("noise_const")
        torch.testing.assert_close(tensor, a[name] if copied else share * a[name] + other * b[name])


def test_the_mean_of_a_model_with_itself_is_itself(pair: tuple[Path, Path]) -> None:
    _, tensors = tool.average([pair[0]] * 3)
    for name, tensor in read_tensors(pair[0], prefix="generator_ema.").items():
        torch.testing.assert_close(tensors[name], tensor, rtol=1e-7, atol=0)


def foreign(path: Path, part: StyleGAN2Generator) -> Path:
    """The same network as another program's checkpoint, by the end of the path."""
    if path.suffix == ".pt":
        rosinality_export.write(path, {"generator_ema": Part(part.config, part.state_dict())}, licence=NVIDIA)
    else:
        judge = build_discriminator(Discriminator(resolution=(16, 16), channel_base=64, channel_max=8))
        parts = {"generator_ema": Part(part.config, part.state_dict())}
        nvidia_export.write(path, parts | {"discriminator": Part(judge.config, judge.state_dict())}, licence=NVIDIA)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".pkl"])
@pytest.mark.parametrize("turned", [False, True])
def test_other_programs_checkpoints_are_summed_with_ours(suffix: str, turned: bool, tmp_path: Path) -> None:
    theirs = foreign(tmp_path / f"theirs{suffix}", network())
    read = models.read(theirs).parts["generator_ema"]
    assert isinstance(read.config, StyleGAN2)
    other = StyleGAN2Generator(read.config)
    content = {"generator_ema": (other.config, other.state_dict())}
    ours = tmp_path / "ours.safetensors"
    write_model(ours, content, family="stylegan2", data="dots", licence="CC0", labels="classes")
    paths = [ours, theirs] if turned else [theirs, ours]
    config, tensors = tool.average(paths, (0.25, 0.75))
    assert config == read.config
    first, second = (other.state_dict(), read.state) if turned else (read.state, other.state_dict())
    for name, tensor in tensors.items():
        copied = name.endswith("noise_const")
        torch.testing.assert_close(tensor, first[name] if copied else 0.25 * first[name] + 0.75 * second[name])
    out = tmp_path / "out.safetensors"
    tool.write_average(out, tool.recipe_of_models(paths))
    info = read_model_info(out)
    assert set(info.licence.split("; ")) == {"CC0", NVIDIA}
    assert NON_COMMERCIAL in info.licence
    assert info.labels == "classes"
    with pytest.warns(UserWarning, match=NON_COMMERCIAL):
        models.load(out)


def test_of_other_programs_checkpoints_alone_there_is_a_mean_too(tmp_path: Path) -> None:
    paths = [foreign(tmp_path / f"{name}.pt", network()) for name in "ab"]
    a, b = (models.read(path).parts["generator_ema"].state for path in paths)
    _, tensors = tool.average(paths)
    torch.testing.assert_close(tensors["mapping.w_avg"], (a["mapping.w_avg"] + b["mapping.w_avg"]) / 2)
    tool.write_average(tmp_path / "out.safetensors", tool.recipe_of_models(paths))
    assert read_model_info(tmp_path / "out.safetensors").licence == NVIDIA


def test_another_programs_checkpoint_of_another_shape_is_refused_by_what_differs(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours.safetensors", {"generator_ema": network(resolution=(8, 8))})
    theirs = foreign(tmp_path / "theirs.pt", network())
    with pytest.raises(UserError, match=r"theirs\.pt: its resolution is \(16, 16\), that of .* \(8, 8\); only models"):
        tool.average([ours, theirs])


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"img_channels": 1}, "its img_channels is 1, that of .*a.safetensors 3"),
        ({"channel_max": 4}, "its channel_max is 4"),
        ({"mapping": Mapping(z_dim=8, w_dim=8, num_layers=2, lr_multiplier=1)}, "its mapping.lr_multiplier is 1"),
    ],
)
def test_models_of_another_shape_are_refused_by_what_differs(
    changes: dict[str, int], difference: str, pair: tuple[Path, Path]
) -> None:
    other = write(pair[0].with_name("c.safetensors"), {"generator": network(**changes)})
    with pytest.raises(UserError, match=rf"c\.safetensors: {difference}.*only models of one shape"):
        tool.average([pair[0], other])


def test_tensors_of_another_shape_under_an_equal_config_are_refused(pair: tuple[Path, Path]) -> None:
    generator = network()
    state = generator.state_dict() | {"mapping.w_avg": torch.zeros(5)}
    other = pair[0].with_name("c.safetensors")
    write_model(other, {"generator": (generator.config, state)}, family="stylegan2")
    with pytest.raises(UserError, match=r"its mapping\.w_avg is \(5,\), that of .* \(8,\)"):
        tool.average([pair[0], other])


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [((1.0,), "1 for 2 models"), ((0.3, 0.5), "add up to 0.8"), ((float("nan"), 0.5), "add up to nan")],
)
def test_weights_that_do_not_fit_are_refused(
    weights: tuple[float, ...], complaint: str, pair: tuple[Path, Path]
) -> None:
    with pytest.raises(UserError, match=f"--weights: .*{complaint}"):
        tool.average(pair, weights)


def test_one_model_has_no_average(pair: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="two models or more"):
        tool.average(pair[:1])
