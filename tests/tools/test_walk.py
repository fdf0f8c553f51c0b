from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.metrics.features import lpips
from stylegans.tools.curves import positions
from stylegans.tools.generate import generate, latents, render, styles
from stylegans.tools.pace import distances, unevenness
from stylegans.tools.perceptual import Perceptual
from stylegans.tools.walk import Course, ease, even, lerp, loop, pictures, route, slerp, walk, walk_styles

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


def test_slerp_of_unit_vectors_is_the_published_one() -> None:
    golden = np.load(GOLDEN)
    a, b, t = (torch.from_numpy(golden[f"in/slerp_{name}"]) for name in "abt")
    unit_a, unit_b = (v / v.norm(dim=-1, keepdim=True) for v in (a, b))
    torch.testing.assert_close(slerp(unit_a, unit_b, t), torch.from_numpy(golden["out/slerp"]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(lerp(a, b, t), torch.from_numpy(golden["out/lerp"]))


@given(seed=st.integers(0, 1000), dim=st.integers(2, 20))
def test_slerp_turns_evenly_and_begins_and_ends_where_it_should(seed: int, dim: int) -> None:
    a, b = torch.randn(2, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    at = [slerp(a, b, torch.tensor(t, dtype=torch.float64)) for t in (0, 0.25, 0.5, 0.75, 1)]
    torch.testing.assert_close(at[0], a)
    torch.testing.assert_close(at[4], b)
    angles = [float(torch.arccos(torch.cosine_similarity(x, y, dim=0).clamp(-1, 1))) for x, y in pairwise(at)]
    assert angles == pytest.approx([angles[0]] * 4, abs=1e-4)
    torch.testing.assert_close(at[2].norm(), (a.norm() + b.norm()) / 2)


def test_slerp_between_vectors_in_line_is_straight() -> None:
    a = torch.tensor([1.0, 2, 3])
    half = torch.tensor(0.5)
    torch.testing.assert_close(slerp(a, a, half), a)
    torch.testing.assert_close(slerp(a, 3 * a, half), 2 * a)
    assert slerp(a, -a, half).isfinite().all()
    assert slerp(a, 0 * a, half).isfinite().all()


def test_easing_starts_and_ends_at_rest_and_goes_on_all_the_while() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    y = ease(t)
    assert (y[0], y[-1], y[50]) == (0, 1, 0.5)
    steps = y.diff()
    assert (steps > 0).all()
    assert max(steps[0], steps[-1]) < 0.05 * steps.max()


def test_a_loop_shows_each_keyframe_once_and_no_frame_twice() -> None:
    steps = list(loop(3, 4))
    assert len(steps) == 12
    assert [(a, b) for a, b, t in steps if t == 0] == [(0, 1), (1, 2), (2, 0)]
    assert all(t < 1 for _, _, t in steps)
    assert len(set(steps)) == 12


@pytest.mark.parametrize("space", ["w", "z"])
def test_every_seed_is_passed_and_shows_its_own_picture(generator: Any, space: Any) -> None:
    frames = list(walk(generator, (1, 5, 9), space=space, frames=4, truncation=0.7))
    assert len(frames) == 12
    ((_, images),) = generate(generator, (1, 5, 9), truncation=0.7)
    for key, picture in enumerate(to_uint8(images)):
        assert np.abs(frames[4 * key].astype(int) - picture).max() <= 1


def test_in_w_the_walk_goes_straight_through_the_styles(generator: Any) -> None:
    keys = styles(generator, (1, 5))
    ws = torch.cat(list(walk_styles(generator, (1, 5), frames=2)))
    torch.testing.assert_close(ws[1], (keys[0] + keys[1]) / 2)
    torch.testing.assert_close(ws[3], ws[1])


def test_in_z_the_walk_goes_on_the_arc_of_the_latents(generator: Any) -> None:
    z = latents(generator, (1, 5))
    ws = torch.cat(list(walk_styles(generator, (1, 5), space="z", frames=2)))
    middle = generator.mapping(slerp(z[:1], z[1:], torch.tensor(0.5)))
    torch.testing.assert_close(ws[1:2], middle)


@pytest.mark.parametrize("space", ["w", "z"])
def test_the_walk_rests_at_every_seed_also_where_it_closes(generator: Any, space: Any) -> None:
    ws = torch.cat(list(walk_styles(generator, (1, 5, 9), space=space, frames=30)))
    steps = (torch.cat([ws[1:], ws[:1]]) - ws).flatten(1).norm(dim=1)
    for key in (0, 30, 60):
        assert max(steps[key], steps[key - 1]) < 0.1 * steps.max()


def test_a_conditional_model_walks_through_its_classes(conditional: Any) -> None:
    ws = torch.cat(list(walk_styles(conditional, (1, 2), space="z", frames=3)))
    torch.testing.assert_close(ws[[0, 3]], styles(conditional, (1, 2)))
    assert len(list(walk(conditional, (1, 2), frames=1, label=3))) == 2


def test_a_walk_that_leads_nowhere_is_refused(generator: Any) -> None:
    with pytest.raises(UserError, match="--seeds: a walk needs at least two"):
        walk(generator, (1,))
    with pytest.raises(UserError, match="--frames: 0"):
        walk(generator, (1, 2), frames=0)
    with pytest.raises(UserError, match="--class: this model has no classes"):
        walk(generator, (1, 2), label=0)
    with pytest.raises(UserError, match="--truncation: nan"):
        walk(generator, (1, 2), space="z", truncation=float("nan"))


def moved(G: Any, course: Course, *, frames: int = 3) -> torch.Tensor:
    """The ws [frames · keyframes, num_ws, w_dim] of a course."""
    way = route(G, course)
    return torch.cat([way(i / frames) for i in range(course.count * frames)])


@given(seeds=st.lists(st.integers(0, 1000), min_size=2, max_size=6), curve=st.sampled_from(["linear", "smooth"]))
def test_a_course_passes_every_keyframe_and_closes(generator: Any, seeds: list[int], curve: Any) -> None:
    course = Course(tuple(seeds), curve=curve, truncation=0.7)
    way = route(generator, course)
    keys = styles(generator, seeds, truncation=0.7)
    torch.testing.assert_close(torch.cat([way(float(i)) for i in range(len(seeds))]), keys, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(way(len(seeds) - 1e-9), way(0.0), rtol=1e-5, atol=1e-5)


def test_a_smooth_walk_never_stops_and_does_not_jump_where_it_closes(generator: Any) -> None:
    ws = torch.cat(list(walk_styles(generator, (1, 5, 9), frames=30, curve="smooth")))
    steps = (torch.cat([ws[1:], ws[:1]]) - ws).flatten(1)
    lengths = steps.norm(dim=1)
    assert lengths.min() > 0.3 * lengths.max()
    turns = torch.cosine_similarity(steps, steps.roll(-1, dims=0))
    assert turns.min() > 0.97


@given(layers=st.sets(st.integers(0, 7), max_size=8), base=st.none() | st.integers(0, 50))
def test_only_the_chosen_layers_move_and_the_rest_is_the_bases(
    generator: Any, layers: set[int], base: int | None
) -> None:
    course = Course((1, 5), truncation=0.8, layers=tuple(sorted(layers)), base=base)
    ws = moved(generator, course)
    still = [i for i in range(generator.num_ws) if i not in layers]
    of_base = styles(generator, [1 if base is None else base], truncation=0.8)
    assert torch.equal(ws[:, still], ws[:1, still].expand(len(ws), -1, -1))
    torch.testing.assert_close(ws[:1, still], of_base[:, still], rtol=1e-5, atol=1e-5)
    free = moved(generator, Course((1, 5), truncation=0.8))
    assert torch.equal(ws[:, sorted(layers)], free[:, sorted(layers)])


def test_each_keyframe_has_its_own_class(conditional: Any) -> None:
    ws = moved(conditional, Course((1, 2), classes=(4, 0)))
    expected = [styles(conditional, (seed,), label=number) for seed, number in ((1, 4), (2, 0))]
    torch.testing.assert_close(ws[[0, 3]], torch.cat(expected))
    torch.testing.assert_close(ws[1], lerp(*torch.cat(expected), torch.tensor(1 / 3)))


def test_one_seed_walks_through_classes(conditional: Any) -> None:
    course = Course((7,), classes=(0, 3, 1), space="z")
    assert course.keyframes == (7, 7, 7)
    ws = moved(conditional, course)
    assert len(ws) == 9
    half = torch.eye(5)[[0]] / 2 + torch.eye(5)[[3]] / 2
    torch.testing.assert_close(route(conditional, course)(0.5), conditional.mapping(latents(conditional, (7,)), half))


def test_frames_at_constant_perceptual_speed_are_evenly_far_apart(make: Any) -> None:
    G = make(resolution=(16, 16), channels=4)
    course, frames = Course((1, 5, 9), curve="smooth"), 6
    seen = Perceptual(lpips.load())

    def features(u: float) -> torch.Tensor:
        with torch.no_grad():
            return seen.features(render(G, route(G, course)(u), (1,)).clamp(-1, 1))

    measure = distances(features)
    at = even(G, course, frames)
    assert unevenness(measure(at)) < 0.4 * unevenness(measure(positions(3, frames, curve="smooth")))
    assert at[0] == 0
    assert len(list(pictures(G, course, at))) == 18


@pytest.mark.parametrize("options", [{}, {"space": "z"}, {"curve": "smooth"}])
def test_a_model_without_mapping_network_walks_too(one_style: Any, options: dict[str, Any]) -> None:
    frames = np.stack(list(walk(one_style, (0, 1, 2), frames=2, **options)))
    assert frames.shape == (6, 4, 4, 3)
    ((_, images),) = generate(one_style, (0, 1, 2))
    assert np.abs(frames[::2].astype(int) - to_uint8(images)).max() <= 1


def test_choices_that_do_not_go_together_are_refused(generator: Any, conditional: Any, one_style: Any) -> None:
    for options, complaint in (
        ({"classes": (1, 2, 3)}, "--classes: 3 classes for 2 seeds"),
        ({"classes": (1, 2), "label": 1}, "--classes: each keyframe has its own"),
        ({"curve": "smooth", "space": "z"}, "--curve: a smooth curve is drawn in w"),
        ({"base": 3}, "--base: all layers move"),
        ({"base": -1, "layers": (0,)}, "--base: seeds go from 0"),
    ):
        with pytest.raises(UserError, match=complaint):
            Course((1, 2), **options)
    with pytest.raises(UserError, match="--seeds: a walk needs at least two"):
        Course((1,), classes=(2,))
    for G, course, complaint in (
        (generator, Course((1, 2), classes=(0, 1)), "--classes: this model has no classes"),
        (conditional, Course((1, 2), classes=(0, 5)), "--classes: 5 is none of this model's classes, 0 to 4"),
        (one_style, Course((1, 2), layers=(0,)), "--style-layers: this model has one style"),
    ):
        with pytest.raises(UserError, match=complaint):
            route(G, course)
