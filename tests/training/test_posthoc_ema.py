"""Post-hoc EMA: the profiles and their lengths, the updates that give them, and their combination."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stylegans.errors import UserError
from stylegans.training import posthoc_ema
from stylegans.training.posthoc_ema import decay, gamma_of, inner, length_of, misfit, profile, solve_weights

LENGTHS = st.floats(0.005, posthoc_ema.LONGEST)
TIMES = st.floats(1, 1e8)


def integral(values: np.ndarray, step: float) -> float:
    return float(values.sum() * step)


def midpoints(end: float, count: int = 200_000) -> tuple[np.ndarray, float]:
    step = end / count
    return (np.arange(count) + 0.5) * step, step


def shares(length: float, batches: list[int]) -> np.ndarray:
    """The weight of each batch's network in the average, by the updates alone."""
    weights, images = np.zeros(len(batches)), 0
    for number, batch in enumerate(batches):
        images += batch
        beta = decay(images=images, batch=batch, length=length)
        weights *= beta
        weights[number] += 1 - beta
    return weights


# --- lengths --------------------------------------------------------------------------------------------------------


@given(LENGTHS)
def test_the_exponent_of_a_length_has_that_length(length: float) -> None:
    assert length_of(gamma_of(length)) == pytest.approx(length, rel=1e-10)


@pytest.mark.parametrize(("length", "gamma"), [(0.05, 16.97), (0.10, 6.94)])
def test_published_exponents(length: float, gamma: float) -> None:
    assert gamma_of(length) == pytest.approx(gamma, abs=0.005)


def test_an_average_of_everything_alike_is_about_the_longest() -> None:
    assert length_of(0.0) == pytest.approx(12**-0.5)
    assert 0.96 * length_of(0.0) < posthoc_ema.LONGEST < length_of(0.0)


@given(LENGTHS, st.floats(1e-3, 1e6))
def test_a_profile_has_integral_1_and_the_length_as_its_standard_deviation(length: float, end: float) -> None:
    times, step = midpoints(end, 20_000)
    p = profile(times, end=end, gamma=gamma_of(length))
    mean = integral(p * times, step)
    assert integral(p, step) == pytest.approx(1, rel=1e-3)
    assert integral(p * (times - mean) ** 2, step) ** 0.5 == pytest.approx(length * end, rel=1e-2)


@pytest.mark.parametrize("length", [0, -0.1, 0.3, float("nan"), float("inf")])
def test_a_length_out_of_bounds_is_refused_by_its_option(length: float) -> None:
    with pytest.raises(UserError, match=r"--training\.ema-power: .* up to 0\.28"):
        gamma_of(length, option="--training.ema-power")


# --- updates --------------------------------------------------------------------------------------------------------


@given(LENGTHS, st.lists(st.integers(1, 64), min_size=1, max_size=50))
def test_updates_of_any_batches_weigh_each_by_the_profiles_integral_over_it(length: float, batches: list[int]) -> None:
    edges = np.cumsum([0, *batches]) / sum(batches)
    expected = np.diff(edges ** (gamma_of(length) + 1))
    np.testing.assert_allclose(shares(length, batches), expected, rtol=1e-9, atol=1e-12)


def test_the_first_update_replaces_the_random_start() -> None:
    assert decay(images=32, batch=32, length=0.05) == 0


def test_the_average_of_a_path_is_that_of_the_closed_profile() -> None:
    steps = 4000
    path = np.sin(np.arange(1, steps + 1) / 300)
    times, step = midpoints(steps)
    closed = integral(profile(times, end=steps, gamma=gamma_of(0.1)) * np.sin(times / 300), step)
    assert shares(0.1, [1] * steps) @ path == pytest.approx(closed, abs=2e-3)  # half a step is 1/600 of a radian


class Network(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full([2, 3], value))
        self.register_buffer("w_avg", torch.full([4], value))
        self.register_buffer("noise_const", torch.full([5], value))
        self.register_buffer("lod", torch.tensor(value))
        self.register_buffer("num_batches_tracked", torch.tensor(int(value)))


def test_parameters_and_what_the_network_averages_are_averaged_and_the_rest_copied() -> None:
    average, network = Network(1.0), Network(5.0)
    posthoc_ema.update(average, network, beta=0.75)
    found = {name: float(tensor.flatten()[0]) for name, tensor in average.state_dict().items()}
    assert found == {"weight": 2, "w_avg": 2, "noise_const": 5, "lod": 5, "num_batches_tracked": 5}
    assert network.state_dict()["weight"].eq(5).all()


def test_long_trainings_in_float32_stay_close_to_float64() -> None:
    steps, rng = 20_000, torch.Generator().manual_seed(0)
    walk = torch.randn(steps, 50, generator=rng, dtype=torch.float64).cumsum(0) * 0.01
    short, exact = torch.zeros(50), torch.zeros(50, dtype=torch.float64)
    for step, value in enumerate(walk, 1):
        share = 1 - decay(images=step * 32, batch=32, length=0.1)
        short.lerp_(value.float(), share)
        exact.lerp_(value, share)
    assert (short - exact).abs().max() < 1e-5 * exact.abs().max()


@given(LENGTHS)
def test_a_part_tells_its_length(length: float) -> None:
    assert posthoc_ema.part_length(posthoc_ema.part_name(length)) == length


def test_part_names() -> None:
    assert posthoc_ema.part_name(0.05) == "generator_power_0.05"
    assert posthoc_ema.part_name(0.10) == "generator_power_0.1"
    assert posthoc_ema.part_length("generator_ema") is None
    assert posthoc_ema.part_length("generator_power_big") is None


# --- combinations ---------------------------------------------------------------------------------------------------


@given(TIMES, LENGTHS, st.floats(0.1, 10), LENGTHS)
def test_the_inner_product_is_the_integral_of_the_product(end: float, a: float, ratio: float, b: float) -> None:
    other = end * ratio
    times, step = midpoints(min(end, other))
    p, q = profile(times, end=end, gamma=gamma_of(a)), profile(times, end=other, gamma=gamma_of(b))
    found = float(inner(end, gamma_of(a), other, gamma_of(b)))
    assert found == pytest.approx(integral(p * q, step), rel=1e-3, abs=1e-12 / end)
    assert found == float(inner(other, gamma_of(b), end, gamma_of(a)))


TRACKS, OTHERS = (0.05, 0.10), (0.02, 0.03, 0.07, 0.15, 0.20)
STEPS, BATCH = 1024, 32


def averages(path: np.ndarray) -> np.ndarray:
    """All averages of the path [STEPS, parameters] after every step, [STEPS, lengths, parameters]."""
    lengths = (*TRACKS, *OTHERS)
    now, kept = np.zeros((len(lengths), path.shape[1])), []
    for step, network in enumerate(path, 1):
        betas = [decay(images=step * BATCH, batch=BATCH, length=length) for length in lengths]
        beta = np.array(betas)[:, None]
        now = beta * now + (1 - beta) * network
        kept.append(now)
    return np.stack(kept)


@pytest.fixture(scope="module")
def paths() -> dict[str, np.ndarray]:
    """The averages of 500 parameters that are noise from batch to batch, and of 500 that walk at random."""
    noise = np.random.default_rng(0).normal(size=(STEPS, 500))
    return {"noise": averages(noise), "walk": averages(noise.cumsum(0))}


@pytest.mark.parametrize(
    ("count", "noise", "walk"), [(8, 0.28, 0.03), (16, 0.14, 0.008), (32, 0.05, 0.0012)], ids=[8, 16, 32]
)
def test_two_tracks_reconstruct_any_length_as_in_the_papers_figure(
    count: int, noise: float, walk: float, paths: dict[str, np.ndarray]
) -> None:
    """Against averages of 0.02 to 0.20 kept directly: largest relative errors, falling fast with more snapshots."""
    taken = np.arange(1, count + 1) * (STEPS // count)
    times, gammas = np.repeat(taken * BATCH, 2), np.tile([gamma_of(track) for track in TRACKS], count)
    for kind, limit in (("noise", noise), ("walk", walk)):
        stored = paths[kind][taken - 1, :2].reshape(2 * count, -1)
        for length, direct in zip(OTHERS, paths[kind][-1, 2:], strict=True):
            target = {"target_time": STEPS * BATCH, "target_gamma": gamma_of(length)}
            weights = solve_weights(times, gammas, **target)
            error = float(np.linalg.norm(weights @ stored - direct) / np.linalg.norm(direct))
            assert error < limit
            if kind == "noise":
                assert error == pytest.approx(misfit(weights, times, gammas, **target), rel=0.25, abs=2e-3)


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=12), st.lists(LENGTHS, min_size=1, max_size=2), LENGTHS)
def test_weights_add_up_to_1_whatever_the_snapshots(images: list[int], kept: list[float], length: float) -> None:
    times = np.repeat(sorted(images), len(kept))
    gammas = np.tile([gamma_of(track) for track in kept], len(images))
    weights = solve_weights(times, gammas, target_time=max(images), target_gamma=gamma_of(length))
    assert weights.dtype == np.float64
    assert weights.sum() == pytest.approx(1, abs=1e-6)


def test_snapshots_a_batch_apart_do_not_blow_the_weights_up() -> None:
    times = np.repeat([100_000, 200_000, 200_032, 300_000, 300_032], 2)
    gammas = np.tile([gamma_of(0.05), gamma_of(0.10)], 5)
    weights = solve_weights(times, gammas, target_time=300_032, target_gamma=gamma_of(0.07))
    assert np.abs(weights).sum() < 3


@pytest.mark.parametrize("length", [0.05, 0.10])
def test_a_length_that_was_kept_is_its_last_snapshot(length: float) -> None:
    times, gammas = np.repeat([1000, 2000, 3000], 2), np.tile([gamma_of(0.05), gamma_of(0.10)], 3)
    weights = solve_weights(times, gammas, target_time=3000, target_gamma=gamma_of(length))
    expected = [0, 0, 0, 0, length == 0.05, length == 0.10]
    np.testing.assert_allclose(weights, expected, atol=1e-8)
    assert misfit(weights, times, gammas, target_time=3000, target_gamma=gamma_of(length)) < 1e-6


def test_one_snapshot_of_one_track_gives_nothing_but_itself() -> None:
    for length in (0.05, 0.2):
        weights = solve_weights([1000], [gamma_of(0.1)], target_time=1000, target_gamma=gamma_of(length))
        assert weights == pytest.approx([1])
    ((low, high),) = posthoc_ema.reachable([1000], [gamma_of(0.1)], target_time=1000)
    assert 0.09 <= low <= 0.1 <= high <= 0.11


def test_more_snapshots_reach_further() -> None:
    reach = []
    for count in (1, 8, 64):
        times = np.repeat(np.arange(1, count + 1), 2)
        gammas = np.tile([gamma_of(0.05), gamma_of(0.10)], count)
        ((low, high),) = posthoc_ema.reachable(times, gammas, target_time=count)
        reach.append((low, high))
        for length in (low, high):
            weights = solve_weights(times, gammas, target_time=count, target_gamma=gamma_of(length))
            target = {"target_time": count, "target_gamma": gamma_of(length)}
            assert misfit(weights, times, gammas, **target) <= posthoc_ema.TOLERANCE
    assert reach == [(0.04, 0.12), (0.035, 0.215), (0.01, 0.28)]


def test_two_tracks_far_apart_have_a_gap_between_them() -> None:
    ranges = posthoc_ema.reachable([1, 1], [gamma_of(0.02), gamma_of(0.25)], target_time=1)
    assert len(ranges) == 2
    assert ranges[0][0] <= 0.02 <= ranges[0][1] < ranges[1][0] <= 0.25 <= ranges[1][1]
