from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stylegans.config.adjust import with_channels, with_labels, with_size
from stylegans.errors import UserError
from stylegans.metrics.perceptual_path_length import (
    Path,
    crop,
    distances,
    distances_of,
    lerp,
    path_length,
    positions,
    shrink,
    slerp,
)
from stylegans.metrics.processes import Processes
from stylegans.metrics.sampling import Sampling
from stylegans.networks.families import build_generator
from stylegans.ops.random import randn
from stylegans.presets import get

PATHS = [Path(space, ends, crop=False) for space in ("z", "w") for ends in ("full", "end")]
ids = [path.space + path.ends for path in PATHS]


def squared(a: Tensor, b: Tensor) -> Tensor:
    """The distance of the tests: squared Euclidean."""
    return (a - b).square().flatten(1).sum(dim=1)


@dataclass
class Linear:
    """A generator whose mapping and synthesis are matrices, exact enough in float64 for any step."""

    z_dim: int = 6
    c_dim: int = 0
    size: tuple[int, int] = (4, 4)
    channels: int = 3
    scale: float = 1.0
    noise: float = 0.0
    dtype: torch.dtype = torch.float64
    w_dim: int = 5
    num_ws: int = 3
    calls: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.to_w = torch.randn(self.w_dim, self.z_dim + self.c_dim, generator=random, dtype=torch.float64)
        self.to_image = torch.randn(
            self.channels, *self.size, self.num_ws, self.w_dim, generator=random, dtype=torch.float64
        )
        self.img_channels, self.img_resolution, self.has_noise = self.channels, self.size, self.noise != 0

    def parameters(self):
        yield nn.Parameter(torch.zeros(1))

    def mapping(self, z, c=None, *, truncation=1.0, truncation_layers=None):
        assert truncation == 1
        self.calls.append(z)
        inputs = z if c is None else torch.cat([z, c], dim=1)
        w = inputs.to(self.dtype) @ self.to_w.T.to(self.dtype)
        return w[:, None].expand(-1, self.num_ws, -1)

    def synthesis(self, ws, *, noise="const", generator=None):
        assert noise == ("random" if self.has_noise else "const")
        images = torch.einsum("chwkd,nkd->nchw", self.to_image.to(ws), ws) * self.scale
        if self.has_noise:
            images = images + self.noise * randn(len(ws), 1, *self.size, source=generator, device=ws.device).to(ws)
        return images

    @property
    def whole(self) -> Tensor:
        """z, c → image as one matrix."""
        return torch.einsum("chwkd,de->chwe", self.to_image, self.to_w).flatten(0, 2) * self.scale


def all_of(G, path: Path, sampling: Sampling, *, distance=squared, epsilon: float = 1e-4) -> Tensor:
    return torch.cat([d for _, d in distances(G, distance, path, sampling, epsilon=epsilon)])


def rows(num: int, G: Linear, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Where ``num`` paths begin and end, as a measurement's latents are documented."""
    z = torch.from_numpy(np.random.RandomState(seed).randn(2 * num, G.z_dim).astype(np.float32)).double()
    return z[::2], z[1::2]


# --- the published mathematics ---------------------------------------------------------------------------------------


def test_trimming_is_the_published_one(golden):
    file = golden("ada_metrics")
    assert path_length(file.inputs["ppl_distances"].numpy()) == pytest.approx(float(file.outputs["ppl"]), rel=1e-6)


@pytest.mark.parametrize(("name", "prefix"), [("ada_metrics", "slerp_"), ("sg1_metrics", "")])
def test_lerp_and_slerp_are_the_published_ones(name, prefix, golden, relative_error):
    file = golden(name)
    a, b, t = (file.inputs[prefix + each] for each in "abt")
    assert relative_error(slerp(a, b, t), file.outputs["slerp"]) < 1e-6
    assert relative_error(lerp(a, b, t), file.outputs["lerp"]) < 1e-6


@given(count=st.integers(1, 400))
def test_one_percent_at_each_side_is_left_out_and_bounds_are_kept(count):
    d = np.random.default_rng(count).permutation(count).astype(np.float32)
    low, high = np.floor(0.01 * (count - 1)), np.ceil(0.99 * (count - 1))
    assert path_length(d) == pytest.approx((low + high) / 2)


@pytest.mark.parametrize("bad", [np.zeros(0), np.zeros((3, 2)), np.array([1.0, np.nan])])
def test_a_length_of_nothing_is_refused(bad):
    with pytest.raises(ValueError, match=r"distances \[N\]"):
        path_length(bad)


@given(seed=st.integers(0, 99), dim=st.integers(2, 20), t=st.floats(0, 0.9), scale=st.floats(0.01, 100))
def test_an_arc_has_length_one_even_speed_and_knows_directions_only(seed, dim, t, scale):
    a, b = torch.randn(2, 7, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    at = torch.tensor(t, dtype=torch.float64)
    here, there = slerp(a, b, at), slerp(a, b, at + 1e-4)
    assert torch.allclose(here.norm(dim=1), torch.ones(7, dtype=torch.float64))
    angle = torch.cosine_similarity(a, b).acos()
    assert torch.allclose((there - here).norm(dim=1), 2 * (angle * 1e-4 / 2).sin(), rtol=1e-6, atol=1e-14)
    assert torch.allclose(slerp(scale * a, b / scale, at), here)


def test_arcs_and_lines_begin_and_end_where_they_should():
    a, b = torch.randn(2, 5, 8, dtype=torch.float64)
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    assert torch.equal(lerp(a, b, zero), a)
    assert torch.allclose(lerp(a, b, one), b)
    assert torch.allclose(slerp(a, b, zero), a / a.norm(dim=1, keepdim=True))
    assert torch.allclose(slerp(a, b, one), b / b.norm(dim=1, keepdim=True))
    assert torch.allclose(slerp(a, 3 * a, one / 2), a / a.norm(dim=1, keepdim=True))
    assert torch.allclose(slerp(a, -a, one / 3).norm(dim=1), torch.ones(5, dtype=torch.float64))


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1024, 1024), (64, 64), (64, 128), (40, 16)])
def test_the_crop_is_rows_3_to_7_and_columns_2_to_6_of_eight(size):
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cropped = crop(torch.stack([y, x])[None])
    assert cropped.shape == (1, 2, height // 2, width // 2)
    assert cropped[0, :, 0, 0].tolist() == [3 * height // 8, 2 * width // 8]
    assert cropped[0, :, -1, -1].tolist() == [7 * height // 8 - 1, 6 * width // 8 - 1]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (64, 64)),
        ((256, 256), (256, 256)),
        ((512, 512), (256, 256)),
        ((1024, 1024), (256, 256)),
        ((512, 1024), (128, 256)),
        ((1024, 512), (256, 128)),
    ],
)
def test_pictures_are_averaged_down_to_256(size, expected):
    images = torch.rand(1, 2, *size)
    small = shrink(images)
    assert small.shape[2:] == expected
    factor = size[0] // expected[0]
    assert small[0, 1, -1, 0] == pytest.approx(float(images[0, 1, -factor:, :factor].mean()), rel=1e-5)


def test_of_1024_the_cropped_half_is_compared_at_256():
    seen = []

    def distance(a, b):
        seen.append(a.shape)
        return squared(a, b)

    G = Linear(size=(1024, 1024), channels=1, num_ws=1, w_dim=1)
    all_of(G, Path("w", "end", crop=True), Sampling(num=1), distance=distance)
    assert seen == [(1, 1, 256, 256)]


# --- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["full", "end"])
def test_in_w_a_linear_generators_length_is_that_of_its_pictures_difference(ends):
    G = Linear()
    a, b = rows(9, G)
    expected = ((b - a) @ G.whole.T).square().sum(dim=1)
    # where t is not 0, float32 rounds t and t + ε: a step of 1e-4 is right to 3e-4 of itself, its square to 6e-4
    found = all_of(G, Path("w", ends, crop=False), Sampling(num=9))
    assert torch.allclose(found, expected, rtol=1e-6 if ends == "end" else 1e-3)
    longer = all_of(G, Path("w", ends, crop=False), Sampling(num=9), epsilon=2.0**-4)
    assert torch.allclose(longer, expected, rtol=2e-6)


@pytest.mark.parametrize("ends", ["full", "end"])
def test_in_z_an_isometrys_length_is_the_squared_angle_times_the_dimension(ends):
    G = Linear(z_dim=8, w_dim=8, num_ws=1, size=(4, 4))
    G.to_w = torch.eye(8, dtype=torch.float64)
    G.to_image = torch.linalg.qr(G.to_image.reshape(48, 8))[0].reshape(3, 4, 4, 1, 8)
    a, b = rows(9, G)
    expected = torch.cosine_similarity(a, b).acos().square() * 8
    # of a float32 latent: the step between neighbouring points is no more exact than that
    found = all_of(G, Path("z", ends, crop=False), Sampling(num=9), epsilon=1e-2)
    assert torch.allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_pictures_of_twice_the_contrast_have_four_times_the_length(path):
    once, twice = (all_of(Linear(scale=scale), path, Sampling(num=5)) for scale in (1.0, 2.0))
    assert torch.allclose(twice, 4 * once, rtol=1e-9)


def test_along_the_beginning_t_is_zero_and_else_uniform():
    numbers = range(2000)
    assert (positions(PATHS[1], numbers, seed=0) == 0).all()
    t = positions(PATHS[0], numbers, seed=0)
    assert 0 <= t.min() < t.max() < 1
    assert abs(float(t.mean()) - 0.5) < 0.03
    assert abs(float(t.var()) - 1 / 12) < 0.006
    assert torch.equal(positions(PATHS[0], [7, 3], seed=0), t[[7, 3]])
    assert not torch.equal(positions(PATHS[0], numbers, seed=1), t)


@pytest.mark.parametrize("space", ["z", "w"])
def test_both_pictures_of_a_path_have_the_same_noise(space):
    path = Path(space, "full", crop=False)
    quiet, noisy = (all_of(Linear(noise=noise), path, Sampling(num=7)) for noise in (0.0, 50.0))
    assert torch.allclose(noisy, quiet, rtol=1e-4)


def test_different_paths_have_different_noise():
    images = []

    def distance(a, b):
        images.extend([a, b])
        return squared(a, b)

    G = Linear(noise=1.0)
    a = torch.ones(3, G.z_dim)
    distances_of(G, distance, Path("w", "end", crop=False), a, a, numbers=[0, 1, 0], seed=0)
    near, far = images
    assert torch.allclose(near, far)
    assert torch.allclose(near[0], near[2])
    assert (near[0] - near[1]).abs().max() > 1


def test_both_ends_of_a_path_have_its_label():
    G = Linear(c_dim=3)
    labels = torch.eye(3)[[2, 0, 1, 1, 0]]
    sampling = Sampling(num=5, labels=labels, batch=4)
    a, b = rows(5, G)
    in_w = all_of(G, Path("w", "end", crop=False), sampling)
    difference = torch.cat([b - a, torch.zeros(5, 3, dtype=torch.float64)], dim=1)
    assert torch.allclose(in_w, (difference @ G.whole.T).square().sum(dim=1), rtol=1e-6)
    inputs = []
    G_mapping = G.mapping
    G.mapping = lambda z, c: inputs.append(c) or G_mapping(z, c)
    for space in ("z", "w"):
        inputs.clear()
        all_of(G, Path(space, "full", crop=False), sampling)
        assert torch.equal(torch.cat([c.chunk(2)[0] for c in inputs]), labels)
        assert torch.equal(torch.cat([c.chunk(2)[1] for c in inputs]), labels)


# --- sampling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS, ids=ids)
@given(batch=st.integers(1, 20), count=st.integers(1, 3))
def test_neither_batches_nor_processes_change_a_distance(path, batch, count):
    G = Linear(c_dim=2, noise=0.5)
    sampling = Sampling(num=7, seed=3, labels=torch.rand(7, 2, generator=torch.Generator().manual_seed(0)))
    whole = all_of(G, path, sampling)
    shared = torch.full([7], torch.nan, dtype=torch.float64)
    for rank in range(count):
        share = replace(sampling, batch=batch, processes=Processes(rank, count))
        for numbers, some in distances(G, squared, path, share):
            assert shared[numbers.start : numbers.stop].isnan().all()
            shared[numbers.start : numbers.stop] = some
    assert torch.allclose(shared, whole, rtol=1e-4)  # the w of a batch of another size are rounded otherwise


def test_latents_are_those_of_the_measurements_pictures():
    G = Linear()
    all_of(G, Path("w", "end", crop=False), Sampling(num=3, seed=5, batch=100))
    a, b = rows(3, G, seed=5)
    assert torch.equal(G.calls[0].double(), torch.cat([a, b]))


def test_points_of_an_arc_are_as_long_as_latents_are():
    G = Linear(z_dim=64)
    all_of(G, Path("z", "full", crop=False), Sampling(num=20))
    assert torch.allclose(G.calls[0].norm(dim=1), torch.tensor(8.0))


# --- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "size", "labels", "preset"),
    [
        (3, (16, 16), 0, "tiny"),
        (1, (16, 16), 0, "stylegan-f"),
        (4, (16, 24), 0, "tiny"),
        (3, (16, 16), 5, "stylegan2-f"),
    ],
)
@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_models_of_any_kind_are_measured(path, channels, size, labels, preset):
    run = with_labels(with_channels(with_size(get(preset), size), channels), labels)
    narrow = replace(run.generator, channel_base=64, channel_max=8)
    G = build_generator(replace(narrow, mapping=replace(narrow.mapping, z_dim=8, w_dim=8)))
    c = torch.eye(labels)[torch.arange(4) % labels] if labels else None
    found = all_of(G.eval(), replace(path, crop=True), Sampling(num=4, labels=c))
    assert found.shape == (4,)
    assert found.isfinite().all()
    assert (found > 0).all()


def test_without_a_mapping_network_there_is_only_z():
    narrow = replace(with_size(get("progan"), (16, 16)).generator, channel_base=64, channel_max=8, z_dim=8)
    G = build_generator(narrow)
    with pytest.raises(UserError, match="no mapping network, so there is no w; measure it in z"):
        next(distances(G, squared, Path("w", "end", crop=False), Sampling(num=2)))
    assert (all_of(G, Path("z", "end", crop=False), Sampling(num=2)) > 0).all()


def test_a_traditional_generator_behind_a_mapping_network_has_a_w():
    run = with_size(get("stylegan-traditional-8"), (16, 16))
    G = build_generator(replace(run.generator, channel_base=64, channel_max=8))
    assert G.num_ws == 1
    assert (all_of(G, Path("w", "end", crop=False), Sampling(num=2)) > 0).all()
