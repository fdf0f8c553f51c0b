import numpy as np
import pytest
import torch

from stylegans.errors import UserError
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import Progress, RealFeatures
from stylegans.metrics.recipes import RECIPES, recipes_of
from stylegans.metrics.sampling import Sampling, pictures
from stylegans.metrics.suite import OVER_OWN_SAMPLES, OVER_PLAIN_SAMPLES, Suite, fd_mobilenet

PLAIN = ["fd_mobilenet", "kd_mobilenet", "is_mobilenet", "pr_mobilenet", "dc_mobilenet", "nn_mobilenet"]
EVERYTHING = [*PLAIN, "swd16k", "msssim10k", "lpips_alex", "ppl_alex_wend", "ppl_alex_zfull", "mix_mobilenet"]


def measured(suite, G, names, *, num=12):
    wanted = [one.with_num(num) for one in recipes_of(names)]
    return {step.name: step for step in suite.measure(G, wanted) if isinstance(step, Measurement)}


def test_every_kind_of_recipe_can_be_measured():
    assert {one.kind for one in RECIPES.values()} == {*OVER_PLAIN_SAMPLES, *OVER_OWN_SAMPLES}


def test_everything_at_once_is_everything_alone(make_generator, colours, simple):
    G, data = make_generator(size=16), colours(20, size=16)
    together = measured(Suite(RealFeatures(data), simple), G, EVERYTHING)
    assert list(together) != []
    for name in EVERYTHING:
        alone = measured(Suite(RealFeatures(data), simple), G, [name])[name]
        assert alone.values == pytest.approx(together[name].values, rel=1e-9), name
        assert alone.real == pytest.approx(together[name].real, rel=1e-9, abs=1e-12), name


def test_one_pass_serves_all_metrics_of_a_network(make_generator, colours, simple):
    G = make_generator()
    measured(Suite(RealFeatures(colours(20)), simple, batch=50), G, PLAIN)
    # the generated pictures once, all the real ones once: the twelve that most metrics want are among them
    assert [len(images) for images in simple.means.seen] == [12, 20]


def test_a_metric_sees_as_many_pictures_as_it_asks_for(make_generator, colours, simple):
    wanted = [RECIPES["fd_mobilenet"].with_num(7), RECIPES["kd_mobilenet"].with_num(11)]
    steps = Suite(RealFeatures(colours(20)), simple, batch=4).measure(make_generator(), wanted)
    found = {step.name: step for step in steps if isinstance(step, Measurement)}
    assert (found["fd_mobilenet"].num_generated, found["kd_mobilenet"].num_generated) == (7, 11)
    assert (
        found["fd_mobilenet"].values
        == measured(Suite(RealFeatures(colours(20)), simple, batch=4), make_generator(), ["fd_mobilenet"], num=7)[
            "fd_mobilenet"
        ].values
    )


def test_the_distance_is_of_generated_against_real_and_its_floor_of_half_against_half(make_generator, colours, simple):
    G, data = make_generator(), colours(20)
    got = measured(Suite(RealFeatures(data), simple, seed=1), G, ["fd_mobilenet"])["fd_mobilenet"]
    fakes = torch.cat([images for _, images in pictures(G, Sampling(12, seed=1))]).float().mean(dim=(2, 3)).numpy()
    chosen = np.sort(np.random.default_rng(1).permutation(20)[:12])
    reals = data.values[chosen].astype(np.float32)
    assert got.value == pytest.approx(frechet_distance(statistics(fakes), statistics(reals)), rel=1e-6)
    order = np.random.default_rng(1).permutation(12)
    first, second = (statistics(reals[part]) for part in np.array_split(order, 2))
    assert got.floor == pytest.approx(frechet_distance(first, second), rel=1e-6)


def test_measuring_repeats_to_the_last_bit_and_leaves_the_callers_random_numbers_alone(make_generator, colours, simple):
    G = make_generator()
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (measured(Suite(RealFeatures(colours(20)), simple, seed=1), G, PLAIN) for _ in range(2))
    assert {name: one.values for name, one in first.items()} == {name: one.values for name, one in second.items()}
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


def test_progress_comes_before_each_measurement_and_reaches_its_end(make_generator, colours, simple):
    suite = Suite(RealFeatures(colours(20)), simple, batch=4)
    steps = list(suite.measure(make_generator(), [RECIPES["nn_mobilenet"].with_num(18)]))
    bars = [step for step in steps if isinstance(step, Progress)]
    for what in {step.what for step in bars}:
        done = [step.done for step in bars if step.what == what]
        assert done == sorted(done)
        assert done[-1] == next(step.total for step in bars if step.what == what)
    assert isinstance(steps[-1], Measurement)


def test_a_conditional_model_gets_labels_as_the_set_has_them(make_generator, colours, simple):
    G = make_generator(c_dim=3)
    got = measured(Suite(RealFeatures(colours(9, c_dim=3)), simple), G, ["fd_mobilenet", "ppl_alex_wend"])
    assert got["fd_mobilenet"].value > 0
    with pytest.raises(UserError, match="labels of length 3, the data set has none"):
        measured(Suite(RealFeatures(colours(9)), simple), G, ["fd_mobilenet"])
    with pytest.raises(UserError, match="labels of length 3, the data set has labels of length 2"):
        measured(Suite(RealFeatures(colours(9, c_dim=2)), simple), G, ["fd_mobilenet"])


def test_an_interval_holds_the_value_and_comes_on_request_only(make_generator, colours, simple):
    G = make_generator()
    plain = measured(Suite(RealFeatures(colours(20)), simple), G, ["kd_mobilenet"])["kd_mobilenet"]
    assert plain.intervals == {}
    asked = measured(Suite(RealFeatures(colours(20)), simple, resamples=20), G, ["kd_mobilenet"])["kd_mobilenet"]
    low, high = asked.intervals["kd_mobilenet"]
    assert low < asked.value < high
    assert asked.values == plain.values


def test_copies_of_training_pictures_are_found_and_shown(make_generator, colours, simple):
    data = colours(20)
    G = make_generator()
    honest = measured(Suite(RealFeatures(data), simple), G, ["nn_mobilenet"])["nn_mobilenet"]
    fakes = torch.cat([images for _, images in pictures(G, Sampling(12))]).float().mean(dim=(2, 3)).round()
    data.values[:12] = fakes.numpy().astype(np.uint8)  # the same, as training pictures
    copied = measured(Suite(RealFeatures(data), simple), G, ["nn_mobilenet"])["nn_mobilenet"]
    assert copied.value < honest.value
    figure = honest.figures["nn_mobilenet"]
    assert figure.dtype == np.uint8
    assert figure.shape[2] == 3
    assert figure.shape[0] >= 16 * 8  # eight that are nearest to any, eight that come first


def test_one_latent_mixed_is_no_mixing(make_generator, colours, simple):
    data = colours(20, size=16)
    got = measured(Suite(RealFeatures(data), simple), make_generator(size=16), ["mix_mobilenet", "fd_mobilenet"])
    assert got["mix_mobilenet"].values["mix_mobilenet_1"] == pytest.approx(got["fd_mobilenet"].value, rel=1e-5)
    assert list(got["mix_mobilenet"].values) == [f"mix_mobilenet_{k}" for k in (1, 2, 3, 4)]


def test_without_a_data_set_only_what_needs_none_is_measured(make_generator, simple):
    got = measured(Suite(None, simple), make_generator(size=16), ["ppl_alex_wend", "is_mobilenet", "msssim10k"])
    assert set(got) == {"ppl_alex_wend", "is_mobilenet", "msssim10k"}
    assert got["msssim10k"].real == {}
    with pytest.raises(UserError, match=r"--data: fd_mobilenet needs real pictures"):
        measured(Suite(None, simple), make_generator(), ["fd_mobilenet"])
    with pytest.raises(UserError, match="--data: a model with labels needs real pictures"):
        measured(Suite(None, simple), make_generator(c_dim=2), ["ppl_alex_wend"])


@pytest.mark.parametrize(
    ("names", "num", "count", "says"),
    [
        (["fd_mobilenet"], 3, 9, "fd_mobilenet: --num: needs at least 4 pictures, not 3"),
        (["dc_mobilenet"], 11, 30, "dc_mobilenet: --num: needs at least 12 pictures, not 11"),
        (["pr_mobilenet"], 11, 7, "pr_mobilenet: --data: needs at least 8 real pictures, not 7"),
        (["fd_mobilenet"], 9, 3, "fd_mobilenet: --data: needs at least 4 real pictures, not 3"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_work(make_generator, colours, simple, names, num, count, says):
    data = colours(count)
    with pytest.raises(UserError, match=says):
        measured(Suite(RealFeatures(data), simple), make_generator(), names, num=num)
    assert not data.seen
    assert not simple.means.seen


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_no_network_sees_are_measured_by_their_pixels_alone(make_generator, colours, simple, channels):
    G = make_generator(img_channels=channels, size=16)
    with pytest.raises(UserError, match=f"fd_mobilenet: pictures of {channels} channels cannot be measured"):
        measured(Suite(RealFeatures(colours(9)), simple), G, ["fd_mobilenet"])
    assert measured(Suite(None, simple), G, ["msssim10k"])["msssim10k"].value > 0


def test_mixing_needs_layers_that_differ(colours, simple, make_generator, monkeypatch):
    G = make_generator()
    monkeypatch.setattr(G, "num_ws", 1)
    with pytest.raises(UserError, match="mix_mobilenet: this model takes one style for all layers"):
        measured(Suite(RealFeatures(colours(9)), simple), G, ["mix_mobilenet"])


def test_pictures_are_measured_like_a_generators(make_generator, colours, simple):
    G, data = make_generator(), colours(20)
    samples = colours(30)
    samples.values = torch.cat([images for _, images in pictures(G, Sampling(30))])[:, :, 0, 0].numpy()
    suite = Suite(RealFeatures(data), simple)
    got = measured(suite, RealFeatures(samples), [*PLAIN, "msssim10k", "lpips_alex"], num=50)
    assert {one.num_generated for one in got.values()} == {30}
    expected = frechet_distance(statistics(samples.values.astype(float)), statistics(data.values.astype(float)))
    assert got["fd_mobilenet"].value == pytest.approx(expected, rel=1e-5)
    assert "as they are" in got["fd_mobilenet"].protocol
    assert measured(suite, RealFeatures(data), ["fd_mobilenet"], num=50)["fd_mobilenet"].value == pytest.approx(
        0, abs=1e-9
    )
    with pytest.raises(UserError, match="need a model, not pictures"):
        measured(suite, RealFeatures(samples), ["ppl_alex_wend"])


def test_pictures_of_other_sizes_do_not_compare(make_generator, colours, simple):
    with pytest.raises(UserError, match="--data: pictures of 4x4 in 3 channels do not compare with 8x8 in 3 channels"):
        measured(Suite(RealFeatures(colours(20, size=4)), simple), make_generator(), ["fd_mobilenet"])


def test_fd_mobilenet_is_written_with_its_protocol_and_never_called_fid(make_generator, colours):
    measurement = fd_mobilenet(make_generator(), RealFeatures(colours(6)), num=5, seed=2)
    assert measurement.name == "fd_mobilenet"
    assert measurement.value > 0
    assert measurement.features_sha256
    text = f"{measurement} {measurement.definition} {measurement.protocol}"
    for part in (
        "5 generated, 5 real",
        "mobilenet_v2",
        "real against real",
        "seed 2",
        "RandomState(2)",
        "not truncated",
        "8x8",
    ):
        assert part in text
    assert "fid" not in text.lower()
