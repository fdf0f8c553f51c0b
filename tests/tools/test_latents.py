from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_header, write_tensors
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import noise_maps
from stylegans.tools.latents import Latent, fingerprint, fitted, read_latent, write_latent


def latent_of(G: StyleGAN2Generator, count: int = 2) -> Latent:
    maps = noise_maps.draw(G, count=count, generator=torch.Generator().manual_seed(0))
    return Latent(torch.randn(count, G.num_ws, G.w_dim), maps, "w+", fingerprint(G))


def test_a_latent_is_read_as_it_was_written(generator: StyleGAN2Generator, tmp_path: Path) -> None:
    before = latent_of(generator)
    write_latent(tmp_path / "a.safetensors", before)
    after = read_latent(tmp_path / "a.safetensors")
    assert torch.equal(before.ws, after.ws)
    assert before.noise.keys() == after.noise.keys()
    assert all(torch.equal(before.noise[name], after.noise[name]) for name in before.noise)
    assert (after.space, after.model) == ("w+", fingerprint(generator))
    metadata = read_header(tmp_path / "a.safetensors").metadata
    assert metadata == {"format": "stylegans-latent", "version": "1", "model": after.model, "space": "w+"}


def test_the_published_projectors_file_is_read(generator: StyleGAN2Generator, tmp_path: Path) -> None:
    one = np.random.default_rng(0).normal(size=(1, 1, 16)).astype(np.float32)
    for name, w, space in (("w", one.repeat(8, axis=1), "w"), ("plus", np.arange(128.0).reshape(1, 8, 16), "w+")):
        np.savez(tmp_path / f"{name}.npz", w=w)
        found = read_latent(tmp_path / f"{name}.npz")
        assert found.space == space
        assert torch.equal(found.ws, torch.from_numpy(w).float())
    np.savez(tmp_path / "encoder.npz", w=one[0].repeat(8, axis=0))
    assert read_latent(tmp_path / "encoder.npz").ws.shape == (1, 8, 16)


def test_files_that_hold_no_latent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_latent(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", z=np.zeros(3))
    write_tensors(tmp_path / "other.safetensors", {"ws": torch.zeros(1, 2, 3)}, metadata={})
    (tmp_path / "text.npz").write_text("nothing")
    for name in ("other.npz", "other.safetensors", "text.npz"):
        with pytest.raises(UserError, match="not a"):
            read_latent(tmp_path / name)
    metadata = {"format": "stylegans-latent", "version": "1", "space": "w"}
    write_tensors(tmp_path / "damaged.safetensors", {"ws": torch.zeros(2, 3)}, metadata=metadata)
    with pytest.raises(UserError, match="damaged"):
        read_latent(tmp_path / "damaged.safetensors")


def test_one_w_serves_all_layers_and_another_models_latent_is_refused(
    generator: StyleGAN2Generator, make: Callable[..., StyleGAN2Generator]
) -> None:
    one = Latent(torch.randn(2, 1, 16))
    assert torch.equal(fitted(one, generator, where="here").ws, one.ws.expand(-1, generator.num_ws, -1))
    with pytest.raises(UserError, match=r"^here: a latent of 1 × 8"):
        fitted(Latent(torch.randn(2, 1, 8)), generator, where="here")
    with pytest.raises(UserError, match=r"^here: its noise maps"):
        fitted(latent_of(make(resolution=(32, 48))), generator, where="here")


def test_the_fingerprint_is_the_weights_own(make: Callable[..., StyleGAN2Generator]) -> None:
    one, same, other = make(), make(), make()
    with torch.no_grad():
        next(other.parameters()).add_(1e-3)
    other_layout = make().to(memory_format=torch.channels_last)
    assert fingerprint(one) == fingerprint(same) == fingerprint(other_layout)
    assert fingerprint(one) != fingerprint(other)
