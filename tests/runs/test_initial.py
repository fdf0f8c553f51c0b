import pytest
import torch

from stylegans.errors import UserError
from stylegans.files.model_file import write_model
from stylegans.runs.initial import start_from
from stylegans.training.setup import start

CPU = torch.device("cpu")


def saved(state, path, *parts):
    content = {part: (getattr(state, part).config, getattr(state, part).state_dict()) for part in parts}
    write_model(path, content, family="stylegan2")
    return str(path)


def test_weights_come_from_the_model(small_run, tmp_path):
    old, _ = start(small_run(seed=1), device=CPU)
    new, _ = start(small_run(seed=2), device=CPU)
    path = saved(old, tmp_path / "m.safetensors", "generator_ema", "discriminator")
    assert start_from(path, new).endswith("generator, generator_ema, discriminator")
    for name in ("generator", "generator_ema", "discriminator"):
        pairs = zip(getattr(new, name).parameters(), getattr(old, name).parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_snapshot_leaves_the_discriminator_fresh_and_says_so(small_run, tmp_path):
    state, _ = start(small_run(), device=CPU)
    path = saved(state, tmp_path / "m.safetensors", "generator_ema")
    assert start_from(path, state).endswith("fresh: discriminator")


def test_another_shape_is_named(small_run, tmp_path):
    path = saved(start(small_run(size=(32, 32)), device=CPU)[0], tmp_path / "m.safetensors", "generator_ema")
    with pytest.raises(UserError, match=r"--from: .*another shape"):
        start_from(path, start(small_run(), device=CPU)[0])
