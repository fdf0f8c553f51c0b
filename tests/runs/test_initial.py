from dataclasses import replace

import pytest
import torch

from stylegans import checkpoint, models
from stylegans.errors import UserError
from stylegans.files.atomic import write_text
from stylegans.files.model_file import write_model
from stylegans.presets import get
from stylegans.runs.folder import RunFolder, to_json
from stylegans.runs.initial import check_initial, start_from
from stylegans.training.setup import start

CPU = torch.device("cpu")
NETWORKS = ("generator", "generator_ema", "discriminator")


def begin(config):
    return start(config, device=CPU)[0]


def saved(state, path, *parts):
    content = {part: (getattr(state, part).config, getattr(state, part).state_dict()) for part in parts}
    write_model(path, content, family="stylegan2")
    return str(path)


def changed(state, by):
    """The discriminator's weights differ from those that the seed gives."""
    with torch.no_grad():
        state.discriminator.epilogue.out.bias.add_(by)
    return state


def a_run(config, path, *, snapshots, checkpoints):
    """A run directory; its states are those of ``config`` with the discriminator's last bias set apart by name."""
    folder = RunFolder(path)
    path.mkdir()
    write_text(folder.config, to_json(config))
    folder.snapshots.mkdir()
    for name in snapshots:
        saved(begin(config), folder.snapshots / f"{name}.safetensors", "generator_ema")
    for name in checkpoints:
        state = changed(begin(config), int(name))
        state.images = int(name) * 1000
        checkpoint.save(folder.checkpoints, state, seconds=0)
    return str(path)


def same(a, b):
    theirs = b.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in a.state_dict().items())


def test_weights_come_from_the_model(small_run, tmp_path):
    old, new = begin(small_run(seed=1)), begin(small_run(seed=2))
    path = saved(old, tmp_path / "m.safetensors", "generator_ema", "discriminator")
    done = start_from(path, new)
    assert all(same(getattr(new, name), getattr(old, name)) for name in NETWORKS)
    assert {row.what for row in done.rows} == {"copied"}
    assert {row.network for row in done.rows} == set(NETWORKS)
    assert str(done).startswith(f"generator, generator_ema, discriminator from {path} (")


def test_a_generator_starts_from_the_generator_and_the_average_from_the_average(small_run, tmp_path):
    old, new = begin(small_run(seed=1)), begin(small_run(seed=2))
    with torch.no_grad():
        old.generator.synthesis.input.const.zero_()
    start_from(saved(old, tmp_path / "m.safetensors", "generator", "generator_ema"), new)
    assert same(new.generator, old.generator)
    assert same(new.generator_ema, old.generator_ema)


def test_a_snapshot_leaves_the_discriminator_fresh_and_says_so(small_run, tmp_path):
    state = begin(small_run())
    done = start_from(saved(state, tmp_path / "m.safetensors", "generator_ema"), state)
    assert str(done).endswith("fresh: discriminator")
    row = done.rows[-1]
    assert (row.network, row.part, row.what, row.how) == ("discriminator", "all", "fresh", "not in the source")


def test_another_shape_is_adapted(small_run, tmp_path):
    path = saved(begin(small_run(size=(32, 32))), tmp_path / "m.safetensors", "generator_ema", "discriminator")
    new = begin(small_run(size=(16, 16), channels=1, labels=2))
    done = start_from(path, new)
    assert {row.what for row in done.rows} == {"copied", "adapted", "fresh"}
    assert same(new.generator, new.generator_ema)


def test_of_a_run_the_discriminator_comes_from_the_newest_checkpoint(small_run, tmp_path):
    config = small_run(seed=1)
    run = a_run(config, tmp_path / "run", snapshots=["000001"], checkpoints=["000002", "000003"])
    new = begin(small_run(seed=2))
    done = start_from(run, new)
    assert same(new.discriminator, changed(begin(config), 3).discriminator)
    assert "000003" in done.files["discriminator"]
    assert "000001.safetensors" in done.files["generator"]
    assert "checkpoints" in str(done)


def test_of_a_run_the_checkpoint_of_the_snapshot_is_taken_where_there_is_one(small_run, tmp_path):
    config = small_run(seed=1)
    run = a_run(config, tmp_path / "run", snapshots=["000002", "000003"], checkpoints=["000002", "000003"])
    new = begin(small_run(seed=2))
    done = start_from(f"{run}@000002", new)
    assert same(new.discriminator, changed(begin(config), 2).discriminator)
    assert done.files["generator"] == done.files["discriminator"]
    assert "000002.safetensors" in done.files["generator_ema"]


def test_another_family_is_refused(small_run, tmp_path):
    path = saved(begin(small_run()), tmp_path / "m.safetensors", "generator_ema")
    with pytest.raises(UserError, match=r"--from: .*'stylegan2' cannot start one of 'progan'"):
        check_initial(path, get("progan"))


def test_a_discriminator_of_another_family_is_left_fresh(small_run, tmp_path):
    run = small_run()
    path = saved(begin(run), tmp_path / "m.safetensors", "generator_ema", "discriminator")
    growing = replace(get("progan").discriminator, resolution=(16, 16), channel_base=64, channel_max=8)
    done = start_from(path, begin(replace(run, discriminator=growing)))
    assert done.rows[-1].how == "the source's is of the family 'stylegan2'"


def test_what_is_no_model_is_refused(small_run, tmp_path):
    with pytest.raises(UserError, match=r"--from: .*no such"):
        start_from(str(tmp_path / "nothing"), begin(small_run()))


def test_a_training_starts_from_a_published_checkpoint(nvidia, write_nvidia, golden):
    """As ``--resume`` of StyleGAN2-ADA: the generators from G and G_ema, the discriminator from D."""
    networks = {"G": nvidia("ada_G_skip_c0"), "D": nvidia("ada_D_resnet_c0"), "G_ema": nvidia("ada_G_skip_c0")}
    path = str(write_nvidia(networks))
    config = get("stylegan2")
    model = models.read(path)
    config = replace(
        config, generator=model.parts["generator"].config, discriminator=model.parts["discriminator"].config
    )
    check_initial(path, config)
    state = begin(config)
    done = start_from(path, state)
    assert {row.what for row in done.rows} == {"copied"}
    assert set(done.files) == set(NETWORKS)
    vectors = golden("ada_G_skip_c0")
    found = state.generator_ema(vectors.inputs["z"], vectors.inputs["c"])
    torch.testing.assert_close(found, vectors.outputs["img_const_psi1"], rtol=1e-4, atol=1e-4)
