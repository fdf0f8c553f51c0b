"""Every row of the papers' tables trains: made small, through its growth, stopped and continued, and draws pictures."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegans.config import Run
from stylegans.config.adjust import with_batch, with_growth, with_size, with_width
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files.tensors import read_tensors
from stylegans.models import load
from stylegans.networks.pyramid import lod_of
from stylegans.presets import PRESETS, get
from stylegans.runs.run import Finished, run
from stylegans.training.schedule import first_lod, lod

BATCH, STEPS, SIZE = 8, 64, (16, 16)


def is_distinct(name: str) -> bool:
    """Whether no earlier preset trains the same networks in the same way."""
    earlier = list(PRESETS)[: list(PRESETS).index(name)]
    return all(replace(get(other), preset=name) != get(name) for other in earlier)


ROWS = [name for name in PRESETS if is_distinct(name)]

KINDS = (
    *("gan", "dcgan", "wgan", "wgan-gp", "sngan", "stylegan-a", "stylegan-b", "stylegan", "stylegan-traditional-8"),
    *("stylegan-depth-0", "stylegan2-b", "stylegan2-d", "stylegan2", "stylegan2-e-gorig-dorig"),
    *("stylegan2-e-gresnet-dskip", "stylegan2-ada", "tiny"),
)
"""Rows with a network, wiring or game of their own. The others differ from one of them in a number or a switch."""


def rows(names: Iterable[str]) -> list[Any]:
    """The rows as parameters of a test: those of another kind at once, the rest with ``scripts/test --long``."""
    return [name if name in KINDS else pytest.param(name, marks=pytest.mark.long) for name in names]


def shrunk(name: str) -> Run:
    config = with_batch(with_width(with_size(get(name), SIZE), channel_base=512, channel_max=32), BATCH)
    if config.training.growth is not None:
        steps = first_lod(config, config.training.growth)
        config = with_growth(config, STEPS // 2 * BATCH / 1000 / (2 * steps - 0.5))  # the middle of the last fade
    outputs = replace(
        config.outputs,
        device="cpu",
        tick_kimg=0.2,
        snapshot_kimg=10,
        checkpoint_kimg=STEPS // 2 * BATCH / 1000,
        keep_checkpoints=3,
    )
    training = replace(config.training, kimg=STEPS * BATCH / 1000, precision="float32")
    return replace(config, training=training, outputs=outputs)


@pytest.fixture(scope="module")
def people() -> ImageDataset:
    return open_dataset("emoji-people", size=SIZE)


def moments(checkpoint: Path, player: str) -> dict[str, bool]:
    """Parameter of the player → whether its optimizer has seen a gradient that is not 0."""
    network = read_tensors(checkpoint / "state.safetensors", prefix=f"{player}.")
    optimizer = read_tensors(checkpoint / "state.safetensors", prefix=f"{player[0]}_optimizer.")
    seen = {}
    for name, tensor in optimizer.items():
        key, _, moment = name.rpartition(".")
        if moment in ("exp_avg_sq", "square_avg", "momentum_buffer"):
            seen[key] = bool(tensor.any())
    assert set(seen) <= set(network)
    return seen


def unused_when_grown(parameter: str, blocks: int) -> bool:
    """Whether only earlier stages read this parameter: the pictures of the lower levels."""
    if parameter.startswith("epilogue.from_rgb"):
        return True
    match = re.match(r"(synthesis\.)?blocks\.(\d+)\.(to|from)_rgb", parameter)
    if match is None:
        return False
    last = blocks - 1 if match[3] == "to" else 0  # the discriminator's blocks begin with the picture
    return int(match[2]) != last


@pytest.mark.parametrize("name", rows(ROWS))
def test_every_row_trains_grows_continues_and_draws(name: str, people: ImageDataset, tmp_path: Path) -> None:
    config, out, again = shrunk(name), tmp_path / "whole", tmp_path / "continued"
    middle, end = f"{0:06d}.{STEPS // 2 * BATCH:03d}", f"{0:06d}.{STEPS * BATCH:03d}"
    if config.training.growth is not None:
        stages = [lod(config, step * BATCH) for step in (0, STEPS // 2, STEPS - 1)]
        assert stages[0] >= 1
        assert stages[1] % 1 > 0  # the run is continued from the middle of a fade
        assert stages[2] == 0

    events = list(run(config, people, out))
    assert isinstance(events[-1], Finished)
    assert events[-1].images == STEPS * BATCH

    shutil.copytree(out, again)
    shutil.rmtree(again / "checkpoints" / end)
    (again / "snapshots" / f"{end}.safetensors").unlink()
    assert (again / "checkpoints" / middle).exists()
    list(run(config, people, again))
    for file in (f"snapshots/{end}.safetensors", f"checkpoints/{end}/state.safetensors"):
        assert (out / file).read_bytes() == (again / file).read_bytes(), file

    for player, network in (("generator", "synthesis.blocks"), ("discriminator", "blocks")):
        tensors = read_tensors(out / "checkpoints" / end / "state.safetensors", prefix=f"{player}.")
        blocks = len({key.removeprefix(f"{network}.").split(".")[0] for key in tensors if key.startswith(network)})
        seen = moments(out / "checkpoints" / end, player)
        parameters = [key for key in trainable(config, player) if not unused_when_grown(key, blocks)]
        if player == "discriminator" and config.training.loss.startswith("wgan") and not config.training.drift:
            assert "out.bias" in seen  # it has a gradient, and that is 0: a constant cancels in D(x) − D(G(z))
            parameters.remove("out.bias")
        assert [key for key in parameters if not seen.get(key)] == []

    generator = load(out)
    assert lod_of(generator) == 0
    pictures = generator(torch.randn(2, generator.z_dim))
    assert pictures.shape == (2, 3, *SIZE)
    assert pictures.isfinite().all()


def trainable(config: Run, player: str) -> list[str]:
    from stylegans.networks.families import build_discriminator, build_generator

    with torch.device("meta"):
        network = (
            build_generator(config.generator) if player == "generator" else build_discriminator(config.discriminator)
        )
    return [name for name, _ in network.named_parameters()]


@pytest.mark.parametrize("name", rows(name for name in ROWS if get(name).training.growth is not None))
def test_a_model_saved_in_the_middle_of_a_fade_draws_what_it_drew(
    name: str, people: ImageDataset, tmp_path: Path
) -> None:
    config = shrunk(name)
    list(run(replace(config, training=replace(config.training, kimg=STEPS // 2 * BATCH / 1000)), people, tmp_path))
    generator = load(tmp_path)
    stage = lod(config, (STEPS // 2 - 1) * BATCH)
    assert lod_of(generator) == pytest.approx(stage)
    pictures = generator(torch.randn(1, generator.z_dim))
    assert pictures.shape == (1, 3, *SIZE)
    smaller = pictures.reshape(1, 3, SIZE[0] // 2, 2, SIZE[1] // 2, 2)
    assert (smaller.amax(dim=(3, 5)) > smaller.amin(dim=(3, 5))).any()  # the finer level has begun to draw


@pytest.mark.long
@pytest.mark.parametrize("name", ROWS)
def test_every_row_trains_from_the_command_line(name: str, tmp_path: Path) -> None:
    """Fifty steps at 32², through the growth, in processes of their own, one of them stopped half-way."""
    grow = ["--grow-kimg", "0.04"] if get(name).training.growth is not None else []
    words = ["train", name, "--data", "emoji-people", "--size", "32", "--channel-base", "512", "--channel-max", "32"]
    words += ["--batch", "8", *grow, "--seed", "3", "--out", str(tmp_path / "run"), "--checkpoint-kimg", "0.1"]
    for kimg in ("0.2", "0.4"):
        done = stylegans(*words, "--kimg", kimg)
        assert done.returncode == 0, done.stderr
    done = stylegans("generate", str(tmp_path / "run"), "--seeds", "0-3", "--out", str(tmp_path / "pictures"))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4


def stylegans(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "stylegans", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=900)
