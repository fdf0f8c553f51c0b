"""What is at a handle moves to its target, and what a mask fixes stays: on planted generators, and in every family."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, ResNet, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.networks import dcgan
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import Noise
from stylegans.tools import noise_maps
from stylegans.tools.drag import (
    Settings,
    Step,
    at_points,
    default_settings,
    drag,
    mask_loss,
    motion_loss,
    track,
)
from stylegans.tools.feature_maps import feature_maps

SIDE, PIXELS = 32, 10
"""Of the planted picture; how far a blob moves for each unit of w."""


class Blobs(dcgan.UpBlock):
    """Two blobs on the features of a picture: w [N, 4] moves both by (w0, w1), the second by (w2, w3) besides.

    Three channels each: the blob, and its slopes, by which its left and right, top and bottom are told apart.
    """

    grid: Tensor

    def __init__(self) -> None:
        super().__init__(1, 1)
        line = torch.arange(SIDE, dtype=torch.float32)
        self.register_buffer("grid", torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1))  # (x, y)

    def forward(self, w: Tensor) -> Tensor:
        both, second = PIXELS * w[:, :2], PIXELS * (w[:, :2] + w[:, 2:])
        places = torch.tensor([10.0, 8.0]) + both, torch.tensor([12.0, 24.0]) + second
        aside = [(self.grid - place[:, None, None]) / 3 for place in places]
        blobs = [(-away.square().sum(dim=-1, keepdim=True)).exp() for away in aside]
        maps = [torch.cat([blob, blob * away], dim=-1) for blob, away in zip(blobs, aside, strict=True)]
        return torch.cat(maps, dim=-1).permute(0, 3, 1, 2)


class Planted(nn.Module):
    z_dim = w_dim = 4
    c_dim, num_ws, img_channels, img_resolution, has_noise = 0, 1, 3, (SIDE, SIDE), False

    class Synthesis(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blobs = Blobs()

        def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Any = None) -> Tensor:
            features: Tensor = self.blobs(ws[:, 0])
            return 2 * features[:, [0, 3, 0]] - 1

    def __init__(self) -> None:
        super().__init__()
        self.synthesis = Planted.Synthesis()

    def mapping(self, z: Tensor, c: Tensor | None = None, **_: Any) -> Tensor:
        return z[:, None]

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.synthesis(self.mapping(z))
        return images


PLANTED = Settings(layers=1, grid=SIDE, motion_radius=3, tracking_radius=4, steps=150, rate=0.02)
FIRST, SECOND = (10.0, 8.0), (12.0, 24.0)


def planted(handles: Any, targets: Any, **options: Any) -> list[Step]:
    settings = replace(PLANTED, **options.pop("settings", {}))
    return list(drag(Planted(), torch.zeros(1, 1, 4), handles, targets, settings=settings, **options))


@pytest.mark.parametrize("target", [(20.0, 8.0), (10.0, 16.0), (4.0, 3.0), (16.0, 14.0)])
def test_a_blob_is_dragged_to_its_target(target: tuple[float, float]) -> None:
    steps = planted([FIRST], [target])
    last = steps[-1]
    assert last.arrived
    assert last.number < 150
    assert last.distance <= 1
    there = torch.tensor(FIRST) + PIXELS * last.ws[0, 0, :2]
    assert (there - torch.tensor(target)).norm() < 2
    brightest = int(last.image[0, 0].argmax())
    assert abs(brightest % SIDE - target[0]) <= 1.5
    assert abs(brightest // SIDE - target[1]) <= 1.5


def test_two_handles_go_two_ways() -> None:
    steps = planted([FIRST, SECOND], [(18.0, 8.0), (12.0, 18.0)])
    assert steps[-1].arrived
    assert (10 + PIXELS * steps[-1].ws[0, 0, 0] - 18).abs() < 2
    assert (24 + PIXELS * (steps[-1].ws[0, 0, 1] + steps[-1].ws[0, 0, 3]) - 18).abs() < 2


def test_what_the_mask_fixes_stays_while_the_rest_moves() -> None:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[:16] = True
    free, held = (planted([FIRST], [(18.0, 8.0)], mask=given) for given in (None, mask))
    assert free[-1].arrived
    assert held[-1].arrived

    def drift(steps: list[Step]) -> float:  # of the second blob, in pixels
        w = steps[-1].ws[0, 0]
        return float(PIXELS * (w[:2] + w[2:]).norm())

    assert drift(free) > 6
    assert drift(held) < 1
    assert PIXELS * held[-1].ws[0, 0, 0] > 6


def test_a_mask_of_everything_changes_nothing_and_one_of_nothing_holds_all() -> None:
    one = planted([FIRST], [(18.0, 8.0)], settings={"steps": 10})
    other = planted([FIRST], [(18.0, 8.0)], settings={"steps": 10}, mask=torch.ones(SIDE, SIDE))
    assert all(torch.equal(a.ws, b.ws) for a, b in zip(one, other, strict=True))
    held = planted([FIRST], [(18.0, 8.0)], settings={"steps": 30}, mask=torch.zeros(SIDE, SIDE))
    assert PIXELS * held[-1].ws.abs().max() < 1


def test_a_handle_at_its_target_needs_no_step() -> None:
    (only,) = planted([FIRST], [(10.5, 8.5)])
    assert (only.number, only.arrived, only.points) == (0, True, (FIRST,))


def test_more_than_five_handles_need_to_come_within_two_pixels() -> None:
    handles = [(6.0 + i, 8.0) for i in range(6)]
    nearly = [(x + 1.5, y) for x, y in handles]
    assert len(planted(handles, nearly)) == 1
    assert len(planted(handles[:5], nearly[:5], settings={"steps": 2})) > 1


def test_the_steps_are_the_same_every_time_and_the_callers_mode_does_not_matter() -> None:
    one = planted([FIRST], [(18.0, 8.0)])
    with torch.no_grad():
        other = planted([FIRST], [(18.0, 8.0)])
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.ws, b.ws)
        assert torch.equal(a.image, b.image)
        assert a.points == b.points


def test_a_step_shows_the_picture_of_its_ws() -> None:
    for number, step in enumerate(planted([FIRST], [(18.0, 8.0)], settings={"steps": 3})):
        assert step.number == number
        assert torch.equal(step.image, Planted().synthesis(step.ws))
        assert not step.ws.requires_grad


# --- losses and tracking ----------------------------------------------------------------------------------------------


def ramp(height: int = 12, width: int = 20) -> Tensor:
    """Features whose values are the pixel's (x, y), at half the picture's size."""
    y, x = torch.meshgrid(torch.arange(height) * 2 + 0.5, torch.arange(width) * 2 + 0.5, indexing="ij")
    return torch.stack([x, y])[None]


@given(x=st.floats(1, 38), y=st.floats(1, 22))
def test_features_are_read_between_their_places(x: float, y: float) -> None:
    found = at_points(ramp(), torch.tensor([[x, y]]), (24, 40))
    torch.testing.assert_close(found, torch.tensor([[x, y]]), atol=1e-4, rtol=0)


def test_at_a_pixel_the_features_are_those_of_the_resized_map() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 5, 6, 10)
    resized = nn.functional.interpolate(features, (24, 40), mode="bilinear", align_corners=False)
    points = torch.tensor([[0.0, 0.0], [39.0, 23.0], [7.0, 11.0]])
    expected = resized[0, :, points[:, 1].long(), points[:, 0].long()].T
    torch.testing.assert_close(at_points(features, points, (24, 40)), expected)


def test_the_motion_loss_is_the_mean_difference_one_pixel_towards_the_target() -> None:
    points, targets = torch.tensor([[10.0, 10.0], [30.0, 8.0]]), torch.tensor([[16.0, 18.0], [30.0, 8.0]])
    loss = motion_loss(ramp(), ramp(), points, targets, radius=3, resolution=(24, 40))
    torch.testing.assert_close(loss, torch.tensor((0.6 + 0.8) / 2 + 0.0))  # a ramp differs by the shift; the second: 0


def test_no_gradient_flows_through_where_the_features_were() -> None:
    before, now = ramp().requires_grad_(), ramp().requires_grad_()
    points, targets = torch.tensor([[10.0, 10.0]]), torch.tensor([[20.0, 10.0]])
    motion_loss(now, before, points, targets, radius=2, resolution=(24, 40)).backward()
    assert before.grad is None
    assert now.grad is not None
    assert now.grad.any()


def test_the_mask_loss_counts_what_is_fixed_alone() -> None:
    first, now, fixed = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)
    fixed[..., 0] = 1
    now[..., 1:] = 7
    assert mask_loss(now, first, fixed) == 0.25


@given(x=st.integers(0, 39), y=st.integers(0, 23), dx=st.integers(-4, 4), dy=st.integers(-4, 4))
def test_a_handle_is_found_where_its_features_went_within_the_radius(x: int, y: int, dx: int, dy: int) -> None:
    features = nn.functional.interpolate(ramp(), (24, 40), mode="bilinear", align_corners=False)
    features[0, 0], features[0, 1] = torch.arange(40.0), torch.arange(24.0)[:, None]
    goal = (min(max(x + dx, 0), 39), min(max(y + dy, 0), 23))
    found = track(features, torch.tensor([goal]).float(), torch.tensor([[x, y]]).float(), radius=4, resolution=(24, 40))
    nearest = [min(max(there, here - 3), here + 3) for here, there in ((x, goal[0]), (y, goal[1]))]
    assert found.tolist() == [nearest]


def test_where_all_is_alike_a_handle_stays() -> None:
    points = torch.tensor([[5.0, 6.0], [0.0, 23.0]])
    found = track(torch.zeros(1, 3, 24, 40), torch.zeros(2, 3), points, radius=5, resolution=(24, 40))
    assert torch.equal(found, points)


# --- every family -----------------------------------------------------------------------------------------------------

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
PYRAMID: dict[str, Any] = {"resolution": (24, 40), "base": (3, 5), "channel_base": 128, "channel_max": 8}
STYLED: dict[str, Any] = {"mapping": MAPPING} | PYRAMID

CONFIGS = {
    "stylegan": StyleGAN(**STYLED, img_channels=1),
    "traditional": StyleGAN(**STYLED, use_styles=False, const_input=False, use_noise=False),
    "orig": StyleGAN2(**STYLED, architecture="orig", use_noise=False),
    "skip": StyleGAN2(**STYLED, img_channels=4),
    "resnet": StyleGAN2(**STYLED, architecture="resnet", img_channels=5),
    "conditional": StyleGAN2(**STYLED | {"mapping": replace(MAPPING, c_dim=3)}),
    "stylegan3": StyleGAN3(mapping=MAPPING, resolution=(32, 32), channel_base=256, channel_max=8, num_layers=6),
    "progan": ProGAN(z_dim=8, **PYRAMID),
    "dcgan": DCGAN(z_dim=8, **PYRAMID),
    "wgan-gp": ResNet(z_dim=8, **PYRAMID),
}


def network(config: Any) -> Any:
    torch.manual_seed(0)
    return build_generator(config).eval()


@pytest.mark.parametrize("name", CONFIGS)
def test_in_every_family_a_step_lowers_the_loss_and_the_model_stays(name: str) -> None:
    G = network(CONFIGS[name])
    kept = {key: tensor.clone() for key, tensor in G.state_dict().items()}
    ws = torch.randn(1, G.num_ws, G.w_dim)
    settings = replace(default_settings(G), steps=3, rate=1e-3)
    handles, targets = [(10.0, 12.0)], [(19.0, 12.0)]
    first, second, *_ = steps = list(drag(G, ws, handles, targets, settings=settings))
    assert len(steps) == 4
    assert torch.equal(first.ws, ws)
    assert first.image.shape == (1, G.img_channels, *G.img_resolution)

    def looked_at(step: Step) -> Tensor:
        maps = [features for _, features in feature_maps(G, step.ws) if max(features.shape[2:]) == settings.grid]
        return maps[-1]

    points, goal = torch.tensor(handles), torch.tensor(targets)
    losses = [
        motion_loss(
            looked_at(step),
            looked_at(first),
            points,
            goal,
            radius=settings.motion_radius,
            resolution=G.img_resolution,
        )
        for step in (first, second)
    ]
    assert float(losses[0].detach()) == pytest.approx(first.loss, rel=1e-5)
    assert losses[1] < losses[0]
    assert all(torch.equal(tensor, kept[key]) for key, tensor in G.state_dict().items())
    assert all(parameter.grad is None for parameter in G.parameters())


def test_only_the_first_ws_are_moved() -> None:
    G = network(CONFIGS["skip"])
    ws = torch.randn(1, G.num_ws, 8)
    settings = replace(default_settings(G), steps=2, layers=3)
    last = list(drag(G, ws, [(10, 12)], [(19, 12)], settings=settings))[-1]
    assert torch.equal(last.ws[:, 3:], ws[:, 3:])
    assert (last.ws[:, :3] != ws[:, :3]).any(dim=2).all()


def test_a_projections_noise_is_drawn_with() -> None:
    G = network(CONFIGS["skip"])
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.5)
    maps = noise_maps.draw(G, count=1, generator=torch.Generator().manual_seed(3))
    ws = torch.randn(1, G.num_ws, 8)
    first = next(drag(G, ws, [(10, 12)], [(19, 12)], noise=maps))
    with torch.no_grad():
        torch.testing.assert_close(first.image, noise_maps.synthesise(G, ws, maps))
        assert not torch.allclose(first.image, G.synthesis(ws))


@pytest.mark.parametrize(
    ("side", "layers", "grid", "radii"),
    [(8, 4, 4, (2, 3)), (32, 6, 16, (2, 3)), (128, 6, 64, (2, 6)), (512, 6, 256, (3, 12)), (1024, 6, 256, (3, 12))],
)
def test_what_suits_a_model_is_the_papers_or_in_proportion(
    side: int, layers: int, grid: int, radii: tuple[int, int]
) -> None:
    config = StyleGAN2(mapping=MAPPING, resolution=(side, side), channel_base=4, channel_max=2)
    found = default_settings(network(config))
    assert found == Settings(layers=layers, grid=grid, motion_radius=radii[0], tracking_radius=radii[1])
    assert (found.steps, found.rate, found.mask_weight) == (300, 2e-3, 20)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ws": torch.zeros(2, 1, 4)}, r"ws: expected \[1, 1, 4\], found \[2, 1, 4\]"),
        ({"handles": []}, "handles: 0 for 1 targets"),
        ({"targets": [(1, 1), (2, 2)]}, "handles: 1 for 2 targets"),
        ({"handles": [(32, 5)]}, "handles: 32,5 is outside the picture; x goes from 0 to 31, y to 31"),
        ({"targets": [(3, -0.5)]}, "targets: 3,-0.5 is outside"),
        ({"targets": [(float("nan"), 5)]}, "targets: nan,5 is outside"),
        ({"mask": torch.ones(31, 32)}, r"mask: expected \[32, 32\] as the picture, found \[31, 32\]"),
        ({"settings": {"layers": 2}}, "layers: 2 is not from 1 to 1"),
        ({"settings": {"grid": 7}}, "grid: 7 is not where this model has feature maps; they are at 32"),
        ({"settings": {"steps": 0}}, "steps: 0 should be above 0"),
        ({"settings": {"rate": float("nan")}}, "rate: nan"),
        ({"settings": {"motion_radius": 0}}, "motion_radius: 0"),
        ({"settings": {"tracking_radius": -1}}, "tracking_radius: -1"),
        ({"settings": {"mask_weight": -1.0}}, "mask_weight: -1.0 should be 0 or more"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line_before_the_first_step(options: dict[str, Any], says: str) -> None:
    usual: dict[str, Any] = {"ws": torch.zeros(1, 1, 4), "handles": [FIRST], "targets": [(18, 8)]}
    usual |= options | {"settings": replace(PLANTED, **options.get("settings", {}))}
    ws, handles, targets = (usual.pop(name) for name in ("ws", "handles", "targets"))
    with pytest.raises(UserError, match=says) as caught:
        drag(Planted(), ws, handles, targets, **usual)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("build", [lambda: network(GAN(z_dim=8, channel_base=8)), None])
def test_a_model_without_feature_maps_is_refused(build: Callable[[], Any] | None, one_style: Any) -> None:
    G = one_style if build is None else build()
    with pytest.raises(UserError, match="has no feature maps between its layers"):
        drag(G, torch.zeros(1, 1, G.w_dim), [(1, 1)], [(2, 2)])
