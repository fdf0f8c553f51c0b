import itertools
import json

import pytest
import torch

from stylegans import checkpoint
from stylegans.config import Augment
from stylegans.errors import RunFailed, UserError
from stylegans.training import loop
from stylegans.training.setup import start

CPU = torch.device("cpu")


def batches(run, position=0):
    """A stream whose batch at each position is its own."""
    from stylegans.data.pipeline import Batch

    for number in itertools.count(position // run.training.batch):
        random = torch.Generator().manual_seed(number)
        shape = (run.training.batch, run.generator.img_channels, *run.generator.resolution)
        yield Batch(torch.randint(256, shape, dtype=torch.uint8, generator=random), torch.zeros(shape[0], 0))


def trained(run, steps, *, resume=None):
    state, phases = start(run, device=CPU)
    if resume is not None:
        checkpoint.load(resume, state)
    for _ in itertools.islice(loop.train(state, batches(run, state.images), phases), steps):
        pass
    return state


def everything(state):
    tensors = dict(checkpoint.state_tensors(state))
    adapted = state.augment_p, state.signs.to_list(), state.lr_scale
    return tensors, (state.images, state.step, state.averages.to_dict(), adapted)


SETTINGS = {
    "plain": {},
    "adaptive": {"augment": Augment(mode="ada", target=0.0, speed_kimg=0.05, interval=4), "ema_power": (0.05, 0.1)},
    "diffaugment": {"augment": Augment(mode="diffaugment"), "accumulate": 2, "batch": 8},
    "relativistic": {"loss": "relativistic", "r2_gamma": 1.0, "penalty": "approx", "freeze_d": 1},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("steps", [(3, 6), (1, 2), (5, 1)])
def test_save_and_resume_equals_not_stopping_bit_for_bit(small_run, tmp_path, steps, settings):
    run = small_run(**settings)
    undisturbed, facts = everything(trained(run, sum(steps)))
    saved = checkpoint.save(tmp_path, trained(run, steps[0]), seconds=1.0)
    resumed, same_facts = everything(trained(run, steps[1], resume=saved))
    assert facts == same_facts
    assert undisturbed.keys() == resumed.keys()
    assert any(name.startswith("d_optimizer.") and name.endswith("exp_avg_sq") for name in undisturbed)
    for name, tensor in undisturbed.items():
        assert torch.equal(tensor, resumed[name]), name


def test_what_was_kept_beside_the_state_comes_back(small_run, tmp_path):
    state = trained(small_run(), 0)
    state.lr_scale = 0.25
    saved = checkpoint.save(tmp_path, state, seconds=2.5, beside={"looks": [1, None, "a"]})
    again = trained(small_run(), 0)
    resumed = checkpoint.load(saved, again)
    assert (resumed.seconds, resumed.beside, again.lr_scale) == (2.5, {"looks": [1, None, "a"]}, 0.25)


def test_no_pickle_is_written(small_run, tmp_path):
    folder = checkpoint.save(tmp_path, trained(small_run(), 1), seconds=1.0)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]


def test_names_count_thousands_of_pictures(small_run):
    state = trained(small_run(), 0)
    state.batch = 4
    names = {0: "000000", 4: "000000.004", 1000: "000001", 1003: "000001", 1004: "000001.004", 200_002: "000200"}
    for images, name in names.items():
        state.images = images
        assert checkpoint.name_of(state) == name
    assert list(names.values()) == sorted(names.values())


def test_old_ones_and_leftovers_are_pruned(small_run, tmp_path):
    state = trained(small_run(), 0)
    for images in (4, 8, 12, 16):
        state.images = images
        checkpoint.save(tmp_path, state, seconds=0)
    (tmp_path / ".tmp-000000.020-x").mkdir()
    checkpoint.prune(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.012", "000000.016"]


def test_an_incomplete_one_is_never_the_newest(small_run, tmp_path):
    state = trained(small_run(), 1)
    good = checkpoint.save(tmp_path, state, seconds=0)
    (tmp_path / "000999").mkdir()
    (tmp_path / ".tmp-000998").mkdir()
    (tmp_path / ".tmp-000998" / "state.safetensors").touch()
    assert checkpoint.newest(tmp_path) == good


def test_spoilt_weights_are_not_saved(small_run, tmp_path):
    state = trained(small_run(), 1)
    good = checkpoint.save(tmp_path, state, seconds=0)
    state.images += 4
    with torch.no_grad():
        next(state.generator.parameters()).fill_(float("nan"))
    with pytest.raises(RunFailed, match="not finite"):
        checkpoint.save(tmp_path, state, seconds=0)
    assert checkpoint.newest(tmp_path) == good


def test_a_full_disk_keeps_the_previous_one(small_run, tmp_path, monkeypatch):
    state = trained(small_run(), 1)
    good = checkpoint.save(tmp_path, state, seconds=0)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    state.images += 4
    with pytest.raises(RunFailed, match="No space left"):
        checkpoint.save(tmp_path, state, seconds=0)
    assert checkpoint.newest(tmp_path) == good
    assert [path.name for path in tmp_path.iterdir()] == [good.name]


@pytest.mark.parametrize("damage", ["truncate", "json", "other"])
def test_damage_is_said_in_one_line(small_run, tmp_path, damage):
    folder = checkpoint.save(tmp_path, trained(small_run(), 1), seconds=0)
    run = small_run()
    if damage == "truncate":
        tensors = folder / checkpoint.TENSORS
        tensors.write_bytes(tensors.read_bytes()[:-100])
    elif damage == "json":
        (folder / checkpoint.FACTS).write_text(json.dumps({"images": 3}))
    else:
        run = small_run(size=(32, 32))
    with pytest.raises(UserError, match=folder.name):
        checkpoint.load(folder, start(run, device=CPU)[0])
