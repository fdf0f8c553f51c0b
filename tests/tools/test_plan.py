import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from stylegans.cli.parse import parse_known
from stylegans.cli.train import Options, resolve, split_preset
from stylegans.config import Run
from stylegans.config.sizes import Size, is_good, parse_size
from stylegans.errors import UserError
from stylegans.tools import plan as tool
from stylegans.tools.candidates import candidate, candidate_sizes
from stylegans.tools.plan import Plan, recommend
from stylegans.tools.survey import Facts, Machine
from stylegans.tools.trial import DoesNotFit, Trial, divisions

GIB = 1 << 30
LAPTOP = Machine("cpu", "cpu, 8 threads", memory=8 * GIB, bfloat16=False, cores=8, load=None, disk=100 * GIB)
GPU = Machine("cuda:0", "a GPU of 80 GB", memory=80 * GIB, bfloat16=True, cores=16, load=None, disk=1000 * GIB)


def facts(sizes: dict[Size, int], *, path: str = "set.zip", **fields: Any) -> Facts:
    total = sum(sizes.values())
    known: dict[str, Any] = {"name": "set", "pictures": total, "looked_at": total, "channels": 3, "depth": 8}
    return Facts(path=path, sizes=tuple(sizes.items()), **(known | fields))


PHONE = facts(
    {(3000, 4000): 600, (2000, 3000): 60, (1000, 1000): 40},
    path="photos",
    problems=("there are 3 sizes",),
    name="photos",
)
FACES = facts({(1024, 1024): 70_000})


def planned(known: Facts, machine: Machine, *, at_256: float | None = None, **options: Any) -> Plan:
    """The plan where a thousand pictures of 256² (of other sizes in proportion to pixels) take ``at_256`` seconds."""
    configs = {size: candidate(known, machine, size) for size in candidate_sizes(known, largest=options.get("size"))}
    trials = {}
    if at_256 is not None:
        for size, run in configs.items():
            seconds = at_256 * size[0] * size[1] / 256**2
            trials[size] = Trial(size, run.training.batch, run.training.batch, seconds, 1, GIB, is_memory_measured=True)
    return recommend(known, machine, configs, trials, **({"hours": 48.0} | options))


def option(words: tuple[str, ...], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_photographs_that_share_a_shape_become_rectangles_of_it() -> None:
    assert candidate_sizes(PHONE) == [(48, 64), (96, 128), (192, 256), (384, 512), (768, 1024)]


@pytest.mark.parametrize(
    ("stored", "base"), [((200, 300), (4, 6)), ((1080, 1920), (4, 7)), ((1600, 1200), (4, 3)), ((500, 500), (4, 4))]
)
def test_a_shape_starts_from_the_smallest_grid_that_is_nearly_as_wide(stored: Size, base: Size) -> None:
    smallest = candidate_sizes(facts({stored: 9, (stored[0] + 1, stored[1]): 1}, problems=("sizes",)))[0]
    assert math.isclose(smallest[0] / smallest[1], base[0] / base[1])


def test_upright_and_lying_pictures_mixed_become_squares() -> None:
    mixed = facts({(300, 400): 50, (400, 300): 50}, problems=("sizes",))
    assert candidate_sizes(mixed) == [(32, 32), (64, 64), (128, 128), (256, 256)]


def test_a_training_set_keeps_its_shape_and_is_never_enlarged() -> None:
    assert candidate_sizes(facts({(384, 640): 100})) == [(48, 80), (96, 160), (192, 320), (384, 640)]
    assert candidate_sizes(facts({(28, 28): 100})) == [(28, 28)]


@example([(61, 294)])  # a shape that no small grid has
@given(st.lists(st.tuples(st.integers(8, 3000), st.integers(8, 3000)), min_size=1, max_size=20))
def test_every_candidate_is_a_size_that_can_be_trained(sizes: list[Size]) -> None:
    known = facts(dict.fromkeys(sizes, 3), problems=("sizes",))
    found = candidate_sizes(known)
    assert found
    assert all(map(is_good, found))
    assert found == sorted(found)


# --- what is recommended --------------------------------------------------------------------------------------------


def test_a_laptop_with_phone_pictures_builds_first_then_trains_the_small_preset() -> None:
    plan = planned(PHONE, LAPTOP, at_256=1000, hours=12.0)
    size = plan.config.generator.resolution
    assert plan.build[:3] == ("stylegans", "data", "build")
    assert option(plan.build, "--size") == f"{size[1]}x{size[0]}"
    assert size[1] * 3 == size[0] * 4
    assert option(plan.train, "--data") == plan.build[4]
    assert plan.config.preset.startswith("small-")
    assert plan.transfer


def test_a_large_gpu_with_many_faces_trains_stylegan2_ada_without_augmentation_from_scratch() -> None:
    plan = planned(FACES, GPU, at_256=5)
    assert plan.config.preset == "stylegan2-ada"
    assert plan.config.training.augment.mode == "none"
    assert not plan.transfer
    assert plan.config.training.precision == "auto"


def test_gamma_on_a_gpu_is_the_published_rule() -> None:
    for side in (128, 256, 512, 1024):
        plan = planned(facts({(side, side): 5000}), GPU, size=(side, side))
        batch = plan.config.training.batch
        assert plan.config.training.r1_gamma == pytest.approx(0.0002 * side**2 / batch)
        assert plan.gammas_to_try == pytest.approx((plan.gamma_rule / 4, plan.gamma_rule * 4), rel=0.01)
        assert batch == min(4096 // side, 32)


def test_the_size_is_the_largest_whose_useful_length_fits_the_hours() -> None:
    sides = [planned(FACES, GPU, at_256=8, hours=h).config.generator.resolution[0] for h in (1, 4, 12, 48, 200)]
    assert sides == sorted(sides)
    for hours, side in zip((4, 12, 48), sides[1:], strict=False):
        assert 5000 * 8 * side**2 / 256**2 <= hours * 3600 < 5000 * 8 * (2 * side) ** 2 / 256**2


def test_the_length_is_what_the_hours_hold_and_never_more_than_the_presets() -> None:
    plan = planned(FACES, GPU, at_256=8, hours=48.0)
    assert plan.row.hours(plan.config.training.kimg) <= 48
    assert planned(FACES, GPU, at_256=0.001).config.training.kimg == 25000


def test_too_few_hours_are_said() -> None:
    plan = planned(PHONE, LAPTOP, at_256=100_000, hours=1.0)
    assert any("--hours" in note for note in plan.notes)


@pytest.mark.parametrize(("pictures", "transfer"), [(1999, True), (2000, False)])
def test_below_two_thousand_pictures_transfer_is_recommended(pictures: int, transfer: bool) -> None:
    assert planned(facts({(64, 64): pictures}), GPU).transfer is transfer


@pytest.mark.parametrize(("pictures", "mode"), [(500, "ada"), (30_000, "ada"), (30_001, "none")])
def test_augmentation_up_to_thirty_thousand_pictures(pictures: int, mode: str) -> None:
    plan = planned(facts({(64, 64): pictures}), LAPTOP)
    assert plan.config.training.augment.mode == option(plan.train, "--aug") == mode


def test_ada_can_reach_full_strength_within_a_short_training() -> None:
    training = planned(PHONE, LAPTOP, at_256=5000, hours=2.0).config.training
    assert training.augment.speed_kimg <= max(training.kimg / 5 + 1, 5)


def test_pictures_without_colours_get_the_augmentations_that_are_left() -> None:
    plan = planned(facts({(64, 64): 500}, channels=5), GPU)
    assert option(plan.train, "--aug-pipe") == "bg"


@pytest.mark.parametrize(
    ("counts", "used"), [((500, 400), True), ((500, 49), False), ((5000, 400), False), ((500,), False)]
)
def test_labels_are_used_of_balanced_classes_alone_and_tiny_ones_warned_of(counts: tuple[int, ...], used: bool) -> None:
    classes = tuple((f"class{number}", count) for number, count in enumerate(counts))
    plan = planned(facts({(64, 64): sum(counts)}, classes=classes, label_length=len(counts)), GPU)
    assert ("--labels" in plan.train) is used
    assert plan.config.discriminator.c_dim == (len(counts) if used else 0)
    assert any("--labels" in note for note in plan.notes) is (not used and len(counts) > 1)


def test_classes_that_are_folders_and_pictures_without_label_are_built_first() -> None:
    classes = (("cats", 300), ("dogs", 300))
    folders = planned(facts({(64, 64): 600}, classes=classes, label_length=2, are_folders=True), LAPTOP)
    assert folders.build[-2:] == ("--labels", "folders")
    gaps = planned(facts({(64, 64): 610}, classes=classes, label_length=2, unlabelled=10), LAPTOP)
    assert gaps.build
    assert "folders" not in gaps.build


def test_what_the_pictures_hold_is_kept_by_the_build() -> None:
    sprites = planned(facts({(40, 40): 50, (64, 64): 50}, channels=4, problems=("sizes",)), LAPTOP)
    assert option(sprites.build, "--channels") == "4"
    deep = planned(facts({(64, 64): 100}, channels=1, depth=16, problems=("mode I;16",)), LAPTOP)
    assert option(deep.build, "--depth") == "16"


def test_large_pictures_that_no_memory_keeps_are_made_small_once() -> None:
    assert planned(FACES, GPU, size=(256, 256)).build
    assert not planned(facts({(1024, 1024): 700}), GPU, size=(256, 256)).build
    assert not planned(FACES, GPU, size=(1024, 1024)).build


def test_pictures_that_would_be_enlarged_are_said() -> None:
    assert any("enlarged" in note for note in planned(facts({(64, 64): 100}), LAPTOP, size=(128, 128)).notes)
    assert not any("enlarged" in note for note in planned(PHONE, LAPTOP).notes)


def test_untried_nothing_is_said_of_hours() -> None:
    plan = planned(PHONE, LAPTOP)
    assert plan.trial is None
    assert all(row.seconds_per_kimg is row.measured_at is row.hours(1000) is None for row in plan.sizes)


def test_a_size_that_was_not_timed_is_computed_from_the_nearest_and_says_so() -> None:
    configs = {size: candidate(FACES, GPU, size) for size in candidate_sizes(FACES)}
    only = {(256, 256): Trial((256, 256), 16, 16, 10.0, 1, GIB, is_memory_measured=True)}
    plan = recommend(FACES, GPU, configs, only, hours=48.0)
    by_size = {row.size[0]: row for row in plan.sizes}
    assert by_size[256].measured_at == by_size[512].measured_at == (256, 256)
    assert by_size[128].seconds_per_kimg < 10 < 20 < by_size[512].seconds_per_kimg < by_size[1024].seconds_per_kimg


@given(st.integers(2, 200_000), st.sampled_from([LAPTOP, GPU]), st.sampled_from([32, 64, 256]))
def test_a_batch_is_never_more_than_the_pictures(pictures: int, machine: Machine, side: int) -> None:
    config = candidate(facts({(side, side): pictures}), machine, (side, side))
    assert config.training.batch <= pictures
    assert divisions(config)[0] == 1


# --- trying out -----------------------------------------------------------------------------------------------------


class Fake:
    """Trials that take no time: ``seconds`` per million pixels of a picture, and memory for so many pixels a batch."""

    def __init__(self, *, seconds: float, room: float = math.inf) -> None:
        self.seconds, self.room, self.tried = seconds, room, list[tuple[int, int]]()

    def __call__(self, config: Run, *, device: object, pictures: int) -> Trial:
        size, batch = config.generator.resolution, config.training.batch
        self.tried.append((size[0], pictures))
        for parts in divisions(config):
            if size[0] * size[1] * batch / parts <= self.room:
                pace = self.seconds * size[0] * size[1] / 1000
                return Trial(size, pictures, batch, pace, parts, GIB, is_memory_measured=True)
        raise DoesNotFit("no room")


def tried(fake: Fake, known: Facts, machine: Machine, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Plan:
    monkeypatch.setattr(tool, "trial", fake)
    configs = {size: candidate(known, machine, size) for size in candidate_sizes(known)}
    wanted = {"hours": 48.0, "size": None} | options
    configs, trials = tool.try_out(
        configs, known, replace(machine, device="cpu" if not machine.is_gpu else "cuda"), tell=lambda *_: None, **wanted
    )
    return recommend(known, machine, configs, trials, **wanted)


def test_a_gpu_is_tried_from_the_largest_down_and_what_is_recommended_was_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = Fake(seconds=0.1)
    plan = tried(fake, FACES, GPU, monkeypatch)
    assert fake.tried[0][0] == 1024
    assert plan.row.measured_at == plan.row.size
    assert len(fake.tried) <= 4


def test_a_batch_that_memory_does_not_hold_goes_in_parts_then_gets_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    known = facts({(256, 256): 5000})
    parted = tried(Fake(seconds=0.01, room=256**2 * 5), known, GPU, monkeypatch)
    assert parted.config.training.batch == 16
    assert option(parted.train, "--accumulate") == "4"
    smaller = tried(Fake(seconds=0.01, room=256**2 * 2), known, GPU, monkeypatch)
    assert smaller.config.training.batch == 2
    assert smaller.config.training.r1_gamma == pytest.approx(0.0002 * 256**2 / 2)


def test_sizes_that_no_part_of_a_batch_fits_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tried(Fake(seconds=0.01, room=128**2), facts({(256, 256): 5000}), GPU, monkeypatch)
    assert plan.sizes[-1].size == (128, 128)
    with pytest.raises(DoesNotFit):
        tried(Fake(seconds=0.01, room=10), facts({(256, 256): 5000}), GPU, monkeypatch)


def test_a_slow_machine_is_spared_trials_that_would_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(seconds=1000)
    plan = tried(fake, FACES, LAPTOP, monkeypatch, size=None)
    assert [size for size, _ in fake.tried] == [32]
    assert plan.config.generator.resolution == (32, 32)


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people() -> Facts:
    return tool.look("emoji-people")


@pytest.mark.parametrize("machine", [LAPTOP, GPU], ids=["cpu", "gpu"])
@pytest.mark.parametrize("size", [None, (32, 32)])
def test_the_train_command_resolves_to_the_plans_own_configuration(
    people: Facts, machine: Machine, size: Size | None
) -> None:
    plan = planned(people, machine, at_256=4000, hours=30.0, size=size)
    preset, words = split_preset(plan.train[2:])
    assert preset is not None
    options, rest = parse_known(Options, words, prog="train")
    config, _ = resolve(preset, options, rest, prog="train")
    same = replace(plan.config, data=config.data, outputs=config.outputs)
    gamma = float(f"{same.training.r1_gamma:.6g}")
    same = replace(same, training=replace(same.training, r1_gamma=gamma))
    assert config == same
    assert size is None or parse_size(option(plan.train, "--size") or "64") == size


def test_a_path_with_spaces_is_quoted() -> None:
    plan = planned(replace(PHONE, path="my photos/2024"), LAPTOP)
    assert "'my photos/2024'" in tool.pasted(plan.build)
    assert shlex.split(tool.pasted(plan.build)) == list(plan.build)


def test_what_is_written_is_named_so_that_nothing_is_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "set-64.zip").touch()
    assert tool.free(tmp_path / "set-64.zip") == tmp_path / "set-64-2.zip"


def test_a_size_that_no_pyramid_makes_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--size: 100x100"):
        tool.plan("emoji-people", device=torch.device("cpu"), size=(100, 100), measure=False)
