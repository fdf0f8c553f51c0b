import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Augment, Optimizer, Training
from stylegans.runs import guard
from stylegans.runs.guard import PATIENCE, QUIET, Signals, judge

PLAIN = Training(r1_gamma=1.0, g_optimizer=Optimizer(lr=0.004), d_optimizer=Optimizer(lr=0.002))
ADA = replace(PLAIN, augment=Augment(mode="ada"))


def look(number: int, *, sign: float | None = 0.6, p: float | None = None, **signals) -> Signals:
    averages = {"loss_G": 1.5, "loss_D": 0.8} | ({} if sign is None else {"signs_real": sign})
    values = {
        "images": 20_000 * (number + 1),
        "lod": 0.0,
        "diversity": 0.9,
        "diversity_raw": 0.9,
        "nearest": 0.9,
        "distance": 100.0,
        "averages": averages | ({} if p is None else {"augment_p": p}),
    }
    return Signals(**(values | signals))


def history(count: int, **series) -> list[Signals]:
    """Looks whose signals are given as lists, constants or nothing (healthy)."""
    return [
        look(i, **{name: value[i] if isinstance(value, list) else value for name, value in series.items()})
        for i in range(count)
    ]


def spoken(looks: list[Signals], training: Training = PLAIN) -> list[tuple[int, str]]:
    """(look, kind) of every verdict that a run with these looks hears."""
    heard = [(i, judge(looks[: i + 1], training=training)) for i in range(len(looks))]
    return [(i, verdict.kind) for i, verdict in heard if verdict is not None]


# --- healthy trainings ----------------------------------------------------------------------------------------------

HEALTHY = {
    # trainings on emoji-people, look by look: variety, the raw generator's, nearest, distance, sign. The first was
    # measured as it ran, but for its nearest pictures; of the others snapshots were measured: there the raw
    # generator's variety is the average's on 50 pictures, and the signs are supposed
    "small-32": (
        [0.84, 0.64, 0.53, 0.52, 0.52, 0.63, 0.69, 0.72, 0.78, 0.80],
        [0.83, 0.54, 0.55, 0.44, 0.65, 0.68, 0.69, 0.74, 0.81, 0.83],
        [None] * 10,
        [912.0, 518, 447, 448, 397, 330, 276, 272, 265, 254],
        [0.0, 0.66, 0.73, 0.82, 0.74, 0.61, 0.69, 0.67, 0.69, 0.66],
    ),
    "small-32, longer": (
        [0.70, 0.85, 0.86, 0.86, 0.87, 0.91, 0.93],
        [0.70, 0.84, 0.86, 0.84, 0.88, 0.93, 0.96],
        [0.71, 0.72, 0.70, 0.82, 0.89, 0.93, 0.96],
        [233.0, 191, 171, 130, 108, 102, 97],
        [0.6] * 7,
    ),
    "dcgan": (
        [0.72, 0.85, 0.85, 0.84],
        [0.72, 0.88, 0.87, 0.84],
        [0.78, 0.97, 0.96, 0.96],
        [402.0, 238, 180, 152],
        [0.97, 0.97, 0.96, 0.97],
    ),
    "stylegan2-f": (
        [0.48, 0.54, 0.70, 0.90],
        [0.50, 0.55, 0.73, 0.94],
        [0.43, 0.71, 0.73, 0.80],
        [488.0, 397, 343, 328],
        [0.8, 0.8, 0.8, 0.8],
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_is_left_in_peace(name):
    diversity, raw, nearest, distance, sign = HEALTHY[name]
    looks = history(len(sign), diversity=diversity, diversity_raw=raw, nearest=nearest, distance=distance, sign=sign)
    assert spoken(looks) == []
    assert spoken(looks, ADA) == []


def test_growing_by_stages_is_left_in_peace():
    # as a Progressive GAN showed it: a fade begins with pictures that are less varied and farther away
    looks = history(
        8,
        lod=[2.0, 2.0, 2.0, 2.0, 1.4, 0.6, 0.0, 0.0],
        diversity=[0.53, 0.8, 0.9, 0.9, 0.4, 0.36, 0.38, 0.79],
        diversity_raw=[0.53, 0.8, 0.9, 0.9, 0.4, 0.36, 0.38, 0.79],
        nearest=[1.0, 1.0, 1.0, 1.0, 0.48, 0.48, 0.5, 0.8],
        distance=[664.0, 300, 250, 240, 605, 600, 550, 285],
    )
    assert spoken(looks) == []


@given(st.lists(st.floats(0.85, 1.15), min_size=1, max_size=30), st.floats(0.4, 1.2))
def test_a_plateau_with_noise_is_left_in_peace(noise, level):
    looks = history(
        len(noise),
        diversity=[level * n for n in noise],
        diversity_raw=[level * n for n in reversed(noise)],
        distance=[100 * n for n in noise],
        sign=[0.75 * n for n in noise],  # below certainty
    )
    assert spoken(looks) == []


def test_one_bad_look_is_an_outlier():
    looks = history(9, distance=[300.0, 200, 150, 900, 140, 130, 120, 600, 110], diversity=[0.9] * 7 + [0.4, 0.9])
    assert spoken(looks) == []


def test_signals_that_cannot_be_measured_say_nothing():
    assert spoken(history(8, nearest=None, distance=None)) == []


def test_there_is_nothing_to_say_of_nothing():
    assert judge([], training=PLAIN) is None
    assert guard.best([]) is None


# --- collapse -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", ["diversity", "nearest"])
def test_a_sudden_collapse_is_seen_at_the_first_look_and_said_once(signal):
    looks = history(8, **{signal: [0.5, 0.8, 0.9] + [0.02] * 5})
    assert spoken(looks) == [(3, "collapse")]


@pytest.mark.parametrize("signal", ["diversity", "diversity_raw"])
def test_lost_variety_is_seen_after_a_while_in_either_generator(signal):
    looks = history(8, **{signal: [0.6, 0.8, 0.9, 0.42, 0.4, 0.35, 0.3, 0.3]})
    assert spoken(looks) == [(3 + PATIENCE - 1, "collapse")]
    message = judge(looks[:6], training=PLAIN).message
    assert "35% as varied as the real ones, and were 90%" in message
    assert ("raw generator" in message) is (signal == "diversity_raw")


def test_a_beginning_without_variety_has_a_few_looks_to_find_it():
    slow = history(6, diversity=[0.03, 0.06, 0.15, 0.3, 0.5, 0.8], diversity_raw=0.5, nearest=0.5)
    assert spoken(slow) == []
    never = history(6, diversity=0.02, diversity_raw=0.5, nearest=0.5)
    assert spoken(never) == [(PATIENCE - 1, "collapse")]


def test_variety_above_the_datas_is_no_height_to_fall_from():
    assert spoken(history(9, diversity=[1.9, 1.7] + [0.7] * 7)) == []


def test_advice_names_options_with_values():
    message = judge(history(3, diversity=[0.9, 0.9, 0.0]), training=PLAIN).message
    assert "--lr (now 0.004; 0.002 is half)" in message
    assert "--gamma (now 1; next 4)" in message
    without = judge(history(3, diversity=[0.9, 0.9, 0.0]), training=replace(PLAIN, r1_gamma=0.0)).message
    assert "--gamma 1 (now 0)" in without
    critic = judge(history(3, diversity=[0.9, 0.9, 0.0]), training=replace(PLAIN, gp_weight=10.0)).message
    assert "--gamma" not in critic
    reduced = judge(history(3, diversity=[0.9, 0.9, 0.0]), training=replace(PLAIN, precision="bfloat16")).message
    assert "--precision float32" in reduced


def test_what_a_training_without_a_penalty_showed_is_a_collapse_seen_in_the_raw_generator_first():
    # emoji-people, small-32, --gamma 0 --lr 0.02, every 500 pictures from 1,500 on; the last look is like those before
    looks = history(
        9,
        diversity=[0.64, 0.60, 0.61, 0.60, 0.58, 0.56, 0.53, 0.49, 0.47],
        diversity_raw=[0.72, 0.60, 0.65, 0.52, 0.48, 0.39, 0.35, 0.31, 0.30],
        nearest=[0.41, 0.48, 0.51, 0.51, 0.38, 0.33, 0.33, 0.34, 0.34],
        distance=[520.0, 505, 485, 473, 478, 484, 488, 494, 495],
        sign=0.55,
    )
    assert spoken(looks) == [(8, "collapse")]


# --- divergence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3.1e17, -4e5, math.nan, math.inf])
def test_losses_that_explode_are_a_divergence_from_the_first_look(value):
    looks = [look(0, averages={"loss_G": value, "loss_D": 1.0})]
    assert spoken(looks) == [(0, "divergence")]
    assert "loss_G" in judge(looks, training=PLAIN).message


def test_what_a_rate_far_too_high_showed_is_a_divergence_and_no_overfitting():
    # --gamma 0 --lr 0.03, every 500 pictures: it holds for a while, then is lost and never finds back
    losses = [4.23, 22.6, 1.44, 1.65, 0.84, 2.33e5, 2.38e3, 862, 556, 487]
    looks = history(
        10,
        diversity=[0.74, 0.66, 0.66, 0.54, 0.55, 0.17, 0.40, 0.66, 0.68, 0.65],
        distance=[560.0, 588, 560, 579, 561, 914, 992, 1122, 1109, 1148],
        sign=[0.51, 0.59, 0.52, 0.38, 0.41, 0.21, 0.91, 0.99, 1.0, 0.97],
    )
    looks = [replace(one, averages=one.averages | {"loss_G": loss}) for one, loss in zip(looks, losses, strict=True)]
    assert spoken(looks) == [(5, "divergence")]
    assert spoken(looks[6:]) == [(2, "divergence")]  # had nobody looked at the moment itself


def test_the_losses_of_critics_may_be_large_and_negative():
    looks = [look(i, averages={"loss_G": -144.0 * i, "loss_D": -13.7}) for i in range(9)]
    assert spoken(looks, replace(PLAIN, loss="wgan-gp")) == []


def test_pictures_that_get_much_worse_for_several_looks_are_a_divergence():
    looks = history(8, distance=[300.0, 150, 100, 250, 280, 300, 310, 320])
    assert spoken(looks) == [(5, "divergence")]
    assert "2.5 times as far from the real ones as at 60 kimg" in judge(looks[:6], training=PLAIN).message


# --- overfitting ----------------------------------------------------------------------------------------------------

WORSE = [300.0, 150, 100, 120, 130, 140, 150, 160]


def test_a_certain_discriminator_and_worsening_pictures_are_overfitting():
    looks = history(8, sign=[0.6, 0.8, 0.9, 0.95, 0.96, 0.97, 0.98, 0.98], distance=WORSE)
    assert spoken(looks) == [(6, "overfitting")]  # three looks at 1.25 times the best or above
    message = judge(looks[:7], training=PLAIN).message
    assert "99% of them for real" in message
    assert "since 60 kimg" in message
    assert "--aug ada" in message


@pytest.mark.parametrize(
    "change",
    [
        {"sign": 0.85},
        {"sign": None},
        {"distance": None},
        {"distance": [300.0, 150, 100, 90, 85, 82, 81, 80]},  # a discriminator may be certain while pictures improve
    ],
)
def test_either_alone_is_not(change):
    assert spoken(history(8, **({"sign": 0.97, "distance": WORSE} | change))) == []


@pytest.mark.parametrize("loss", ["wgan", "wgan-gp", "least-squares", "relativistic"])
def test_where_the_sign_means_nothing_nothing_is_made_of_it(loss):
    assert spoken(history(8, sign=0.97, distance=WORSE), replace(PLAIN, loss=loss)) == []


def test_with_ada_it_is_overfitting_when_augmentation_is_exhausted():
    assert spoken(history(8, sign=0.7, p=0.4, distance=WORSE), ADA) == []
    assert spoken(history(8, sign=0.97, p=0.4, distance=WORSE), ADA) == []  # it still has a way to go
    assert spoken(history(8, sign=0.7, p=1.0, distance=WORSE), ADA) == [(6, "overfitting")]
    assert "--aug ada" not in judge(history(7, sign=0.7, p=1.0, distance=WORSE), training=ADA).message


# --- what is remembered ---------------------------------------------------------------------------------------------


def test_a_verdict_that_ceases_for_long_is_said_again():
    bad, good = [0.0] * 2, [0.9] * (QUIET + 1)
    assert spoken(history(len(good) * 2 + 4, diversity=good + bad + good + bad)) == [
        (len(good), "collapse"),
        (2 * len(good) + 2, "collapse"),
    ]
    short = [0.9, 0.9]
    assert spoken(history(10, diversity=short + bad + short + bad + short)) == [(2, "collapse")]


def test_another_kind_is_said_at_once():
    looks = history(4, diversity=[0.9, 0.9, 0.0, 0.0])
    looks[3] = replace(looks[3], averages={"loss_G": math.nan})
    assert spoken(looks) == [(2, "collapse"), (3, "divergence")]


@given(
    st.floats(0, 2),
    st.none() | st.floats(0, 1e6),
    st.dictionaries(st.sampled_from(["loss_G", "signs_real", "augment_p"]), st.floats(-1e9, 1e9)),
)
def test_a_history_goes_through_json_exactly(value, distance, averages):
    before = [look(i, diversity=value, distance=distance, averages=averages) for i in range(3)]
    stored = json.loads(json.dumps([guard.to_dict(one) for one in before]))
    assert [guard.from_dict(one) for one in stored] == before


def test_the_best_look_has_the_smallest_distance_there_is():
    assert guard.best(history(5, distance=[300.0, None, 120, math.nan, 130])) == 2
    assert guard.best(history(2, distance=None)) is None


def test_a_log_gets_the_numbers_there_are():
    assert guard.seen(look(0)) == {"diversity": 0.9, "diversity_raw": 0.9, "nearest": 0.9, "distance": 100.0}
    assert "distance" not in guard.seen(look(0, distance=None))
